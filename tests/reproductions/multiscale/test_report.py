import csv

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from common.errors import UserError, warn
from common.reporting import CURVE, LOSSES
from reproductions.multiscale.report import Report, draw_curve, read_losses

HEADER = "iteration,evaluations,loss,seconds\n"


def table(folder):
    with open(folder / LOSSES, newline="") as file:
        return list(csv.reader(file))


def events(folder):
    """Tag -> the steps at which it was written."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in EventFileLoader(str(path)).Load():
            for value in record.summary.value:
                found.setdefault(value.tag, []).append(record.step)
    return found


def test_a_run(tmp_path, capsys):
    report = Report(tmp_path, total=3)
    for i in range(3):
        report.step(i, 10.0 / (i + 1), 2 * i + 2)
        # A reader sees each row at once.
        assert len(read_losses(tmp_path)) == i + 1
    report.pictures(2, np.zeros((2, 4, 5, 3), np.uint8))
    report.close()
    header, *rows = table(tmp_path)
    assert header == ["iteration", "evaluations", "loss", "seconds"]
    assert [row[:3] for row in rows] == [
        ["0", "2", "10.0"],
        ["1", "4", "5.0"],
        ["2", "6", repr(10 / 3)],
    ]
    assert [row[2] for row in read_losses(tmp_path)] == [10.0, 5.0, 10 / 3]
    seconds = [row[3] for row in read_losses(tmp_path)]
    assert seconds == sorted(seconds) and seconds[0] >= 0
    found = events(tmp_path)
    assert found["loss"] == [0, 1, 2]
    assert found["frames/0"] == found["frames/1"] == [2]
    with Image.open(tmp_path / CURVE) as curve:
        assert curve.format == "PNG" and curve.size == (600, 400)
    # No bar where standard error is not a terminal; a line with each picture instead.
    out, err = capsys.readouterr()
    assert out.startswith("iteration 3 of 3, loss 3.333, 0 s left") and err == ""


def test_a_resumed_run_drops_what_it_makes_again(tmp_path):
    (tmp_path / LOSSES).write_text(HEADER + "0,2,9.0,1.0\n1,3,8.0,2.0\n2,5,7.0,3.0\n3,6,6.0,4.0\n")
    report = Report(tmp_path, total=4, first=2)
    report.step(2, 6.5, 2)
    report.close()
    rows = read_losses(tmp_path)
    assert [row[:3] for row in rows] == [(0, 2, 9.0), (1, 3, 8.0), (2, 5, 6.5)]
    assert rows[2][3] >= 2.0


@pytest.mark.parametrize(
    "torn", ["2,5", "2,5,7.0", "2,", "\0\0\0\0", "2,5,7.0,x", "x" * 200_000, "2,5,7.0,3.0,9", "é\n"]
)
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    whole = HEADER + "0,2,9.0,1.0\n1,3,8.0,2.0\n"
    (tmp_path / LOSSES).write_text(whole + torn, encoding="latin-1")
    assert [row[0] for row in read_losses(tmp_path)] == [0, 1]
    report = Report(tmp_path, total=3, first=2)
    report.step(2, 7.0, 1)
    report.close()
    assert [row[:3] for row in read_losses(tmp_path)] == [(0, 2, 9.0), (1, 3, 8.0), (2, 4, 7.0)]
    assert len(table(tmp_path)) == 4


def test_no_losses_yet(tmp_path):
    assert read_losses(tmp_path) == []
    (tmp_path / LOSSES).touch()
    assert read_losses(str(tmp_path)) == []
    Report(tmp_path, total=3).close()
    assert table(tmp_path) == [["iteration", "evaluations", "loss", "seconds"]]
    assert not (tmp_path / CURVE).exists()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        Report(tmp_path / "missing", total=3)


def test_a_bar_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    report = Report(tmp_path, total=8, first=5)
    report.step(5, 3.25, 1)
    report.pictures(5, np.zeros((1, 4, 4, 3), np.uint8))
    report.close()
    out, err = capsys.readouterr()
    assert "6/8" in err and "loss 3.25" in err
    assert out == ""


@pytest.mark.parametrize("losses", [(5.0, 2.0, 1.0), (1.0, 0.0), (3.0, -1.0), (2.0,)])
def test_curves(tmp_path, losses):
    draw_curve(tmp_path / CURVE, [(i, i, loss, 0.0) for i, loss in enumerate(losses)])
    pixels = np.asarray(Image.open(tmp_path / CURVE).convert("L"))
    assert pixels.min() < 100 < pixels.max()


def test_warnings_are_one_line(capsys):
    warn("mind the gap")
    assert capsys.readouterr() == ("", "warning: mind the gap\n")
