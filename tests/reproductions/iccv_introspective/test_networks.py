"""The discriminators: layers, first weights, and how others are plugged in."""

import keras
import numpy as np
import pytest

from common.errors import UserError
from reproductions.iccv_introspective import networks
from reproductions.iccv_introspective.networks import NETWORKS, build, check_network
from reproductions.iccv_introspective.settings import LearningSettings

#: Standard deviation of a normal distribution cut at two deviations, as TensorFlow draws it.
TRUNCATED = 0.8796256610342398


@pytest.fixture(scope="module")
def original():
    """The network of the original's size."""
    return build(LearningSettings(), 1)


def tiny(**changes):
    settings = {"filters": 2, "patch_size": 16, **changes}
    return LearningSettings(**settings)


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_it_takes_patches_and_gives_two_logits(original):
    assert original.input_shape == (None, 64, 64, 3)
    assert original.output_shape == (None, 2)
    assert original.layers[-1].activation is keras.activations.linear


def test_convolutions(original):
    found = of_kind(original, keras.layers.Conv2D)
    assert [layer.filters for layer in found] == [64, 128, 256, 512]
    for layer in found:
        assert layer.kernel_size == (5, 5)
        assert layer.strides == (2, 2)
        assert layer.padding == "same"
        assert layer.use_bias
        assert layer.activation is keras.activations.linear


def test_order_of_the_layers(original):
    named = {"Conv2D": "conv", "BatchNormalization": "norm", "LeakyReLU": "lrelu", "Dense": "dense"}
    kinds = [type(layer).__name__ for layer in original.layers]
    found = [named[kind] for kind in kinds if kind in named]
    assert found == ["conv", "lrelu", *["conv", "norm", "lrelu"] * 3, "dense"]


def test_batch_normalisation(original):
    found = of_kind(original, keras.layers.BatchNormalization)
    assert len(found) == 3
    for layer in found:
        assert layer.momentum == 0.9 and layer.epsilon == 1e-5
        assert layer.scale and layer.center


def test_slope_of_the_leaky_relu(original):
    found = [layer for layer in original.layers if type(layer).__name__ == "LeakyReLU"]
    assert len(found) == 4
    for layer in found:
        values = np.asarray(layer(np.array([[-5, -0.1, 0, 0.1, 5]], np.float32)))
        np.testing.assert_allclose(values, [[-1, -0.02, 0, 0.1, 5]], rtol=1e-6)


def test_shapes_of_all_weights(original):
    wanted, channels = [], 3
    for i, width in enumerate([64, 128, 256, 512]):
        wanted += [(5, 5, channels, width), (width,), *[(width,)] * (4 if i else 0)]
        channels = width
    wanted += [(4 * 4 * 512, 2), (2,)]
    assert [tuple(weight.shape) for weight in original.weights] == wanted


def test_first_weights_of_convolutions_are_a_truncated_normal(original):
    for layer in of_kind(original, keras.layers.Conv2D):
        kernel = np.asarray(layer.kernel, np.float64)
        deviation = 0.02 * TRUNCATED
        assert kernel.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * kernel.size))
        assert abs(kernel.mean()) < 4 * deviation / np.sqrt(kernel.size)
        # Where Keras draws with PyTorch, 4 of a million numbers lie beyond.
        beyond = np.abs(kernel) > 0.04
        assert beyond.mean() < (3e-5 if keras.config.backend() == "torch" else 1e-12)
        assert np.abs(kernel[~beyond]).max() > 0.0395


def test_first_weights_of_the_logits_are_a_normal(original):
    kernel = np.asarray(original.layers[-1].kernel, np.float64)
    assert kernel.std() == pytest.approx(0.02, rel=4 / np.sqrt(2 * kernel.size))
    assert abs(kernel.mean()) < 4 * 0.02 / np.sqrt(kernel.size)
    # One of 22 lies further out than two deviations.
    assert np.mean(np.abs(kernel) > 0.04) == pytest.approx(0.0455, abs=0.007)


def test_other_first_weights(original):
    for layer in original.layers:
        if hasattr(layer, "bias"):
            np.testing.assert_array_equal(layer.bias, 0)
    for layer in of_kind(original, keras.layers.BatchNormalization):
        np.testing.assert_array_equal(layer.gamma, 1)
        np.testing.assert_array_equal(layer.beta, 0)
        np.testing.assert_array_equal(layer.moving_mean, 0)
        np.testing.assert_array_equal(layer.moving_variance, 1)


def test_there_is_a_logit_for_the_negatives_and_for_each_class():
    for classes in (1, 2, 5):
        assert build(tiny(), classes).output_shape == (None, classes + 1)


def test_filters_and_size_of_patches_are_settings():
    model = build(tiny(filters=3, patch_size=32), 1)
    assert model.input_shape == (None, 32, 32, 3)
    assert [layer.filters for layer in of_kind(model, keras.layers.Conv2D)] == [3, 6, 12, 24]


def test_the_small_network_leaves_out_the_last_convolution():
    model = build(tiny(network="small", filters=3), 1)
    assert [layer.filters for layer in of_kind(model, keras.layers.Conv2D)] == [3, 6, 12]
    assert len(of_kind(model, keras.layers.BatchNormalization)) == 2


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_weights(name):
    first, again, other = (
        build(tiny(network=name, random_seed=seed), 1).get_weights() for seed in (3, 3, 4)
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        if a.ndim > 1:
            assert (a != c).mean() > 0.9


def test_neighbouring_seeds_share_no_weights():
    one, other = (build(tiny(random_seed=seed), 1).get_weights() for seed in (0, 1))
    values = [{*np.concatenate([w.ravel() for w in each if w.ndim > 1])} for each in (one, other)]
    assert len(values[0] & values[1]) < 0.05 * len(values[0])


def test_no_two_layers_begin_with_the_same_numbers():
    kernels = [weight.ravel()[:50] for weight in build(tiny(), 1).get_weights() if weight.ndim == 4]
    for i, one in enumerate(kernels):
        for other in kernels[i + 1 :]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.6


def test_an_unknown_network_is_refused_with_the_names_there_are():
    for refuse in (check_network, lambda name: build(tiny(network=name), 1)):
        with pytest.raises(UserError) as refused:
            refuse("resnet")
        assert str(refused.value) == "there is no network resnet; there are dcgan, small"


def test_a_network_that_is_added_is_used(monkeypatch):
    asked = []

    def linear(patch, logits, filters):
        asked.append((patch, logits, filters))
        inputs = keras.Input((patch, patch, 3))
        return keras.Model(inputs, keras.layers.Dense(logits)(keras.layers.Flatten()(inputs)))

    monkeypatch.setitem(networks.NETWORKS, "linear", linear)
    check_network("linear")
    settings = tiny(network="linear", filters=7, random_seed=5)
    model = build(settings, 3)
    assert asked == [(16, 4, 7)]
    assert model.output_shape == (None, 4)
    assert len(model.layers) == 3
