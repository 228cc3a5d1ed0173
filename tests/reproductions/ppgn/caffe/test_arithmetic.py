"""Caffe's layers without a kernel: values and gradients against NumPy, and their refusals."""

import math

import numpy as np
import pytest

from common.errors import UserError
from tests.backends import compiled_for_long
from tests.caffe_layers import assert_like, one_layer, singles, value_and_gradients

pytestmark = pytest.mark.reference

SHAPES = compiled_for_long([(2, 3), (2, 3, 4), (2, 3, 4, 2), (2, 3, 1, 2, 2)], (2, 3), (2, 3, 4, 2))


@pytest.fixture
def random():
    return np.random.default_rng(0)


def refuses(kind, params, shapes, reason):
    with pytest.raises(UserError, match=rf"the layer it \({kind}\) .*{reason}"):
        one_layer(kind, params, shapes)


@pytest.mark.parametrize("slope", [0, 0.25, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_relu(random, shape, slope):
    model = one_layer("ReLU", f"relu_param {{ negative_slope: {slope} }}", [shape])
    x = singles(random, *shape)
    assert np.abs(x).min() > 1e-3  # a numerical gradient across the kink would be no reference
    assert_like(model, lambda x: np.where(x > 0, x, slope * x), x)


@pytest.mark.parametrize("slope", ["-0.1", "1.5"])
def test_refused_slopes(slope):
    refuses("ReLU", f"relu_param {{ negative_slope: {slope} }}", [(2, 3)], "from 0 to 1, got")


@pytest.mark.parametrize("shape", SHAPES)
def test_dropout_does_nothing_in_a_test(random, shape):
    x = singles(random, *shape)
    model = one_layer("Dropout", "dropout_param { dropout_ratio: 0.9 }", [shape])
    got, (gradient,) = value_and_gradients(model, [x])
    np.testing.assert_array_equal(got, x)
    np.testing.assert_array_equal(gradient, np.ones(shape))


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((2, 5), None), ((2, 5), -1), ((3, 2, 5), 2), ((2, 5, 3, 4), None), ((2, 5, 3, 4), 2),
     ((2, 5, 3, 4), -1), ((2, 5, 3, 4), -3), ((3, 4), 0), ((2, 3, 1, 2, 2), 3)],
)  # fmt: skip
def test_softmax(random, shape, axis):
    params = "" if axis is None else f"softmax_param {{ axis: {axis} }}"
    model = one_layer("Softmax", params, [(1, *shape[1:])])

    def softmax(x):
        e = np.exp(x - x.max())
        return e / e.sum(1 if axis is None else axis, keepdims=True)

    assert_like(model, softmax, singles(random, *shape))


def test_softmax_of_large_values():
    model = one_layer("Softmax", "", [(1, 3)])
    got, _ = value_and_gradients(model, [np.array([[1e4, 0, 1e4]])])
    np.testing.assert_allclose(got, [[0.5, 0, 0.5]])


def test_refused_softmax():
    refuses("Softmax", "softmax_param { axis: 2 }", [(2, 3)], "no axis 2 among 2")


@pytest.mark.parametrize(
    ("base", "scale", "shift"),
    [(None, 1, 0), (-1, 2, 0.5), (10, 1, 1), (2, 0.5, 0), (0.5, 3, 0.25)],
)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 2)])
def test_log(random, shape, base, scale, shift):
    given = "" if base is None else f"base: {base}"
    model = one_layer("Log", f"log_param {{ {given} scale: {scale} shift: {shift} }}", [shape])
    unit = 1 if base in (None, -1) else math.log(base)
    x = np.float64(np.float32(random.uniform(0.5, 3, shape)))
    assert_like(model, lambda x: np.log(scale * x + shift) / unit, x)


@pytest.mark.parametrize("base", ["0", "1", "-2"])
def test_refused_bases(base):
    refuses("Log", f"log_param {{ base: {base} }}", [(2, 3)], "must be above 0 and not 1, got")


RESHAPES = [
    ((2, 12), "shape { dim: 1 dim: 3 dim: 2 dim: 2 }", (2, 3, 2, 2)),  # a vector to an image
    ((2, 12), "shape { dim: 0 dim: 3 dim: 2 dim: 2 }", (2, 3, 2, 2)),
    ((2, 12), "shape { dim: -1 dim: 3 dim: 2 dim: 2 }", (2, 3, 2, 2)),
    ((2, 12), "shape { dim: 0 dim: 3 dim: -1 dim: 2 }", (2, 3, 2, 2)),
    ((2, 12), "shape { dim: 1 dim: 3 dim: -1 dim: 2 }", (2, 3, 2, 2)),
    ((2, 3, 2, 4), "shape { dim: 0 dim: -1 }", (2, 24)),  # and back
    ((2, 3, 2, 4), "shape { dim: 0 dim: 24 }", (2, 24)),
    ((2, 3, 2, 4), "shape { dim: 0 dim: 0 dim: -1 }", (2, 3, 8)),
    ((2, 3, 2, 4), "shape { dim: 0 dim: 0 dim: 0 dim: 0 }", (2, 3, 2, 4)),
    ((2, 3, 2, 4), "shape { dim: 0 dim: 4 dim: 2 dim: 3 }", (2, 4, 2, 3)),  # an image to another
    ((2, 3, 2, 4), "axis: 1 shape { dim: -1 }", (2, 24)),
    ((2, 3, 2, 4), "axis: 2 shape { dim: -1 }", (2, 3, 8)),
    ((2, 3, 2, 4), "axis: 1 num_axes: 2 shape { dim: 6 }", (2, 6, 4)),
    ((2, 3, 2, 4), "axis: 1 num_axes: 1 shape { dim: 3 dim: 1 }", (2, 3, 1, 2, 4)),
    ((2, 3, 2, 4), "axis: 0 num_axes: 2 shape { dim: 0 dim: -1 }", (2, 3, 2, 4)),
    ((2, 3, 2, 4), "axis: -2 shape { dim: 4 dim: 1 }", (2, 3, 2, 4, 1)),  # -1 is past the last
    ((2, 3, 2), "axis: -1 shape { dim: 1 }", (2, 3, 2, 1)),
    ((2, 3, 2), "axis: 1 num_axes: 0 shape { dim: 1 }", (2, 1, 3, 2)),
    ((2, 3, 2), "axis: 3 num_axes: 0 shape { dim: 1 }", (2, 3, 2, 1)),
    ((2, 6, 1), "axis: 1 shape { dim: 2 dim: 3 }", (2, 2, 3)),
    ((2, 3, 1), "axis: 1 shape { dim: 0 }", (2, 3)),
]


@pytest.mark.parametrize(("shape", "params", "wanted"), RESHAPES)
def test_reshape(random, shape, params, wanted):
    model = one_layer("Reshape", f"reshape_param {{ {params} }}", [(1, *shape[1:])])
    assert model.output.shape[0] is None
    assert_like(model, lambda x: x.reshape(wanted), singles(random, *shape))


def test_the_first_axis_may_be_told_by_its_length_in_the_definition(random):
    for dims in ("dim: 5 dim: 12", "dim: 5 dim: -1", "dim: -1 dim: 12", "dim: 0 dim: -1"):
        params = f"reshape_param {{ shape {{ {dims} }} }}"
        model = one_layer("Reshape", params, [(5, 3, 2, 2)])
        for n in (1, 3):
            assert_like(model, lambda x: x.reshape(len(x), 12), singles(random, n, 3, 2, 2))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ("", "first axis of"),
        ("shape { dim: 1 dim: -1 }", "first axis of .* got 1"),  # five examples in one row
        ("shape { dim: 10 dim: -1 }", "first axis of .* got 10"),
        ("shape { dim: -1 dim: -1 }", "first axis of .* got -1"),
        ("shape { dim: -1 dim: 3 }", "cannot be reshaped"),
        ("shape { dim: 1 dim: 60 }", "cannot be reshaped"),
        ("shape { dim: 0 dim: 0 dim: 3 }", "cannot be reshaped"),
        ("shape { dim: 0 dim: 0 dim: -1 dim: -1 }", "cannot be reshaped"),
        ("shape { dim: 0 dim: -2 dim: -6 }", "cannot be reshaped"),
        ("shape { dim: 0 dim: -1 dim: 0 dim: 0 dim: 0 }", "cannot be reshaped"),
        ("shape { dim: 0 dim: -1 dim: 5 }", "cannot be reshaped"),
        ("axis: 0 num_axes: 0 shape { dim: 1 }", "first axis of"),
        ("axis: 4 shape { dim: 1 dim: 2 }", "cannot be reshaped"),
        ("axis: 5 shape { dim: 1 }", "no axis 5 among 5"),
        ("axis: -6 shape { dim: 1 }", "no axis -6 among 5"),
        ("axis: 1 num_axes: 4 shape { dim: 12 }", "no axes 1 to 5"),
        ("axis: 1 num_axes: -2 shape { dim: 12 }", "no axes 1 to -1"),
        ("axis: 2147483647 num_axes: 2147483647", "no axis 2147483647"),
    ],
)
def test_refused_reshapes(params, reason):
    refuses("Reshape", f"reshape_param {{ {params} }}", [(5, 3, 2, 2)], reason)


@pytest.mark.parametrize(
    ("params", "axis"),
    [("", 1), ("axis: 0", 0), ("axis: 1", 1), ("axis: 2", 2), ("axis: 3", 3), ("axis: -1", 3),
     ("axis: -4", 0), ("concat_dim: 0", 0), ("concat_dim: 1", 1), ("concat_dim: 2", 2)],
)  # fmt: skip
def test_concat(random, params, axis):
    shapes = [[2, 3, 4, 2] for _ in range(3)]
    for n, shape in enumerate(shapes):
        shape[axis] = n + 1
    model = one_layer("Concat", f"concat_param {{ {params} }}", shapes)
    inputs = [singles(random, *shape) for shape in shapes]
    assert_like(model, lambda *inputs: np.concatenate(inputs, axis), *inputs)


def test_concat_of_one_and_of_vectors(random):
    assert_like(one_layer("Concat", "", [(2, 3)]), lambda x: x, singles(random, 2, 3))
    model = one_layer("Concat", "", [(2, 3), (2, 4)])
    inputs = singles(random, 2, 3), singles(random, 2, 4)
    assert_like(model, lambda *inputs: np.concatenate(inputs, 1), *inputs)


def test_refused_concats():
    refuses("Concat", "", [(2, 3, 4, 4), (2, 3, 4, 5)], "shape")
    refuses("Concat", "", [(2, 3, 4, 4), (2, 3)], "shape|rank|dim")
    refuses("Concat", "concat_param { axis: 4 }", [(2, 3, 4, 4)], "no axis 4 among 4")
    refuses("Concat", "concat_param { concat_dim: 7 }", [(2, 3, 4, 4)], "no axis 7 among 4")


OPERATIONS = [
    ("", lambda a, b, c: a + b + c),
    ("operation: SUM", lambda a, b, c: a + b + c),
    ("coeff: 2 coeff: -1 coeff: 0.5", lambda a, b, c: 2 * a - b + 0.5 * c),
    ("operation: PROD", lambda a, b, c: a * b * c),
    ("operation: MAX", lambda a, b, c: np.maximum(np.maximum(a, b), c)),
]


@pytest.mark.parametrize(("params", "function"), OPERATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_eltwise(random, shape, params, function):
    model = one_layer("Eltwise", f"eltwise_param {{ {params} }}", [shape] * 3)
    assert_like(model, function, *(singles(random, *shape) for _ in range(3)))


def test_eltwise_of_one(random):
    x = singles(random, 2, 3)
    model = one_layer("Eltwise", "eltwise_param { coeff: -3 }", [(2, 3)])
    assert_like(model, lambda x: -3 * x, x)
    for operation in ("PROD", "MAX"):
        model = one_layer("Eltwise", f"eltwise_param {{ operation: {operation} }}", [(2, 3)])
        assert_like(model, lambda x: x, x)


@pytest.mark.parametrize(
    ("params", "shapes", "reason"),
    [
        ("", [(2, 3), (2, 1)], "differ in shape"),
        ("operation: PROD", [(2, 3, 4, 4), (2, 3)], "differ in shape"),
        ("coeff: 1", [(2, 3), (2, 3)], "1 coefficients for 2 inputs"),
        ("operation: PROD coeff: 1 coeff: 1", [(2, 3), (2, 3)], "for a SUM only"),
    ],
)
def test_refused_eltwise(params, shapes, reason):
    refuses("Eltwise", f"eltwise_param {{ {params} }}", shapes, reason)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("factor", "eps"), [(1, 1e-5), (999.98, 1e-3), (0, 0.5)])
def test_batch_norm(random, shape, factor, eps):
    mean, variance = singles(random, 3), np.abs(singles(random, 3)) + 0.1
    scaled = [mean * factor, variance * factor] if factor else [mean, variance]
    sums = [blob.astype(np.float32).astype(np.float64) for blob in (*scaled, np.array([factor]))]
    params = f"batch_norm_param {{ eps: {eps} }}"
    model = one_layer("BatchNorm", params, [(1, *shape[1:])], *sums)
    beside = (1, 3, *[1] * (len(shape) - 2))
    share = 1 / sums[2] if factor else 0

    def normalised(x):
        return (x - (sums[0] * share).reshape(beside)) / np.sqrt(
            (sums[1] * share).reshape(beside) + eps
        )

    assert_like(model, normalised, singles(random, *shape))


@pytest.mark.parametrize(
    ("params", "sums", "reason"),
    [
        ("eps: 0", [(0, 0), (1, 0), (1,)], "variances are not positive"),
        ("", [(0, 0), (1, -1), (1,)], "variances are not positive"),
        ("", [(0, 0), (1, 1), (-1,)], "variances are not positive"),
        ("use_global_stats: false", [(0, 0), (1, 1), (1,)], "use_global_stats: false is not"),
    ],
)
def test_refused_batch_norm(params, sums, reason):
    blobs = [np.array(blob, np.float64) for blob in sums]
    with pytest.raises(UserError, match=rf"the layer it \(BatchNorm\) .*{reason}"):
        one_layer("BatchNorm", f"batch_norm_param {{ {params} }}", [(1, 2, 3, 3)], *blobs)


def test_batch_norm_of_numbers():
    refuses("BatchNorm", "", [(4,)], "no axis 1 among 1")


SCALES = [
    ((2, 3), "", (3,), 1),
    ((2, 3, 4), "", (3,), 1),
    ((2, 3, 4, 2), "", (3,), 1),
    ((2, 3, 4, 2), "axis: 2", (4,), 2),
    ((2, 3, 4, 2), "axis: -1", (2,), 3),
    ((2, 3, 4, 2), "axis: 1 num_axes: 2", (3, 4), 1),
    ((2, 3, 4, 2), "axis: 2 num_axes: 2", (4, 2), 2),
    ((2, 3, 4, 2), "num_axes: -1", (3, 4, 2), 1),
    ((2, 3, 4, 2), "num_axes: 0", (), 1),
    ((2, 3, 1, 2, 2), "axis: 1 num_axes: 3", (3, 1, 2), 1),
]


def beside(x, axis, y):
    return y.reshape((1,) * axis + y.shape + (1,) * (x.ndim - axis - y.ndim))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("shape", "params", "own", "axis"), SCALES)
def test_scale(random, shape, params, own, axis, bias):
    factor, shift = (np.asarray(singles(random, *own)) for _ in range(2))
    blobs = [factor, shift] if bias else [factor]
    params = f"scale_param {{ {params} bias_term: {str(bias).lower()} }}"
    model = one_layer("Scale", params, [(1, *shape[1:])], *blobs)

    def scaled(x):
        return x * beside(x, axis, factor) + (beside(x, axis, shift) if bias else 0)

    assert_like(model, scaled, singles(random, *shape))


PRODUCTS = [
    ((2, 3, 4, 2), (2, 3), "axis: 0", 0),  # a weight for each channel of each example
    ((2, 3, 4, 2), (2,), "axis: 0", 0),
    ((2, 3, 4, 2), (2, 3, 4), "axis: 0", 0),
    ((2, 3, 4, 2), (2, 3, 4, 2), "axis: 0", 0),
    ((2, 3, 4), (2, 3), "axis: -3", 0),
    ((2, 3), (2, 3), "axis: 0", 0),
    ((2, 3, 4, 5, 2), (2, 3, 4, 5), "axis: 0", 0),
]


@pytest.mark.parametrize(("shape", "other", "params", "axis"), PRODUCTS)
def test_scale_by_another_blob(random, shape, other, params, axis):
    model = one_layer("Scale", f"scale_param {{ {params} }}", [shape, other])
    inputs = singles(random, *shape), singles(random, *other)
    assert_like(model, lambda x, y: x * beside(x, axis, y), *inputs)


@pytest.mark.parametrize(
    ("params", "shapes", "reason"),
    [
        ("axis: 4", [(2, 3, 4, 2)], "no axis 4 among 4"),
        ("axis: -5", [(2, 3, 4, 2)], "no axis -5 among 4"),
        ("axis: 0", [(2, 3, 4, 2)], "no axes 0 to 1 to scale"),
        ("axis: 3 num_axes: 2", [(2, 3, 4, 2)], "no axes 3 to 5 to scale"),
        ("num_axes: -2", [(2, 3, 4, 2)], "no axes 1 to -1 to scale"),
        ("bias_term: true", [(2, 3), (2, 3)], "two inputs and a bias"),
        ("", [(2, 3, 4, 2), (2, 3)], "does not fit"),
        ("axis: 0", [(2, 3, 4, 2), (2, 1)], "does not fit"),
        ("axis: 0", [(2, 3), (2, 3, 1)], "does not fit"),
        ("", [(2, 3), (2, 3), (2, 3)], "it takes one input, got 3"),
    ],
)
def test_refused_scales(params, shapes, reason):
    with pytest.raises(UserError, match=rf"the layer it \(Scale\) .*{reason}"):
        one_layer("Scale", f"scale_param {{ {params} }}", shapes, np.ones(3))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e39"])
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("ReLU", "relu_param { negative_slope: %s }"),
        ("Log", "log_param { base: %s }"),
        ("Log", "log_param { shift: %s }"),
        ("LRN", "lrn_param { alpha: %s }"),
        ("Eltwise", "eltwise_param { coeff: %s }"),
        ("BatchNorm", "batch_norm_param { eps: %s }"),
    ],
)
def test_numbers_that_are_none(kind, params, number):
    refuses(kind, params % number, [(1, 3, 4, 4)], "must be a finite number, got")
