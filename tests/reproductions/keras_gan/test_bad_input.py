"""A user's mistake gives one line that says what is wrong, and leaves nothing behind."""

import errno
import os
import resource
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from datasets import load
from reproductions.keras_gan.algorithm import Values
from reproductions.keras_gan.training import Training
from tests.leftovers import assert_same, snapshot, state
from tests.reproductions.keras_gan.commands import (
    PERCEPTRONS,
    RESULTS,
    ROWS,
    SMALL,
    only,
    results,
    script_path,
    write_pictures,
)
from tests.scripts import finish, start


@pytest.fixture
def refused(folder, script):
    """From a script's flags to the error; checks that no file was made or changed."""

    def refused(name, flags, status=1):
        before = snapshot(folder)
        ended = script(name, flags)
        assert ended.status == status, ended
        assert ended.error.startswith("error: " if status == 1 else f"{name}.py: error: ")
        assert snapshot(folder) == before
        return ended.error

    return refused


@pytest.mark.parametrize("name", ["epochs", "batch_size", "k", "save_interval", "images"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "must be {least} or more, got 0"),
        ("-1", "must be {least} or more, got -1"),
        ("x", "must be a whole number, got 'x'"),
        ("1.5", "must be a whole number, got '1.5'"),
        ("nan", "must be a whole number, got 'nan'"),
    ],
)
def test_numbers(refused, name, value, message):
    told = message.format(least=2 if name == "images" else 1)
    expected = f"train.py: error: argument --{name}: {told} (-h shows all flags)"
    assert refused("train", f"--{name} {value}", 2) == expected


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("train", "--image_size 3", "4 to 4096 pixels, got '3'"),
        ("train", "--image_size 0x8", "must be a side or WIDTHxHEIGHT"),
        ("train", "--image_size 8x", "must be a side or WIDTHxHEIGHT"),
        ("train", "--image_size 8x8x8", "must be a side or WIDTHxHEIGHT"),
        ("train", "--image_size -28", "must be a side or WIDTHxHEIGHT"),
        ("train", "--architecture vae", "invalid choice: 'vae'"),
        ("train", "--loss hinge", "invalid choice: 'hinge'"),
        ("train", "--color blue", "invalid choice: 'blue'"),
        ("train", "--augment yes", "invalid choice: 'yes'"),
        ("train", "--grow some", "invalid choice: 'some'"),
        ("train", "--preset slow", "invalid choice: 'slow'"),
        ("train", "--latent 0", "must be 1 or more"),
        ("train", "--filters 0", "must be 1 or more"),
        ("train", "--learning_rate 0", "must be above 0"),
        ("train", "--learning_rate nan", "must be a finite"),
        ("train", "--learning_rate 1e99", "must be a finite"),
        ("train", "--beta1 1", "must be from 0 to below 1"),
        ("train", "--checkpoint_interval -1", "must be 0 or above"),
        ("train", "--seed -1", "must be a whole number from 0 to 4294967295, got '-1'"),
        ("train", "--seed 4294967296", "must be a whole number from 0 to 4294967295"),
        ("train", "--seed x", "must be a whole number from 0"),
        ("train", "--dataset=", "must not be empty"),
        ("train", "--no_such_flag", "unrecognized arguments: --no_such_flag"),
        ("train", "more", "unrecognized arguments: more"),
        ("generate", "--sample_size 0", "must be 1 or more, got 0"),
        ("generate", "--sample_size x", "must be a whole number"),
        ("generate", "--interpolate -1", "must be 0 or more"),
        ("generate", "--steps 1", "must be 2 or more, got 1"),
        ("generate", "--seed 4294967296", "must be a whole number from 0"),
        ("generate", "--output_dir=", "must not be empty"),
    ],
)
def test_bad_flags(refused, name, flags, message):
    assert message in refused(name, flags, 2)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--dataset nowhere", "no dataset "),
        ("--dataset empty", "no pictures in the folder "),
        ("--dataset one", "has one picture only; two are needed"),
        ("--dataset bad", "none of the 2 pictures can be read; the first: "),
        ("--dataset a.txt", "is neither a folder of pictures nor a file of MNIST's"),
        ("--dataset many/0.png", "is neither a folder of pictures nor a file of MNIST's"),
        ("--dataset many --batch_size 9", "--batch_size 9 is more than the data: 8 pictures"),
        ("--dataset digits --images 4", "--batch_size 5 is more than the data: 4 pictures"),
        ("--dataset mnist", "MNIST cannot be had: no network"),
        ("--results_dir a.txt", "cannot write to a.txt: "),
        ("--results_dir a.txt/runs", "cannot write to a.txt/runs: "),
        ("--resume nowhere", "no run nowhere in results/keras_gan"),
        ("--resume latest", "no GAN has been trained in results/keras_gan"),
    ],
)
def test_bad_data_and_folders(folder, refused, monkeypatch, flags, message):
    def no_network():
        raise UserError("MNIST cannot be had: no network")

    monkeypatch.setattr(load, "download_mnist", no_network)
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no data")
    write_pictures(folder / "many")
    write_pictures(folder / "one", 1)
    write_pictures(folder / "bad", 2)
    for path in (folder / "bad").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    assert message in refused("train", flags)


def test_unreadable_pictures_are_left_out(folder, script):
    write_pictures(folder / "pics")
    (folder / "pics" / "3.png").write_text("no picture")
    argv = "--dataset pics --epochs 1 --architecture dcgan --filters 2 --image_size 8"
    ended = script("train", argv)
    assert ended.status == 0
    assert ended.error.startswith("warning: 1 of 8 pictures cannot be read, and are left out: ")
    assert ended.out.startswith("7 pictures, 8 x 8 x 3, of ")


def test_a_folder_without_permission(refused, monkeypatch):
    """For an administrator there is none such; so it is only told so."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert ": no permission in " in refused("train", "--dataset digits --images 40")


def test_a_file_system_that_is_read_only(refused, monkeypatch):
    def mkdir(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    expected = f"error: cannot make a folder in {RESULTS}: Read-only file system"
    assert refused("train", " ".join(SMALL)) == expected


def test_a_loss_that_is_not_a_number(folder, script, monkeypatch):
    """The run stops; what was saved before stays."""
    inside = Training.block

    def block(training, stage, first, count):
        values = inside(training, stage, first, count)
        return Values(*values[:3], np.nan) if first == 8 else values

    monkeypatch.setattr(Training, "block", block)
    ended = script("train", f"{' '.join(SMALL)} --checkpoint_interval 0")
    assert ended.status == 1
    assert ended.error == (
        "error: a loss is not a number after iteration 16; try a smaller --learning_rate in a "
        "new run"
    )
    assert int(state(only(folder))["iteration"]) == 8


@pytest.mark.parametrize("argv", [SMALL, PERCEPTRONS], ids=["dcgan", "mlp"])
def test_a_learning_rate_that_is_far_too_large(folder, script, argv):
    ended = script("train", f"{' '.join(argv)} --learning_rate 3e38")
    assert ended.status == 1
    assert "try a smaller --learning_rate in a new run" in ended.error
    with np.load(only(folder) / "state.npz") as state:
        assert state["iteration"] == 0


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_space_for_animations(image, path, *arguments, **options):
    """Saves all other pictures."""
    return (no_space if str(path).endswith(".gif") else SAVE)(image, path, *arguments, **options)


SAVE = Image.Image.save


@pytest.mark.parametrize(
    ("owner", "method", "full", "file"),
    [
        (np, "savez", no_space, "state.npz"),
        (keras.Model, "save", no_space, "generator.keras"),
        (Image.Image, "save", no_space_for_animations, "progress.gif"),
    ],
    ids=["state", "generator", "animation"],
)
def test_a_full_disk(folder, script, trained, monkeypatch, owner, method, full, file):
    """One line; with space again, the run goes on to the same end."""
    with monkeypatch.context() as patched:
        patched.setattr(owner, method, full)
        ended = script("train", " ".join(SMALL))
    run = RESULTS / "digits-dcgan"
    assert ended.status == 1
    assert ended.error == f"error: cannot write {run / file}: No space left on device"
    assert script("train", f"--resume {run}").status == 0
    assert_same(results(run), results(trained()[0]))


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 900, 2_000, 20_000])
def test_files_that_may_not_grow(folder, size):
    """What a full disk is like for TensorFlow as well."""

    def limit():
        # Python ignores the signal that comes with it.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    ended = finish(start([script_path("train"), *SMALL], folder, preexec_fn=limit))
    assert ended.status == 1
    assert "cannot write " in ended.error
    assert not [path for path in folder.rglob(".*")]


@pytest.mark.slow
def test_pictures_that_do_not_fit_into_memory(folder):
    """The memory is limited here, so that it is soon used up."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (9 * 10**9, 9 * 10**9))

    argv = [*ROWS, "--images", 10, "--image_size", 4096, "--architecture", "mlp"]
    ended = finish(start([script_path("train"), *argv], folder, preexec_fn=limit))
    assert ended.status == 1
    assert "not enough memory" in ended.error
