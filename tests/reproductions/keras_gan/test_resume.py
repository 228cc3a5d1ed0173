"""Runs that are broken off go on to exactly what an unbroken run makes."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from common.table import Table
from reproductions.keras_gan.report import Report
from reproductions.keras_gan.run_folder import RunFolder
from reproductions.keras_gan.training import Training
from tests.leftovers import assert_same, losses, rows, snapshot, state
from tests.reproductions.keras_gan.commands import (
    PERCEPTRONS,
    RESULTS,
    SMALL,
    copied,
    only,
    results,
    script_path,
    write_pictures,
)
from tests.scripts import finish, start, wait_until, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


#: Four epochs, a state and samples after each.
FOUR = "--epochs 4 --save_interval 1 --checkpoint_interval 0"
KINDS = {
    "dcgan": FOUR,
    "mlp": f"{FOUR} --architecture mlp",
    "k=2": f"{FOUR} --k 2",
    "augmented": f"{FOUR} --augment on",
    "grown": f"{FOUR} --grow",
    "grown, newest": f"{FOUR} --grow newest",
    "minimax, colour": f"{FOUR} --loss minimax --color rgb",
}
#: Is anything left to chance, it differs between these.
QUICK = ("augmented", "grown")


def kinds(*quick):
    """All kinds of runs; those that are not named are left to the slow tests."""
    return [
        pytest.param(kind, marks=[] if kind in quick else pytest.mark.slow, id=kind)
        for kind in KINDS
    ]


def unbroken(script, flags):
    """Trains, and copies the run at each moment at which it might be killed.

    Returns:
        For each copy the name of what was written last, and the folder.
    """
    replace, add, copies = os.replace, Table.add, []

    def copy(last):
        [run] = RESULTS.iterdir()
        copies.append((last, Path(shutil.copytree(run, f"copy{len(copies)}"))))

    def replaced(source, target):
        replace(source, target)
        copy(os.path.basename(target))

    def added(table, row):
        add(table, row)
        copy("row")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "replace", replaced)
        patched.setattr(Table, "add", added)
        small = PERCEPTRONS if "mlp" in flags else SMALL
        ended = script("train", " ".join([*small, flags]))
    assert (ended.status, ended.err) == (0, "")
    return copies


def after(copies, last, number):
    """The copy after something was written for the n-th time, from 0."""
    return [run for name, run in copies if name == last][number]


def go_on(script, run, flags=""):
    """Resumes a run; what it has made in the end."""
    ended = script("train", f"--resume {run} {flags}")
    assert ended.status == 0
    # If all was trained, there is one line that says so.
    assert ended.err == "" or "epochs are done; more --epochs go on" in ended.error
    return results(run)


@pytest.mark.parametrize("kind", kinds(*QUICK))
def test_killed_after_a_row_that_the_state_has_not(kind, folder, script):
    """What was trained since the last state is trained again."""
    copies = unbroken(script, KINDS[kind])
    run = after(copies, "row", 2)
    saved, last = int(state(run)["iteration"]), int(rows(run)[-1]["iteration"])
    assert (saved, last) == (2 * last // 3, last)
    assert_same(go_on(script, run), results(only(folder)))


@pytest.mark.slow
def test_killed_at_other_moments(folder, script):
    """Before the first state, between samples and state."""
    copies = unbroken(script, KINDS["dcgan"])
    whole = results(only(folder))
    for last, number in (("run.json", 0), ("epoch_0003.png", 0)):
        assert_same(go_on(script, after(copies, last, number)), whole)


@pytest.mark.slow
def test_killed_at_any_moment(folder, script):
    copies = unbroken(script, f"{FOUR} --epochs 2")
    whole = results(only(folder))
    assert len(copies) > 15
    for last, run in copies:
        # Without settings there is no run yet.
        if (run / "run.json").exists():
            assert_same(go_on(script, run), whole)
        else:
            assert last != "row"


def kill_after(process, folder, lines):
    """Kills a script when the table has so many rows."""
    table = folder / RESULTS / "digits-dcgan" / "losses.csv"
    wait_until(process, lambda: table.exists() and table.read_text().count("\n") > lines)
    process.send_signal(signal.SIGKILL)
    assert finish(process).status == -signal.SIGKILL


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        (3, ""),
        pytest.param(1, "", marks=pytest.mark.slow),
        pytest.param(10, "--augment on", marks=pytest.mark.slow),
        pytest.param(20, "--k 2", marks=pytest.mark.slow),
    ],
)
def test_killed_from_outside(folder, script, lines, more):
    """A process of its own, by `kill -9`, while it works."""
    argv = f"{' '.join(SMALL)} --checkpoint_interval 0 --save_interval 2 {more}"
    process = start([script_path("train"), *words(argv), "--epochs", "3000"], folder)
    kill_after(process, folder, lines)
    run = only(folder)
    assert not (run / "generator.keras").exists()
    epochs = len(rows(run)) + 2
    found = go_on(script, run, f"--epochs {epochs}")
    assert script("train", f"{argv} --epochs {epochs}").status == 0
    assert_same(found, results(RESULTS / "digits-dcgan.0"))


def test_latest_is_the_run_that_was_trained_last(folder, run, script):
    """Not the one that was begun last, nor the last by name."""
    copied(run, folder / "copy").rename(run.with_name("zebra"))
    os.utime(run.with_name("zebra") / "state.npz", (0, 0))
    # This one has been made, but not trained.
    run.with_name("new").mkdir()
    shutil.copy(run / "run.json", run.with_name("new"))
    ended = script("train", "--resume latest --epochs 3")
    assert f"the run is in {RESULTS}/digits-dcgan\n" in ended.out
    assert int(state(run)["iteration"]) == 24


def interrupt(monkeypatch, owner, method, calls):
    """Sends what Ctrl-C sends after the n-th call of a method."""
    inside, made = getattr(owner, method), []

    def interrupted(*arguments):
        made.append(1)
        result = inside(*arguments)
        if len(made) == calls:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(owner, method, interrupted)


@pytest.mark.parametrize(
    ("owner", "method", "calls"),
    [
        (Training, "block", 2),
        pytest.param(RunFolder, "save", 2, marks=pytest.mark.slow),
        pytest.param(Report, "pictures", 2, marks=pytest.mark.slow),
    ],
    ids=["block", "save", "pictures"],
)
def test_control_c(folder, script, trained, monkeypatch, owner, method, calls):
    """The script ends well, with everything saved, and goes on."""
    with monkeypatch.context() as patched:
        interrupt(patched, owner, method, calls)
        ended = script("train", " ".join([*SMALL, FOUR]))
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    assert f"interrupted; --resume {RESULTS / run.name} goes on\n" in ended.out
    done = int(state(run)["iteration"])
    assert done in (8, 16) and int(rows(run)[-1]["iteration"]) == done
    assert f"{done // 8} of 4 epochs are done; generate.py makes pictures\n" in ended.out
    assert script("generate", "--sample_size 2").status == 0
    assert script("train", "--resume latest").status == 0
    assert_same(results(run), results(trained(FOUR)[0]))


def test_more_epochs(script, run, trained):
    assert go_on(script, run, "--epochs 4 --save_interval 1").keys() >= {"epoch_0003.png"}
    whole = trained(FOUR)[0]
    assert losses(run) == losses(whole)
    # The interval at which the state is saved changes nothing in it.
    assert_same(state(run), state(whole))
    saved = json.loads((run / "run.json").read_text())
    assert saved["flags"]["epochs"] == 4
    assert saved["command"].endswith("--image_size 8")
    assert saved["resumed"] == [f"train.py --resume {run} --epochs 4 --save_interval 1"]


def test_a_finished_run_stays_as_it_is(script, run, trained):
    """With a line that says how it would go on."""
    ended = script("train", "--resume latest")
    assert ended.status == 0
    assert ended.error == "warning: all epochs are done; more --epochs go on"
    assert_same(results(run), results(trained()[0]))


@pytest.mark.parametrize(
    "change",
    [
        "--batch_size 4",
        "--k 2",
        "--dataset mnist",
        "--images 41",
        "--image_size 9",
        "--color rgb",
        "--augment on",
        "--architecture mlp",
        "--filters 3",
        "--latent 7",
        "--loss minimax",
        "--grow",
        "--learning_rate 0.1",
        "--beta1 0.4",
        "--seed 1",
    ],
)
def test_what_cannot_change(folder, run, script, change):
    before = snapshot(folder)
    ended = script("train", f"--resume latest {change}")
    assert ended.status == 2
    only = "only --epochs, --save_interval, --checkpoint_interval can"
    assert f"{change.split()[0]} cannot change in a resumed run; {only}" in ended.error
    assert snapshot(folder) == before


def test_the_length_of_growth_cannot_change(run, script):
    """When the generator grows follows from it."""
    saved = json.loads((run / "run.json").read_text())
    saved["flags"]["grow"] = "all"
    (run / "run.json").write_text(json.dumps(saved))
    ended = script("train", "--resume latest --epochs 5")
    assert ended.status == 2
    assert "--epochs cannot change in a resumed run; only --save_interval" in ended.error


def test_other_pictures_in_the_folder(folder, script):
    write_pictures(folder / "pics")
    argv = f"--dataset pics {' '.join(SMALL[4:])} --augment off"
    assert script("train", argv).status == 0
    before = results(only(folder))
    write_pictures(folder / "pics", 9)
    ended = script("train", "--resume latest --epochs 3")
    assert ended.status == 1
    assert "was trained on other pictures: its data is" in ended.error
    assert_same(results(only(folder)), before)


@pytest.mark.parametrize("name", ["nowhere", "empty", "a.txt", "latest"])
def test_no_run_to_go_on_with(folder, script, name):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no run")
    ended = script("train", f"--resume {name}")
    assert ended.status == 1
    expected = "no GAN has been trained in" if name == "latest" else f"no run {name} in"
    assert expected in ended.error


def damage(run, change):
    """Changes the state in a way that has a name."""
    arrays, path = state(run), run / "state.npz"
    if change in ("empty", "garbage", "cut"):
        content = {"empty": b"", "garbage": b"x" * 999, "cut": path.read_bytes()[:-40]}
        path.write_bytes(content[change])
        return
    name, value = {
        "no iteration": ("iteration", None),
        "an iteration below 0": ("iteration", -1),
        "a half iteration": ("iteration", 8.5),
        "iterations": ("iteration", [8, 8]),
        "no weight": ("generator3", None),
        "no moment": ("adam5", None),
        "another shape": ("discriminator0", np.zeros(3)),
        "text": ("generator0", np.full(arrays["generator0"].shape, "x")),
        "nan": ("generator0", np.full(arrays["generator0"].shape, np.nan)),
    }[change]
    arrays[name] = value
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    "change",
    [
        *("empty", "garbage", "cut", "no iteration", "an iteration below 0", "a half iteration"),
        *("iterations", "no weight", "no moment", "another shape", "text", "nan"),
    ],
)
def test_a_damaged_state(run, script, change):
    damage(run, change)
    before = snapshot(run)
    ended = script("train", f"--resume {run} --epochs 3")
    assert ended.status == 1 and f"{run}/state.npz is damaged" in ended.error
    assert snapshot(run) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 99, '"run"'])
def test_damaged_settings(run, script, text):
    (run / "run.json").write_text(text)
    ended = script("train", "--resume latest")
    assert (
        ended.status == 1
        and ended.error == f"error: {run.relative_to(Path.cwd())}/run.json is damaged"
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"script": "other.py"}, 1),
        ({"flags": None}, 1),
        ({"flags": [1]}, 1),
        ({"flags": {"epochs": "many"}}, 2),
        ({"flags": {"batch_size": 0}}, 2),
        ({"flags": {"architecture": {"x": 1}}}, 2),
        ({"flags": {"more": 1}}, 2),
        ({"data": None}, 1),
        ({"shape": [8, 8]}, 1),
        ({"resumed": None}, 1),
    ],
    ids=str,
)
def test_settings_with_other_values(run, script, change, status):
    saved = json.loads((run / "run.json").read_text())
    if isinstance(change.get("flags"), dict):
        change = {"flags": saved["flags"] | change["flags"]}
    (run / "run.json").write_text(json.dumps(saved | change))
    ended = script("train", "--resume latest --epochs 3")
    assert ended.status == status
    assert ended.error.startswith("error: " if status == 1 else "train.py: error: ")
