"""Caffe's InnerProduct: values and gradients against NumPy."""

import numpy as np
import pytest

from common.caffe_dense import InnerProduct
from common.errors import UserError
from tests.caffe_layers import (
    assert_like,
    error,
    one_layer,
    singles,
    to_keras,
    value_and_gradients,
)

pytestmark = pytest.mark.reference


def product(x, matrix, bias, axis):
    rows = x.reshape(*x.shape[:axis], -1)
    return rows @ matrix.T + (0 if bias is None else bias)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((2, 5), 1),
        ((2, 5), -1),
        ((2, 3, 4), 1),
        ((2, 3, 4), 2),
        ((2, 3, 2, 4), 1),  # channels, rows, columns, in this order
        ((2, 3, 2, 4), 2),
        ((2, 3, 2, 4), 3),  # gives an image again
        ((2, 3, 2, 4), -3),
        ((2, 3, 2, 2, 2), 1),
        ((2, 3, 2, 2, 2), 3),  # gives an image
    ],
)
def test_inner_product(shape, axis, bias, transpose):
    random = np.random.default_rng(0)
    x, axis_here = singles(random, *shape), axis % len(shape)
    matrix = singles(random, 6, int(np.prod(shape[axis_here:])))
    offset = singles(random, 6) if bias else None
    params = (
        f"inner_product_param {{ num_output: 6 axis: {axis} "
        f"transpose: {str(transpose).lower()} bias_term: {str(bias).lower()} }}"
    )
    blobs = [matrix.T if transpose else matrix, *([offset] if bias else [])]
    model = one_layer("InnerProduct", params, [(1, *shape[1:])], *blobs)
    assert_like(model, lambda x: product(x, matrix, offset, axis_here), x)


def test_columns_are_in_the_order_of_channel_row_column():
    images = np.arange(24.0).reshape(1, 2, 3, 4)
    model = one_layer(
        "InnerProduct", "inner_product_param { num_output: 24 bias_term: false }", [images.shape],
        np.eye(24),
    )  # fmt: skip
    got, _ = value_and_gradients(model, [images])
    np.testing.assert_array_equal(got[0], np.arange(24))


def test_examples_do_not_mix():
    random = np.random.default_rng(1)
    layer = InnerProduct(singles(random, 5, 24), singles(random, 5))
    images = np.float32(to_keras(singles(random, 3, 2, 3, 4)))
    together = np.float64(np.asarray(layer(images)))
    for i in range(3):
        assert error(np.asarray(layer(images[i : i + 1])), together[i : i + 1]) < 1e-6
    assert len(layer.weights) == 2 and layer.trainable_weights == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "num_output must be 1 or more, got 0"),
        ("num_output: 2 axis: 0", "axis must be 1 or more, got 0"),
        ("num_output: 2 axis: 4", "there is no axis 4 among 4"),
        ("num_output: 2 axis: 5", "there is no axis 5 among 4"),
        ("num_output: 2 axis: -5", "there is no axis -5 among 4"),
    ],
)
def test_refusals(text, reason):
    with pytest.raises(UserError, match=rf"the layer it \(InnerProduct\) .*{reason}"):
        one_layer("InnerProduct", f"inner_product_param {{ {text} }}", [(1, 4, 6, 6)])
