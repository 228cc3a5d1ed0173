"""A user's mistake gives one line that says what is wrong, and writes nothing."""

import math

import pytest

from reproductions.texture_nets.objective import Losses
from reproductions.texture_nets.training import Training
from tests.leftovers import snapshot, state
from tests.reproductions.texture_nets.commands import (
    EXTRACT,
    STYLE,
    TEXTURE,
    script_path,
    write_picture,
)
from tests.scripts import error, finish, start, words

FIRST = {"texture_train": TEXTURE, "stylization_train": STYLE, "extract4_2": EXTRACT}


@pytest.fixture
def refused(folder, script):
    """From a script's arguments to the error; checks that no file was made or changed."""

    def check(name, text, status=1):
        before = snapshot(folder)
        ended = script(name, [*FIRST.get(name, []), *words(text)])
        line = error(ended)
        assert ended.status == status, line
        assert line.startswith("error: " if status == 1 else f"{name}.py: error: "), line
        assert snapshot(folder) == before
        return line

    return check


@pytest.mark.parametrize(
    ("script_name", "argv", "message"),
    [
        ("texture_train", "-texture_layers relu6_1", "there is no layer relu6_1 in VGG-19"),
        ("texture_train", "-texture_layers conv1_1", "there is no layer conv1_1"),
        ("texture_train", "-texture_layers ,", "no layers are given"),
        ("texture_train", "-image_size 33", "-image_size must be a multiple of 32"),
        ("texture_train", "-image_size 32 -model_name pyramid2", "at least 64, for pyramid2"),
        ("texture_train", "-image_size 0", "must be 1 or more"),
        ("texture_train", "-model_name cube", "invalid choice: 'cube'"),
        ("texture_train", "-noise_depth 0", "-noise_depth must be 1 or more"),
        ("texture_train", "-noise_depth -1", "must be 0 or more"),
        ("texture_train", "-batch_size 0", "must be 1 or more"),
        ("texture_train", "-num_iterations 0", "must be 1 or more"),
        ("texture_train", "-num_iterations 1.5", "must be a whole number"),
        ("texture_train", "-learning_rate 0", "must be above 0"),
        ("texture_train", "-learning_rate nan", "must be a finite"),
        ("texture_train", "-learning_rate x", "must be a number"),
        ("texture_train", "-ema 1", "must be from 0 to below 1"),
        ("texture_train", "-save_interval -1", "must be 0 or above"),
        ("texture_train", "-random_seed -1", "must be a whole number from 0"),
        ("texture_train", "-pictures_every 0", "must be 1 or more"),
        ("texture_train", "-normalization none", "invalid choice: 'none'"),
        ("texture_train", "-vgg_no_pad maybe", "must be true or false, got 'maybe'"),
        ("texture_train", "-backend cuda", "invalid choice: 'cuda'"),
        ("texture_train", "-weights good", "invalid choice: 'good'"),
        (
            "texture_train",
            "-weights squeezenet",
            "there is no layer relu1_1 in SqueezeNet; there are conv1, pool1, fire2, fire3",
        ),
        ("texture_train", "-texture_layers fire2", "there is no layer fire2 in VGG-19; there are"),
        (
            "stylization_train",
            "-weights squeezenet -style_layers conv1,fire2 -content_layers relu4_2",
            "there is no layer relu4_2 in SqueezeNet; there are conv1",
        ),
        ("stylization_train", "-content_layers fire5", "there is no layer fire5 in VGG-19"),
        ("extract4_2", "--content_layer relu9_1", "there is no layer relu9_1 in VGG-19"),
        ("extract4_2", "--content_layer relu2_1,relu3_1", "takes one layer only"),
        ("extract4_2", "--weights squeezenet", "there is no layer relu2_1 in SqueezeNet"),
        ("texture_train", "-preset slow", "invalid choice: 'slow'"),
        ("texture_train", "-gpu one", "invalid int value: 'one'"),
        ("texture_train", "more", "unrecognized arguments: more"),
        ("stylization_train", "-content_layers relu1_1,relu2_1", "takes one layer only"),
        ("stylization_train", "-content_layers relu7_1", "there is no layer relu7_1"),
        ("stylization_train", "-style_layers relu7_1", "there is no layer relu7_1"),
        ("stylization_train", "-content_weight -1", "must be 0 or above"),
        ("stylization_train", "-fix_batch perhaps", "must be true or false"),
        ("extract4_2", "-resize_to 0", "must be 1 or more"),
        ("extract4_2", "--save_every 0", "must be 1 or more"),
        ("texture_sample", "", "-model is required"),
        ("texture_sample", "-model a -sample_size 3x", "must be a side or WIDTHxHEIGHT, got '3x'"),
        ("texture_sample", "-model a -sample_size 1x2x3", "must be a side or WIDTHxHEIGHT"),
        ("texture_sample", "-model a -sample_size 0", "must be a side or WIDTHxHEIGHT"),
        ("texture_sample", "-model a -sample_size", "expected at least one argument"),
        ("texture_sample", "-model a --samples 0", "must be 1 or more"),
        ("texture_sample", "-model a --zero_noise 0", "must be 1 or more"),
        ("stylization_process", "-model a", "-input_image is required"),
        ("stylization_process", "-input_image a", "-model is required"),
        (
            "stylization_process",
            "-model a -input_image b -image_size 64 -longer_side 64",
            "-image_size and -longer_side exclude each other",
        ),
    ],
)
def test_bad_flags(refused, script_name, argv, message):
    assert message in refused(script_name, argv, status=2)


def test_flags_that_are_required(folder, script):
    ended = script("texture_train", words("-texture a.png"))
    assert ended.status == 2 and "-model_name is required: pyramid, pyramid2" in error(ended)
    ended = script("stylization_train", words("-model_name skip"))
    assert ended.status == 2 and "-train_images_path or -train_hdf5 is required" in error(ended)
    ended = script("extract4_2", [])
    assert ended.status == 2 and "-images_path is required" in error(ended)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("-texture none.png", "there is no picture none.png; `python datasets/download.py"),
        ("-texture text.png", "text.png is not a picture that Pillow can read"),
        ("-texture pics", "pics is a folder, not a picture"),
        ("-texture cut.jpg", "cannot read the picture cut.jpg"),
        ("-texture thin.png -image_size 32", "would be scaled to nothing at image size 32"),
        ("-texture wide.png -vgg_no_pad", "the texture, 6 pixels, is too small for relu2_1 with"),
        ("-texture_layers relu5_1 -vgg_no_pad", "pixels, is too small for relu5_1 with"),
        ("-tmp_path a.png", "cannot write to a.png"),
        ("-tmp_path a.png/out", "cannot write to a.png/out"),
    ],
)
def test_bad_pictures_and_folders(refused, folder, argv, message):
    (folder / "text.png").write_text("no picture")
    (folder / "cut.jpg").write_bytes((folder / "pics" / "b.jpg").read_bytes()[:-300])
    write_picture(folder / "thin.png", (400, 5))
    write_picture(folder / "wide.png", (50, 10))
    assert message in refused("texture_train", argv)


def test_weights_that_are_not_there(folder, script):
    argv = [word for word in TEXTURE if word not in ("--weights", "random")]
    (folder / "bad.caffemodel").write_bytes(b"no model")
    before = snapshot(folder)
    for name, message in (
        ("none.caffemodel", "there is no file none.caffemodel"),
        ("bad.caffemodel", "bad.caffemodel"),
        ("a.png", "a.png"),
        ("pics", "pics"),
    ):
        ended = script("texture_train", [*argv, "-model_file", name])
        assert ended.status == 1 and message in error(ended)
        assert error(ended).startswith("error: ")
    assert snapshot(folder) == before


def test_a_loss_that_is_not_a_number(folder, script, monkeypatch):
    """The run stops; what was saved before stays."""
    inside = Training.step

    def step(self, iteration, *batch):
        found, images = inside(self, iteration, *batch)
        return (Losses(math.nan, 0.0) if iteration == 2 else found), images

    monkeypatch.setattr(Training, "step", step)
    ended = script("texture_train", [*TEXTURE, *words("-num_iterations 4 -save_interval 0")])
    assert ended.status == 1
    assert "the loss of iteration 3 is not a number; try a smaller -learning_rate" in error(ended)
    assert state(folder / "out")["iteration"] == 2
    assert not (folder / "out" / "model.keras").exists()


@pytest.mark.slow
def test_mistakes_as_processes(folder):
    for argv, status, message in (
        (["-image_size", "33"], 2, "-image_size must be a multiple"),
        (["-texture", "none.png"], 1, "there is no picture none.png"),
    ):
        ended = finish(start([script_path("texture_train"), *TEXTURE, *argv], folder))
        assert ended.status == status and message in ended.error
