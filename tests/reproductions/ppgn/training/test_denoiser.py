"""Learned priors, and the networks whose codes are pixels."""

import keras
import numpy as np
import pytest

from reproductions.ppgn.conditions import UnitCondition
from reproductions.ppgn.step import Networks
from reproductions.ppgn.training.classifier import classifier
from reproductions.ppgn.training.denoiser import (
    LARGEST,
    denoiser_of_codes,
    denoiser_of_pixels,
    pixels_as_codes,
)
from reproductions.ppgn.training.pixels import as_input, as_pixels


def widths(model):
    return [one.units for one in model.layers if isinstance(one, keras.layers.Dense)]


def test_layers_of_the_paper():
    """4096 numbers; 2048, 1024, 500, 1024, 2048; 4096."""
    keras.utils.set_random_seed(0)
    model = denoiser_of_codes(4096)
    assert widths(model) == [2048, 1024, 500, 1024, 2048, 4096]
    assert model.input_shape == model.output_shape == (None, 4096)
    # Nothing beyond the last layer: codes may be of any size.
    assert model.layers[-1].activation is keras.activations.linear
    between = [one for one in model.layers if isinstance(one, keras.layers.ReLU)]
    assert len(between) == 5


def test_layers_of_short_codes():
    assert widths(denoiser_of_codes(96)) == [48, 24, 12, 24, 48, 96]
    assert widths(denoiser_of_codes(20)) == [10, 8, 8, 8, 10, 20]


def test_denoiser_of_codes_in_numpy():
    keras.utils.set_random_seed(0)
    model = denoiser_of_codes(24)
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.5, one.shape) for one in model.get_weights()])
    h = random.uniform(0, 3, (2, 24)).astype(np.float32)
    features = h.astype(np.float64)
    arrays = [one.astype(np.float64) for one in model.get_weights()]
    for kernel, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        features = np.maximum(features @ kernel + bias, 0)
    wanted = features @ arrays[-2] + arrays[-1]
    # Six matrix products in float32.
    np.testing.assert_allclose(
        np.asarray(model(h)), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max()
    )


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 12, 3)])
def test_denoiser_of_pixels(shape):
    keras.utils.set_random_seed(0)
    model = denoiser_of_pixels(shape, 2)
    length = int(np.prod(shape))
    assert model.input_shape == model.output_shape == (None, length)
    height, width, channels = shape
    maps = {
        "conv1": (height // 2, width // 2, 2),
        "conv2": (height // 4, width // 4, 4),
        "conv3": (height // 4, width // 4, 4),
        "deconv2": (height // 2, width // 2, 2),
        "deconv1": (height, width, channels),
    }
    assert {name: model.get_layer(name).output.shape[1:] for name in maps} == maps
    # What its last convolution makes in -1..1 is 0..30 outside.
    model.get_layer("deconv1").set_weights([np.zeros((4, 4, channels, 2)), np.full(channels, -1.0)])
    assert np.asarray(model(np.zeros((1, length)))).tolist() == [[0.0] * length]
    model.get_layer("deconv1").set_weights([np.zeros((4, 4, channels, 2)), np.ones(channels)])
    assert np.asarray(model(np.zeros((1, length)))).tolist() == [[LARGEST] * length]


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 4, 3)])
class TestPixelsAsCodes:
    def test_shapes(self, shape):
        generator, encoder = pixels_as_codes(shape)
        length = int(np.prod(shape))
        assert generator.input_shape == (None, length)
        assert generator.output_shape == encoder.input_shape == (None, *shape)
        assert encoder.output_shape == encoder.get_layer("fc6").output.shape == (None, length)

    def test_inverse(self, shape):
        generator, encoder = pixels_as_codes(shape)
        random = np.random.default_rng(0)
        h = random.uniform(0, LARGEST, (5, int(np.prod(shape)))).astype(np.float32)
        # Pixels and codes are rounded to float32, 2^-24 of up to 255 and of up to 30, some times.
        np.testing.assert_allclose(np.asarray(encoder(generator(h))), h, rtol=0, atol=1e-5)
        x = random.uniform(-100, 130, (5, *shape)).astype(np.float32)
        np.testing.assert_allclose(np.asarray(generator(encoder(x))), x, rtol=0, atol=5e-5)

    def test_black_and_white(self, shape):
        generator, encoder = pixels_as_codes(shape)
        h = np.array([0, LARGEST, LARGEST / 255], np.float32)[:, None].repeat(np.prod(shape), 1)
        pixels = as_pixels(generator(h))
        assert [np.unique(one).tolist() for one in pixels] == [[0], [255], [1]]
        np.testing.assert_allclose(np.asarray(encoder(as_input(pixels))), h, atol=1e-5)

    def test_all_pictures_come_back(self, shape):
        generator, encoder = pixels_as_codes(shape)
        pixels = np.random.default_rng(1).integers(0, 256, (4, *shape)).astype(np.uint8)
        np.testing.assert_array_equal(as_pixels(generator(encoder(as_input(pixels)))), pixels)


def test_the_sampler_takes_them():
    """The prior's term of a chain is what R makes of the code."""
    keras.utils.set_random_seed(0)
    shape = (28, 28, 1)
    generator, encoder = pixels_as_codes(shape)
    prior = denoiser_of_pixels(shape, 2)
    condition = UnitCondition(classifier(shape, 3, 2, 5), "fc8")
    networks = Networks(generator, encoder, "fc6", condition, prior=prior)
    h = np.random.default_rng(0).uniform(0, 30, (2, 784)).astype(np.float32)
    terms = networks(h, [1, 2])
    # The same layers, compiled together with others.
    np.testing.assert_allclose(terms.code, np.asarray(prior(h)), atol=1e-4)
    np.testing.assert_allclose(terms.images, np.asarray(generator(h)), atol=1e-4)
