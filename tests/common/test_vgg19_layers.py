import numpy as np
import pytest

from common.descriptors import network_of
from common.vgg19 import vgg19
from common.vgg19_layers import LAYERS, channels, convolutions
from common.vgg19_random import random_weights

VGG19 = network_of("gatys")


def test_names_and_numbers():
    assert len(LAYERS) == len(set(LAYERS)) == 21
    numbers = {0: "conv1_1", 1: "conv1_2", 2: "pool1", 5: "pool2", 7: "conv3_2", 10: "pool3"}
    numbers |= {11: "conv4_1", 15: "pool4", 19: "conv5_4", 20: "pool5"}
    assert {number: LAYERS[number] for number in numbers} == numbers


def test_convolutions_up_to_a_layer():
    assert convolutions("conv1_1") == ("conv1_1",)
    assert convolutions("pool1") == ("conv1_1", "conv1_2")
    assert convolutions("conv2_1") == ("conv1_1", "conv1_2", "conv2_1")
    assert len(convolutions()) == 16


def test_channels():
    assert channels("conv1_1") == (3, 64)
    assert channels("conv1_2") == (64, 64)
    assert channels("conv3_1") == (128, 256)
    assert channels("conv3_4") == (256, 256)
    assert channels("conv5_1") == (512, 512)


def test_smallest_inputs_of_the_original():
    assert VGG19.smallest_side("pool1", "valid") == 6
    assert VGG19.smallest_side("conv3_2", "valid") == 32
    assert VGG19.smallest_side("conv5_4", "same") == VGG19.smallest_side("pool5", "wrap") == 1


def side_after(name, side):
    for layer in LAYERS[: LAYERS.index(name) + 1]:
        side = side // 2 if layer.startswith("pool") else side - 2
    return side


@pytest.mark.parametrize("name", LAYERS)
def test_smallest_input_leaves_one_pixel(name):
    smallest = VGG19.smallest_side(name, "valid")
    assert side_after(name, smallest) == 1
    assert side_after(name, smallest - 1) <= 0


@pytest.mark.parametrize("name", LAYERS[:7])
def test_smallest_input_is_what_the_network_needs(name):
    side = VGG19.smallest_side(name, "valid")
    features = vgg19(random_weights(name), [name])(np.ones((1, side, side + 1, 3), np.float32))
    assert features.shape[1] == 1
    assert np.isfinite(np.asarray(features)).all()


@pytest.mark.parametrize("padding", ["same", "wrap"])
def test_one_pixel_is_enough_with_borders(padding):
    network = vgg19(random_weights("pool2"), ["pool2"], padding=padding)
    features = network(np.ones((1, 1, 1, 3), np.float32))
    assert features.shape == (1, 1, 1, 128)
    assert np.isfinite(np.asarray(features)).all()
