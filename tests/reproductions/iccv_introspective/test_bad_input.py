"""A user's mistake gives one line that says what is wrong, and leaves nothing half-written."""

import json
import os
import shutil
import sys

import h5py
import numpy as np
import pytest

from tests.leftovers import assert_same, files_below
from tests.reproductions.iccv_introspective.commands import (
    SMALL,
    SYNTHESIS,
    call,
    contents,
    copied,
    only_run,
    script_path,
    unbroken,
    write_texture,
)
from tests.scripts import finish, start, words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a picture `a.png`."""
    monkeypatch.setenv("ORIGINALS_DIR", str(tmp_path / "originals"))
    monkeypatch.chdir(tmp_path)
    write_texture(tmp_path / "a.png")
    return tmp_path


@pytest.fixture
def run(folder):
    """A finished learning run of three rounds."""
    return copied(unbroken().run, folder)


def snapshot(folder):
    """Every file with the time of its last change."""
    paths = {name: folder / name for name in files_below(folder)}
    return {n: path.is_dir() or path.stat().st_mtime_ns for n, path in paths.items()}


@pytest.fixture
def refused(folder, monkeypatch, capfd):
    """From the arguments of a script to the error; checks that no file was made or changed."""

    def check(*argv, script="learn_texture", status=1, changes=False):
        if script == "learn_texture" and "--resume" not in argv:
            argv = [*SMALL, "--rounds", 1, *argv]
        before = snapshot(folder)
        ended = call(script, argv, monkeypatch, capfd)
        line = ended.error
        assert ended.status == status, line
        assert line.startswith("error: " if status == 1 else f"{script}.py: error: ")
        assert not list(folder.rglob("running.*"))
        assert changes or snapshot(folder) == before
        return line

    return check


def test_textures_that_do_not_exist(refused, folder):
    line = refused("missing.png")
    assert "there is no texture missing.png; there are bark.png, bricks.png" in line
    assert "pebbles.png" in line and "a path works too" in line
    assert "there is no texture no/such.png" in refused("no/such.png")
    (folder / "originals" / "textures").mkdir(parents=True)
    write_texture(folder / "originals" / "textures" / "diamond.png")
    assert "diamond.png" in refused("missing.png")
    assert "there is no texture " in refused("")


def test_textures_that_are_no_pictures(refused, folder):
    (folder / "pictures").mkdir()
    assert "there is no texture pictures" in refused("pictures")
    assert "there is no texture pictures/" in refused("pictures/")
    (folder / "text.png").write_text("no picture")
    assert "text.png is not a picture that Pillow can read" in refused("text.png")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:-200])
    assert "cut.png" in refused("cut.png")
    (folder / "empty.png").touch()
    assert "empty.png is not a picture" in refused("empty.png")


def test_textures_smaller_than_a_patch(refused, folder):
    line = refused("a.png", "--patch_size", 26)
    assert "the texture a.png, 24x28, is smaller than a patch, 26x26" in line
    line = refused("pebbles.png", "--texture_size", 14)
    assert "the texture pebbles.png, 14x14, is smaller than a patch, 16x16" in line


def test_a_network_that_does_not_exist(refused):
    line = refused("a.png", "--network", "vgg")
    assert line == "error: there is no network vgg; there are dcgan, small"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--patch_size 15", "argument --patch_size: must be even, got 15"),
        ("--patch_size 0", "--patch_size: must be 1 or more, got 0"),
        ("--images 0", "--images: must be 1 or more"),
        ("--images 1.5", "--images: must be a whole number, got '1.5'"),
        ("--filters -2", "--filters: must be 1 or more"),
        ("--rounds 0", "--rounds: must be 1 or more"),
        ("--noise 0", "--noise: must be above 0"),
        ("--learning_rate nan", "must be a finite 32-bit number"),
        ("--synthesis_stop inf", "must be a finite 32-bit number"),
        ("--save_interval -1", "--save_interval: must be 0 or above"),
        ("--random_seed -1", "--random_seed: must be a whole number from 0 to"),
        ("--random_seed 4294967296", "--random_seed"),
        ("--resample box", "invalid choice: 'box'"),
        ("--preset slow", "invalid choice: 'slow'"),
        ("--no_such_flag 1", "no_such_flag"),
        ("b.png", "unrecognized arguments: b.png"),
        ("--epochs", "expected one argument"),
    ],
)
def test_bad_flags(refused, argv, message):
    assert message in refused("a.png", *words(argv), status=2)


@pytest.mark.parametrize("argv", ["--synthesis_beta1 1", "--learning_rate 1e30"])
def test_a_loss_that_is_no_number(argv, monkeypatch, capfd):
    argv = ["a.png", *SMALL, "--rounds", 1, *words(argv)]
    ended = call("learn_texture", argv, monkeypatch, capfd)
    assert ended.status in (1, 2) and ended.error


def test_a_texture_is_required(refused):
    for script in ("learn_texture", "synthesize_texture"):
        line = refused(script=script, status=2)
        assert "the following arguments are required: texture" in line


@pytest.mark.parametrize("where", ["file", "file/results"])
def test_results_that_cannot_be_written(refused, folder, where):
    (folder / "file").touch()
    line = refused("a.png", "--results_dir", where)
    assert f"cannot write to {where}" in line and "is not a folder" in line


def test_results_without_permission(refused, monkeypatch):
    # The tests may run as a user who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "no permission" in refused("a.png")


def test_synthesis_into_a_results_folder_that_is_none(refused, folder, run):
    (folder / "file").touch()
    argv = ["a.png", "--run", run, "--results_dir", "file"]
    assert "file" in refused(*argv, script="synthesize_texture")


def test_no_run_to_synthesise_from(refused, folder, run):
    def synthesis(*argv):
        return refused(*argv, script="synthesize_texture")

    line = synthesis("b.png")
    assert "the texture b has not been learned in results: learn_texture.py b.png does it" in line
    line = synthesis("a.png", "--run", "01012001_000000")
    assert f"no run 01012001_000000 in results/learn_a_texture: there are {run.name}" in line
    assert "there is none" in synthesis("b.png", "--run", "latest")
    assert "there is none" in synthesis("b.png", "--run", run.name)
    assert "no run a.png" in synthesis("a.png", "--run", "a.png")
    shutil.rmtree(run / "checkpoints")
    assert f"{run.name} has no checkpoints" in synthesis("a.png")


def test_no_run_to_go_on_with(refused, run):
    assert "no run latest in results/learn_b_texture: there is none" in refused(
        "b.png", "--resume", "latest"
    )
    assert f"there are {run.name}" in refused("--resume", "01012001_000000")
    assert "there is none" in refused("--resume", "latest", script="synthesize_texture")


@pytest.mark.parametrize("batches", ["max_batches", "evaluation_batches"])
def test_batches_that_cannot_hold_a_positive_and_a_negative(refused, batches):
    line = refused("a.png", *SMALL, "--batch_size", 1, f"--{batches}", 1, status=2)
    assert "need two pictures" in line


def test_a_last_round_beyond_the_last(refused, run):
    argv = ["a.png", *SYNTHESIS, "--last_round", 3]
    line = refused(*argv, script="synthesize_texture")
    assert "the last round of" in line and "is 2; 3 was asked for" in line
    line = refused("a.png", "--last_round", -1, script="synthesize_texture", status=2)
    assert "--last_round: must be 0 or more" in line


def test_a_missing_checkpoint(refused, run):
    (run / "checkpoints" / "round_1.weights.h5").unlink()
    line = refused("a.png", *SYNTHESIS, script="synthesize_texture")
    assert "checkpoints of rounds [1] are missing" in line


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "other"])
def test_a_damaged_checkpoint(refused, folder, run, monkeypatch, capfd, damage):
    path = run / "checkpoints" / "round_0.weights.h5"
    whole = path.read_bytes()
    if damage == "other":
        with h5py.File(path, "w") as file:
            file["something"] = np.zeros(3)
    else:
        damaged(path, damage)
    # A run that has begun stays: with the checkpoint mended it can go on.
    line = refused("a.png", *SYNTHESIS, script="synthesize_texture", changes=True)
    assert "round_0.weights.h5 is damaged or of another network" in line
    if damage == "cut":
        path.write_bytes(whole)
        made = only_run(folder, "synthesize")
        ended = call("synthesize_texture", ["--resume", made], monkeypatch, capfd)
        assert (ended.status, ended.err) == (0, "")
        assert (made / "syntheses" / "class1_syn2.png").exists()


def half(whole):
    return whole[: len(whole) // 2]


DAMAGES = {"missing": None, "empty": b"", "garbage": b"x" * 999, "cut": half}


def damaged(path, damage):
    """Damages a file."""
    content = DAMAGES[damage]
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content(path.read_bytes()) if callable(content) else content)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("data/round_1.h5", "round_1.h5 is missing or damaged"),
        ("data/syntheses_3.npy", "syntheses_3.npy is missing or damaged"),
        ("checkpoints/round_2.weights.h5", "round_2.weights.h5"),
        ("texture.png", "texture.png"),
        ("run.json", "run.json is damaged"),
        ("state.npz", "state.npz is damaged"),
    ],
)
def test_going_on_with_a_damaged_file(refused, run, name, damage, message):
    damaged(run / name, damage)
    argv = ["--resume", "latest", "--rounds", 4]
    if (name, damage) == ("run.json", "missing"):
        message = "there is none"
    if (name, damage) == ("state.npz", "missing"):
        message = "state.npz is missing"
    assert message in refused(*argv, changes=True)
    if name in ("texture.png", "run.json", "state.npz"):
        assert contents(run, 3)


def test_a_refused_run_keeps_its_index(refused, run):
    """The index is written anew from the rounds; without one of them it has to stay."""
    before = (run / "data" / "index.h5").read_bytes()
    damaged(run / "data" / "round_1.h5", "cut")
    refused("--resume", "latest", "--rounds", 4, changes=True)
    assert (run / "data" / "index.h5").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"settings": None},
        {"settings": {"images": 5}},
        {"flags": [1]},
        {"texture": 5},
        {"classes": []},
        {"flags": {"images": "many"}},
    ],
    ids=str,
)
def test_a_resumed_run_with_other_settings(refused, run, change):
    saved = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**saved, **change}))
    status = 2 if "many" in str(change) else 1
    refused("--resume", "latest", "--rounds", 4, status=status)


@pytest.mark.parametrize(
    "change", [{"settings": None}, {"settings": {"images": "5"}}, {"classes": 3}], ids=str
)
def test_synthesis_from_a_run_with_damaged_settings(refused, run, change):
    saved = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**saved, **change}))
    line = refused("a.png", *SYNTHESIS, script="synthesize_texture")
    assert "run.json is damaged or of no learning run" in line


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 99, '{"flags"'])
def test_synthesis_from_a_run_whose_settings_are_cut(refused, run, text):
    (run / "run.json").write_text(text)
    assert "run.json is damaged" in refused("a.png", *SYNTHESIS, script="synthesize_texture")


@pytest.mark.parametrize(
    "arrays",
    [
        {"round": 3},
        {"round": 3, "numbers": np.zeros((1, 3))},
        {"round": [1, 2], "numbers": np.zeros((0, 2))},
        {"round": -1, "numbers": np.zeros((0, 2))},
        {"round": 3, "numbers": np.zeros((1, 2)), "weight0": np.zeros(2)},
        {
            "round": 2,
            "numbers": np.zeros((1, 2)),
            "batch": 0,
            "syntheses": np.zeros(3),
            "moments": np.zeros(2),
        },
        {"round": 9, "numbers": np.zeros((0, 2))},
    ],
    ids=lambda arrays: ", ".join(arrays) + str(arrays["round"]),
)
def test_a_state_that_does_not_fit(refused, run, arrays):
    np.savez(run / "state.npz", **arrays)
    refused("--resume", "latest", "--rounds", 10, changes=True)


def test_mistakes_as_processes(folder):
    ended = finish(start([script_path("learn_texture"), "a.png", "--images", "0"], folder))
    assert ended.status == 2
    assert ended.error == (
        "learn_texture.py: error: argument --images: must be 1 or more, got 0 (-h shows all flags)"
    )
    ended = finish(start([script_path("synthesize_texture"), "a.png"], folder))
    assert (ended.status, ended.out) == (1, "")
    assert ended.error.startswith("error: the texture a has not been learned in results")
    assert files_below(folder) == {"a.png"}


#: Largest size of a file, and seconds between two saves of the state.
LIMITS = [(3_000, 0), (60_000, 300), (130_000, 0)]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """From a limit to the folder of a run that met it, and how it ended."""
    import resource

    processes = {}
    for limit in LIMITS:
        folder = tmp_path_factory.mktemp("full")
        write_texture(folder / "a.png")

        def lower(size=limit[0]):
            # Python ignores the signal that comes with it.
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        argv = ["a.png", *SMALL, "--rounds", 2, "--save_interval", limit[1]]
        command = [script_path("learn_texture"), *argv]
        processes[limit] = folder, start(command, folder, preexec_fn=lower)
    return {limit: (folder, finish(process)) for limit, (folder, process) in processes.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_full_disk(full, limit):
    """The process ends, with one line."""
    ended = full[limit][1]
    assert ended.status == 1, ended
    assert "cannot write" in ended.error
    assert not list(full[limit][0].rglob("running.*"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_going_on_after_a_full_disk(full, limit, monkeypatch, capfd):
    folder = full[limit][0]
    monkeypatch.chdir(folder)
    ended = call("learn_texture", ["--resume", "latest"], monkeypatch, capfd)
    assert (ended.status, ended.err) == (0, "")
    assert_same(contents(only_run(folder), 2), contents(unbroken().run, 2))
    hidden = [path.name for path in folder.rglob(".*")]
    assert not hidden
