"""The Gaussian and Laplacian pyramids against the original's."""

import numpy as np
import pytest

from common.backend import to_tensor
from reproductions.multiscale.pyramid import expand, gaussian_pyramid, laplacian_pyramid, reduce
from tests.reproductions.multiscale.references import arrays, error_of_maximum

pytestmark = pytest.mark.reference

INPUTS = {
    "even": (1234, (1, 96, 80, 3), 4),
    "odd": (1235, (1, 97, 83, 3), 4),
    "batch": (1236, (3, 64, 72, 3), 3),
}


def made(name):
    """The input of a reference and how many octaves it has."""
    seed, shape, octaves = INPUTS[name]
    random = np.random.RandomState(seed)
    return random.uniform(-128, 128, shape).astype(np.float32), octaves


def check(found, wanted):
    assert found.shape == wanted.shape
    assert error_of_maximum(found, wanted) < 1e-6


@pytest.mark.parametrize("name", INPUTS)
def test_gaussian_levels(name):
    images, octaves = made(name)
    levels = gaussian_pyramid(images, octaves)
    assert len(levels) == octaves
    np.testing.assert_array_equal(levels[0], images)
    for i in range(1, octaves):
        check(np.asarray(levels[i]), arrays("pyramid")[f"{name}_gauss_{i}"])


def test_another_kernel():
    found = np.asarray(reduce(made("even")[0], a=0.3))
    check(found, arrays("pyramid")["even_reduce_a0.3"])


@pytest.mark.parametrize("name", INPUTS)
def test_expansion_of_a_level_in_a_border_of_zeros(name):
    """Which holds what the original calls a `valid` expansion."""
    level = np.pad(arrays("pyramid")[f"{name}_gauss_1"], ((0, 0), (2, 2), (2, 2), (0, 0)))
    found = np.asarray(expand(level))[:, 2:-2, 2:-2]
    check(found[:, ::2, ::2], arrays("pyramid")[f"{name}_expand_valid_1_s2"])


@pytest.mark.parametrize("name", INPUTS)
def test_expanded_levels(name):
    for i in range(1, INPUTS[name][2]):
        found = np.asarray(expand(arrays("pyramid")[f"{name}_gauss_{i}"]))
        check(found[:, ::2, ::2], arrays("pyramid")[f"{name}_expand_{i}_s2"])


@pytest.mark.parametrize("name", INPUTS)
def test_laplacian_levels(name):
    images, octaves = made(name)
    levels = laplacian_pyramid(to_tensor(images), octaves)
    assert len(levels) == octaves - 1
    for i, level in enumerate(levels):
        check(np.asarray(level)[:, ::2, ::2], arrays("pyramid")[f"{name}_laplacian_{i}_s2"])


@pytest.mark.parametrize("side", [5, 6, 67, 137])
def test_each_level_loses_its_borders(side):
    (_, level) = gaussian_pyramid(np.zeros((1, side, side, 3), np.float32), 2)
    assert level.shape == (1, (side - 5) // 2 + 1, (side - 5) // 2 + 1, 3)
