"""The report of a training run: table, lines, bar, TensorBoard and curves."""

import types

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from common import reporting as module
from common.errors import UserError
from common.reporting import CURVE, LOSSES, Report
from common.table import read_table

COLUMNS = ("image loss", "D(x)")


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only when it is told to."""
    made = types.SimpleNamespace(now=50.0)
    made.perf_counter = lambda: made.now
    monkeypatch.setattr(module, "time", made)
    return made


def events(folder):
    """Tag -> the steps at which it was written."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in EventFileLoader(str(path)).Load():
            for value in record.summary.value:
                found.setdefault(value.tag, []).append(record.step)
    return found


def rows(folder):
    return read_table(folder / LOSSES, len(COLUMNS) + 2)


def test_a_run(tmp_path, clock):
    report = Report(tmp_path, COLUMNS, total=60, shown=("D(x)",))
    for iteration in (20, 40, 60):
        clock.now += 2
        report.add(iteration, (1 / iteration, 0.5))
        # A reader sees each row at once.
        assert len(rows(tmp_path)) == iteration // 20
    report.pictures(60, np.zeros((1, 4, 5, 3), np.uint8))
    report.close()
    assert (tmp_path / LOSSES).read_text().startswith("iteration,image loss,D(x),seconds\n")
    assert rows(tmp_path) == report.rows
    assert report.rows == [(20, 0.05, 0.5, 2.0), (40, 0.025, 0.5, 4.0), (60, 1 / 60, 0.5, 6.0)]
    found = events(tmp_path)
    assert found["image_loss"] == found["D_x"] == [20, 40, 60]
    assert found.get("samples/image/0", found.get("samples")) == [60]
    with Image.open(tmp_path / CURVE) as curve:
        assert curve.format == "PNG" and curve.size == (700, 300)


def test_lines_without_a_bar(tmp_path, clock, capsys):
    """Not after the first call, which compiles; then every few seconds, and at the end."""
    report = Report(tmp_path, COLUMNS, total=100, shown=COLUMNS)
    for seconds, iteration in ((90, 10), (4, 20), (2, 30), (2, 40), (9, 100)):
        clock.now += seconds
        report.add(iteration, (0.25, 123.4))
    report.close()
    losses = "image loss 0.25, D(x) 123"
    assert capsys.readouterr() == (
        # 4 seconds for the 10 iterations after the first call.
        f"iteration 20 of 100, {losses}, 32 s left\niteration 100 of 100, {losses}, 0 s left\n",
        "",
    )


def test_a_bar_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    report = Report(tmp_path, COLUMNS, total=8, done=5, shown=("D(x)",))
    for iteration in (6, 8):
        report.add(iteration, (3.25, 0.125))
    report.close()
    out, err = capsys.readouterr()
    assert "8/8" in err and "D(x) 0.125" in err and out == ""


def test_a_resumed_run_drops_what_it_makes_again(tmp_path, clock):
    head = "iteration,image loss,D(x),seconds\n"
    (tmp_path / LOSSES).write_text(f"{head}20,1.0,0.5,3.0\n40,1.0,0.5,6.0\n60,1.0")
    report = Report(tmp_path, COLUMNS, total=60, done=20)
    clock.now += 4
    report.add(40, (2.0, 0.25))
    report.close()
    assert rows(tmp_path) == [(20, 1.0, 0.5, 3.0), (40, 2.0, 0.25, 7.0)]


def test_time_that_is_left_of_a_resumed_run(tmp_path, clock, capsys):
    """It goes by what this part of the run has done."""
    report = Report(tmp_path, COLUMNS, total=1000, done=900)
    for seconds, iteration in ((30, 910), (10, 920)):
        clock.now += seconds
        report.add(iteration, (1.0, 1.0))
    report.close()
    assert capsys.readouterr().out.endswith(" 80 s left\n")


def test_nothing_was_done(tmp_path):
    report = Report(tmp_path, COLUMNS, total=3)
    report.pictures(0, None)
    report.close()
    assert rows(tmp_path) == [] and not (tmp_path / CURVE).exists()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        Report(tmp_path / "missing", COLUMNS, total=3)
