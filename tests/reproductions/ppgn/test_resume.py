"""Runs that are broken off go on to exactly what an unbroken run makes."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from reproductions.ppgn import run_folder, sampler
from reproductions.ppgn.chain import Chain
from reproductions.ppgn.run_folder import RunFolder
from tests.reproductions.ppgn.commands import (
    SMALL,
    assert_only_warnings,
    call,
    only,
    prepare,
    results,
    rows,
    script_path,
    start_dying,
)
from tests.scripts import error, finish, start, wait_until, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

STEPS = 6

#: Runs with all that a state has to hold.
KINDS = {
    "units": "--units 3_5 --reset_every 4 --write_labels --save_interval 0",
    "batch": "--units 3 --batch 2 --reset_every 4 --gif --save_interval 0",
    "inpainting": "--units 3 --init_file a.png --epsilon4 1e-2 --epsilon3 0 --patch 5"
    " --save_interval 0",
}


#: One that lasts long enough to be killed while it is watched.
LONG = "--units 3 --reset_every 40 --save_every 30 --save_interval 0 --n_iters 150"


def flags(kind, n_iters=STEPS):
    given = LONG if kind == "long" else f"{KINDS[kind]} --n_iters {n_iters}"
    return [*SMALL, *words(f"{given} --output_dir out")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """From the kind of a run to what it leaves; each is made once."""
    made = {}

    def unbroken(kind, monkeypatch, capfd):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            with monkeypatch.context() as patched:
                prepare(folder, patched)
                assert_only_warnings(call("sampling_class", flags(kind), patched, capfd))
            made[kind] = folder, results(folder)
        return made[kind]

    return unbroken


@pytest.fixture
def resume(folder, monkeypatch, capfd, unbroken):
    """Goes on with the run of a folder, which must become as an unbroken one."""

    def resume(kind, *argv):
        run = only(folder, "out/*.run")
        ended = call("sampling_class", ["--resume", run, *argv], monkeypatch, capfd)
        assert_only_warnings(ended)
        assert results(folder) == unbroken(kind, monkeypatch, capfd)[1]
        return ended

    return resume


@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_the_middle(kind, folder, resume):
    """After a step was noted, that is before it was made and saved."""
    calls = 2 * STEPS - 2 if kind == "batch" else STEPS
    process = start_dying(flags(kind), folder, "run_folder.RunFolder.note", calls)
    assert finish(process).status == -signal.SIGKILL
    run = only(folder, "out/*.run")
    assert (run / "state.npz").exists() and not (run / "probability.png").exists()
    ended = resume(kind)
    at = calls // (2 if kind == "batch" else 1) - 1
    assert f"going on with {run} at step {at}\n" in ended.out
    assert f"\nstep: {at - 1:04d}" not in ended.out and f"\nstep: {at:04d}" in ended.out


def test_killed_from_outside(folder, resume):
    argv = [script_path("sampling_class"), *flags("long")]
    process = start(argv, folder)

    def reached():
        return any(len(rows(path.parent)) > 50 for path in folder.glob("out/*.run/state.npz"))

    wait_until(process, reached)
    process.send_signal(signal.SIGKILL)
    assert finish(process).status == -signal.SIGKILL
    ended = resume("long")
    assert "\nstep: 0020" not in ended.out and "\nstep: 0150" in ended.out


class Killed(BaseException):
    """Stands for `kill -9`: nothing after it is done."""


def test_killed_before_and_after_each_file_that_is_replaced(
    folder, monkeypatch, capfd, unbroken, tmp_path
):
    """A copy of the folder is what a kill at that moment would leave."""
    replace, copies = os.replace, []

    def watched(source, target):
        for when in ("before", "after"):
            if when == "after":
                replace(source, target)
            if list(folder.glob("out/*.run/run.json")):
                copies.append(folder.parent / f"{folder.name}-{len(copies)}")
                shutil.copytree(folder / "out", copies[-1] / "out")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", watched)
        assert_only_warnings(call("sampling_class", flags("units", 2), patched, capfd))
    whole = results(folder)
    assert len(copies) > 30
    at_the_end = range(len(copies) - 8, len(copies))
    for number in (0, 1, 2, 3, 4, 11, 18, *at_the_end):
        run = only(copies[number], "out/*.run")
        ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
        assert_only_warnings(ended)
        assert results(copies[number]) == whole, number


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("owner", "method", "calls"),
    [(RunFolder, "note", 5), (Chain, "step", 5), (RunFolder, "save", 3), (sampler, "direction", 0)],
    ids=["noted", "stepped", "saved", "drawn"],
)
def test_control_c(kind, owner, method, calls, folder, monkeypatch, capfd, resume):
    """Wherever in a step it comes; here right after these functions."""
    made = []
    if method == "direction":
        # In the middle of a step: its random numbers are drawn, its code has not moved.
        from reproductions.ppgn import chain as owner

        calls = 4
    whole = getattr(owner, method)

    def interrupted(*arguments):
        result = whole(*arguments)
        made.append(1)
        if len(made) == calls:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    argv = flags(kind)
    argv[argv.index("--save_interval") + 1] = "300"
    with monkeypatch.context() as patched:
        patched.setattr(owner, method, interrupted)
        ended = call("sampling_class", argv, patched, capfd)
    run = only(folder, "out/*.run")
    assert ended.status == 130
    assert (
        error(ended) == f"interrupted; sampling_class.py --resume {run.relative_to(folder)} goes on"
    )
    assert (run / "state.npz").exists() and (run / "probability.png").exists()
    # What there is so far is saved.
    assert "\nSaving images...\n" in ended.out
    assert list(folder.glob("out/[!s]*.jpg"))
    resume(kind, "--save_interval", "0")


def test_control_c_before_the_first_step(folder, monkeypatch, capfd, resume):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "note", interrupted)
        ended = call("sampling_class", flags("units"), patched, capfd)
    assert ended.status == 130
    assert not (only(folder, "out/*.run") / "state.npz").exists()
    assert not list(folder.glob("out/*.jpg"))
    resume("units")


def test_control_c_as_a_process(folder, resume):
    argv = [script_path("sampling_class"), *flags("units", 10**6), "--save_every", "100000"]
    process = start(argv, folder)
    wait_until(process, lambda: bool(list(folder.glob("out/*.run/state.npz"))))
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    run = only(folder, "out/*.run")
    assert ended.status == 130
    assert (
        error(ended) == f"interrupted; sampling_class.py --resume {run.relative_to(folder)} goes on"
    )
    with np.load(run / "state.npz") as state:
        assert state["chain0_place"][0] in (len(rows(run)), len(rows(run)) - 1)


def test_a_finished_run_stays_as_it_is(folder, monkeypatch, capfd, resume):
    call("sampling_class", flags("batch"), monkeypatch, capfd)
    for _ in range(2):
        ended = resume("batch")
        assert "step: " not in ended.out and "Last sample: prob [" in ended.out


def test_the_folder_may_be_named_in_any_way_and_moved(folder, monkeypatch, capfd, unbroken):
    call("sampling_class", flags("units"), monkeypatch, capfd)
    (folder / "out").rename(folder / "moved")
    run = only(folder, "moved/*.run")
    for path in folder.glob("moved/*.jpg"):
        path.unlink()
    monkeypatch.chdir(run)
    for name in (".", f"../{run.name}/", f"../../moved/../moved/{run.name}"):
        assert_only_warnings(call("sampling_class", ["--resume", name], monkeypatch, capfd))
        found = {name.replace("moved/", "out/"): one for name, one in results(folder).items()}
        assert found == unbroken("units", monkeypatch, capfd)[1]
        assert not (folder / "out").exists()
        only(folder, "moved/*.jpg").unlink()


@pytest.fixture
def run(folder, monkeypatch, capfd, unbroken):
    """A copy of a finished run; its networks are those of the first."""
    shutil.copytree(unbroken("units", monkeypatch, capfd)[0] / "out", folder / "out")
    return only(folder, "out/*.run")


@pytest.mark.parametrize(
    "change",
    [
        "--n_iters 9",
        "--units 3",
        "--seed 1",
        "--lr 1",
        "--net_definition caffenet",
        "--batch 2",
        "--threshold 0.5",
        "--plain_pixels",
        "--sweep lr=1,2",
        "--preset quick",
        "--output_dir elsewhere",
    ],
)
def test_what_cannot_change(run, folder, monkeypatch, capfd, change):
    before = results(folder)
    argv = ["--resume", run, *words(change)]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    name = change.split()[0]
    assert ended.status == 2
    assert f"{name} cannot change in a resumed run; only --save_interval" in error(ended)
    assert results(folder) == before


def test_what_can_change(run, folder, resume):
    resume("units", *words("--save_interval 7 --chains_per_call 1 --units 3_5"))
    saved = json.loads((run / "run.json").read_text())["flags"]
    assert (saved["save_interval"], saved["chains_per_call"]) == (7, 1)


def test_commands_of_all_calls_are_kept(run, monkeypatch, capfd):
    began = json.loads((run / "run.json").read_text())
    assert "resumed" not in began
    for more in ([], ["--save_interval", "7"]):
        ended = call("sampling_class", ["--resume", run, *more], monkeypatch, capfd)
        assert_only_warnings(ended)
    saved = json.loads((run / "run.json").read_text())
    whole = f"sampling_class.py --resume {run}"
    assert saved.pop("resumed") == [whole, f"{whole} --save_interval 7"]
    assert saved["command"] == began["command"] != whole
    assert saved["flags"].pop("save_interval") == 7
    del began["flags"]["save_interval"]
    paths = ("output_dir", "init_file", "encoder_definition", "net_definition")
    for name in (*paths, "generator_definition"):
        # Those of the run that this one is a copy of.
        assert Path(saved["flags"].pop(name)).name == Path(began["flags"].pop(name)).name
    saved.pop("weights"), began.pop("weights")
    assert saved == began


def test_no_run_to_go_on_with(run, folder, monkeypatch, capfd):
    (folder / "empty").mkdir()
    for name in ("nowhere", "empty", "a.png"):
        ended = call("sampling_class", ["--resume", name], monkeypatch, capfd)
        assert ended.status == 1
        assert f"{name} is no run folder" in error(ended)
    ended = call("sampling_caption", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 1
    assert f"{run} is no run of sampling_caption.py" in error(ended)


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 99, '"run"'])
def test_damaged_settings(run, folder, monkeypatch, capfd, text):
    (run / "run.json").write_text(text)
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 1 and "run.json is damaged" in error(ended)


@pytest.mark.parametrize(
    "change", [{"n_iters": "many"}, {"units": "x"}, {"act_layer": ""}], ids=str
)
def test_settings_with_other_values(run, monkeypatch, capfd, change):
    saved = json.loads((run / "run.json").read_text())
    saved["flags"].update(change)
    (run / "run.json").write_text(json.dumps(saved))
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 2 and f"the flags saved in {run}" in error(ended)


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut"])
def test_a_damaged_state(run, folder, monkeypatch, capfd, damage):
    path = run / "state.npz"
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "garbage": b"x" * 999, "cut": whole[:-40]}[damage])
    before = results(folder)
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 1 and "state.npz is damaged" in error(ended)
    assert results(folder) == before


def test_a_state_that_is_a_folder(run, folder, monkeypatch, capfd):
    (run / "state.npz").unlink()
    (run / "state.npz").mkdir()
    before = results(folder)
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 1
    assert error(ended).startswith(f"error: {run / 'state.npz'} is damaged: ")
    assert results(folder) == before


@pytest.mark.parametrize(
    "change",
    [
        {"h": None},
        {"h": np.zeros((1, 9))},
        {"h": np.full((1, 8), np.nan)},
        {"h": np.zeros((1, 8), int)},
        {"place": np.array([99, 0, 0])},
        {"place": np.array([-1, 0, 0])},
        {"place": np.array([3, 2, 0])},
        {"place": np.array(3)},
        {"place": np.array([np.inf, 0, 0])},
        {"place": np.array([np.nan, 0, 0])},
        {"random_keys": np.zeros(3, np.uint32)},
        {"random_rest": np.zeros(2)},
        {"epsilon1": np.zeros(2)},
        {"epsilon1": np.float64(np.nan)},
        {"kept": np.array(["a"])},
        {"image": None},
        {"image": np.zeros(3, np.float32)},
    ],
    ids=str,
)
def test_a_state_that_does_not_fit(run, folder, monkeypatch, capfd, change):
    with np.load(run / "state.npz") as state:
        arrays = dict(state)
    [(name, value)] = change.items()
    if value is None:
        del arrays[f"chain0_{name}"]
    else:
        arrays[f"chain0_{name}"] = value
    np.savez(run / "state.npz", **arrays)
    before = results(folder)
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert ended.status == 1
    assert f"the state of {run} is damaged, or of a run with other flags" in error(ended)
    assert results(folder) == before


@pytest.mark.parametrize("old", [False, True])
def test_seconds_go_on(folder, monkeypatch, capfd, resume, old):
    """They are of the whole run; tables were once without them, and are read all the same."""
    made, save = [], RunFolder.save

    def interrupted(run):
        save(run)
        made.append(run)
        if len(made) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save", interrupted)
        assert call("sampling_class", flags("units"), patched, capfd).status == 130
    path = only(folder, "out/*.run") / "steps.csv"
    seconds = [float(row[-1]) for row in run_folder.read_steps(path.parent)]
    assert len(seconds) == 3 and seconds == sorted(seconds) and seconds[0] > 0
    lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    if not old:
        lines = [f"{line},{end}" for line, end in zip(lines, ("seconds", 1, 2, 5000), strict=True)]
    path.write_text("\n".join(lines) + "\n")
    resume("units")
    seconds = [row[-1] for row in run_folder.read_steps(path.parent)]
    assert seconds[:3] == (["", "", ""] if old else ["1", "2", "5000"])
    after = [float(text) for text in seconds[3:]]
    assert len(after) > 5 and after == sorted(after)
    assert (after[0] > 0 and after[-1] < 1000) if old else 5000 < after[0] < 6000


@pytest.mark.parametrize("text", ["", "chain,step\n", "x,y,z\n" * 9, "\0\n", None])
def test_a_damaged_table(run, folder, monkeypatch, capfd, text):
    """The numbers before the state are lost; all else goes on."""
    whole = (run / "steps.csv").read_bytes()
    if text is None:
        text = whole.decode().replace("\r\n", "\n").replace("_0.0__0,", "_0.0__0,x")
    (run / "steps.csv").write_text(text)
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert_only_warnings(ended)
    assert run_folder.read_steps(run) == []
