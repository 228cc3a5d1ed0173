"""How large pictures must be, and the sizes of features, against the networks themselves."""

import numpy as np
import pytest

from common.descriptors import network_of
from common.errors import UserError
from common.vgg19_random import random_weights
from reproductions.texture_nets.descriptor import check_sides, descriptor, features_shape

VGG, SQUEEZENET = network_of("random"), network_of("squeezenet")
CONVOLUTIONS = [layer for layer in VGG.layers if layer.startswith("conv")][:8]


@pytest.mark.parametrize("no_pad", [False, True])
def test_sides_of_features(no_pad):
    """Up to conv3_4, at sizes that are no multiples."""
    network = descriptor(VGG, random_weights("conv3_4"), CONVOLUTIONS, no_pad)
    for side in (46, 50, 57):
        features = network(np.zeros((1, side, side, 3), np.float32))
        for layer, found in zip(CONVOLUTIONS, features, strict=True):
            assert features_shape(VGG, layer, side, no_pad) == found.shape[1:]


@pytest.mark.parametrize("layer", VGG.layers)
def test_the_smallest_picture(layer):
    """A convolution without a border takes two pixels; pooling rounds up."""
    smallest = {"conv1_1": 3, "conv1_2": 5, "conv2_1": 9}.get(layer)
    for side in range(1, 250):
        fits = features_shape(VGG, layer, side, True)[0] >= 1
        try:
            check_sides((side,), VGG, layer, True, "it")
            assert fits and (smallest is None or side >= smallest)
        except UserError:
            assert not fits and (smallest is None or side < smallest)
    check_sides((1,), VGG, layer, False, "it")


def test_what_is_too_small_is_refused():
    check_sides((9, 30), VGG, "conv2_1", True, "it")
    with pytest.raises(
        UserError, match="it, 8 pixels, is too small for relu2_1 with -vgg_no_pad: 9"
    ):
        check_sides((30, 8), VGG, "conv2_1", True, "it")
    with pytest.raises(UserError, match="it, 7 pixels, is too small for fire2: 9 at least"):
        check_sides((30, 7), SQUEEZENET, "fire2", False, "it")
