"""A user's mistake gives one line that says what is wrong, and leaves nothing behind."""

import errno
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from common.backend import Devices
from reproductions.ppgn.training import classifier_run, generator_run, pictures, prior_run
from tests.leftovers import snapshot, state
from tests.reproductions.ppgn.training.commands import (
    RESULTS,
    SMALL,
    only,
    report,
    script_of,
    settings,
    write_pictures,
)

POSITIVE = ("images", "save_interval", "batch_size", "iterations", "filters")
NON_NEGATIVE = (
    *("weight_image", "weight_features", "weight_code", "weight_adversarial", "noise"),
    *("weight_decay", "checkpoint_interval"),
)


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


def test_whole_numbers(refused):
    messages = {
        "0": "must be 1 or more, got 0",
        "-1": "must be 1 or more, got -1",
        "x": "must be a whole number, got 'x'",
        "1.5": "must be a whole number, got '1.5'",
        "nan": "must be a whole number, got 'nan'",
        "": "must be a whole number, got ''",
    }
    for name in POSITIVE:
        for value, message in messages.items():
            found = refused("train_generator", f"--{name}={value}", 2)
            assert f"argument --{name}: {message} (-h shows all flags)" in found


def test_other_numbers(refused):
    for name in NON_NEGATIVE:
        for value in ("-0.1", "nan", "inf", "1e39", "x", ""):
            found = refused("train_generator", f"--{name}={value}", 2)
            assert f"train_generator.py: error: argument --{name}: must be " in found


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("train_generator", "--learning_rate=0"),
        ("train_generator", "--discriminator_learning_rate=-1"),
        ("train_generator", "--beta1=1"),
        ("train_generator", "--beta2=-0.1"),
        ("train_generator", "--seed=-1"),
        ("train_generator", "--seed=4294967296"),
        ("train_generator", "--image_size=7"),
        ("train_generator", "--image_size=1025"),
        ("train_generator", "--filters=8193"),
        ("train_generator", "--dense=0"),
        ("train_generator", "--discriminator_filters=0"),
        ("train_generator", "--color=red"),
        ("train_generator", "--preset=slow"),
        ("train_generator", "--distribute=all"),
        ("train_generator", "--weights=own"),
        ("train_generator", "--encoder_pixels=bgr"),
        ("train_generator", "--lr_steps 3 2"),
        ("train_generator", "--lr_steps 2 2"),
        ("train_generator", "--lr_steps 0"),
        ("train_generator", "--dataset="),
        ("train_generator", "--results_dir="),
        ("train_generator", "--mirror=1"),
        ("train_generator", "--no_such_flag"),
        ("train_generator", "digits"),
        ("train_generator", "--of x"),
        ("train_classifier", "--code=0"),
        ("train_classifier", "--code=9000"),
        ("train_classifier", "--learning_rate=nan"),
        ("train_classifier", "--image_size=big"),
        ("train_classifier", "--noise 1"),
        ("train_prior", "--of=y"),
        ("train_prior", "--noise=-1"),
        ("train_prior", "--feature_layer conv1"),
    ],
)
def test_flags(refused, name, flags):
    if not name.endswith("classifier"):
        flags = f"--dataset digits {flags}"
    found = refused(name, flags, 2)
    word = (
        "digits"
        if "--dataset digits digits" in flags
        else flags.split("--")[-1].replace("=", " ").split()[0]
    )
    assert word in found


@pytest.mark.parametrize("name", ["train_generator", "train_prior"])
def test_no_dataset(refused, name):
    found = refused(name, "--iterations 3", 2)
    assert "the following arguments are required: --dataset: digits (drawn here), mnist" in found


def test_nothing_to_learn_from(refused):
    zeros = "--weight_image 0 --weight_features 0 --weight_code 0 --weight_adversarial 0"
    assert "all weights are 0" in refused("train_generator", f"--dataset digits {zeros}", 2)


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_x"])
def test_datasets(refused, folder, kind):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no data")
    write_pictures(folder / "one", ("",), 1)
    write_pictures(folder / "bad", ("red", "green"), 2)
    for path in (folder / "bad").glob("*/*"):
        path.write_bytes(path.read_bytes()[:50])
    messages = {
        "nowhere": "no dataset ",
        "a.txt": " is neither a folder of pictures nor a file of MNIST's",
        "empty": "no pictures in the folder ",
        "one": " has one picture only",
        "bad": "none of the 4 pictures can be read; the first: ",
    }
    own = "".join(f"--{one}" for one in SMALL[kind].replace("digits", "").split("--")[2:])
    for dataset, message in messages.items():
        found = refused(script_of(kind), f"--dataset {dataset} {own}")
        assert message in found
        assert dataset in found


def test_pictures_without_classes(refused, folder):
    write_pictures(folder / "flat", ("",))
    write_pictures(folder / "single", ("red",))
    for name in ("flat", "single"):
        found = refused("train_classifier", f"--dataset {name}")
        assert found == f"error: {folder / name} has no classes: no labels, or no subfolders"


def test_unreadable_pictures_are_left_out(folder, script):
    write_pictures(folder / "pics")
    (folder / "pics" / "red" / "2.png").write_text("no picture")
    argv = "--dataset pics --image_size 8 --filters 2 --iterations 1"
    ended = script("train_classifier", argv)
    assert ended.status == 0
    assert ended.error.startswith("warning: 1 of 12 pictures cannot be read, and are left out: ")
    assert ended.out.startswith("10 pictures, 8x8x3, of ")


def test_unreadable_pictures_are_replaced(folder, script, monkeypatch):
    """Where pictures are read as they are needed; each is told of once."""
    monkeypatch.setattr(pictures, "IN_MEMORY", 0)
    write_pictures(folder / "pics")
    for number in (2, 3):
        (folder / "pics" / "red" / f"{number}.png").write_text("no picture")
    encoder(folder / "rgb.keras", (28, 28, 3))
    argv = "--dataset pics --encoder_definition rgb.keras --iterations 12 --batch_size 4"
    ended = script("train_prior", argv)
    assert ended.status == 0
    lines = ended.err.splitlines()
    assert len(lines) == 2
    for number in (2, 3):
        [line] = [one for one in lines if f"{number}.png" in one]
        assert line.startswith("warning: ")
        assert line.endswith("; another picture takes its place")
    assert ended.out.startswith("11 pictures, 28x28x3, of ")


def test_no_picture_that_can_be_read_when_it_is_needed(folder, script, monkeypatch):
    monkeypatch.setattr(pictures, "IN_MEMORY", 0)
    write_pictures(folder / "pics", each=2)
    for path in (folder / "pics").glob("*/*"):
        path.write_bytes(b"no picture")
    ended = script("train_prior", "--of x --dataset pics --image_size 8 --iterations 1")
    assert ended.status == 1
    *warnings, error = ended.err.splitlines()
    assert all(line.startswith("warning: ") for line in warnings) and len(warnings) <= 4
    assert error == "error: no picture of pics can be read"


def encoder(path, shape=(28, 28, 1), skip=False):
    """A network whose layers are called as are those that are asked for."""
    image = keras.Input(shape, name="data")
    first = layers.Conv2D(2, 3, padding="same", name="conv1")(image)
    second = layers.Conv2D(2, 3, padding="same", name="conv2")(first)
    if skip:
        second = layers.Add(name="sum")([first, second])
    code = layers.Dense(6, name="fc6")(layers.GlobalAveragePooling2D(name="pool")(second))
    model = keras.Model(image, layers.Dense(10, name="fc8")(code))
    model.save(path)


@pytest.mark.parametrize("kind", ["generator", "prior_h"])
def test_encoders(refused, folder, kind):
    (folder / "damaged.keras").write_bytes((folder / "encoder.keras").read_bytes()[:-99])
    (folder / "text.keras").write_text("no model")
    encoder(folder / "wide.keras", (28, 32, 1))
    encoder(folder / "four.keras", (28, 28, 4))
    encoder(folder / "any.keras", (None, None, 1))
    layer = keras.Input((6,))
    keras.Model(layer, layers.Dense(3, name="fc6")(layer)).save(folder / "vector.keras")
    messages = {
        "nowhere.keras": "there is no Keras model file nowhere.keras",
        "nowhere": "there is no network nowhere",
        "damaged.keras": "cannot read the Keras model damaged.keras: ",
        "text.keras": "cannot read the Keras model text.keras: ",
        "wide.keras": "the encoder takes images of 28x32; square ones are wanted",
        "four.keras": "must take images of 1 or 3 channels",
        "any.keras": "must take images of one size",
        "vector.keras": "must take images of one size",
    }
    for name, message in messages.items():
        found = refused(script_of(kind), f"{SMALL[kind]} --encoder_definition {name}")
        assert message in found


@pytest.mark.parametrize("kind", ["generator", "prior_h"])
def test_layers_of_codes(refused, kind):
    argv = f"{SMALL[kind]} --code_layer"
    assert "fc7" in refused(script_of(kind), f"{argv} fc7")
    found = refused(script_of(kind), f"{argv} conv1")
    assert found == "error: the layer conv1 has the shape (28, 28, 2): codes must be vectors"


def test_layers_of_features(refused, folder):
    argv = SMALL["generator"]
    assert "conv9" in refused("train_generator", f"{argv} --feature_layer conv9")
    image = keras.Input((28, 28, 1), name="data")
    code = layers.Dense(6, name="fc6")(layers.Flatten(name="flatten")(image))
    keras.Model(image, code).save(folder / "dense.keras")
    found = refused("train_generator", f"{argv} --encoder_definition dense.keras")
    assert "has no layer with maps before fc6; --feature_layer names one" in found


@pytest.mark.parametrize("layer", ["fc8", "prob"])
def test_a_layer_of_features_above_the_codes(refused, layer):
    found = refused("train_generator", f"{SMALL['generator']} --feature_layer {layer}")
    assert layer in found and "fc6" in found


def test_a_layer_of_features_beside_which_there_is_another_way(refused, folder):
    """A network with a skip cannot be cut there."""
    encoder(folder / "skip.keras", skip=True)
    argv = f"{SMALL['generator']} --encoder_definition skip.keras --feature_layer conv2"
    assert "conv2" in refused("train_generator", argv)


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (30, "the generator cannot make images of 30x30: the side must be 4, 5, 6 or 7 times"),
        (20, "--image_size 20 is smaller than the encoder's images, 28"),
    ],
)
def test_sizes_of_generators(refused, side, message):
    argv = f"{SMALL['generator']} --image_size {side}"
    assert message in refused("train_generator", argv)


def test_a_size_of_priors(refused):
    found = refused("train_prior", f"{SMALL['prior_x']} --image_size 30")
    assert found == "error: --image_size 30 must be a multiple of 4"


def test_too_small_for_the_discriminator(refused, folder):
    encoder(folder / "small.keras", (24, 24, 1))
    argv = f"{SMALL['generator']} --encoder_definition small.keras"
    found = refused("train_generator", argv)
    assert found == "error: the discriminator needs images of 28x28 or more, got 24x24"


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_x"])
def test_a_batch_that_is_larger_than_the_set(train, folder, kind):
    """The same pictures come several times."""
    ended = train(kind, "--images 3 --batch_size 7 --iterations 1")
    assert (ended.status, ended.err) == (0, "")
    assert settings(only(folder))["pictures"] == 2
    assert report(only(folder))["iterations"] == 1


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_x"])
def test_a_batch_that_devices_cannot_divide(refused, monkeypatch, kind):
    class Three(Devices):
        def __init__(self, kind):
            super().__init__(kind)
            self.count = 3

    for module in (generator_run, classifier_run, prior_run):
        monkeypatch.setattr(module, "Devices", Three)
    found = refused(script_of(kind), SMALL[kind])
    assert found == "error: --batch_size 4 must be a multiple of the devices: 3"


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_x"])
def test_places_for_results(refused, folder, monkeypatch, kind):
    (folder / "a.txt").write_text("no folder")
    argv = f"{SMALL[kind]} --results_dir"
    for name in ("a.txt", "a.txt/results"):
        assert f"{folder / 'a.txt'} is not a folder" in refused(script_of(kind), f"{argv} {name}")
    # For an administrator every folder is writable; so it is only told so.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert ": no permission in " in refused(script_of(kind), f"{argv} new")


def test_a_file_system_that_is_read_only(refused, monkeypatch):
    def mkdir(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    found = refused("train_classifier", SMALL["classifier"])
    assert found == f"error: cannot make a folder in {RESULTS}: Read-only file system"


@pytest.mark.parametrize("kind", ["classifier", "prior_x"])
def test_a_full_disk(folder, train, monkeypatch, kind):
    """When the state is written: one line, and no part of a file."""

    def savez(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", savez)
    ended = train(kind, "--iterations 2")
    assert ended.status == 1
    run = only(folder)
    assert ended.error == f"error: cannot write {run / 'state.npz'}: No space left on device"
    assert not (run / "state.npz").exists()
    assert not [path for path in run.rglob(".*")]


BROKEN = ("", "{", "null", "[]", "{}", '{"cluster": {"worker": ["a:1"]}}')
WORKERS = '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": %s}'
TASKS = (
    "{}",
    '{"type": "chief", "index": 0}',
    '{"type": "worker", "index": 2}',
    '{"type": "worker", "index": -1}',
    '{"type": "worker", "index": "0"}',
    "3",
)


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_x"])
def test_several_machines_without_their_names(refused, monkeypatch, kind):
    argv = f"{SMALL[kind]} --distribute multiworker"
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert "TF_CONFIG" in refused(script_of(kind), argv)
    for text in (*BROKEN, *(WORKERS % task for task in TASKS)):
        monkeypatch.setenv("TF_CONFIG", text)
        found = refused(script_of(kind), argv)
        assert "multiworker needs the environment variable TF_CONFIG, such as {" in found
        assert found.endswith(f"; it is {text or 'not set'}")


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_h", "prior_x"])
def test_a_learning_rate_that_is_far_too_large(folder, train, kind):
    """The run stops; what was saved before it stays."""
    ended = train(kind, "--learning_rate 1e30 --iterations 9")
    assert ended.status == 1
    assert ended.error.startswith("error: ")
    assert "try a smaller --learning_rate in a new run" in ended.error
    run = only(folder)
    assert state(run)["iteration"] == 0
    assert not list(run.glob("*.keras")) and not (run / "report.json").exists()
    assert not [path for path in run.rglob(".*")]
