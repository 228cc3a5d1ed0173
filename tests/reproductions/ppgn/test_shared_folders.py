"""Runs that share a folder of results: what is replaced, and what is mixed."""

import os

import pytest

from tests.reproductions.ppgn.commands import SMALL, assert_only_warnings, call, only, prepare
from tests.scripts import error, words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def warnings_of(monkeypatch, capfd):
    """Runs sampling_class.py; gives its warnings, without that of random networks."""

    def warnings_of(argv, flags=SMALL):
        argv = [*flags, *words(argv)]
        ended = call("sampling_class", argv, monkeypatch, capfd)
        assert_only_warnings(ended)
        return [line for line in ended.err.splitlines() if "random networks" not in line]

    return warnings_of


@pytest.fixture
def begin(warnings_of, folder):
    def begin(more):
        return warnings_of(f"--units 3 --n_iters 2 --output_dir out {more}")

    return begin


@pytest.fixture
def resume(warnings_of):
    return lambda run: warnings_of(f"--resume {run}", [])


def test_a_run_of_the_same_name_is_replaced(begin, folder):
    assert begin("") == []
    run = only(folder, "out/*.run")
    assert begin("") == []
    [line] = begin("--threshold 0.5 --plain_pixels")
    assert line.startswith(f"warning: the results of out/{run.name}, a run with another ")
    assert "threshold" in line and "plain_pixels" in line and "are replaced" in line
    assert "n_iters" not in line and "units" not in line
    assert begin("--threshold 0.5 --plain_pixels") == []
    [line] = begin("")
    assert "threshold" in line and "plain_pixels" in line


def test_flags_that_change_nothing_are_not_another_run(begin):
    assert begin("") == []
    assert begin("--save_interval 5 --chains_per_call 2") == []


def test_a_run_of_another_name_is_not_replaced(begin, folder):
    begin("")
    assert begin("--seed 1") == []
    assert len(list(folder.glob("out/*.run"))) == 2


def test_nothing_of_a_replaced_run_is_left(begin, folder):
    begin("")
    run = only(folder, "out/*.run")
    event = only(run, "events.*")
    # Events of two runs in one second could have one name.
    old = event.rename(event.with_name("events.out.tfevents.1.old"))
    (run / "notes.txt").write_text("mine")
    begin("--threshold 0.5")
    assert not old.exists()
    assert len(list(run.glob("events.*"))) == 1
    assert (run / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["state.npz", "steps.csv"])
def test_what_cannot_be_removed(begin, folder, monkeypatch, capfd, name):
    begin("")
    path = only(folder, "out/*.run") / name
    path.unlink()
    path.mkdir()
    argv = [*SMALL, *words("--units 3 --n_iters 2 --output_dir out")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert ended.status == 1
    assert error(ended).startswith(f"error: cannot remove {path.relative_to(folder)}")


def made_later(run, other):
    """Makes the second run later than the first, whatever the clock of the file system."""
    began = (run / "run.json").stat().st_mtime
    os.utime(other / "run.json", (began + 60, began + 60))


def test_samples_of_another_run_that_came_later(begin, resume, folder):
    begin("")
    run = only(folder, "out/*.run")
    assert resume(run) == []
    begin("--seed 1")
    [other] = set(folder.glob("out/*.run")) - {run}
    made_later(run, other)
    [line] = resume(run)
    assert line.startswith(f"warning: {other} began after this run: samples of both may be mixed")
    # It is no news to the later one.
    made_later(run, other)
    assert resume(other) == []


@pytest.mark.parametrize("first", ["--save_every 0", "--batch 2"])
def test_runs_whose_samples_do_not_mix(begin, resume, folder, first):
    begin(first)
    run = only(folder, "out/*.run")
    begin("--seed 5")
    [other] = set(folder.glob("out/*.run")) - {run}
    made_later(run, other)
    assert resume(run) == []
