"""Caffe's Convolution and Deconvolution: values and gradients against loops over pixels."""

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from common.caffe_convolution import Convolution, Deconvolution, dilated
from common.errors import UserError
from tests.backends import compiled_for_long, gradient
from tests.caffe_layers import (
    assert_forward,
    assert_gradient,
    one_layer,
    singles,
    to_caffe,
    to_keras,
    value_and_gradients,
)

pytestmark = pytest.mark.reference


def places(small, large, size, stride, pad, dilation):
    """Which tap of the kernel joins which pixels of the smaller and the larger image."""
    for i in range(small[0]):
        for j in range(small[1]):
            for u in range(size[0]):
                for v in range(size[1]):
                    y = i * stride[0] - pad[0] + u * dilation[0]
                    x = j * stride[1] - pad[1] + v * dilation[1]
                    if 0 <= y < large[0] and 0 <= x < large[1]:
                        yield i, j, u, v, y, x


def down(large, kernel, sides, options, group):
    """Correlates; kernel (small's channels, large's channels / group, height, width)."""
    small = np.zeros((len(large), len(kernel), *sides))
    inputs = np.split(large, group, axis=1)
    outputs = np.split(small, group, axis=1)  # views
    kernels = np.split(kernel, group)
    for i, j, u, v, y, x in places(sides, large.shape[2:], kernel.shape[2:], *options):
        for source, target, part in zip(inputs, outputs, kernels, strict=True):
            target[:, :, i, j] += source[:, :, y, x] @ part[:, :, u, v].T
    return small


def up(small, kernel, sides, options, group):
    """The transpose of `down`."""
    large = np.zeros((len(small), kernel.shape[1] * group, *sides))
    inputs = np.split(small, group, axis=1)
    outputs = np.split(large, group, axis=1)  # views
    kernels = np.split(kernel, group)
    for i, j, u, v, y, x in places(small.shape[2:], sides, kernel.shape[2:], *options):
        for source, target, part in zip(inputs, outputs, kernels, strict=True):
            target[:, :, y, x] += source[:, :, i, j] @ part[:, :, u, v]
    return large


ONE, NONE = (1, 1), (0, 0)

# Caffe's text, sides of the image, then what it means: kernel, stride, pad, dilation, group.
CONVOLUTIONS = [
    ("kernel_size: 3", (6, 7), (3, 3), ONE, NONE, ONE, 1),
    ("kernel_size: 3 pad: 1", (6, 7), (3, 3), ONE, ONE, ONE, 1),
    ("kernel_size: 1", (3, 2), ONE, ONE, NONE, ONE, 1),
    ("kernel_size: 3 kernel_size: 2", (5, 6), (3, 2), ONE, NONE, ONE, 1),
    ("kernel_h: 2 kernel_w: 3", (5, 6), (2, 3), ONE, NONE, ONE, 1),
    ("kernel_h: 3 kernel_w: 1 pad_h: 1", (5, 6), (3, 1), ONE, (1, 0), ONE, 1),
    ("kernel_size: 3 pad: 1 pad: 2", (5, 6), (3, 3), ONE, (1, 2), ONE, 1),
    ("kernel_size: 3 pad_w: 2", (5, 6), (3, 3), ONE, (0, 2), ONE, 1),
    ("kernel_size: 3 stride: 2", (7, 9), (3, 3), (2, 2), NONE, ONE, 1),
    ("kernel_size: 3 stride: 2", (8, 10), (3, 3), (2, 2), NONE, ONE, 1),  # one is left over
    ("kernel_size: 2 stride: 4", (9, 11), (2, 2), (4, 4), NONE, ONE, 1),  # and three
    ("kernel_size: 3 stride: 2 stride: 3", (9, 9), (3, 3), (2, 3), NONE, ONE, 1),
    ("kernel_size: 3 stride_h: 3 stride_w: 1", (8, 5), (3, 3), (3, 1), NONE, ONE, 1),
    ("kernel_size: 3 stride_w: 2", (5, 8), (3, 3), (1, 2), NONE, ONE, 1),
    ("kernel_size: 2 stride: 3 pad: 1", (7, 8), (2, 2), (3, 3), ONE, ONE, 1),
    ("kernel_size: 1 stride: 3", (7, 8), ONE, (3, 3), NONE, ONE, 1),
    ("kernel_size: 2 pad: 3", (3, 4), (2, 2), ONE, (3, 3), ONE, 1),  # sees padding only
    ("kernel_size: 2 pad: 4 stride: 3", (3, 4), (2, 2), (3, 3), (4, 4), ONE, 1),
    ("kernel_size: 11 stride: 4 pad: 5", (9, 8), (11, 11), (4, 4), (5, 5), ONE, 1),
    ("kernel_size: 4 pad: 2", (5, 4), (4, 4), ONE, (2, 2), ONE, 1),
    ("kernel_size: 3 dilation: 2", (7, 6), (3, 3), ONE, NONE, (2, 2), 1),
    ("kernel_size: 3 dilation: 2 pad: 2", (5, 6), (3, 3), ONE, (2, 2), (2, 2), 1),
    ("kernel_size: 2 dilation: 3 dilation: 1 stride: 2", (8, 7), (2, 2), (2, 2), NONE, (3, 1), 1),
    ("kernel_size: 3 pad: 1 group: 2", (4, 5), (3, 3), ONE, ONE, ONE, 2),
    ("kernel_size: 3 stride: 2 group: 4", (6, 7), (3, 3), (2, 2), NONE, ONE, 4),
    ("kernel_size: 5 pad: 2 group: 2 stride: 2 stride: 1", (6, 4), (5, 5), (2, 1), (2, 2), ONE, 2),
    ("kernel_size: 3 stride: 1000000000", (5, 6), (3, 3), (10**9, 10**9), NONE, ONE, 1),
]
BIASES = compiled_for_long([True, False], True)


def settings(text, filters, bias):
    given = f"num_output: {filters} {'' if bias else 'bias_term: false'}"
    return f"convolution_param {{ {given} {text} }}"


def case_names(cases):
    return [f"{case[0]} on {case[1][0]}x{case[1][1]}".replace(": ", "") for case in cases]


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=case_names(CONVOLUTIONS))
def test_convolution(case, bias):
    text, sides, size, stride, pad, dilation, group = case
    random = np.random.default_rng(0)
    images = singles(random, 2, 4, *sides)
    kernel, offset = singles(random, 8, 4 // group, *size), singles(random, 8)
    blobs = (kernel, offset) if bias else (kernel,)
    model = one_layer("Convolution", settings(text, 8, bias), [(1, 4, *sides)], *blobs)
    small = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, k, s, p, d in zip(sides, size, stride, pad, dilation, strict=True)
    ]
    options = (stride, pad, dilation)
    want = down(images, kernel, small, options, group)
    want += offset[:, None, None] if bias else 0
    upstream = singles(random, *want.shape)
    got, (gradient,) = value_and_gradients(model, [images], upstream)
    expected = up(upstream, kernel, sides, options, group)
    assert_forward(got, want)
    assert_gradient(gradient, expected)
    # Exactly nothing flows to what no kernel saw.
    assert (gradient[expected == 0] == 0).all()


def test_what_a_stride_leaves_over_has_no_gradient():
    model = one_layer(
        "Convolution", settings("kernel_size: 3 stride: 4", 1, False), [(1, 1, 9, 10)],
        np.ones((1, 1, 3, 3)),
    )  # fmt: skip
    got, (gradient,) = value_and_gradients(model, [np.ones((1, 1, 9, 10))])
    assert got.shape == (1, 1, 2, 2)
    row, column = np.isin(np.arange(9), (0, 1, 2, 4, 5, 6)), np.arange(10)
    np.testing.assert_array_equal(
        gradient[0, 0], row[:, None] & np.isin(column, (0, 1, 2, 4, 5, 6))
    )


DECONVOLUTIONS = [
    ("kernel_size: 4 stride: 2 pad: 1", (3, 4), (4, 4), (2, 2), ONE, ONE, 1),
    ("kernel_size: 3 pad: 1", (4, 5), (3, 3), ONE, ONE, ONE, 1),
    ("kernel_size: 3", (4, 2), (3, 3), ONE, NONE, ONE, 1),
    ("kernel_size: 1", (3, 2), ONE, ONE, NONE, ONE, 1),
    ("kernel_size: 2 stride: 3", (3, 4), (2, 2), (3, 3), NONE, ONE, 1),  # gaps between
    ("kernel_size: 2 stride: 3 pad: 1", (3, 4), (2, 2), (3, 3), ONE, ONE, 1),
    ("kernel_size: 1 stride: 2", (3, 3), ONE, (2, 2), NONE, ONE, 1),
    ("kernel_size: 5 stride: 2 pad: 2", (3, 4), (5, 5), (2, 2), (2, 2), ONE, 1),
    ("kernel_size: 4 stride: 2", (1, 1), (4, 4), (2, 2), NONE, ONE, 1),
    ("kernel_size: 3 stride: 2 stride: 3", (3, 2), (3, 3), (2, 3), NONE, ONE, 1),
    ("kernel_h: 2 kernel_w: 4 stride_h: 1 stride_w: 2 pad_w: 1", (3, 4), (2, 4), (1, 2), (0, 1),
     ONE, 1),
    ("kernel_size: 4 stride: 4 stride: 1 pad: 1 pad: 0", (2, 4), (4, 4), (4, 1), (1, 0), ONE, 1),
    ("kernel_size: 3 pad: 3", (7, 8), (3, 3), ONE, (3, 3), ONE, 1),  # whole pixels are cut off
    ("kernel_size: 2 stride: 2 pad: 3", (5, 6), (2, 2), (2, 2), (3, 3), ONE, 1),
    ("kernel_size: 2 stride: 3 pad: 5", (6, 5), (2, 2), (3, 3), (5, 5), ONE, 1),
    ("kernel_size: 3 dilation: 2", (3, 4), (3, 3), ONE, NONE, (2, 2), 1),
    ("kernel_size: 2 stride: 2 dilation: 3 dilation: 2 pad: 1", (3, 4), (2, 2), (2, 2), ONE, (3, 2),
     1),
    ("kernel_size: 4 stride: 2 pad: 1 group: 2", (3, 2), (4, 4), (2, 2), ONE, ONE, 2),
    ("kernel_size: 4 stride: 2 pad: 1 group: 4", (2, 3), (4, 4), (2, 2), ONE, ONE, 4),
    ("kernel_size: 3 pad: 1 group: 2", (4, 3), (3, 3), ONE, ONE, ONE, 2),
    ("kernel_size: 2 stride: 3 stride: 2 group: 2", (3, 3), (2, 2), (3, 2), NONE, ONE, 2),
]  # fmt: skip


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("case", DECONVOLUTIONS, ids=case_names(DECONVOLUTIONS))
def test_deconvolution(case, bias):
    text, sides, size, stride, pad, dilation, group = case
    random = np.random.default_rng(1)
    images = singles(random, 2, 8, *sides)
    kernel, offset = singles(random, 8, 4 // group, *size), singles(random, 4)
    blobs = (kernel, offset) if bias else (kernel,)
    model = one_layer("Deconvolution", settings(text, 4, bias), [(1, 8, *sides)], *blobs)
    large = [
        s * (n - 1) + (k - 1) * d + 1 - 2 * p
        for n, k, s, p, d in zip(sides, size, stride, pad, dilation, strict=True)
    ]
    options = (stride, pad, dilation)
    want = up(images, kernel, large, options, group)
    want += offset[:, None, None] if bias else 0
    upstream = singles(random, *want.shape)
    got, (gradient,) = value_and_gradients(model, [images], upstream)
    assert_forward(got, want)
    assert_gradient(gradient, down(upstream, kernel, sides, options, group))


@pytest.mark.parametrize("kind", [Convolution, Deconvolution])
def test_compiled_layers_give_the_same(kind):
    random = np.random.default_rng(2)
    kernel, bias = singles(random, 4, 2, 3, 3), singles(random, 4)
    layer = kind(kernel, bias, stride=(2, 3), pad=(1, 0), dilation=(1, 2), group=2)
    images = np.float32(singles(random, 2, 7, 9, 4))

    def squares(x):
        y = layer(x)
        return [ops.sum(y * y)], y

    (slope,), _, value = backend.compile(lambda x: backend.gradients(squares, x))(images)
    eager, _ = gradient(layer, images)
    _, slope_of_eager = gradient(layer, images, 2 * eager)
    assert eager.shape == layer.compute_output_shape(images.shape)
    assert_forward(np.asarray(value), np.float64(eager))
    assert_forward(np.asarray(slope), np.float64(slope_of_eager))


def test_each_is_the_gradient_of_the_other():
    random = np.random.default_rng(3)
    kernel = singles(random, 6, 2, 4, 4)
    options = {"stride": (2, 2), "pad": (1, 1), "group": 2}
    small, large = (np.float32(singles(random, *s)) for s in ((2, 3, 5, 6), (2, 6, 10, 4)))
    narrow, wide = Convolution(kernel, **options)(large), Deconvolution(kernel, **options)(small)
    left, right = np.vdot(narrow, small), np.vdot(large, wide)
    assert left == pytest.approx(right, rel=1e-5)


def test_dilated_kernel():
    kernel = np.arange(1, 7.0).reshape(1, 1, 2, 3)
    expected = [[1, 0, 2, 0, 3], [0] * 5, [0] * 5, [4, 0, 5, 0, 6]]
    np.testing.assert_array_equal(dilated(kernel, (3, 2)), [[expected]])


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_examples_do_not_mix(kind):
    random = np.random.default_rng(4)
    blobs = singles(random, 4, 4, 3, 3), singles(random, 4)
    model = one_layer(kind, settings("kernel_size: 3 stride: 2", 4, True), [(7, 4, 5, 6)], *blobs)
    assert model.input.shape[0] is None
    images = np.float32(to_keras(singles(random, 3, 4, 5, 6)))
    together = np.asarray(model(images))
    for i in range(3):
        assert_forward(np.asarray(model(images[i : i + 1])), np.float64(together[i : i + 1]))


def test_nothing_is_trained():
    layer = Convolution(np.ones((1, 1, 1, 1)))
    keras.Model(x := keras.Input((2, 2, 1)), layer(x))
    assert layer.trainable_weights == []
    assert to_caffe(np.asarray(layer(np.ones((1, 2, 2, 1), np.float32)))).shape == (1, 1, 2, 2)


REFUSED = [
    ("num_output: 2", "kernel_size must be 1 or more, got 0"),
    ("num_output: 2 kernel_h: 3", "kernel_size must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 0", "kernel_size must be 1 or more"),
    ("kernel_size: 3", "num_output must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 stride: 0", "stride must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 stride_h: 0", "stride must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 stride_h: 0 stride_w: 0", "stride must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 dilation: 0", "dilation must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 group: 0", "group must be 1 or more, got 0"),
    ("num_output: 2 kernel_size: 3 group: 3", "cannot be split into 3 groups"),
    ("num_output: 3 kernel_size: 3 group: 2", "cannot be split into 2 groups"),
    ("num_output: 8192 kernel_size: 3 group: 8192", "group must be 4096 or less"),
    ("num_output: 2 kernel_size: 1 kernel_size: 1 kernel_size: 1", "kernel_size has 3 values"),
    ("num_output: 2 kernel_size: 3 axis: 2", "axis must be 1"),
    ("num_output: 2 kernel_size: 3 dilation: 1000000000", "kernel with its dilation|larger than"),
]


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refusals(kind, text, reason):
    with pytest.raises(UserError, match=f"the layer it .*({reason})"):
        one_layer(kind, f"convolution_param {{ {text} }}", [(1, 4, 6, 6)])


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("Convolution", "num_output: 2 kernel_size: 7", r"larger than its input, \(6, 6\)"),
        ("Convolution", "num_output: 2 kernel_size: 4 dilation: 2", "larger than its input"),
        ("Convolution", "num_output: 2 kernel_size: 3 pad: 4000000000", "input with its pad"),
        ("Convolution", "num_output: 2000000000 kernel_size: 6", "too many"),
        ("Convolution", "num_output: 2 kernel_size: 2 dilation: 20000 pad: 20000",
         "input with its pad"),
        ("Deconvolution", "num_output: 2 kernel_size: 3 pad: 4", r"output .* \(None, 2, 0, 0\)"),
        ("Deconvolution", "num_output: 2 kernel_size: 3 pad: 4000000000", "output"),
        ("Deconvolution", "num_output: 2 kernel_size: 20000", "too many"),
        ("Deconvolution", "num_output: 2 kernel_size: 3 stride: 4294967295", "too many"),
    ],
)  # fmt: skip
def test_refused_sizes(kind, text, reason):
    with pytest.raises(UserError, match=f"the layer it .*{reason}"):
        one_layer(kind, f"convolution_param {{ {text} }}", [(1, 4, 6, 6)])


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_images_are_wanted(kind):
    with pytest.raises(UserError, match=r"it .*needs a blob of 4 dimensions"):
        one_layer(kind, settings("kernel_size: 1", 2, True), [(1, 4)])
    with pytest.raises(UserError, match=r"it .*takes one input, got 2"):
        one_layer(kind, settings("kernel_size: 1", 2, True), [(1, 4, 3, 3)] * 2)
