import keras
import numpy as np
import pytest

from common.vgg19 import vgg19
from common.vgg19_layers import LAYERS
from common.vgg19_pixels import deprocess, preprocess
from common.vgg19_random import random_weights


@pytest.fixture(scope="module")
def weights():
    return random_weights("conv3_1")


@pytest.fixture
def random():
    return np.random.RandomState(0)


def features(weights, layers, images, **options):
    outputs = vgg19(weights, layers, **options)(images)
    return [np.asarray(f) for f in keras.tree.flatten(outputs)]


def pooled(values, pool):
    """2x2 pooling of even sides."""
    frames, height, width, channels = values.shape
    blocks = values.reshape(frames, height // 2, 2, width // 2, 2, channels)
    return pool(blocks, axis=(2, 4))


def test_layers_carry_the_names_and_end_at_the_deepest(weights):
    network = vgg19(weights, ["pool1", "conv1_1"])
    assert [layer.name for layer in network.layers] == ["images", *LAYERS[:3]]
    assert len(network.outputs) == 2
    assert network.weights == []


def test_outputs_come_in_the_order_of_the_network(weights, random):
    images = random.standard_normal((2, 14, 12, 3)).astype(np.float32)
    found = features(weights, ["conv2_1", "conv1_1", "pool1"], images)
    assert [f.shape for f in found] == [(2, 12, 10, 64), (2, 5, 4, 64), (2, 3, 2, 128)]


@pytest.mark.parametrize(
    ("padding", "shapes"),
    [
        ("valid", [(1, 15, 17, 64), (1, 13, 15, 64), (1, 6, 7, 64), (1, 4, 5, 128)]),
        ("same", [(1, 17, 19, 64), (1, 17, 19, 64), (1, 9, 10, 64), (1, 9, 10, 128)]),
        ("wrap", [(1, 17, 19, 64), (1, 17, 19, 64), (1, 9, 10, 64), (1, 9, 10, 128)]),
    ],
)
def test_shapes_at_odd_sizes(weights, padding, shapes):
    layers = ["conv1_1", "conv1_2", "pool1", "conv2_1"]
    found = features(weights, layers, np.ones((1, 17, 19, 3), np.float32), padding=padding)
    assert [f.shape for f in found] == shapes


@pytest.mark.parametrize(("pooling", "pool"), [("average", np.mean), ("max", np.max)])
def test_pooling(weights, random, pooling, pool):
    images = random.standard_normal((2, 12, 16, 3)).astype(np.float32)
    before, after = features(weights, ["conv1_2", "pool1"], images, pooling=pooling)
    np.testing.assert_allclose(after, pooled(before, pool), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("padding", "mode"), [("same", "edge"), ("wrap", "wrap")])
def test_pooling_at_odd_sizes(weights, random, padding, mode):
    images = random.standard_normal((1, 7, 5, 3)).astype(np.float32)
    before, after = features(weights, ["conv1_2", "pool1"], images, padding=padding)
    # The mean over the real pixels only is the mean with the last ones counted twice.
    even = np.pad(before, ((0, 0), (0, 1), (0, 1), (0, 0)), mode=mode)
    np.testing.assert_allclose(after, pooled(even, np.mean), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (8, 5)])
def test_circular_features_roll_with_the_image_before_any_pooling(weights, random, size):
    images = random.standard_normal((1, *size, 3)).astype(np.float32)
    [still] = features(weights, ["conv1_2"], images, padding="wrap")
    rolled = np.roll(images, (3, -2), axis=(1, 2))
    [rolled] = features(weights, ["conv1_2"], rolled, padding="wrap")
    expected = np.roll(still, (3, -2), axis=(1, 2))
    np.testing.assert_allclose(rolled, expected, rtol=1e-4, atol=1e-5)


def test_circular_features_roll_with_the_image_by_whole_strides(weights, random):
    images = random.standard_normal((1, 16, 24, 3)).astype(np.float32)
    network = vgg19(weights, ["pool1", "conv3_1"], padding="wrap")
    shallow, deep = (np.asarray(f) for f in network(images))
    rolled_shallow, rolled_deep = (
        np.asarray(f) for f in network(np.roll(images, (4, -8), axis=(1, 2)))
    )
    expected = np.roll(shallow, (2, -4), axis=(1, 2))
    np.testing.assert_allclose(rolled_shallow, expected, rtol=1e-4, atol=1e-5)
    expected = np.roll(deep, (1, -2), axis=(1, 2))
    np.testing.assert_allclose(rolled_deep, expected, rtol=1e-4, atol=1e-5)


def test_pixels_there_and_back(random):
    pixels = random.randint(0, 256, (4, 5, 3)).astype(np.uint8)
    images = preprocess(pixels)
    assert images.dtype == np.float32
    assert images[0, 0, 0] == np.float32(pixels[0, 0, 2]) - np.float32(103.939)
    # Cut to whole numbers, so a little more than the value itself.
    np.testing.assert_array_equal(deprocess(images + 0.01), pixels)


def test_pixels_out_of_range_are_cut():
    images = np.array([[[1e9, -1e9, np.nan]]])
    np.testing.assert_array_equal(deprocess(images), [[[0, 0, 255]]])
    assert preprocess(images).dtype == np.float64


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_ceiling_mode_keeps_the_last_pixel_of_an_odd_side(weights, random, pooling):
    """As Caffe's poolings do; without it that pixel is lost, with even sides nothing changes."""
    images = random.normal(0, 60, (1, 9, 11, 3)).astype(np.float32)
    options = {"pooling": pooling, "padding": "valid"}
    (floor,) = features(weights, ["pool1"], images, **options)
    before, ceil = features(weights, ["conv1_2", "pool1"], images, ceil=True, **options)
    assert floor.shape[1:3] == (2, 3) and ceil.shape[1:3] == (3, 4)
    # With borders JAX divides by a count of pixels, which may differ in the last bit.
    np.testing.assert_allclose(ceil[:, :2, :3], floor, rtol=2e-7)
    np.testing.assert_allclose(ceil[:, 2, 3], before[:, 4, 6])
    even = images[:, :8, :8]
    np.testing.assert_array_equal(
        features(weights, ["pool1"], even, ceil=True, **options),
        features(weights, ["pool1"], even, **options),
    )
