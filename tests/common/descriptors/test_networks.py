"""What all descriptors have in common: names, sizes, and which one is the best that is there."""

import keras
import numpy as np
import pytest

from common import descriptors, weights
from common.descriptors import KINDS, NETWORKS, PADDINGS, best, network_of
from common.errors import UserError
from tests.common.squeezenet_files import some_weights

#: Kinds whose weights need no file, or are made here.
BUILT = ("random", "squeezenet", "drawn")


def built(kind, layers, padding, ceil=False):
    network = network_of(kind)
    values = {
        "random": lambda: network.load(kind, layers[-1], [np.ones((1, 20, 20, 3), np.float32)])[0],
        "squeezenet": some_weights,
        "drawn": lambda: network.load(kind, layers[-1], [])[0],
    }[kind]()
    return network.build(values, layers, padding, "average", ceil)


def test_kinds_are_of_one_network_each():
    assert len(KINDS) == sum(len(network.weights) for network in NETWORKS)
    for kind in KINDS:
        assert kind in network_of(kind).weights
    assert [network.title for network in NETWORKS][:2] == ["VGG-19", "SqueezeNet"]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.title)
def test_layers_by_name_and_number(network):
    for number, name in enumerate(network.layers):
        assert network.number(name) == network.number(str(number)) == number
        assert network.upto(name) == network.layers[: number + 1]
    assert {*network.texture_layers, network.content_layer} <= {*network.layers}
    for wrong in (str(len(network.layers)), "-1", "conv9_9", "", "²", "1" * 99):
        with pytest.raises(UserError, match=f"no layer .* in {network.title}; there are 0 "):
            network.number(wrong)


@pytest.mark.long_to_compile
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kind", BUILT)
def test_sides_and_channels_are_those_of_the_network(kind, padding):
    network = network_of(kind)
    for ceil in (False, True):
        for height, width in ((48, 37), (21, 64)):
            layers = [
                name
                for name in network.layers[:9]
                if min(network.side_at(side, name, padding, ceil) for side in (height, width)) > 0
            ]
            model = built(kind, layers, padding, ceil)
            images = np.zeros((1, height, width, 3), np.float32)
            outputs = keras.tree.flatten(model(images))
            for name, output in zip(layers, outputs, strict=True):
                sides = [network.side_at(n, name, padding, ceil) for n in (height, width)]
                assert tuple(output.shape) == (1, *sides, network.channels(name)), name


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.title)
def test_the_smallest_side_is_the_smallest(network, padding):
    for name in network.layers:
        smallest = network.smallest_side(name, padding)
        assert network.side_at(smallest, name, padding) >= 1
        assert all(network.side_at(side, name, padding) < 1 for side in range(1, smallest))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file of the suite's own network, which may be removed."""
    path = tmp_path / "drawn_textures.npz"
    path.touch()
    monkeypatch.setattr(descriptors, "FILE", path)
    return path


def test_the_best_is_what_is_there(kept, monkeypatch):
    monkeypatch.setattr(weights, "obtainable", lambda name: kept)
    assert best() == "squeezenet"
    monkeypatch.setattr(weights, "obtainable", lambda name: None)
    assert best() == "drawn"
    kept.unlink()
    assert best() == "random"


def test_the_best_without_a_network(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    monkeypatch.setenv("PRETRAINED_OFFLINE", "1")
    assert best() == "drawn"
    # Whatever it is: its checksum is wrong, which is said instead of passed over.
    (tmp_path / "compressed_SqueezeNet.net").write_bytes(b"?")
    with pytest.raises(UserError, match="SHA-256"):
        best()
