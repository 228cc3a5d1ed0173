"""What a classifier says of a run's pictures, from the command line."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from tests.leftovers import pixels, snapshot
from tests.reproductions.keras_gan.commands import RESULTS, TINY, only, write_pictures

EVALUATION = "--samples 30 --confidence 0.2"


def read(run):
    """The rows of `evaluation.csv`."""
    with (run / "evaluation.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["class", "pictures", "confident"]
    return [(name, int(count), int(confident)) for name, count, confident in rows]


@pytest.fixture
def evaluated(run, script):
    """A run that was evaluated on thirty pictures, and how that ended."""
    ended = script("evaluate", EVALUATION)
    assert (ended.status, ended.err) == (0, "")
    return run, ended


def test_digits(evaluated):
    """A row for each class; the terminal tells the same."""
    run, ended = evaluated
    table = read(run)
    assert [name for name, *_ in table] == [str(digit) for digit in range(10)]
    assert sum(count for _, count, _ in table) == 30
    assert all(0 <= confident <= count for _, count, confident in table)
    begin, judge, of_run, *classes = ended.out.splitlines()
    assert begin == "training a classifier on 40 pictures"
    assert re.fullmatch(
        r"classifier: \d+\.\d% of 4 held-out pictures right, confidence above 0\.2 in \d+\.\d%",
        judge,
    )
    sure = [confident for *_, confident in table]
    most = max(count for _, count, _ in table)
    assert of_run == (
        f"{RESULTS / run.name}: {sum(sure) / 30:.1%} of 30 generated pictures classified with "
        f"confidence above 0.2; {sum(map(bool, sure))} of 10 classes present; the most frequent "
        f"{most / 30:.1%}"
    )
    assert classes == [f"  {name}: {count}, {some} with confidence" for name, count, some in table]


def test_the_sheet_and_the_same_call_again(evaluated, script):
    """A row for each class: as many pictures as there are, twelve at most, on black."""
    run, _ = evaluated
    sheet = pixels(run / "evaluation.png")
    times = sheet.shape[0] // 100
    assert sheet.shape == (100 * times, 120 * times, 3)
    cells = sheet[::times, ::times].reshape(10, 10, 12, 10, 3).swapaxes(1, 2)[:, :, 1:-1, 1:-1]
    shown = cells.any(axis=(2, 3, 4)).sum(axis=1)
    assert shown.tolist() == [min(count, 12) for _, count, _ in read(run)]
    before = (run / "evaluation.csv").read_bytes()
    assert script("evaluate", EVALUATION).status == 0
    assert (run / "evaluation.csv").read_bytes() == before
    np.testing.assert_array_equal(pixels(run / "evaluation.png"), sheet)


def own(folder, script):
    """A run on pictures of one's own."""
    assert script("train", f"--dataset pics --epochs 1 {' '.join(TINY)}").status == 0
    return folder / only(folder)


def test_classes_are_subfolders(folder, script):
    write_pictures(folder / "pics" / "sea")
    write_pictures(folder / "pics" / "wood, burnt", 7)
    run = own(folder, script)
    assert script("evaluate", "--samples 9").status == 0
    table = read(run)
    assert [name for name, *_ in table] == ["sea", "wood, burnt"]
    assert sum(count for _, count, _ in table) == 9


def test_a_folder_without_classes(folder, script):
    write_pictures(folder / "pics")
    run = own(folder, script)
    before = snapshot(run)
    ended = script("evaluate")
    assert ended.status == 1
    assert ended.error == f"error: {folder / 'pics'} has no classes: no labels, or no subfolders"
    assert snapshot(run) == before
    shutil.rmtree(folder / "pics")
    ended = script("evaluate")
    assert ended.status == 1 and ended.error.startswith("error: no dataset ")


def test_before_training(folder, script):
    ended = script("evaluate")
    assert ended.status == 1 and ended.error.startswith("error: no GAN has been trained in ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", 5),
        ("images", {}),
        ("images", -1),
        ("image_size", KeyError),
        ("image_size", -1),
        ("color", "blue"),
    ],
    ids=str,
)
def test_damaged_settings(run, script, name, value):
    """What the data were is not known any more."""
    saved = json.loads((run / "run.json").read_text())
    saved["flags"][name] = value
    if value is KeyError:
        del saved["flags"][name]
    (run / "run.json").write_text(json.dumps(saved))
    ended = script("evaluate", "--samples 2")
    assert ended.status in (1, 2)
    assert ended.error.startswith("error: ")
    assert not (run / "evaluation.csv").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--samples 0", "must be 1 or more, got 0"),
        ("--samples x", "must be a whole number"),
        ("--confidence 1", "must be from 0 to below 1"),
        ("--confidence nan", "must be a finite"),
        ("--seed -1", "must be a whole number from 0"),
    ],
)
def test_bad_flags(folder, script, flags, message):
    ended = script("evaluate", flags)
    assert ended.status == 2
    assert ended.error.startswith("evaluate.py: error: ") and message in ended.error
