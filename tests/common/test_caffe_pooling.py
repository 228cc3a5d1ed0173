"""Caffe's Pooling and LRN: values and gradients against loops over windows."""

import math

import numpy as np
import pytest
from keras import ops

from common import backend
from common.caffe_pooling import LRN, Pooling
from common.errors import UserError
from tests.backends import compiled_for_long
from tests.caffe_layers import (
    assert_forward,
    assert_gradient,
    assert_like,
    one_layer,
    singles,
    to_keras,
    value_and_gradients,
)

pytestmark = pytest.mark.reference


def counts(sides, size, stride, pad, ceil):
    """As in Caffe's pooling_layer.cpp."""
    rounded = math.ceil if ceil else math.floor
    result = [
        rounded((n + 2 * p - k) / s) + 1
        for n, k, s, p in zip(sides, size, stride, pad, strict=True)
    ]
    if any(pad):
        result = [
            c - ((c - 1) * s >= n + p)
            for c, n, s, p in zip(result, sides, stride, pad, strict=True)
        ]
    return result


def windows(sides, size, stride, pad, ceil):
    rows, columns = counts(sides, size, stride, pad, ceil)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
            bottom = min(top + size[0], sides[0] + pad[0])
            right = min(left + size[1], sides[1] + pad[1])
            area = (bottom - top) * (right - left)
            inside = (
                slice(max(top, 0), min(bottom, sides[0])),
                slice(max(left, 0), min(right, sides[1])),
            )
            yield i, j, inside, area


def pooled(images, upstream, method, *options):
    """The output, and the gradient of its product with upstream (None: with ones)."""
    sides = images.shape[2:]
    output = np.zeros((*images.shape[:2], *counts(sides, *options)))
    upstream = np.ones(output.shape) if upstream is None else upstream
    gradient = np.zeros(images.shape)
    for i, j, inside, area in windows(sides, *options):
        for n, c in np.ndindex(images.shape[:2]):
            window, share = images[n, c][inside], gradient[n, c][inside]
            if method == "MAX":
                first = np.unravel_index(window.argmax(), window.shape)
                output[n, c, i, j] = window[first]
                share[first] += upstream[n, c, i, j]
            else:
                output[n, c, i, j] = window.sum() / area
                share += upstream[n, c, i, j] / area
    return output, gradient


NONE, ONE = (0, 0), (1, 1)

# Caffe's text, sides of the image, then what it means: size, stride, pad, whether rounded up.
POOLINGS = [
    ("kernel_size: 2 stride: 2", (4, 6), (2, 2), (2, 2), NONE, True),
    ("kernel_size: 2 stride: 2", (5, 7), (2, 2), (2, 2), NONE, True),  # the last hang over
    ("kernel_size: 3 stride: 2", (7, 9), (3, 3), (2, 2), NONE, True),
    ("kernel_size: 3 stride: 2", (6, 8), (3, 3), (2, 2), NONE, True),
    ("kernel_size: 3", (5, 4), (3, 3), ONE, NONE, True),
    ("kernel_size: 5 stride: 3", (7, 9), (5, 5), (3, 3), NONE, True),
    ("kernel_size: 3 stride: 2 pad: 1", (6, 7), (3, 3), (2, 2), ONE, True),
    ("kernel_size: 2 stride: 2 pad: 1", (4, 5), (2, 2), (2, 2), ONE, True),
    ("kernel_size: 2 stride: 3 pad: 1", (4, 5), (2, 2), (3, 3), ONE, True),
    ("kernel_size: 2 stride: 5 pad: 1", (5, 6), (2, 2), (5, 5), ONE, True),  # one is clipped
    ("kernel_size: 3 stride: 3 pad: 2", (5, 6), (3, 3), (3, 3), (2, 2), True),
    ("kernel_size: 3 stride: 1 pad: 1", (4, 3), (3, 3), ONE, ONE, True),
    ("kernel_size: 4 stride: 2 pad_h: 1 pad_w: 3", (5, 6), (4, 4), (2, 2), (1, 3), True),
    # Padding on one side has the other clipped too.
    ("kernel_h: 2 kernel_w: 1 stride: 3 pad_h: 1", (5, 6), (2, 1), (3, 3), (1, 0), True),
    ("kernel_h: 1 kernel_w: 2 stride: 3 pad_w: 1", (6, 5), (1, 2), (3, 3), (0, 1), True),
    ("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2", (5, 6), (2, 3), (1, 2), NONE, True),
    ("kernel_size: 2 stride_w: 2", (4, 6), (2, 2), (1, 2), NONE, True),
    ("kernel_size: 1 stride: 2", (5, 7), ONE, (2, 2), NONE, True),
    ("kernel_size: 5 stride: 3", (4, 3), (5, 5), (3, 3), NONE, True),  # larger than the image
    ("kernel_size: 9 stride: 100 pad: 3", (4, 3), (9, 9), (100, 100), (3, 3), True),
    ("kernel_size: 2 stride: 2 round_mode: FLOOR", (5, 7), (2, 2), (2, 2), NONE, False),
    ("kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR", (6, 8), (3, 3), (2, 2), ONE, False),
    ("kernel_size: 2 stride: 4 round_mode: FLOOR", (9, 5), (2, 2), (4, 4), NONE, False),
    ("global_pooling: true", (3, 4), (3, 4), ONE, NONE, True),
]
NAMES = [f"{case[0]} on {case[1][0]}x{case[1][1]}".replace(": ", "") for case in POOLINGS]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("case", compiled_for_long(POOLINGS, *POOLINGS[1::2]), ids=NAMES)
def test_pooling(case, method):
    text, sides, *options = case
    random = np.random.default_rng(0)
    images = singles(random, 2, 3, *sides) - 2  # below the zeros of a border, mostly
    params = f"pooling_param {{ pool: {method} {text} }}"
    model = one_layer("Pooling", params, [(1, 3, *sides)])
    shape = (2, 3, *counts(sides, *options))
    upstream = singles(random, *shape)
    got, (gradient,) = value_and_gradients(model, [images], upstream)
    want, expected = pooled(images, upstream, method, *options)
    assert_forward(got, want)
    assert_gradient(gradient, expected)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "options",
    [((3, 3), (2, 2), NONE), ((3, 3), (1, 1), ONE), ((2, 2), (2, 2), ONE), ((3, 2), (2, 1), NONE)],
)
def test_the_first_of_equal_maxima_gets_the_gradient(options, compiled):
    random = np.random.default_rng(1)
    images = np.float64(random.integers(0, 3, (2, 5, 7, 6)))
    want, expected = pooled(images, None, "MAX", *options, True)
    layer = Pooling("MAX", *options)

    def total(x):
        y = layer(x)
        return [ops.sum(y)], y

    def value_and_gradient(x):
        (gradient,), _, y = backend.gradients(total, x)
        return y, gradient

    run = backend.compile(value_and_gradient) if compiled else value_and_gradient
    got, gradient = run(backend.to_tensor(np.float32(to_keras(images))))
    np.testing.assert_array_equal(got, to_keras(want))
    np.testing.assert_array_equal(gradient, to_keras(expected))


def test_the_divisor_of_an_average():
    # Zeros of the padding count, pixels beyond them do not.
    model = one_layer(
        "Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", [(1, 1, 4, 4)]
    )
    got, _ = value_and_gradients(model, [np.ones((1, 1, 4, 4))])
    assert_forward(got[0, 0], np.outer([2 / 3, 1, 1 / 2], [2 / 3, 1, 1 / 2]))


def test_a_huge_window_costs_nothing():
    huge = "kernel_size: 2000000001 stride: 2000000000"
    images = singles(np.random.default_rng(2), 1, 2, 3, 4)
    for method, want in (("MAX", images.max((2, 3))), ("AVE", images.mean((2, 3)))):
        model = one_layer("Pooling", f"pooling_param {{ pool: {method} {huge} }}", [images.shape])
        got, _ = value_and_gradients(model, [images])
        assert_forward(got[:, :, 0, 0], want)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "kernel_size must be 1 or more, got 0"),
        ("kernel_h: 2", "kernel_size must be 1 or more, got 0"),
        ("kernel_size: 2 stride: 0", "stride must be 1 or more, got 0"),
        ("kernel_size: 2 stride_h: 0", "stride must be 1 or more, got 0"),
        ("kernel_size: 2 pad: 2", r"pad \(2, 2\) must be below kernel_size \(2, 2\)"),
        ("kernel_size: 2 pad_w: 2", "must be below"),
        ("kernel_size: 4000000000 pad: 2000000000", "input with its pad"),
        ("kernel_size: 7", r"output would have the shape \(None, 3, 0, 0\)"),
        ("kernel_size: 2 pool: STOCHASTIC", "STOCHASTIC is not supported, MAX and AVE are"),
        ("kernel_size: 1 stride: 6", "stride of 6 leads out of an image of 6 pixels"),
        ("kernel_size: 1 stride: 4294967295", "leads out of an image"),
        ("global_pooling: true pad: 1", "global_pooling wants"),
        ("global_pooling: true stride: 2", "global_pooling wants"),
    ],
)
def test_refused_poolings(text, reason):
    with pytest.raises(UserError, match=rf"the layer it \(Pooling\) .*{reason}"):
        one_layer("Pooling", f"pooling_param {{ {text} }}", [(1, 3, 6, 6)])


def across(images, size, alpha, beta, k):
    output, half = np.zeros(images.shape), size // 2
    for c in range(images.shape[1]):
        near = images[:, max(c - half, 0) : c + half + 1]
        total = k + alpha / size * (near**2).sum(1)
        output[:, c] = images[:, c] / total**beta
    return output


def within(images, size, alpha, beta):
    output, half = np.zeros(images.shape), size // 2
    for i, j in np.ndindex(images.shape[2:]):
        near = images[:, :, max(i - half, 0) : i + half + 1, max(j - half, 0) : j + half + 1]
        total = 1 + alpha / size**2 * (near**2).sum((2, 3))
        output[:, :, i, j] = images[:, :, i, j] / total**beta
    return output


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"),
    [(5, 1.0, 0.75, 1.0), (3, 0.5, 0.75, 2.0), (1, 2.0, 0.5, 1.0), (15, 0.25, 1.5, 0.5)],
)
def test_lrn(size, alpha, beta, k):
    images = singles(np.random.default_rng(3), 2, 7, 2, 3)
    text = f"local_size: {size} alpha: {alpha} beta: {beta} k: {k}"
    model = one_layer("LRN", f"lrn_param {{ {text} }}", [images.shape])
    assert_like(model, lambda x: across(x, size, alpha, beta, k), images)
    # Within a channel, Caffe adds 1 whatever k is.
    model = one_layer("LRN", f"lrn_param {{ {text} norm_region: WITHIN_CHANNEL }}", [images.shape])
    assert_like(model, lambda x: within(x, size, alpha, beta), images)


def test_lrn_as_in_caffenet():
    images = 100 * singles(np.random.default_rng(4), 1, 12, 3, 2)
    layer = LRN(5, 1e-4, 0.75)
    assert layer.compute_output_shape((1, 3, 2, 12)) == (1, 3, 2, 12)
    got = np.asarray(layer(np.float32(to_keras(images))))
    assert_forward(got, to_keras(across(images, 5, 1e-4, 0.75, 1)))


@pytest.mark.parametrize(
    ("text", "channels", "reason"),
    [
        ("local_size: 4", 3, "local_size must be odd, got 4"),
        ("local_size: 0", 3, "local_size must be odd, got 0"),
        ("", 5000, "5000 channels are not supported, 4096 are"),
        ("local_size: 2000000001 norm_region: WITHIN_CHANNEL", 3, "input with its borders"),
    ],
)
def test_refused_lrn(text, channels, reason):
    with pytest.raises(UserError, match=rf"the layer it \(LRN\) .*{reason}"):
        one_layer("LRN", f"lrn_param {{ {text} }}", [(1, channels, 4, 4)])
