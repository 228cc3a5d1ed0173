"""The generator that learns: the original's where it is as large, and smaller ones like it."""

import keras
import numpy as np
import pytest

from common.caffe_weights import random_weights
from common.errors import UserError
from reproductions.ppgn.generator import RANDOM_GAINS, generator
from reproductions.ppgn.training.generator import doublings, upconvolutional

#: What layers with weights make of a code, in the original.
LAYERS = {
    "defc7": (4096,),
    "defc6": (4096,),
    "defc5": (4096,),
    "deconv5": (8, 8, 256),
    "conv5_1": (8, 8, 512),
    "deconv4": (16, 16, 256),
    "conv4_1": (16, 16, 256),
    "deconv3": (32, 32, 128),
    "conv3_1": (32, 32, 128),
    "deconv2": (64, 64, 64),
    "deconv1": (128, 128, 32),
    "deconv0": (256, 256, 3),
}


@pytest.fixture(scope="module")
def both():
    """The original's G, and that which learns, with the same weights."""
    source, blobs = random_weights(4, RANDOM_GAINS), {}

    def remembered(name, shapes, fan_in):
        blobs[name] = source(name, shapes, fan_in)
        return blobs[name]

    original, learning = generator(remembered), upconvolutional(4096, 256)
    for name, (weights, bias) in blobs.items():
        # Caffe: (out, in), and (in, out, height, width) of a deconvolution.
        laid_out = weights.T if weights.ndim == 2 else weights.transpose(2, 3, 1, 0)
        learning.get_layer(name).set_weights([laid_out, bias])
    return original, learning, blobs


def test_layers_are_the_originals(both):
    original, learning, blobs = both
    assert set(blobs) == set(LAYERS)
    assert [one.name for one in learning.layers] == [one.name for one in original.layers]
    weighty = {one.name: one.output.shape[1:] for one in learning.layers if one.weights}
    assert list(weighty.items()) == list(LAYERS.items())
    for one in original.layers:
        assert learning.get_layer(one.name).output.shape == one.output.shape
    assert learning.get_layer("reshape").output.shape == (None, 4, 4, 256)
    assert learning.name == original.name
    assert [one.name for one in learning.inputs] == ["feat"]


def test_images_are_the_originals(both):
    """The maps of a vector are laid out otherwise: Caffe's begin with the channel."""
    original, learning, _ = both
    kernel, bias = learning.get_layer("defc5").get_weights()
    order = np.arange(4096).reshape(256, 4, 4).transpose(1, 2, 0).ravel()
    learning.get_layer("defc5").set_weights([kernel[:, order], bias[order]])
    h = np.abs(np.random.default_rng(0).normal(0, 1, (1, 4096))).astype(np.float32)
    wanted, found = np.asarray(original(h)), np.asarray(learning(h))
    assert wanted.std() > 10
    # Twelve layers in float32, summed in another order.
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("side", "count", "small", "maps"),
    [
        (8, 1, 4, {}),
        (14, 1, 7, {}),
        (16, 2, 4, {"deconv1": 2}),
        (20, 2, 5, {"deconv1": 2}),
        (28, 2, 7, {"deconv1": 2}),
        (32, 3, 4, {"deconv2": 4, "deconv1": 2}),
        (64, 4, 4, {"deconv3": 8, "conv3_1": 8, "deconv2": 4, "deconv1": 2}),
        (
            128,
            5,
            4,
            {"deconv4": 16, "conv4_1": 16, "deconv3": 8, "conv3_1": 8, "deconv2": 4, "deconv1": 2},
        ),
        (
            192,
            5,
            6,
            {"deconv4": 16, "conv4_1": 16, "deconv3": 8, "conv3_1": 8, "deconv2": 4, "deconv1": 2},
        ),
        (
            256,
            6,
            4,
            {
                **{"deconv5": 16, "conv5_1": 32, "deconv4": 16, "conv4_1": 16},
                **{"deconv3": 8, "conv3_1": 8, "deconv2": 4, "deconv1": 2},
            },
        ),
    ],
)
def test_sides(side, count, small, maps):
    """From the smallest maps by doubling; each layer has as many filters as the original's."""
    assert doublings(side) == count
    model = upconvolutional(6, side, 1, 2, 3)
    assert model.input_shape == (None, 6) and model.output_shape == (None, side, side, 1)
    widths = {
        one.name: one.output.shape[-1]
        for one in model.layers
        if one.name.startswith(("deconv", "conv"))
    }
    assert list(widths.items()) == [*maps.items(), ("deconv0", 1)]
    first = 2 * 2 ** min(count - 1, 3)
    assert model.get_layer("reshape").output.shape == (None, small, small, first)
    units = [model.get_layer(name).units for name in ("defc7", "defc6", "defc5")]
    assert units == [3, 3, small * small * first]
    assert np.asarray(model(np.ones((2, 6)))).shape == (2, side, side, 1)


@pytest.mark.parametrize("side", [1, 4, 7, 9, 18, 22, 30, 36, 100, 227, 255])
def test_sides_that_cannot_be(side):
    with pytest.raises(UserError, match=f"images of {side}x{side}: the side must be 4, 5, 6 or 7"):
        upconvolutional(6, side, 1, 2)


def test_codes_make_the_first_layers_as_wide():
    model = upconvolutional(11, 28, 3, 2)
    assert [model.get_layer(name).units for name in ("defc7", "defc6")] == [11, 11]
    assert model.output_shape == (None, 28, 28, 3)


def test_leaky_relus():
    """After every layer but the last, of slope 0.3."""
    model = upconvolutional(6, 64, 1, 2)
    weighty = [one.name for one in model.layers if one.weights]
    leaky = [one for one in model.layers if isinstance(one, keras.layers.LeakyReLU)]
    assert [one.name for one in leaky] == [f"relu_{name}" for name in weighty[:-1]]
    assert {one.negative_slope for one in leaky} == {0.3}


def test_first_weights():
    """Caffe's msra, N(0, gain² 2 / n).

    Of a dense layer n is the number of its inputs, with a gain of 1. Of a deconvolution Caffe
    counts its outputs, filters times kernel: gain 0.9, twice that with stride 2.
    """
    keras.utils.set_random_seed(0)
    model = upconvolutional(500, 256, 3, 8)
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel = np.asarray(layer.kernel)
        if kernel.ndim == 2:
            gain, n = 1.0, kernel.shape[0]
        else:
            height, width, out, _ = kernel.shape
            gain, n = {4: 1.8, 3: 0.9}[height], height * width * out
        # Of m numbers a standard deviation is known to 1 / sqrt(2 m); four times that.
        rel = 4 / np.sqrt(2 * kernel.size)
        assert kernel.std() == pytest.approx(gain * np.sqrt(2 / n), rel=rel), layer.name
        assert not np.asarray(layer.bias).any()
        if kernel.size > 1e4:
            # Not truncated: a normal distribution has a fourth moment of 3.
            assert (kernel**4).mean() / kernel.var() ** 2 == pytest.approx(3, abs=0.25)
