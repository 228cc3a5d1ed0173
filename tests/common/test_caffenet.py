"""CaffeNet's layers, shapes and scores, of random weights."""

import numpy as np
import pytest
from keras import ops

from common.autodiff import compile_gradients
from common.caffe_weights import random_weights
from common.caffenet import FCN_SIDE, RANDOM_GAINS, SIDE, caffenet, caffenet_fcn

NAMES = [
    "data", "conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2", "conv3",
    "relu3", "conv4", "relu4", "conv5", "relu5", "pool5", "fc6", "relu6", "fc7", "relu7", "fc8",
    "prob", "log",
]  # fmt: skip
SHAPES = {
    "conv1": (55, 55, 96), "pool1": (27, 27, 96), "norm1": (27, 27, 96), "conv2": (27, 27, 256),
    "pool2": (13, 13, 256), "conv3": (13, 13, 384), "conv4": (13, 13, 384),
    "conv5": (13, 13, 256), "pool5": (6, 6, 256), "fc6": (4096,), "fc7": (4096,),
}  # fmt: skip
BLOBS = {
    "conv1": [(96, 3, 11, 11), (96,)], "conv2": [(256, 48, 5, 5), (256,)],
    "conv3": [(384, 256, 3, 3), (384,)], "conv4": [(384, 192, 3, 3), (384,)],
    "conv5": [(256, 192, 3, 3), (256,)], "fc6": [(4096, 9216), (4096,)],
    "fc7": [(4096, 4096), (4096,)], "fc8": [(1000, 4096), (1000,)],
}  # fmt: skip


@pytest.fixture(scope="module")
def weights():
    """Random weights, each drawn once; and what shapes were asked for.

    Convolutions have no bias, so that black stays 0.
    """
    source, drawn, asked = random_weights(0, RANDOM_GAINS), {}, {}

    def once(layer, shapes, fan_in):
        asked[layer] = [tuple(shape) for shape in shapes]
        if layer not in drawn:
            kernel, bias = source(layer, shapes, fan_in)
            drawn[layer] = kernel, bias * (not layer.startswith("conv"))
        return drawn[layer]

    once.asked = asked
    return once


@pytest.fixture(scope="module")
def network(weights):
    return caffenet(weights)


def test_structure(network, weights):
    assert network.name == "caffenet"
    assert [layer.name for layer in network.layers] == NAMES
    assert network.input.shape == (None, 227, 227, 3)
    for name, shape in SHAPES.items():
        assert network.get_layer(name).output.shape == (None, *shape)
    assert network.output.shape == (None, 1000)
    assert weights.asked == BLOBS
    assert network.trainable_weights == []


def test_classes_of_places():
    def nothing(layer, shapes, fan_in):
        return tuple(np.zeros(shape, np.float32) for shape in shapes)

    network = caffenet(nothing, 205, "placescnn")
    assert network.name == "placescnn" and network.output.shape == (None, 205)
    scores = np.asarray(network(np.zeros((1, SIDE, SIDE, 3), np.float32)))
    np.testing.assert_allclose(scores, np.full((1, 205), -np.log(205)), rtol=1e-6)


def images(random, side, count=1):
    return np.float32(random.uniform(-120, 130, (count, side, side, 3)))


def test_scores_are_logarithms_and_examples_do_not_mix(network):
    batch = images(np.random.default_rng(0), SIDE, 3)
    together = np.asarray(network(batch))
    np.testing.assert_allclose(np.exp(np.float64(together)).sum(1), 1, rtol=1e-5)
    alone = np.concatenate([network(batch[n : n + 1]) for n in range(3)])
    np.testing.assert_allclose(alone, together, rtol=1e-4)
    assert np.ptp(together, axis=0).max() > 1e-3


def test_the_fully_convolutional_form_sees_each_window(network, weights):
    wide = caffenet_fcn(weights, SIDE + 2 * 32)
    assert [layer.name for layer in wide.layers] == NAMES
    assert wide.output.shape == (None, 3, 3, 1000)
    assert weights.asked == BLOBS
    # Within a larger image, a window's borders see their neighbours and not the zeros of a pad.
    # Only the middle of a window is not black here, which does not reach its borders.
    places = [(0, 0), (1, 2), (2, 1)]
    spot = images(np.random.default_rng(1), 20, len(places))
    canvas = np.zeros((len(places), SIDE + 2 * 32, SIDE + 2 * 32, 3), np.float32)
    for image, content, place in zip(canvas, spot, places, strict=True):
        top, left = (32 * n + 104 for n in place)
        image[top : top + 20, left : left + 20] = content
    scores = np.asarray(wide(canvas))
    assert np.ptp(scores, axis=(0, 1, 2)).max() > 1e-2
    for n, (row, column) in enumerate(places):
        window = canvas[n : n + 1, 32 * row : 32 * row + SIDE, 32 * column : 32 * column + SIDE]
        np.testing.assert_allclose(scores[n, row, column], network(window)[0], rtol=1e-5)


def test_the_fully_convolutional_form_of_the_same_size(network, weights):
    window = images(np.random.default_rng(3), SIDE)
    got = np.asarray(caffenet_fcn(weights, SIDE)(window))
    np.testing.assert_allclose(got[:, 0, 0], network(window), rtol=1e-4)


def test_the_fully_convolutional_form_has_36_places(weights):
    assert caffenet_fcn(weights, FCN_SIDE).output.shape == (None, 6, 6, 1000)


def test_gradients_reach_the_pixels(network):
    image = images(np.random.default_rng(2), SIDE, 2)
    gradient = compile_gradients(
        lambda image: ([ops.sum(network(image)[:, 7])], ()), (image.shape, "float32")
    )
    (slopes,), _ = gradient(image)
    slopes = np.asarray(slopes)
    assert np.isfinite(slopes).all() and (slopes != 0).mean() > 0.9
    # A step along the gradient of one image changes the score as much as it says.
    step = 0.03 * slopes / np.abs(slopes).max()
    more, less = (np.float64(network(image + sign * step)[:, 7]) for sign in (1, -1))
    np.testing.assert_allclose(more - less, 2 * (slopes * step).sum((1, 2, 3)), rtol=0.02)
