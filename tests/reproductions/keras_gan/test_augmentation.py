"""The ranges of augmentation, measured on ramps."""

import math

import numpy as np
import pytest
from keras import layers, ops

from reproductions.keras_gan.augmentation import augmentation

#: Height and width of the ramps, and how many of them are changed.
SIDES, DRAWS = (41, 51), 400

#: Rows and columns that nothing from outside reaches.
INNER = (slice(12, -12), slice(14, -14))

SHEAR = math.sin(math.radians(0.15))


def ramps() -> np.ndarray:
    """Pictures whose pixels are their own places, x and y from the middle."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in SIDES)
    picture = np.stack(np.broadcast_arrays(x[None], y[:, None]), axis=-1)
    return np.broadcast_to(picture, (DRAWS, *picture.shape)).astype(np.float32)


def maps(pictures: np.ndarray) -> np.ndarray:
    """Where each picture's pixels come from: (pictures, 2, 3) of x and y, by least squares."""
    places = ramps()[0][INNER].reshape(-1, 2)
    columns = np.hstack([places, np.ones((len(places), 1))]).astype(np.float64)
    values = pictures[:, INNER[0], INNER[1]].reshape(DRAWS, -1, 2)
    fitted, *_ = np.linalg.lstsq(columns, np.hstack(values), rcond=None)
    # A ramp between pixels is a ramp again: nothing is left over but rounding.
    assert np.abs(columns @ fitted - np.hstack(values)).max() < 1e-3
    return fitted.T.reshape(DRAWS, 2, 3)


def layer(kind: type):
    (found,) = (each for each in augmentation(3).layers if isinstance(each, kind))
    return found


def changed(model, pictures: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(model(pictures, training=True))


def maps_of(kind: type) -> np.ndarray:
    """What one of the layers does."""
    return maps(changed(layer(kind), ramps()))


def fills(found: np.ndarray, low: float, high: float, rounding: float) -> None:
    """Numbers are in a range, come near its ends, and lie evenly."""
    assert low - rounding <= found.min()
    assert found.max() <= high + rounding
    # The chance that all of 400 stay off an end by a 20th is 1e-9.
    assert found.min() < low + (high - low) / 20
    assert found.max() > high - (high - low) / 20
    # Five deviations of the mean of so many of a uniform distribution.
    assert abs(found.mean() - (low + high) / 2) < 5 * (high - low) / (12 * DRAWS) ** 0.5


def test_rotation():
    """By up to 10 degrees either way, about the middle, and nothing else."""
    found = maps_of(layers.RandomRotation)
    angles = np.degrees(np.arctan2(found[:, 1, 0], found[:, 0, 0]))
    fills(angles, -10, 10, 1e-3)
    sines, cosines = np.sin(np.radians(angles)), np.cos(np.radians(angles))
    wanted = np.stack([np.stack([cosines, -sines], 1), np.stack([sines, cosines], 1)], 1)
    np.testing.assert_allclose(found[:, :, :2], wanted, atol=1e-5)
    np.testing.assert_allclose(found[:, :, 2], 0, atol=1e-4)


def test_shift():
    """By up to a tenth of width and height, each for itself, and nothing else."""
    found = maps_of(layers.RandomTranslation)
    for axis, side in ((0, SIDES[1]), (1, SIDES[0])):
        fills(found[:, axis, 2] / side, -0.1, 0.1, 1e-5)
    assert abs(np.corrcoef(found[:, 0, 2], found[:, 1, 2])[0, 1]) < 0.25
    np.testing.assert_allclose(
        found[:, :, :2], np.broadcast_to(np.eye(2), (DRAWS, 2, 2)), atol=1e-5
    )


def test_shear():
    """By up to 0.15 degrees (not radians) either way, along x."""
    found = maps_of(layers.RandomShear)
    fills(found[:, 0, 1], -SHEAR, SHEAR, 1e-5)
    np.testing.assert_allclose(found[:, 1], np.broadcast_to([0, 1, 0], (DRAWS, 3)), atol=1e-5)
    np.testing.assert_allclose(found[:, 0, 0], 1, atol=1e-5)


def test_zoom():
    """By 0.9 to 1.1, width and height each for itself, about the middle."""
    found = maps_of(layers.RandomZoom)
    fills(found[:, 0, 0], 0.9, 1.1, 1e-5)
    fills(found[:, 1, 1], 0.9, 1.1, 1e-5)
    assert abs(np.corrcoef(found[:, 0, 0], found[:, 1, 1])[0, 1]) < 0.25
    np.testing.assert_allclose(found[:, [0, 1], [1, 0]], 0, atol=1e-5)
    np.testing.assert_allclose(found[:, :, 2], 0, atol=1e-4)


def test_mirroring():
    """Half of the pictures, left and right only."""
    pictures = changed(layer(layers.RandomFlip), ramps())
    original = ramps()[0]
    mirrored = (pictures == original[:, ::-1]).all((1, 2, 3))
    assert (mirrored | (pictures == original).all((1, 2, 3))).all()
    # Five deviations of the mean of so many coins.
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / DRAWS**0.5


def test_all_together():
    """A picture is turned, shifted, sheared, zoomed and mirrored, and never more than that."""
    found = maps(changed(augmentation(3), ramps()))
    linear = found[:, :, :2]
    mirrored = np.linalg.det(linear) < 0
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / DRAWS**0.5
    # Rotations and mirrors stretch nothing, and shear hardly.
    stretches = np.linalg.svd(linear, compute_uv=False)
    assert 0.9 * (1 - SHEAR) < stretches.min() < 0.91
    assert 1.09 < stretches.max() < 1.1 * (1 + SHEAR)
    # A turned picture's vertical axis; unequal zooms, (0.9..1.1) / (0.9..1.1), turn it further.
    lean = np.degrees(np.arctan2(np.abs(linear[:, 1, 0]), np.abs(linear[:, 0, 0])))
    most = np.degrees(np.arctan(np.tan(np.radians(10)) * 1.1 / 0.9 + SHEAR))
    assert 8 < lean.max() < most
    for axis, side in ((0, SIDES[1]), (1, SIDES[0])):
        # The shift, turned and with what the shear about a corner adds.
        furthest = 0.1 * side + SHEAR * max(SIDES) + math.sin(math.radians(10)) * 0.1 * max(SIDES)
        assert 0.08 * side < np.abs(found[:, axis, 2]).max() < furthest


def test_nearest_pixels_come_in():
    """A shifted ramp stops at its border's value."""
    shift = layer(layers.RandomTranslation)
    pictures = changed(shift, ramps())
    offsets = maps(pictures)[:, :, 2]
    bounds = (np.array(SIDES[::-1]) - 1) / 2
    wanted = np.clip(ramps() + offsets[:, None, None], -bounds, bounds)
    # Rounding of numbers up to 25, and of the fit.
    np.testing.assert_allclose(pictures, wanted, atol=1e-3)


def test_constant_pictures_stay():
    """Nothing dark comes in from outside, and no brightness changes."""
    constant = np.full((50, 20, 24, 3), [0.5, 127.25, 255], np.float32)
    found = changed(augmentation(1), constant)
    np.testing.assert_allclose(found, constant, rtol=1e-5)


def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (6, 12, 10, 1)).astype(np.float32)


def test_it_can_be_repeated():
    """The same seed gives the same pictures, batch after batch; each batch is changed anew."""
    one, other = (
        [changed(model, noise()) for _ in range(2)] for model in map(augmentation, (7, 7))
    )
    np.testing.assert_array_equal(one, other)
    assert np.abs(one[0] - one[1]).max() > 1
    assert np.abs(changed(augmentation(8), noise()) - one[0]).max() > 1


def test_pictures_of_a_batch_differ():
    """Each is changed for itself."""
    same = np.repeat(noise()[:1], 20, axis=0)
    found = changed(augmentation(7), same).reshape(20, -1)
    assert len(np.unique(found, axis=0)) == 20


@pytest.mark.parametrize("seed", [0, 2**31, 2**32 - 1])
def test_any_seed(seed):
    """All seeds that the flag takes."""
    found = changed(augmentation(seed), noise())
    assert found.shape == noise().shape
    assert np.isfinite(found).all()
    assert np.abs(found - noise()).max() > 1
