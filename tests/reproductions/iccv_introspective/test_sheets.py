"""The contact sheet of a run."""

import numpy as np
import pytest
from PIL import Image

from reproductions.iccv_introspective.sheets import (
    SHEET,
    chosen_rounds,
    save_sheet,
    snapshot_reader,
)

GAP = 4


def picture(value, height=10, width=12):
    return np.full((height, width, 3), value, np.uint8)


def sheet_of(folder):
    return np.asarray(Image.open(folder / SHEET).convert("RGB"))


def values(sheet, height=10, width=12):
    """The grey of each picture on a sheet, row by row; white where there is none."""
    rows = range(GAP, sheet.shape[0], height + 2 * GAP)
    found = []
    for top in rows:
        for left in range(GAP, sheet.shape[1] - width, width + GAP):
            cell = sheet[top : top + height, left : left + width]
            assert len(np.unique(cell)) == 1
            found.append(int(cell[0, 0, 0]))
    return found


@pytest.mark.parametrize(
    ("last", "most", "wanted"),
    [
        (0, 17, [0]),
        (3, 17, [0, 1, 2, 3]),
        (16, 17, list(range(17))),
        (34, 18, list(range(0, 35, 2))),
        (9, 4, [0, 3, 6, 9]),
        (10, 3, [0, 5, 10]),
        (1000, 2, [0, 1000]),
    ],
)
def test_chosen_rounds_are_evenly_spaced_with_both_ends(last, most, wanted):
    assert chosen_rounds(last, most) == wanted


def test_chosen_rounds_are_as_many_as_there_may_be():
    for last in range(60):
        found = chosen_rounds(last, 17)
        assert found[0] == 0 and found[-1] == last
        assert len(found) == len(set(found)) == min(17, last + 1)
        gaps = np.diff(found)
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_a_sheet_begins_with_the_texture_and_goes_through_the_rounds(tmp_path):
    save_sheet(tmp_path, [picture(200)], 3, lambda number: picture(10 * number))
    sheet = sheet_of(tmp_path)
    # Five pictures side by side.
    assert sheet.shape == (10 + 2 * GAP, 5 * (12 + GAP) + GAP, 3)
    assert values(sheet) == [200, 0, 10, 20, 30]


def test_a_sheet_has_three_rows_of_six_at_most(tmp_path):
    save_sheet(tmp_path, [picture(200)], 32, picture)
    sheet = sheet_of(tmp_path)
    assert sheet.shape == (3 * (10 + 2 * GAP), 6 * (12 + GAP) + GAP, 3)
    assert values(sheet) == [200, *range(0, 33, 2)]


def test_a_line_that_is_not_full_ends_white(tmp_path):
    save_sheet(tmp_path, [picture(200)], 6, picture)
    sheet = sheet_of(tmp_path)
    assert sheet.shape == (2 * (10 + 2 * GAP), 6 * (12 + GAP) + GAP, 3)
    assert values(sheet) == [200, *range(7), *[255] * 4]


def test_rounds_without_a_snapshot_are_left_out(tmp_path):
    save_sheet(
        tmp_path, [picture(200)], 4, lambda number: None if number in (1, 3) else picture(number)
    )
    assert values(sheet_of(tmp_path)) == [200, 0, 2, 4]


def test_several_classes_come_first_and_a_synthesis_has_none(tmp_path):
    save_sheet(tmp_path, [picture(200), picture(201)], 40, picture)
    found = values(sheet_of(tmp_path))
    assert found[:2] == [200, 201] and len(found) == 18 and found[-1] == 40
    save_sheet(tmp_path, [], 2, picture)
    assert values(sheet_of(tmp_path)) == [0, 1, 2]


def test_snapshots_are_cut_back_by_half_a_patch(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "syn0.png")
    Image.fromarray(255 - pixels).save(tmp_path / "syn0@round2.png")
    read = snapshot_reader(tmp_path, 16)
    np.testing.assert_array_equal(read(0), pixels[8:32, 8:42])
    assert read(1) is None
    np.testing.assert_array_equal(read(2), 255 - pixels[8:32, 8:42])
