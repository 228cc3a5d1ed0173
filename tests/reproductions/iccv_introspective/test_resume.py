"""Runs that are broken off go on to exactly what an unbroken run makes."""

import json
import os
import shutil
import signal
import sys

import h5py
import numpy as np
import pytest

from common.errors import UserError
from common.runs import load_state
from reproductions.iccv_introspective import journal, learn_run
from reproductions.iccv_introspective.journal import Journal
from reproductions.iccv_introspective.options import parse_learning
from reproductions.iccv_introspective.run_folder import running
from tests.leftovers import assert_same, files_below
from tests.reproductions.iccv_introspective.commands import (
    BATCH,
    EPOCHS,
    IMAGES,
    SMALL,
    STEPS,
    SYNTHESIS,
    call,
    contents,
    copied,
    has_row,
    only_run,
    rows,
    script_path,
    synthesized,
    unbroken,
    write_texture,
)
from tests.scripts import finish, start, wait_until, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

#: Steps of learning and evaluation in rounds 0 and 1, and of synthesis in each.
LEARNING = [EPOCHS * -(-2 * IMAGES * (number + 1) // BATCH) + 2 * 10 for number in range(2)]
SYNTHESES = 2 * STEPS


def all_contents(run, rounds, learning=True):
    """Also the names of all files, but for those of the events, of which each process adds one."""
    files = {name for name in files_below(run) if not name.startswith("events.")}
    return {**contents(run, rounds, learning), "files": sorted(files)}


ARGV = ["a.png", *SMALL, "--rounds", 2, "--save_interval"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Folders of processes that are killed or interrupted from outside, and how they ended."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("learning", "Ctrl-C")}
    for folder in folders.values():
        write_texture(folder / "a.png")
    script = script_path("learn_texture")
    processes = {
        "learning": start([script, *ARGV, 0], folders["learning"]),
        "Ctrl-C": start([script, *ARGV, 300], folders["Ctrl-C"]),
    }
    for name, row, number in (
        ("Ctrl-C", "0,learning,1", signal.SIGINT),
        ("learning", "1,learning,2", signal.SIGKILL),
    ):
        process, folder = processes[name], folders[name]
        wait_until(process, has_row(lambda folder=folder: only_run(folder), row))
        process.send_signal(number)
    return {name: (folders[name], finish(process)) for name, process in processes.items()}


@pytest.fixture
def resume(monkeypatch, capfd):
    """Goes on with a run in a folder; it must end well."""

    def resume(folder, *argv, script="learn_texture"):
        monkeypatch.chdir(folder)
        ended = call(script, ["--resume", "latest", *argv], monkeypatch, capfd)
        assert ended.status == 0, ended.err
        return ended

    return resume


@pytest.fixture
def killed(tmp_path, monkeypatch, capfd):
    """Leaves in the test's folder what `kill -9` leaves right after so many steps of a script."""

    def killed(script, argv, calls):
        note, made = Journal.note, []

        def noted(*arguments):
            note(*arguments)
            made.append(1)
            if len(made) == calls:
                shutil.copytree("results", "left")
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.chdir(tmp_path)
            patched.setattr(Journal, "note", noted)
            assert call(script, argv, patched, capfd).status == 130
        shutil.rmtree(tmp_path / "results")
        (tmp_path / "left").rename(tmp_path / "results")

    return killed


def test_killed_while_learning(broken, resume):
    """With a state that was saved after each step, and then with more rounds."""
    folder, ended = broken["learning"]
    run = only_run(folder)
    assert ended.status == -signal.SIGKILL
    assert list(run.glob("running.*")) and not (run / "checkpoints/round_1.weights.h5").exists()
    state = load_state(run)
    assert state["round"] == 1 and "weight0" in state
    # The kill may have torn the table's last line.
    with open(run / "losses.csv", "a") as file:
        file.write("1,learning,6,1")
    before = rows_of_round(run, 0)
    resume(folder, "--rounds", 3)
    assert_same(all_contents(run, 3), all_contents(unbroken().run, 3))
    assert rows_of_round(run, 0) == before
    saved = json.loads((run / "run.json").read_text())
    assert saved["flags"]["rounds"] == 3 and "--rounds 2" in saved["command"]
    [command] = saved["resumed"]
    assert "--resume" in command and command.endswith("--rounds 3")


def rows_of_round(run, number):
    """Lines of the table, with their seconds."""
    lines = (run / "losses.csv").read_text().splitlines()
    return [line for line in lines if line.startswith(f"{number},")]


def test_killed_while_synthesising(tmp_path, killed, resume):
    """Some steps since the last save are lost, and made again."""
    write_texture(tmp_path / "a.png")
    killed("learn_texture", [*ARGV, 0.1], sum(LEARNING) + SYNTHESES + STEPS + 4)
    run = only_run(tmp_path)
    assert rows(run)[-1][:3] == ["1", "synthesis", "0"]
    assert load_state(run)["round"] == 1
    resume(tmp_path)
    assert_same(contents(run, 2), contents(unbroken().run, 2))


def test_a_synthesis_run_killed_in_a_stage(tmp_path, killed, resume):
    copied(unbroken().run, tmp_path)
    argv = ["a.png", *SYNTHESIS, "--save_interval", 0]
    killed("synthesize_texture", argv, (2 + 1) * STEPS + 3)
    run = only_run(tmp_path, "synthesize")
    state = load_state(run)
    assert (state["round"], state["batch"], len(state["numbers"])) == (1, 1, STEPS + 3)
    resume(tmp_path, script="synthesize_texture")
    assert_same(all_contents(run, 3, False), all_contents(synthesized().run, 3, False))


def test_control_c(broken, resume):
    folder, ended = broken["Ctrl-C"]
    run = only_run(folder)
    assert ended.status == 0
    assert "ending after this step" in ended.out
    assert ended.out.endswith("ended in round 0; its state is saved, --resume latest goes on\n")
    assert not list(run.glob("running.*"))
    with h5py.File(run / "data" / "index.h5", "r") as file:
        assert len(file["store/images"]) == 2 * IMAGES
        assert [path.decode() for path in file["round/paths"][:]] == ["round_0.h5"]
        assert len(file["round/0/learning/epoch/0/stats/loss"]) > 0
    assert load_state(run)["round"] == 0
    resume(folder)
    assert_same(contents(run, 2), contents(unbroken().run, 2))


def test_control_c_leaves_nothing_on_standard_error(broken):
    assert broken["Ctrl-C"][1].err == ""


def test_control_c_twice_and_at_the_end_of_a_round(tmp_path, monkeypatch, capfd, resume):
    write_texture(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    note, made = Journal.note, []

    def interrupted(*arguments):
        made.append(1)
        if len(made) == 9:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        note(*arguments)

    argv = ["a.png", *SMALL, "--rounds", 2, "--save_interval", 0]
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "note", interrupted)
        ended = call("learn_texture", argv, monkeypatch, capfd)
    assert (ended.status, ended.error) == (130, "interrupted")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    run = only_run(tmp_path)
    assert not list(run.glob("running.*"))

    save = learn_run.save_latest

    def save_latest(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        save(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(learn_run, "save_latest", save_latest)
        ended = resume(tmp_path)
    assert ended.out.endswith("ended in round 1; its state is saved, --resume latest goes on\n")
    assert load_state(run)["round"] == 1
    resume(tmp_path)
    assert_same(contents(run, 2), contents(unbroken().run, 2))
    kept = {path.name for path in (run / "data").glob("*.npy")}
    assert kept == {"syntheses_2.npy"}


class Moments:
    """Copies of a run as a kill would leave it, before and after each file that is replaced."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.names, self.wanted = folder, [], None
        self._replace = os.replace
        monkeypatch.setattr(os, "replace", self)

    def __call__(self, source, target):
        self.take("before", target)
        self._replace(source, target)
        self.take("after", target)

    def take(self, when, target):
        name = f"{len(self.names)} {when} {os.path.basename(target)}"
        self.names.append(name)
        run = only_run(self.folder)
        target = self.folder.with_name(name) / "results" / run.parent.name / run.name
        if self.wanted is None or self.wanted(self.names):
            shutil.copytree(run, target)


def moments_of_a_run(tmp_path, monkeypatch, capfd, argv, wanted):
    """Makes a run of two rounds; gives the folders of its copies."""
    folder = tmp_path / "whole"
    folder.mkdir()
    write_texture(folder / "a.png")
    with monkeypatch.context() as patched:
        patched.chdir(folder)
        moments = Moments(folder, patched)
        moments.wanted = wanted
        assert call("learn_texture", argv, patched, capfd).status == 0
    return sorted(set(tmp_path.iterdir()) - {folder}, key=lambda path: int(path.name.split()[0]))


#: The moments after which other things are there: file that is replaced, which time, when.
MOMENTS = {
    ("round_0.weights.h5", 1, "after"),
    ("round_1.h5", 1, "after"),
    ("syn0@round1.png", 1, "after"),
    ("syntheses_1.npy", 1, "after"),
    ("state.npz", 2, "after"),
}


def is_chosen(names):
    _, when, name = names[-1].split()
    return (name, sum(other.endswith(f"{when} {name}") for other in names), when) in MOMENTS


def check_moment(folder, run, resume):
    resume(folder)
    resumed = only_run(folder)
    assert_same(contents(resumed, 2), contents(run, 2))
    # What was being written when the kill came has a hidden name.
    left = {name for name in files_below(resumed) if "/." not in f"/{name}"}
    wanted = files_below(run)
    assert {n for n in left if "events." not in n} == {n for n in wanted if "events." not in n}


@pytest.mark.slow
def test_killed_at_moments_that_are_hard(tmp_path, monkeypatch, capfd, resume):
    """The state is saved at the end of a round only."""
    argv = ["a.png", *SMALL, "--rounds", 2]
    folders = moments_of_a_run(tmp_path, monkeypatch, capfd, argv, is_chosen)
    assert len(folders) == len(MOMENTS)
    for folder in folders:
        check_moment(folder, only_run(tmp_path / "whole"), resume)
    assert_same(contents(only_run(tmp_path / "whole"), 2), contents(unbroken().run, 2))


@pytest.mark.slow
@pytest.mark.parametrize("interval", [0, 300])
def test_killed_at_any_moment(tmp_path, monkeypatch, capfd, resume, interval):
    argv = ["a.png", *SMALL, "--rounds", 2, "--save_interval", interval]
    folders = moments_of_a_run(tmp_path, monkeypatch, capfd, argv, None)
    failed = []
    for folder in folders[:: 5 if interval == 0 else 1]:
        # Before the settings are there, nothing can go on.
        if not (only_run(folder) / "run.json").exists():
            continue
        try:
            check_moment(folder, only_run(tmp_path / "whole"), resume)
        except AssertionError as error:
            failed.append(f"{folder.name}: {str(error).strip()[:300]}")
        shutil.rmtree(folder)
    assert not failed, "\n".join(failed)


def test_a_finished_run_stays_as_it_is(tmp_path, resume):
    run = copied(unbroken().run, tmp_path)
    for argv in ([], ["--rounds", "1"]):
        resume(tmp_path, *argv)
        assert_same(all_contents(run, 3), all_contents(unbroken().run, 3))
        latest = "data/syntheses_3.npy"
        np.testing.assert_array_equal(np.load(run / latest), np.load(unbroken().run / latest))
        with h5py.File(run / "data" / "index.h5") as file:
            assert [len(file[f"round/{number}"]) for number in range(3)] == [2, 2, 2]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The current folder with two runs on the texture a, and one on b."""
    monkeypatch.chdir(tmp_path)
    found = [copied(unbroken().run, tmp_path, f"0703201{n}_130203") for n in (8, 7)]
    other = tmp_path / "results" / "learn_b_texture" / "07032019_130203"
    shutil.copytree(found[0], other)
    return [*found, other]


def test_the_run_to_go_on_with(runs, tmp_path):
    late, early, other = runs
    assert parse_learning(["--resume", "latest"]).resume == other.relative_to(tmp_path)
    assert parse_learning(["a.png", "--resume", "latest"]).resume == late.relative_to(tmp_path)
    for name in (early.name, str(early), f"results/learn_a_texture/{early.name}"):
        assert parse_learning(["--resume", name]).resume.resolve() == early
    flags = parse_learning(["--resume", early.name, "--save_interval", "7", "--rounds", "9"])
    assert (flags.images, flags.rounds, flags.save_interval) == (IMAGES, 9, 7)
    assert flags.comment == "tiny"


@pytest.mark.parametrize(
    "argv",
    [
        "--filters 3",
        "--patch_size 32",
        "--images 6",
        "--batch_size 4",
        "--random_seed 1",
        "--texture_size 64",
        "--resample bicubic",
        "--comment other",
        "--network small",
        "--preset quick",
    ],
)
def test_what_cannot_change(runs, monkeypatch, capfd, argv):
    ended = call("learn_texture", ["--resume", "latest", *words(argv)], monkeypatch, capfd)
    assert ended.status == 2
    line = f"{argv.split()[0]} cannot change in a resumed run; only --rounds, --save_interval can"
    if argv != "--preset quick":
        assert ended.error == f"learn_texture.py: error: {line} (-h shows all flags)"
    assert "cannot change in a resumed run" in ended.error


@pytest.mark.parametrize("argv", ["--width 21", "--number_to_synthesize 4", "--last_round 1"])
def test_what_cannot_change_in_a_synthesis_run(tmp_path, monkeypatch, capfd, argv):
    monkeypatch.chdir(tmp_path)
    copied(synthesized().run, tmp_path)
    ended = call("synthesize_texture", ["--resume", "latest", *words(argv)], monkeypatch, capfd)
    assert ended.status == 2
    assert "cannot change in a resumed run; only --save_interval can" in ended.error


def test_a_run_that_is_being_worked_on(runs, monkeypatch, capfd):
    before = {path: path.stat().st_mtime_ns for path in runs[0].rglob("*") if path.is_file()}
    with running(runs[0]):
        argv = ["a.png", "--resume", runs[0].name, "--rounds", "4"]
        ended = call("learn_texture", argv, monkeypatch, capfd)
        assert list(runs[0].glob("running.*")) == [runs[0] / f"running.{os.getpid()}"]
    assert ended.status == 1
    assert f"process {os.getpid()} is at work on the run" in ended.error
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_the_lock_of_a_killed_process_is_removed(runs):
    # No process has this number, or another one has it by now.
    for name in ("running.4194305", "running.1"):
        (runs[0] / name).touch()
    with running(runs[0]):
        assert [path.name for path in runs[0].glob("running.*")] == [f"running.{os.getpid()}"]
    assert not list(runs[0].glob("running.*"))


def test_a_run_of_the_other_script(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for script, run in (
        ("learn_texture", synthesized().run),
        ("synthesize_texture", unbroken().run),
    ):
        ended = call(script, ["--resume", run], monkeypatch, capfd)
        assert ended.status == 1 and f"{run} is no run of {script}.py" in ended.error


def test_a_state_that_cannot_be_saved_at_the_end_of_a_round(tmp_path, monkeypatch, capfd):
    """The pictures that the saved state goes on from are still there."""
    monkeypatch.chdir(tmp_path)
    copied(unbroken().run, tmp_path)
    write = journal.save_state

    def full(folder, **arrays):
        if arrays["round"] == 5:
            raise UserError("no space left")
        write(folder, **arrays)

    monkeypatch.setattr(journal, "save_state", full)
    ended = call("learn_texture", ["--resume", "latest", "--rounds", 5], monkeypatch, capfd)
    assert ended.status == 1 and "no space left" in ended.err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    ended = call("learn_texture", ["--resume", "latest", "--rounds", 5], monkeypatch, capfd)
    assert ended.status == 0, ended.err
    assert len(list(only_run(tmp_path).glob("checkpoints/*"))) == 5


def test_a_name_with_brackets(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_texture(tmp_path / "a[1].png")
    for argv in (["a[1].png", *SMALL, "--rounds", 1], ["a[1].png", "--resume", "latest"]):
        assert call("learn_texture", argv, monkeypatch, capfd).status == 0
