"""Pixels as the networks take them, and back; windows; sheets of pairs."""

import numpy as np
import pytest

from common.pictures import grid
from reproductions.ppgn.training.pixels import as_input, as_pixels, pairs, window

#: ImageNet's mean colour, BGR, as Caffe's example of it has it to five digits.
MEAN = (104.00648, 116.66902, 122.67946)


def every_value(channels):
    """All values of all channels, each channel in an order of its own."""
    values = np.arange(256, dtype=np.uint8)
    return np.stack([np.roll(values, 7 * c) for c in range(channels)], -1).reshape(
        2, 8, 16, channels
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_there_and_back(channels):
    pixels = every_value(channels)
    images = np.asarray(as_input(pixels))
    assert images.dtype == np.float32 and images.shape == pixels.shape
    again = as_pixels(images)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, pixels)


def test_rgb_becomes_bgr_minus_the_mean():
    [[[blue, green, red]]] = np.asarray(as_input(np.array([[[[200, 100, 50]]]], np.uint8)))[0:1, 0]
    # Six digits of the mean are known here.
    assert blue == pytest.approx(50 - MEAN[0], abs=1e-5)
    assert green == pytest.approx(100 - MEAN[1], abs=1e-5)
    assert red == pytest.approx(200 - MEAN[2], abs=1e-5)


def test_grey_minus_the_mean_of_the_mean():
    found = np.asarray(as_input(np.array([[[[200]]]], np.uint8)))
    assert found.item() == pytest.approx(200 - np.mean(MEAN), abs=1e-5)


def test_pixels_are_rounded_and_cut():
    images = np.asarray(as_input(np.full((1, 1, 6, 3), 100, np.uint8)))
    moved = images + np.array([-101, -100.4, 0.4, 0.6, 154.7, 300], np.float32)[:, None]
    assert as_pixels(moved)[0, 0, :, 0].tolist() == [0, 0, 100, 101, 255, 255]


def numbered(count, outer, channels):
    """Pictures whose values tell picture, row and column."""
    picture, row, column = np.indices((count, outer, outer))
    return (picture * 100 + row * 10 + column).astype(np.uint8)[..., None].repeat(channels, -1)


@pytest.mark.parametrize(
    ("outer", "side", "first"), [(9, 5, 2), (9, 4, 2), (8, 5, 1), (8, 4, 2), (9, 8, 0)]
)
def test_window_in_the_middle(outer, side, first):
    pixels = numbered(2, outer, 3)
    found = window(pixels, side)
    assert found.shape == (2, side, side, 3)
    np.testing.assert_array_equal(found, pixels[:, first : first + side, first : first + side])


def test_window_of_caffenet():
    """227 of 256 begin at 14, as the sampler's."""
    rows = np.arange(256, dtype=np.uint8)[None, :, None, None] * np.ones((1, 1, 256, 1), np.uint8)
    assert window(rows, 227)[0, 0, 0, 0] == 14


def test_window_of_the_whole():
    pixels = numbered(2, 6, 1)
    np.testing.assert_array_equal(window(pixels, 6), pixels)


def test_windows_at_offsets():
    """Each picture has its own: row, then column."""
    found = window(numbered(3, 8, 1), 3, np.array([[0, 5], [2, 1], [5, 0]]))
    assert found.shape == (3, 3, 3, 1)
    assert found[:, 0, 0, 0].tolist() == [5, 121, 250]
    assert found[:, -1, -1, 0].tolist() == [27, 143, (272) % 256]


def plain(values):
    """Pictures of 300 pixels' side, which are not enlarged, each of one grey."""
    return np.broadcast_to(
        np.array(values, np.uint8)[:, None, None, None], (len(values), 300, 300, 1)
    )


def cells(sheet):
    """The greys of a sheet of such pictures."""
    return sheet[150::302, 150::302, 0].tolist()


def test_pairs_below_each_other():
    sheet = pairs(plain([1, 2, 3, 4]), plain([11, 12, 13, 14]), columns=2)
    assert sheet.shape == (4 * 302, 2 * 302, 3) and sheet.dtype == np.uint8
    assert cells(sheet) == [[1, 2], [11, 12], [3, 4], [13, 14]]


def test_fewer_pairs_than_columns():
    sheet = pairs(plain([1, 2, 3]), plain([11, 12, 13]))
    assert cells(sheet) == [[1, 2, 3], [11, 12, 13]]


def test_pairs_of_colours():
    random = np.random.default_rng(0)
    above, below = random.integers(0, 256, (2, 4, 5, 5, 3)).astype(np.uint8)
    wanted = grid(np.stack([*above[:2], *below[:2], *above[2:], *below[2:]]), 2)
    np.testing.assert_array_equal(pairs(above, below, 2), wanted)
