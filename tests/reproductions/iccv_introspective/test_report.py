"""What a run tells: the table, the line of a round, the curves and TensorBoard's file."""

import csv
import io
import re
import types

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

from common.errors import UserError
from reproductions.iccv_introspective import report as module
from reproductions.iccv_introspective.report import CURVES, LOSSES, Report, Row, read_losses

HEADER = ["round", "phase", "number", "steps", "first_loss", "loss", "accuracy", "seconds"]


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Makes reports of one folder, and closes them."""
    made = []

    def make(first=0, rounds=None):
        made.append(Report(tmp_path, first, rounds))
        return made[-1]

    yield make
    # Curves take longer than the rest.
    monkeypatch.setattr(module, "draw_curves", lambda *_: None)
    for report in made:
        report.close()


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only when it is told to."""
    made = types.SimpleNamespace(now=50.0)
    made.perf_counter = lambda: made.now
    monkeypatch.setattr(module, "time", made)
    return made


def tell(report, number, epochs=2, pictures=0):
    """Tells a round: epochs of two steps, an evaluation in the first, two batches."""
    report.begin(number, "learning", 4)
    for epoch in range(epochs):
        for loss in (1 + number, 0.5):
            report.step(loss)
        report.epoch(number, epoch, 0.75)
        if epoch == 0:
            report.evaluation(number, 0, 0.25, 0.875)
    report.begin(number, "synthesis", 10)
    for batch in range(2):
        for loss in (4, 2, 1 + batch):
            report.step(loss)
        report.batch(number, batch)
    report.end_round(number, np.full((pictures, 8, 9, 3), 7, np.uint8))


def lines(folder):
    with open(folder / LOSSES, newline="") as file:
        return list(csv.reader(file))


def test_every_epoch_evaluation_and_batch_is_a_row(tmp_path, begin):
    tell(begin(), 0)
    header, *rows = lines(tmp_path)
    assert header == HEADER == list(Row._fields)
    wanted = [
        (0, "learning", 0, 2, 1, 0.75, 0.75),
        (0, "evaluation", 0, 1, 0.25, 0.25, 0.875),
        (0, "learning", 1, 2, 1, 0.75, 0.75),
        (0, "synthesis", 0, 3, 4, 1, np.nan),
        (0, "synthesis", 1, 3, 4, 2, np.nan),
    ]
    found = read_losses(tmp_path)
    assert len(rows) == len(found) == 5
    for row, values in zip(found, wanted, strict=True):
        np.testing.assert_equal(tuple(row[:-1]), values)
    seconds = [row.seconds for row in found]
    assert seconds == sorted(seconds) and seconds[0] >= 0 and seconds[-1] < 60


def test_a_row_is_there_as_soon_as_it_is_told(tmp_path, begin):
    report = begin()
    assert lines(tmp_path) == [HEADER]
    report.begin(0, "learning", 2)
    report.step(3.0)
    assert len(lines(tmp_path)) == 1
    report.epoch(0, 0, 0.5)
    assert lines(tmp_path)[1][:7] == ["0", "learning", "0", "1", "3.0", "3.0", "0.5"]


def test_going_on_drops_rows_from_the_round_that_is_told_anew(tmp_path, begin):
    report = begin()
    for number in range(3):
        tell(report, number)
    before = read_losses(tmp_path)
    assert [row.round for row in before] == [0] * 5 + [1] * 5 + [2] * 5
    again = begin(first=2)
    kept = read_losses(tmp_path)
    np.testing.assert_equal(kept, before[:10])
    tell(again, 2)
    after = read_losses(tmp_path)
    assert [row.round for row in after] == [0] * 5 + [1] * 5 + [2] * 5
    # Time goes on from where it was.
    assert after[10].seconds >= kept[-1].seconds
    begin(first=0)
    assert lines(tmp_path) == [HEADER]


def test_a_row_that_was_cut_short_is_dropped_with_what_follows(tmp_path, begin):
    tell(begin(), 0)
    with open(tmp_path / LOSSES, "a") as file:
        file.write("1,learning,0,2,0.5\n1,learning,1,2,1.0,1.0,1.0,9.0\n")
    assert len(read_losses(tmp_path)) == 5
    begin(first=5)
    assert len(lines(tmp_path)) == 6


def test_no_table_is_no_rows(tmp_path):
    assert read_losses(tmp_path) == []


def test_the_line_of_a_round(tmp_path, begin, capsys):
    tell(begin(), 7, epochs=3)
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"round 7: 6 learning steps, loss 4\.25, accuracy 0\.750 \(evaluated: 0\.25, 0\.875\);"
        r" 3\+3 synthesis steps, loss 4 -> 1\.5; \d+ s",
        line,
    )


def test_the_line_of_a_run_that_ends_tells_what_is_left(tmp_path, begin, capsys):
    report = begin(rounds=2)
    tell(report, 0)
    tell(report, 1)
    first, last = capsys.readouterr().out.splitlines()
    assert re.search(r"; \d+ s so far, \d+ s left$", first)
    assert re.search(r"; \d+ s so far, 0 s left$", last)


def test_the_line_of_a_round_without_learning(tmp_path, begin, capsys):
    report = begin()
    report.begin(0, "synthesis", 10)
    for batch in range(10):
        report.step(3)
        report.step(0.5)
        report.batch(0, batch)
    report.end_round(0, np.zeros((0, 8, 9, 3), np.uint8))
    (line,) = capsys.readouterr().out.splitlines()
    steps = "+".join(["2"] * 8)
    assert line.startswith(f"round 0: {steps}+... synthesis steps, loss 3 -> 0.5; ")


def curves_of(folder):
    """The curves as pixels, or None."""
    if not (folder / CURVES).exists():
        return None
    return np.asarray(Image.open(folder / CURVES).convert("RGB"))


def test_curves_appear_now_and_then_and_at_the_end(tmp_path, begin, clock):
    report = begin()
    tell(report, 0)
    clock.now += 100
    assert curves_of(tmp_path) is None
    tell(report, 1)
    first = curves_of(tmp_path)
    assert first.shape == (800, 700, 3) and len(np.unique(first)) > 10
    tell(report, 2)
    np.testing.assert_array_equal(curves_of(tmp_path), first)
    report.close()
    last = curves_of(tmp_path)
    assert last.shape == first.shape and (last != first).any()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_curves_of_a_round_that_was_broken_off(tmp_path, begin, recwarn):
    report = begin()
    report.close()
    assert curves_of(tmp_path) is None
    report = begin()
    report.begin(0, "learning", 1)
    report.step(0.5)
    report.epoch(0, 0, 1)
    report.close()
    assert curves_of(tmp_path) is not None
    assert [str(each.message) for each in recwarn] == []


def test_seconds_are_those_of_the_whole_run(tmp_path, begin, clock, capsys):
    report = begin(rounds=4)
    clock.now += 30
    tell(report, 0)
    clock.now += 10
    tell(report, 1)
    clock.now += 1000
    report = begin(first=2, rounds=4)
    clock.now += 6
    tell(report, 2)
    assert [row.seconds for row in read_losses(tmp_path)] == [30] * 5 + [40] * 5 + [46] * 5
    told = [line.partition("; ")[2] for line in capsys.readouterr().out.splitlines()]
    assert [line.partition("; ")[2] for line in told] == [
        "30 s so far, 90 s left",
        "40 s so far, 40 s left",
        "46 s so far, 6 s left",
    ]


def test_tensorboard_has_the_numbers_and_pictures_of_a_round(tmp_path, begin):
    report = begin()
    tell(report, 3, pictures=2)
    report.close()
    (path,) = tmp_path.glob("events.out.tfevents.*")
    found = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            assert event.step == 3
            found[value.tag] = make_ndarray(value.tensor)
    for number in range(2):
        width, height, *pictures = found.pop(f"syntheses/{number}")
        assert (int(width), int(height), len(pictures)) == (9, 8, 1)
        with Image.open(io.BytesIO(pictures[0])) as picture:
            np.testing.assert_array_equal(picture, np.full((8, 9, 3), 7))
    assert {tag: float(number) for tag, number in found.items()} == {
        "learning/loss": 2.25,
        "learning/accuracy": 0.75,
        "learning/steps": 4,
        "evaluation/loss": 0.25,
        "evaluation/accuracy": 0.875,
        "evaluation/steps": 1,
        "synthesis/first_loss": 4,
        "synthesis/loss": 2,
        "synthesis/steps": 6,
    }


def test_a_table_that_cannot_be_written(tmp_path, begin):
    report = begin()
    report.begin(0, "learning", 1)
    report.step(1)
    (tmp_path / LOSSES).unlink()
    (tmp_path / LOSSES).mkdir()
    with pytest.raises(UserError, match="cannot write"):
        report.epoch(0, 0, 1)
    with pytest.raises(UserError, match="cannot write"):
        Report(tmp_path / "missing", 0, None)
