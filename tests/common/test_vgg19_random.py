import numpy as np
import pytest

from common.vgg19 import vgg19
from common.vgg19_layers import channels, convolutions
from common.vgg19_random import normalised, random_weights


@pytest.fixture(scope="module")
def texture():
    random = np.random.RandomState(0)
    return random.uniform(-120, 130, (1, 40, 36, 3)).astype(np.float32)


def test_weights_are_the_same_each_time_and_start_alike_at_any_depth():
    deep, again, shallow = (random_weights(name) for name in ("pool2", "pool2", "conv1_2"))
    assert list(deep) == list(again) == list(convolutions("pool2"))
    assert list(shallow) == ["conv1_1", "conv1_2"]
    for name in deep:
        np.testing.assert_array_equal(deep[name][0], again[name][0])
    np.testing.assert_array_equal(deep["conv1_2"][0], shallow["conv1_2"][0])
    assert (random_weights("conv1_1", seed=1)["conv1_1"][0] != deep["conv1_1"][0]).all()


def test_kernels_are_he_normal():
    for name, (kernel, bias) in random_weights("conv2_2").items():
        assert kernel.dtype == bias.dtype == np.float32
        assert kernel.shape == (3, 3, *channels(name))
        assert kernel.std() == pytest.approx(np.sqrt(2 / kernel[..., 0].size), rel=0.05)
        assert not bias.any()


def test_textures_excite_all_channels_alike(texture):
    weights = normalised(random_weights("conv3_1"), [texture])
    names = list(convolutions("conv3_1"))
    # The values before the ReLU: their negative half is what the negated layer lets through.
    for name in names:
        after = np.asarray(vgg19(weights, [name], padding="same")(texture))
        kernel, bias = weights[name]
        negated = vgg19({**weights, name: (-kernel, -bias)}, [name], padding="same")
        before = (after - np.asarray(negated(texture))).reshape(-1, after.shape[-1])
        assert after.mean() == pytest.approx(1, abs=1e-3), name
        spread = before.std(0)
        np.testing.assert_allclose(before.mean(0), 0, atol=2e-3 * spread.mean(), err_msg=name)
        np.testing.assert_allclose(spread, spread.mean(), rtol=2e-3, err_msg=name)


def test_several_textures_of_several_sizes(texture):
    textures = [texture, texture[:, :11, :17] / 3, texture[:, :1, :1]]
    weights = normalised(random_weights("conv2_1"), textures)
    network = vgg19(weights, ["conv1_1"], padding="same")
    values = np.concatenate([np.asarray(network(t)).reshape(-1, 64) for t in textures])
    assert values.mean() == pytest.approx(1, abs=1e-3)


def test_inputs_stay_as_they_are(texture):
    weights, copy = random_weights("conv1_2"), random_weights("conv1_2")
    again = normalised(weights, [texture])
    for name in weights:
        np.testing.assert_array_equal(weights[name][0], copy[name][0])
        np.testing.assert_array_equal(normalised(copy, [texture])[name][0], again[name][0])


@pytest.mark.parametrize("value", [0.0, 100.0, -123.68])
@pytest.mark.parametrize("side", [1, 24])
def test_a_texture_of_one_colour_gives_finite_weights(value, side):
    texture = np.full((1, side, side, 3), value, np.float32)
    for kernel, bias in normalised(random_weights("conv2_1"), [texture]).values():
        assert np.isfinite(kernel).all() and np.isfinite(bias).all()


def test_only_the_centre_of_a_large_texture_counts():
    random = np.random.RandomState(0)
    large = np.full((1, 700, 20, 3), 99.0, np.float32)
    large[:, 94:606] = random.uniform(-100, 100, (1, 512, 20, 3))
    found = normalised(random_weights("conv1_1"), [large])["conv1_1"]
    expected = normalised(random_weights("conv1_1"), [large[:, 94:606]])["conv1_1"]
    np.testing.assert_array_equal(found[0], expected[0])


def test_max_pooling(texture):
    """Weights that were normalised for max pooling keep a mean activation of 1 behind it."""
    weights = normalised(random_weights("conv3_1"), [texture], "max")
    for name in convolutions("conv3_1"):
        values = np.asarray(vgg19(weights, [name], pooling="max", padding="same")(texture))
        assert values.mean() == pytest.approx(1, abs=1e-3), name
    average = normalised(random_weights("conv3_1"), [texture])
    network = vgg19(average, ["conv3_1"], pooling="max", padding="same")
    assert np.asarray(network(texture)).mean() > 1.5
