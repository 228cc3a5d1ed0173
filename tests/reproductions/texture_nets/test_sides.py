"""How large pictures must be, against the network itself."""

import numpy as np
import pytest

from common.errors import UserError
from common.vgg19_layers import LAYERS
from common.vgg19_random import random_weights
from reproductions.texture_nets.descriptor import descriptor
from reproductions.texture_nets.sides import check_sides, side_at, smallest_side

RELUS = [layer.replace("conv", "relu") for layer in LAYERS if layer.startswith("conv")][:8]


@pytest.mark.parametrize("no_pad", [False, True])
def test_sides_of_features(no_pad):
    """Up to relu3_4, at sizes that are no multiples."""
    network = descriptor(random_weights("conv3_4"), RELUS, no_pad)
    for side in (46, 50, 57):
        features = network(np.zeros((1, side, side, 3), np.float32))
        for relu, found in zip(RELUS, features, strict=True):
            assert side_at(side, relu.replace("relu", "conv"), no_pad) == found.shape[1]


def test_the_smallest_picture():
    """A convolution without a border takes two pixels; pooling rounds up."""
    assert smallest_side("conv1_1", True) == 3
    assert smallest_side("conv1_2", True) == 5
    assert smallest_side("conv2_1", True) == 9
    assert smallest_side("conv5_4", False) == 1
    for layer in LAYERS:
        smallest = smallest_side(layer, True)
        assert side_at(smallest, layer, True) >= 1 > side_at(smallest - 1, layer, True)


def test_what_is_too_small_is_refused():
    check_sides((9, 30), ["relu1_1", "relu2_1"], True, "it")
    with pytest.raises(
        UserError, match="it, 8 pixels, is too small for relu2_1 with -vgg_no_pad: 9"
    ):
        check_sides((30, 8), ["relu2_1", "relu1_1"], True, "it")
    check_sides((1, 1), ["relu5_1"], False, "it")
