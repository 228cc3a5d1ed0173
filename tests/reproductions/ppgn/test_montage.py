"""Montages, crops and the parts of recipes' pictures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from common.errors import UserError
from reproductions.ppgn.montage import crop, montage, read_all, same_size
from reproductions.ppgn.pixels import letters_that_fit, save_jpeg, with_label


def picture(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 3))
def test_tiles(count, columns, border):
    height, width = 4, 6
    sheet = montage([picture(height, width, i) for i in range(count)], columns, border)
    across = min(columns, count)
    down = -(-count // across)
    cell = height + 2 * border, width + 2 * border
    assert sheet.shape == (down * cell[0], across * cell[1], 3)
    seen = np.full_like(sheet, 255)
    for i in range(count):
        top, left = i // across * cell[0] + border, i % across * cell[1] + border
        seen[top : top + height, left : left + width] = i
    np.testing.assert_array_equal(sheet, seen)


def test_smaller_pictures_are_centred():
    sheet = montage([picture(6, 8, 0), picture(2, 4, 9)], 2)
    assert sheet.shape == (8, 20, 3)
    assert (sheet[3:5, 13:17] == 9).all()
    sheet[3:5, 13:17] = 255
    assert (sheet[:, 10:] == 255).all()


def test_crops():
    pixels = np.arange(20 * 20 * 3, dtype=np.uint16).reshape(20, 20, 3)
    np.testing.assert_array_equal(crop(pixels, 5, 3), pixels[3:8, 3:8])


def test_frames_of_one_size():
    frames = same_size([picture(4, 4, 7), picture(6, 3, 9)])
    assert {frame.shape for frame in frames} == {(6, 4, 3)}
    assert (frames[0][:4] == 7).all() and (frames[0][4:] == 255).all()
    assert (frames[1][:, :3] == 9).all() and (frames[1][:, 3:] == 255).all()


def test_a_picture_that_is_gone(tmp_path):
    with pytest.raises(UserError, match="no such picture"):
        read_all([tmp_path / "00000.jpg"])


@pytest.mark.parametrize("width", [1, 12, 227, 690])
@pytest.mark.parametrize(
    "text", ["", "junco", "a long sentence with very many words in it" * 3, "Zoë"]
)
def test_labels_below(width, text):
    pixels = picture(20, width, 128)
    labelled = with_label(pixels, text)
    left, _, right, _ = ImageFont.load_default(8).getbbox(text, anchor="ls")
    needed = math.ceil(right - left)
    assert labelled.shape[0] > 30 and labelled.shape[2] == 3
    # As wide as the picture, or as the smallest letters need.
    assert width <= labelled.shape[1] <= max(width, needed)
    left = (labelled.shape[1] - width) // 2
    assert (labelled[:20, left : left + width] == 128).all() and (labelled[20:25] == 255).all()
    if text and width > 200:
        assert labelled[25:].min() < 100
    assert with_label(pixels, text, 9).shape[0] <= labelled.shape[0] or labelled.shape[0] < 45


def test_letters_are_as_large_as_fits():
    sizes = [letters_that_fit("a" * count, 227) for count in (1, 10, 20, 30, 99)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (30, 8)


def test_a_picture_too_large_for_a_jpeg(tmp_path):
    with pytest.raises(UserError, match="70000x1, too large for a JPEG"):
        save_jpeg(picture(1, 70000, 0), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())
