import json

import h5py
import numpy as np
import pytest

from benchmarks import vgg19_normalised as benchmark
from common import vgg19_normalised
from common import weights as pretrained_files
from common.vgg19 import vgg19
from common.vgg19_layers import convolutions
from common.vgg19_normalised import (
    HARDLY,
    built_in_pictures,
    divisors,
    mean_activations,
    normalised_as_gatys,
)
from common.vgg19_random import random_weights

UPTO = "conv3_2"
DEAD = 5


@pytest.fixture(scope="module")
def weights():
    """Random weights with biases; a filter of conv2_1 never answers."""
    random = np.random.RandomState(1)
    weights = random_weights(UPTO)
    # Biases that keep filters from being dead by chance.
    weights = {
        name: (0.3 * kernel, random.uniform(20, 40, bias.shape).astype(np.float32))
        for name, (kernel, bias) in weights.items()
    }
    weights["conv2_1"][1][DEAD] = -1e6
    return weights


@pytest.fixture(scope="module")
def pictures():
    random = np.random.RandomState(0)
    sizes = (40, 36), (23, 31)
    return [random.uniform(-120, 130, (1, *size, 3)).astype(np.float32) for size in sizes]


@pytest.fixture
def small_textures(pictures, monkeypatch):
    """Small pictures take the place of `datasets/textures`."""
    monkeypatch.setattr(vgg19_normalised, "built_in_pictures", lambda: pictures)


def activations(weights, name, picture, **settings):
    settings = {"padding": "same", **settings}
    return np.asarray(vgg19(weights, [name], **settings)(picture))[0].reshape(
        -1, len(weights[name][1])
    )


def test_mean_activations_are_those_of_the_network(weights, pictures):
    found = mean_activations(weights, pictures)
    assert list(found) == list(weights) == list(convolutions(UPTO))
    for name in ("conv1_1", "conv2_2", UPTO):
        expected = np.mean([activations(weights, name, p).mean(0) for p in pictures], axis=0)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_each_filters_mean_activation_becomes_1(weights, pictures, pooling):
    found = mean_activations(normalised_as_gatys(weights, pictures, pooling), pictures, pooling)
    for name, means in found.items():
        means = np.delete(means, DEAD) if name == "conv2_1" else means
        np.testing.assert_allclose(means, 1, atol=1e-4, err_msg=name)


def test_the_first_layer_alone(weights, pictures):
    small = {"conv1_1": weights["conv1_1"]}
    normalised = normalised_as_gatys(small, pictures)
    np.testing.assert_allclose(mean_activations(normalised, pictures)["conv1_1"], 1, atol=1e-4)
    both = normalised_as_gatys(weights, pictures)
    np.testing.assert_allclose(normalised["conv1_1"][0], both["conv1_1"][0], rtol=1e-6)


def test_the_pooling_is_the_networks(weights, pictures):
    found = mean_activations(normalised_as_gatys(weights, pictures, "max"), pictures, "average")
    assert abs(found[UPTO] - 1).max() > 0.05


def test_the_network_computes_the_same_but_for_a_factor_of_each_filter(weights, pictures):
    means = mean_activations(weights, pictures)[UPTO]
    normalised = normalised_as_gatys(weights, pictures)
    other = np.random.RandomState(7).uniform(-99, 99, (1, 60, 44, 3)).astype(np.float32)
    for picture, padding in ((pictures[0], "same"), (other, "valid"), (other, "wrap")):
        before = activations(weights, UPTO, picture, padding=padding)
        after = activations(normalised, UPTO, picture, padding=padding)
        assert before.std() > 1
        np.testing.assert_allclose(after, before / means, rtol=1e-4, atol=1e-4)


def test_a_dead_filter_keeps_its_scale_in_its_layer(weights, pictures):
    normalised = normalised_as_gatys(weights, pictures)
    for kernel, bias in normalised.values():
        assert kernel.dtype == bias.dtype == np.float32
        assert np.isfinite(kernel).all() and np.isfinite(bias).all()
    layer = mean_activations(weights, pictures)["conv2_1"].mean()
    assert normalised["conv2_1"][1][DEAD] == pytest.approx(-1e6 / layer, rel=1e-4)
    # What the next layer would make of it, if it answered after all, stays too.
    means = mean_activations(weights, pictures)["conv2_2"]
    expected = weights["conv2_2"][0][:, :, DEAD] * (layer / means)
    np.testing.assert_allclose(normalised["conv2_2"][0][:, :, DEAD], expected, rtol=1e-4)


def test_divisors():
    means = np.array([4.0, 2.0, 0.0, 2 * HARDLY, 0.99 * HARDLY])
    layer = means.mean()
    np.testing.assert_array_equal(divisors(means), [4, 2, layer, 2 * HARDLY, layer])
    np.testing.assert_array_equal(divisors(np.zeros(3)), np.ones(3))


def test_inputs_stay_as_they_are(weights, pictures):
    copy = {name: (kernel.copy(), bias.copy()) for name, (kernel, bias) in weights.items()}
    normalised_as_gatys(weights, pictures)
    for name in weights:
        np.testing.assert_array_equal(weights[name][0], copy[name][0])
        np.testing.assert_array_equal(weights[name][1], copy[name][1])


def test_the_built_in_pictures():
    pictures = built_in_pictures()
    assert len(pictures) == 15
    for picture in pictures:
        assert picture.shape == (1, 256, 256, 3) and picture.dtype == np.float32
        assert -124 < picture.min() < 0 < picture.max() < 152


# The benchmark


def test_gram_distances(weights, pictures):
    """Weights with a layer twice as large have Gram matrices four times as large there."""
    small = {name: weights[name] for name in convolutions("conv1_2")}
    kernel, bias = small["conv1_2"]
    twice = {**small, "conv1_2": (2 * kernel, 2 * bias)}
    layers = ("conv1_1", "conv1_2", "pool1")
    found = benchmark.gram_distances(twice, small, layers, pictures)
    np.testing.assert_allclose(found, [[0, 3, 3]] * len(pictures), rtol=1e-4)
    found = benchmark.gram_distances(small, twice, layers, pictures)
    np.testing.assert_allclose(found, [[0, 0.75, 0.75]] * len(pictures), rtol=1e-4)


def test_the_rule_is_measured(weights, pictures):
    line = benchmark.rule(weights, normalised_as_gatys(weights, pictures), pictures)
    total = sum(len(bias) for _, bias in weights.values())
    assert f"; 1 of {total} filters hardly answer" in line
    deviation = float(line.split("largest deviation ")[1].split(";")[0])
    assert deviation < 1e-4
    # And a breach is seen.
    line = benchmark.rule(weights, weights, pictures)
    assert float(line.split("largest deviation ")[1].split(";")[0]) > 1


def test_the_benchmark_without_files(small_textures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    benchmark.main(["--upto", "conv1_2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "neither imagenet nor caffe is here: random weights of seed 0"
    assert lines[2].startswith("mean activation per filter over datasets/textures: mean 1, largest")
    assert lines[-1].endswith("python -m common.weights get gatys imagenet")


def test_the_benchmark_with_files(small_textures, pictures, tmp_path, monkeypatch, capsys):
    """Gatys' stand-in is normalised itself: its Gram matrices are met."""
    plain = {name: (kernel, bias + 9) for name, (kernel, bias) in random_weights("conv1_2").items()}
    gatys = normalised_as_gatys(plain, pictures)
    rows = []
    for name, weights in (("imagenet", plain), ("gatys", gatys)):
        rows.append({"name": name, "file": f"{name}.h5", "urls": ["x"], "what": "", "used_by": []})
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for layer, (kernel, bias) in weights.items():
                file[f"{layer}/kernel"], file[f"{layer}/bias"] = kernel, bias
    (tmp_path / "manifest.json").write_text(json.dumps(rows))
    monkeypatch.setattr(pretrained_files, "MANIFEST", tmp_path / "manifest.json")
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    pretrained_files.manifest.cache_clear()
    try:
        benchmark.main(["--upto", "pool1"])
    finally:
        pretrained_files.manifest.cache_clear()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"weights from {tmp_path / 'imagenet.h5'}"
    begin = f"gatys weights from {tmp_path / 'gatys.h5'}: mean activation per filter over "
    (line,) = (line for line in lines if line.startswith(begin))
    assert "mean 1, largest deviation " in line
    assert float(line.split("largest deviation ")[1].split(" ")[0]) < 1e-4
    assert lines[-3:] == [
        "| conv1_1 | 0.000 | 0.000 | 1.00 |",
        "| conv1_2 | 0.000 | 0.000 | 1.00 |",
        "| pool1 | 0.000 | 0.000 |  |",
    ]
