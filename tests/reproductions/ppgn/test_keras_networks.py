"""Networks of Keras files, their pixels, and sizes other than the generator's."""

import dataclasses
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from common.backend import to_tensor
from reproductions.ppgn import networks
from reproductions.ppgn.crops import view
from reproductions.ppgn.formats import FORMATS
from reproductions.ppgn.start import MEAN_COLOUR, load_image
from tests.leftovers import pixels
from tests.reproductions.ppgn.commands import (
    CODE,
    MADE,
    SMALL,
    assert_only_warnings,
    call,
    network_text,
    only,
    prepare,
    rows,
)
from tests.scripts import error, words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def run(folder, monkeypatch, capfd):
    """The steps of a run."""

    def run(to, argv):
        argv = [*SMALL, *words(f"--n_iters 3 --output_dir {to} {argv}")]
        assert_only_warnings(call("sampling_class", argv, monkeypatch, capfd))
        return rows(only(folder, f"{to}/*.run"))

    return run


def classifier(side=12, channels=3, units=10, name="own", scale=0.02, first=()):
    """A network with fused activations."""
    keras.utils.set_random_seed(0)
    image = keras.Input((side, side, channels), name="image")
    x = image
    for layer in first:
        x = layer(x)
    x = layers.Conv2D(5, 3, strides=2, activation="relu", name="conv5")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(CODE, activation="relu", name="fc6")(layers.Rescaling(scale)(x))
    return keras.Model(image, layers.Dense(units, activation="softmax", name="fc8")(x), name=name)


def saved(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_condition_network(run, folder, ending):
    model = classifier()
    path = saved(model, f"own.{ending}")
    table = run("out", f"--units 3 --net_definition {path} --plain_pixels")
    assert 0 < float(table[0]["probability"]) < 1
    assert float(table[0]["norm_d_condition"]) > 0
    assert f"own.{ending}" in (only(folder, "out/*.run") / "run.json").read_text()


def test_all_networks_from_files(run, folder):
    """The encoder's codes are ReLU's, and the generator's last layer has an activation."""
    keras.utils.set_random_seed(1)
    saved(classifier(), "own.keras")
    code = keras.Input((CODE,), name="code")
    x = layers.Reshape((4, 4, 4))(layers.Dense(64, activation="leaky_relu")(code))
    x = layers.Conv2DTranspose(3, 4, 4, activation="tanh")(x)
    saved(keras.Model(code, layers.Rescaling(100.0)(x), name="made"), "made.keras")
    files = "--net_definition own.keras --encoder_definition own.keras"
    files += " --generator_definition made.keras --weights pretrained"
    table = run("out", f"--units 3_4 --write_labels {files}")
    assert len(table) == 7
    assert len(set(row["probability"] for row in table)) == 7
    saved_weights = (
        (only(folder, "out/*.run") / "run.json").read_text().partition('"weights": [')[2]
    )
    assert saved_weights.count("own.keras") == 1 and saved_weights.count("made.keras") == 1


def test_a_sequential_network_and_hidden_units(run):
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(6, 3, activation="relu", name="features"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )
    saved(model, "own.keras")
    flags = "--net_definition own.keras --act_layer"
    assert run("classes", f"{flags} classes --units 3")
    assert run("hidden", f"{flags} features --units 5 --xy 3")
    assert run("everywhere", f"{flags} features --units 5 --region all")


def test_the_softmax_of_a_file_is_not_taken_twice(run):
    """A softmax of a softmax would be nearly the same for all units."""
    saved(classifier(scale=5), "own.keras")
    best = max(
        float(row["best_probability"]) for row in run("out", "--units 3 --net_def own.keras")
    )
    assert best > np.e / (np.e + 9)


def test_a_grey_network(run, folder, monkeypatch, capfd):
    keras.utils.set_random_seed(2)
    saved(classifier(channels=1), "grey.keras")
    code = keras.Input((CODE,))
    x = layers.Reshape((16, 16, 1))(layers.Dense(256)(code))
    saved(keras.Model(code, layers.Rescaling(50.0)(x)), "made.keras")
    files = "--net_definition grey.keras --encoder_definition grey.keras"
    files += " --generator_definition made.keras"
    run("out", f"--units 3 --write_labels --batch 2 --gif {files}")
    for path in folder.glob("out/fc8*.jpg"):
        picture = pixels(path)
        assert picture.shape == (12, 12, 3) and (picture == picture[..., :1]).all()
    argv = [*SMALL, *words(f"--units 3 --output_dir no {files} --net_pixels torch")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert ended.status == 1 and "3 channels" in error(ended)


def test_a_grey_network_starts_from_a_picture(folder):
    picture = (np.arange(12 * 12 * 3).reshape(12, 12, 3) % 251).astype(np.uint8)
    Image.fromarray(picture).save("coloured.png")
    image = load_image("coloured.png", (12, 12), 1)
    assert image.shape == (1, 12, 12, 1)
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float32)
    mean = (104.00648498535156 + 116.66902160644531 + 122.67945861816406) / 3
    np.testing.assert_allclose(image[0, ..., 0], grey - mean, rtol=0, atol=1e-4)


def test_networks_that_learned_here_take_pictures_minus_the_mean_colour(folder):
    picture = (np.arange(12 * 12 * 3).reshape(12, 12, 3) % 251).astype(np.uint8)
    Image.fromarray(picture).save("coloured.png")
    image = load_image("coloured.png", (12, 12), 3, of_imagenet=False)
    np.testing.assert_allclose(
        image[0], picture[..., ::-1] - np.array(MEAN_COLOUR), rtol=0, atol=1e-4
    )


@pytest.fixture
def about_pixels(folder, monkeypatch, capfd):
    """The lines of warning about what a network is given."""

    def about_pixels(argv):
        argv = [*SMALL, *words(f"--units 3 --n_iters 1 --output_dir out {argv}")]
        ended = call("sampling_class", argv, monkeypatch, capfd)
        assert_only_warnings(ended)
        return [line for line in ended.err.splitlines() if "--net_pixels" in line]

    return about_pixels


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_network_of_whose_pixels_nothing_is_said(about_pixels, ending):
    saved(classifier(), f"own.{ending}")
    [line] = about_pixels(f"--net_definition own.{ending}")
    assert line.startswith(f"warning: own.{ending} is given BGR pixels minus the mean")
    assert "--net_pixels says" in line
    for name in ("caffe", "tf"):
        assert about_pixels(f"--net_definition own.{ending} --net_pixels {name} --seed 1") == []


def test_networks_whose_pixels_are_known(about_pixels):
    assert about_pixels("") == []
    saved(classifier(), "own.keras")
    assert about_pixels("--encoder_definition own.keras") == []
    keras.utils.set_random_seed(2)
    saved(classifier(channels=1), "grey.keras")
    code = keras.Input((CODE,))
    x = layers.Reshape((16, 16, 1))(layers.Dense(256)(code))
    saved(keras.Model(code, layers.Rescaling(50.0)(x)), "made.keras")
    files = "--net_definition grey.keras --encoder_definition grey.keras"
    assert about_pixels(f"{files} --generator_definition made.keras") == []


@pytest.fixture
def small_suite(monkeypatch):
    """CaffeNet's place is taken by a small network."""
    small = dataclasses.replace(networks.SUITE["caffenet"], build=lambda source: classifier())
    monkeypatch.setitem(networks.SUITE, "caffenet", small)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("definition", ["caffenet", "nets/caffenet/caffenet.prototxt"])
def test_networks_of_the_suite_take_what_they_were_trained_on(
    folder, small_suite, monkeypatch, capfd, definition, name
):
    flags = f"--units 3 --n_iters 1 --net_definition {definition} --net_pixels {name}"
    argv = [*SMALL, *words(f"{flags} --output_dir out")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    if name == "caffe":
        assert_only_warnings(ended)
    else:
        assert ended.status == 1
        assert error(ended) == f"error: --net_pixels {name}: {definition} takes caffe"
        assert not (folder / "out").exists()


def test_a_subclassed_model_is_refused(monkeypatch, capfd):
    @keras.saving.register_keras_serializable()
    class Own(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = layers.Dense(3, name="fc8")

        def call(self, images):
            return self.dense(keras.ops.mean(images, (1, 2)))

    model = Own()
    model(np.zeros((1, 12, 12, 3)))
    saved(model, "own.keras")
    argv = [*SMALL, *words("--units 2 --net_definition own.keras")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert ended.status == 1
    assert "own.keras is no built Functional or Sequential model" in error(ended)


IMAGES = np.random.RandomState(0).normal(0, 90, (2, 5, 5, 3)).astype(np.float32)
MEAN = np.array([104.00648498535156, 116.66902160644531, 122.67945861416406])


def test_pixels_as_networks_want_them():
    rgb = np.clip(IMAGES + MEAN, 0, 255)[..., ::-1]
    assert rgb.min() == 0 and rgb.max() == 255
    wanted = {
        "caffe": IMAGES,
        "rgb": rgb,
        "unit": rgb / 255,
        "tf": rgb / 127.5 - 1,
        "torch": (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    }
    assert wanted.keys() == FORMATS.keys()
    for name, change in FORMATS.items():
        np.testing.assert_allclose(change(to_tensor(IMAGES)), wanted[name], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mode", ["tf", "torch"])
def test_pixels_are_those_of_keras_applications(mode):
    rgb = np.clip(IMAGES + MEAN, 0, 255)[..., ::-1]
    wanted = keras.applications.imagenet_utils.preprocess_input(rgb.copy(), mode=mode)
    np.testing.assert_allclose(FORMATS[mode](to_tensor(IMAGES)), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_pixels_reach_the_network(run, name):
    """The same network behind each format's inverse gives the same numbers."""
    first = []
    if name != "caffe":
        scale = {"rgb": 1, "unit": 255, "tf": 127.5, "torch": [58.395, 57.12, 57.375]}[name]
        shift = {"rgb": 0, "unit": 0, "tf": 127.5, "torch": [123.675, 116.28, 103.53]}[name]
        swap = layers.Conv2D(3, 1, use_bias=False, kernel_initializer="zeros")
        first = [layers.Rescaling(scale, np.add(shift, -MEAN[::-1]).tolist()), swap]
    own = classifier(first=first)
    if first:
        swap.set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3)])
    saved(own, "own.keras")
    saved(classifier(), "plain.keras")
    # Random weights by another name, whose pictures stay within 0..255.
    argv = "--units 3 --generator_weights lrcn --net_definition"
    table = run("out", f"{argv} own.keras --net_pixels {name}")
    plain = run("plain", f"{argv} plain.keras")
    numbers, wanted = (
        [float(row[key]) for row in rows[:2] for key in ("probability", "norm_d_condition")]
        for rows in (table, plain)
    )
    np.testing.assert_allclose(numbers, wanted, rtol=2e-3)


def test_what_a_network_sees():
    images = np.random.RandomState(0).normal(0, 50, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(view(images, (12, 12)), images[:, 2:14, 2:14])
    np.testing.assert_array_equal(view(images, (11, 13)), images[:, 2:13, 1:14])
    np.testing.assert_array_equal(view(images, (16, 16)), images)
    large = np.asarray(view(images, (32, 32)))
    assert large.shape == (2, 32, 32, 3)
    # Between four pixels bilinear enlarging is a weighted mean of them.
    weights = np.outer([0.75, 0.25], [0.75, 0.25])[..., None]
    np.testing.assert_allclose(large[0, 1, 1], (weights * images[0, :2, :2]).sum((0, 1)), rtol=1e-5)


@pytest.mark.parametrize("side", [9, MADE, 24])
def test_networks_of_other_sizes(run, folder, side):
    (folder / "other.prototxt").write_text(network_text(side=side))
    table = run("out", "--units 3 --net_definition other.prototxt")
    assert float(table[0]["norm_d_condition"]) > 0
    # What the condition network saw.
    assert pixels(only(folder, "out/*.jpg")).shape == (side, side, 3)
    assert pixels(folder / "out" / "samples" / "00000.jpg").shape == (side, side, 3)


def test_an_encoder_of_another_size(run, folder):
    (folder / "other.prototxt").write_text(network_text(side=20))
    run("out", "--units 3 --encoder_definition other.prototxt --init_file a.png")
    assert pixels(only(folder, "out/*.jpg")).shape == (12, 12, 3)


def test_inpainting_with_networks_of_two_sizes(folder, monkeypatch, capfd):
    (folder / "other.prototxt").write_text(network_text(side=20))
    argv = words("--units 3 --encoder_definition other.prototxt --init_file a.png --epsilon4 1")
    ended = call("sampling_class", [*SMALL, *argv, "--patch", "5"], monkeypatch, capfd)
    assert ended.status == 1
    assert "for images of one size, these take (20, 20) and (12, 12)" in error(ended)
