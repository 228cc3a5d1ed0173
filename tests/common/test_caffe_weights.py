"""Weights of Caffe's files held to the shapes that a network wants, and random ones."""

import struct
from pathlib import Path

import numpy as np
import pytest

from common.caffe import parse_prototxt
from common.caffe_weights import random_weights, weights_from
from common.errors import UserError
from reproductions.ppgn.caffe.importer import import_network
from tests.common.test_caffe import field, legacy_shape, shape_field

FILES = Path(__file__).parents[1] / "references" / "caffe"
TEXT = """
    input: "data" input_shape { dim: 1 dim: 3 }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
            inner_product_param { num_output: 2 } }
"""


def blob(array, legacy=False) -> bytes:
    number = 5 if array.dtype == np.float32 else 8
    shape = legacy_shape(*array.shape) if legacy else shape_field(*array.shape)
    return shape + field(number, array.tobytes())


def saved(folder, *arrays, legacy=False, name="fc"):
    path = folder / "some.caffemodel"
    stored = b"".join(field(7, blob(array, legacy)) for array in arrays)
    layer = field(1, name) + field(2, "InnerProduct") + stored
    path.write_bytes(field(1, "net") + field(100, layer))
    return path


def built(path):
    return import_network(parse_prototxt(TEXT), weights_from(path))


MATRIX, BIAS = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([10, 20])
WANT = [[1 + 2 + 10, 3 + 4 + 5 + 20]]


@pytest.mark.parametrize(
    ("shapes", "legacy"),
    [([(2, 3), (2,)], False), ([(1, 1, 2, 3), (1, 1, 1, 2)], False),
     ([(1, 1, 2, 3), (1, 1, 1, 2)], True), ([(2, 3), (1, 1, 1, 2)], False)],
)  # fmt: skip
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_shapes_of_new_and_old_files(tmp_path, shapes, legacy, kind):
    arrays = [a.astype(kind).reshape(s) for a, s in zip((MATRIX, BIAS), shapes, strict=True)]
    model = built(saved(tmp_path, *arrays, legacy=legacy))
    np.testing.assert_array_equal(model(np.ones((1, 3))), WANT)
    assert all(weight.dtype == "float32" for weight in model.weights)


@pytest.mark.parametrize(
    ("arrays", "reasons"),
    [
        ([MATRIX.T, BIAS], ["blob 0 of the layer fc has the shape (3, 2)", "wants (2, 3)"]),
        ([MATRIX, BIAS[:1]], ["blob 1 of the layer fc has the shape (1,)", "wants (2,)"]),
        ([MATRIX.reshape(2, 3, 1, 1), BIAS], ["has the shape (2, 3, 1, 1)", "wants (2, 3)"]),
        ([MATRIX.reshape(1, 2, 3), BIAS], ["has the shape (1, 2, 3)", "wants (2, 3)"]),
        ([MATRIX.ravel(), BIAS], ["has the shape (6,)", "wants (2, 3)"]),
        ([MATRIX], ["the layer fc has 1 blobs, its definition 2"]),
        ([MATRIX, BIAS, BIAS], ["the layer fc has 3 blobs, its definition 2"]),
        ([MATRIX * np.nan, BIAS], ["blob 0 of the layer fc holds values that are not numbers"]),
        ([MATRIX, BIAS * np.inf], ["blob 1 of the layer fc holds values that are not numbers"]),
        ([MATRIX.astype(np.float64) + 1e300, BIAS], ["blob 0 of", "not numbers"]),
    ],
)
def test_weights_that_do_not_fit(tmp_path, arrays, reasons):
    path = saved(tmp_path, *arrays)
    with pytest.raises(UserError) as caught:
        built(path)
    for reason in (str(path), *reasons):
        assert reason in str(caught.value)


def test_a_layer_without_weights(tmp_path):
    for path in (saved(tmp_path, MATRIX, BIAS, name="fc6"), saved(tmp_path)):
        with pytest.raises(UserError, match=r"some\.caffemodel has no weights for the layer fc$"):
            built(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match=r"none\.caffemodel"):
        weights_from(tmp_path / "none.caffemodel")
    path = tmp_path / "cut.caffemodel"
    path.write_bytes((FILES / "tiny_new.caffemodel").read_bytes()[:-5])
    with pytest.raises(UserError, match=r"cut\.caffemodel: not a readable \.caffemodel"):
        weights_from(path)


def test_values_are_those_of_the_file(tmp_path):
    path = saved(tmp_path, MATRIX, BIAS)
    for got, want in zip(weights_from(path)("fc", [(2, 3), (2,)], 3), (MATRIX, BIAS), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, want)
    assert struct.pack("<2f", 10, 20) in path.read_bytes()


def test_random_weights_are_he_normal():
    kernel, bias = random_weights(3)("conv", [(200, 50, 3, 3), (2000,)], 450)
    assert kernel.dtype == bias.dtype == np.float32
    assert kernel.std() == pytest.approx(np.sqrt(2 / 450), rel=0.02)
    assert bias.std() == pytest.approx(0.1, rel=0.1)
    assert abs(kernel.mean()) < 0.01 * kernel.std() * 3


def test_random_weights_depend_on_seed_and_name_only():
    shapes = [(4, 5), (4,)]
    first = random_weights(1)("a", shapes, 5)
    source = random_weights(1)
    source("before", shapes, 5)
    for got, want in zip(source("a", shapes, 5), first, strict=True):
        np.testing.assert_array_equal(got, want)
    assert (random_weights(2)("a", shapes, 5)[0] != first[0]).all()
    assert (random_weights(1)("b", shapes, 5)[0] != first[0]).all()


def test_gains():
    shapes = [(4, 5), (4,)]
    plain, tuned = random_weights(1)("a", shapes, 5), random_weights(1, {"a": 0.5})("a", shapes, 5)
    np.testing.assert_array_equal(tuned[0], plain[0] / 2)
    np.testing.assert_array_equal(tuned[1], plain[1])  # biases stay
    np.testing.assert_array_equal(random_weights(1, {"b": 9})("a", shapes, 5)[0], plain[0])


def test_random_weights_stay_within_memory():
    with pytest.raises(UserError, match="the layer fc is too large for random weights"):
        random_weights()("fc", [(2**14, 2**14), (2**14,)], 1)
