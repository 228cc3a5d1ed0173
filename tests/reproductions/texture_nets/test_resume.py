"""Runs that are broken off go on to exactly what an unbroken run makes."""

import json
import os
import shutil
import signal
import sys

import numpy as np
import pytest

from common import backend
from reproductions.texture_nets.report import Report
from reproductions.texture_nets.run_folder import RunFolder
from reproductions.texture_nets.training import Training
from tests.backends import quickest
from tests.leftovers import assert_same, losses, rows, snapshot, state
from tests.reproductions.texture_nets.commands import (
    STYLE,
    TEXTURE,
    call,
    prepare,
    results,
    start_small,
    warnings_of,
)
from tests.scripts import error, finish, wait_until, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

OFTEN = words("-pictures_every 2 -model_every 3 -save_interval 0 -learning_rate_every 2")
SHORT = [*TEXTURE, *OFTEN, *words("-num_iterations 4 -ema 0.9")]
STYLED = [*STYLE, *OFTEN, *words("-num_iterations 4")]
RUNS = {"texture_train": SHORT, "stylization_train": STYLED}


@pytest.fixture(autouse=True)
def eager(request, monkeypatch):
    """Compiling takes longest. What is run by hand is compiled, and one test of going on."""
    compiled = "slow" in request.keywords or request.function is test_more_iterations
    if not compiled:
        monkeypatch.setattr(backend, "compile", quickest)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """From a script to the folder of a whole run, which is made once, and once compiled."""
    made = {}

    def unbroken(monkeypatch, capfd, script="texture_train"):
        key = script, backend.compile is quickest
        if key not in made:
            folder = tmp_path_factory.mktemp("unbroken")
            with monkeypatch.context() as patched:
                prepare(folder, patched)
                assert warnings_of(call(script, RUNS[script], patched, capfd)) == []
            made[key] = folder / "out"
        return made[key]

    return unbroken


@pytest.fixture
def whole(unbroken, folder, monkeypatch, capfd):
    return unbroken(monkeypatch, capfd)


@pytest.fixture
def run(whole, folder):
    """A copy of a whole run."""
    shutil.copytree(whole, folder / "out")
    return folder / "out"


def interrupt(monkeypatch, owner, method, calls, after=True):
    """Sends what Ctrl-C sends, before or after the n-th call of a method."""
    inside, made = getattr(owner, method), []

    def interrupted(*arguments):
        made.append(1)
        if len(made) == calls and not after:
            os.kill(os.getpid(), signal.SIGINT)
        result = inside(*arguments)
        if len(made) == calls and after:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(owner, method, interrupted)


MOMENTS = {
    "before a step": (Training, "step", 3, False),
    "stepped": (Training, "step", 3, True),
    "told": (Report, "step", 2, True),
    "painted": (RunFolder, "pictures", 1, True),
    "before saving": (RunFolder, "save", 3, False),
    "saved": (RunFolder, "save", 3, True),
}


@pytest.mark.parametrize(
    ("script_name", "moment"),
    [
        *[("texture_train", moment) for moment in ("stepped", "painted", "before saving")],
        pytest.param("stylization_train", "before a step", marks=pytest.mark.slow),
        *[
            pytest.param("texture_train", moment, marks=pytest.mark.slow)
            for moment in ("before a step", "told", "saved")
        ],
    ],
)
def test_control_c(moment, script_name, unbroken, folder, monkeypatch, capfd):
    """Wherever in an iteration it comes."""
    owner, method, calls, after = MOMENTS[moment]
    whole = unbroken(monkeypatch, capfd, script_name)
    with monkeypatch.context() as patched:
        interrupt(patched, owner, method, calls, after)
        ended = call(script_name, RUNS[script_name], patched, capfd)
    assert warnings_of(ended) == []
    assert "interrupted; --resume goes on\n" in ended.out
    done = int(state(folder / "out")["iteration"])
    assert f"the model after iteration {done} is out/model.keras\n" in ended.out
    # Pictures are painted every second iteration.
    iteration = 2 * calls if moment == "painted" else calls
    assert done in (iteration - 1, iteration)
    assert warnings_of(call(script_name, ["--resume", "out"], monkeypatch, capfd)) == []
    assert_same(results(folder / "out"), results(whole))


@pytest.mark.slow
def test_killed_before_and_after_each_file_that_is_replaced(folder, whole, monkeypatch, capfd):
    """A copy of the folder is what a kill at that moment would leave."""
    replace, copies = os.replace, []

    def watched(source, target):
        for when in ("before", "after"):
            if when == "after":
                replace(source, target)
            copies.append(folder / f"{len(copies)} {when} {os.path.basename(target)}")
            shutil.copytree(folder / "out", copies[-1])

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", watched)
        call("texture_train", SHORT, patched, capfd)
    states = [path for path in copies if path.name.endswith("state.npz")]
    # The second state before and after; pictures of an iteration that is not saved.
    chosen = [
        *states[2:4],
        *[path for path in copies if path.name.endswith("before train2_4.png")],
    ]
    assert len(chosen) == 3
    for copy in chosen:
        ended = call("texture_train", ["--resume", copy], monkeypatch, capfd)
        assert warnings_of(ended) == [], copy.name
        assert_same(results(copy), results(whole))


def test_killed_before_the_first_iteration(folder, whole, monkeypatch, capfd):
    """As soon as there are settings, a run can go on."""
    replace = os.replace

    def watched(source, target):
        replace(source, target)
        if os.path.basename(target) == "run.json":
            shutil.copytree(folder / "out", folder / "copy")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", watched)
        call("texture_train", [*SHORT, "-num_iterations", "1"], patched, capfd)
    argv = ["--resume", folder / "copy", "-num_iterations", "4"]
    assert warnings_of(call("texture_train", argv, monkeypatch, capfd)) == []
    assert_same(results(folder / "copy"), results(whole))


@pytest.mark.slow
def test_killed_from_outside(folder, whole, monkeypatch, capfd):
    """A run in a process of its own, while it works."""
    long = [*SHORT, *words("-num_iterations 3000")]
    process = start_small("texture_train", long, folder)
    wait_until(
        process, lambda: (folder / "out/losses.csv").exists() and len(rows(folder / "out")) > 5
    )
    process.send_signal(signal.SIGKILL)
    assert finish(process).status == -signal.SIGKILL
    done = int(state(folder / "out")["iteration"])
    assert done >= 1 and not (folder / "out/model.keras").exists()
    # The original's command names fewer iterations; the run goes on for two.
    argv = ["--resume", "out", "-num_iterations", done + 2]
    assert warnings_of(call("texture_train", argv, monkeypatch, capfd)) == []
    assert losses(folder / "out")[:4] == losses(whole)
    assert [int(row["iteration"]) for row in rows(folder / "out")] == list(range(1, done + 3))


def test_more_iterations(run, whole, monkeypatch, capfd, script):
    for name in ("model.keras", "train1_4.png", "model3.keras"):
        assert (run / name).exists()
    assert warnings_of(script("texture_train", ["--resume", "out", "-num_iterations", "6"])) == []
    argv = [*SHORT, *words("-num_iterations 6 -tmp_path longer")]
    assert warnings_of(script("texture_train", argv)) == []
    assert_same(results(run), results(run.parent / "longer"))
    saved = json.loads((run / "run.json").read_text())
    assert saved["flags"]["num_iterations"] == 6
    assert saved["resumed"] == ["texture_train.py --resume out -num_iterations 6"]


def test_a_finished_run_stays_as_it_is(run, whole, script):
    (run.parent / "a.png").unlink()
    ended = script("texture_train", ["--resume", "out"])
    assert warnings_of(ended) == []
    assert "\t" not in ended.out
    assert_same(results(run), results(whole))


@pytest.mark.parametrize(
    "change",
    [
        "-texture b.png",
        "-model_name skip",
        "-image_size 64",
        "-batch_size 1",
        "-noise_depth 2",
        "-learning_rate 1",
        "-circular_padding false",
        "-normalize_gradients",
        "-vgg_no_pad true",
        "-normalization instance",
        "-ema 0.5",
        "-random_seed 1",
        "-texture_layers relu1_1",
    ],
)
def test_what_cannot_change(run, folder, script, change):
    before = snapshot(folder)
    ended = script("texture_train", ["--resume", "out", *words(change)])
    name = change.split()[0][1:]
    assert ended.status == 2
    assert f"--{name} cannot change in a resumed run; only --num_iterations" in error(ended)
    assert snapshot(folder) == before


def test_no_run_to_go_on_with(run, folder, script):
    (folder / "empty").mkdir()
    for name in ("nowhere", "empty", "a.png"):
        ended = script("texture_train", ["--resume", name])
        assert ended.status == 1 and f"{name} is no run folder" in error(ended)
    ended = script("stylization_train", ["--resume", "out"])
    assert ended.status == 1
    assert error(ended) == "error: out is no run of stylization_train.py"


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 99, '"run"'])
def test_damaged_settings(run, script, text):
    (run / "run.json").write_text(text)
    ended = script("texture_train", ["--resume", "out"])
    assert ended.status == 1 and error(ended) == "error: out/run.json is damaged"


@pytest.mark.parametrize(
    "change",
    [{"num_iterations": "many"}, {"image_size": 33}, {"model_name": "x"}, {"texture_layers": ""}],
    ids=str,
)
def test_settings_with_other_values(run, script, change):
    saved = json.loads((run / "run.json").read_text())
    saved["flags"].update(change)
    (run / "run.json").write_text(json.dumps(saved))
    ended = script("texture_train", ["--resume", "out"])
    assert ended.status == 2 and error(ended).startswith("texture_train.py: error: ")


@pytest.mark.parametrize(
    "damage", ["empty", "garbage", "cut", "folder", "no iteration", "shape", "missing", "text"]
)
def test_a_damaged_state(run, folder, script, damage):
    path = run / "state.npz"
    kept, content = state(run), path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage in ("empty", "garbage", "cut"):
        path.write_bytes({"empty": b"", "garbage": b"x" * 999, "cut": content[:-40]}[damage])
    else:
        if damage == "no iteration":
            del kept["iteration"]
        elif damage == "missing":
            del kept["variable3"]
        else:
            bad = np.zeros(3) if damage == "shape" else np.full(kept["variable0"].shape, "x")
            kept["variable0"] = bad
        np.savez(path, **kept)
    model = (run / "model.keras").stat().st_mtime_ns
    ended = script("texture_train", ["--resume", "out"])
    assert ended.status == 1 and "damaged" in error(ended)
    assert (run / "model.keras").stat().st_mtime_ns == model


@pytest.mark.parametrize("value", [-1, np.inf, [1, 2], 10**12])
def test_a_state_of_an_iteration_that_cannot_be(run, script, value):
    np.savez(run / "state.npz", **(state(run) | {"iteration": value}))
    ended = script("texture_train", ["--resume", "out"])
    assert ended.status == 1 and "state.npz is damaged" in error(ended)


@pytest.mark.parametrize("text", ["", "iteration,loss\n", "x,y,z\n" * 9, "\0\n"])
def test_a_damaged_table(run, script, whole, text):
    """The numbers before the state are lost; all else goes on."""
    (run / "losses.csv").write_text(text)
    ended = script("texture_train", ["--resume", "out", "-num_iterations", "5"])
    assert warnings_of(ended) == []
    assert [row["iteration"] for row in rows(run)] == ["5"]


def test_a_lost_copy_of_the_texture(run, script):
    (run / "target.png").unlink()
    ended = script("texture_train", ["--resume", "out"])
    assert ended.status == 1 and error(ended) == "error: no such picture: out/target.png"
