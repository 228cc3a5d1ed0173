"""A user's mistake gives one line that says what is wrong, and writes nothing."""

import json
import os

import keras
import numpy as np
import pytest
from PIL import Image

from common import weights
from tests.common.test_caffe import field, floats, shape_field
from tests.leftovers import snapshot
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    CAPTIONER,
    CLASSES,
    SMALL,
    call,
    network_text,
    prepare,
    script_path,
)
from tests.scripts import error, finish, start, words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def refused(folder, monkeypatch, capfd):
    """From the arguments of a script to the error; checks that no file was made or changed."""

    def check(*argv, script="sampling_class", status=1, small=True):
        first = {"sampling_class": SMALL, "sampling_caption": CAPTIONED}.get(script, [])
        before = snapshot(folder)
        ended = call(script, [*(first if small else []), *argv], monkeypatch, capfd)
        line = error(ended)
        assert ended.status == status, line
        assert line.startswith("error: " if status == 1 else f"{script}.py: error: "), line
        assert snapshot(folder) == before
        return line

    return check


def test_units_that_are_not_there(refused):
    line = refused("--units", "10")
    assert line == "error: unit 10 is out of range: the layer fc8 has the units 0 to 9"
    assert "unit 99 is out of range" in refused("--units", "3_99_4")
    line = refused("--units", "5", "--act_layer", "conv5")
    assert "unit 5 is out of range: the layer conv5 has the units 0 to 4" in line


@pytest.mark.parametrize("flag", ["act_layer", "code_layer", "opt_layer"])
def test_unknown_layers(refused, flag):
    line = refused("--units", "3", f"--{flag}", "fc7", "--init_file", "a.png")
    assert "the network small_network has no layer fc7; its layers: data, conv5, " in line
    assert "its layers: data, conv5, relu5" in refused(
        "--units", "3", f"--{flag}", "?", "--init_f=a.png"
    )


def test_layers_without_units(refused):
    line = refused("--units", "3", "--code_layer", "conv5")
    assert "the layer conv5 has the shape (5, 5, 5), the generator's codes (8,)" in line
    line = refused("--units", "3", "--init_file", "a.png", "--opt_layer", "fc8")
    assert "the layer fc8 makes codes of the shape (10,), the generator takes (8,)" in line


def test_places_outside(refused):
    line = refused("--units", "3", "--act_layer", "conv5", "--xy", "5")
    assert "row 5, column 5: not all inside of the maps of the layer conv5, 5x5" in line
    line = refused("--units", "3", "--act_layer", "conv5", "--region", "0_0_6_2")
    assert "rows 0 to 5, columns 0 to 1: not all inside of the maps" in line
    line = refused("--units", "3", "--region", "0_0_1_1")
    assert "--region needs a convolution" in line


@pytest.mark.parametrize("text", ["1_1_1_2", "2_1_1_2", "1_2_3", "a", "", "-1_0_1_1", "0_0_1_1_1"])
def test_regions_that_are_none(refused, text):
    assert "--region: " in refused("--units=3", f"--region={text}", status=2)


def test_a_region_and_a_place(refused):
    line = refused("--units=3", "--act_layer=conv5", "--region=all", "--xy=2", status=2)
    assert "--region and --xy exclude each other" in line


def test_unknown_words(refused):
    line = refused("--sentence", "a_dogs_barks", script="sampling_caption")
    assert "does not know the word 'dogs'; near ones: dog" in line
    line = refused("--sentence", "a_xyzxyz", script="sampling_caption")
    assert "'xyzxyz'; words.txt lists them" in line
    argv = words("--sentence a_dgo --weights random")
    assert "near ones: " in refused(*argv, script="sampling_caption", small=False)


@pytest.mark.parametrize("text", ["", "_", "__", " "])
def test_no_sentence(refused, text):
    line = refused(f"--sentence={text}", script="sampling_caption", status=2)
    assert "--sentence: must not be empty" in line


def test_no_sentence_flag(refused):
    assert "must not be empty" in refused(script="sampling_caption", status=2)
    assert "must not be empty" in refused("--sentence", script="sampling_caption", status=2)


def test_a_vocabulary_of_another_captioner(refused, folder):
    (folder / "long.txt").write_text("".join(f"word{i}\n" for i in range(9)))
    argv = ["--sentence=word8_word1", "--vocabulary=long.txt"]
    line = refused(*argv, script="sampling_caption")
    assert "'word8' is word 9 of the vocabulary, but the captioner small_captioner knows 6" in line
    assert "cannot read missing.txt" in refused(
        "--sentence=a", "--vocabulary=missing.txt", script="sampling_caption"
    )
    assert "a.png is not text" in refused(
        "--sentence=a", "--vocab=a.png", script="sampling_caption"
    )


def test_starts_that_are_no_pictures(refused, folder):
    assert "no such picture: missing.png" in refused("--units=3", "--init_file=missing.png")
    (folder / "text.jpg").write_text("no picture")
    assert "text.jpg is not a picture" in refused("--units=3", "--init_file=text.jpg")
    assert "is a folder, not a picture" in refused("--units=3", "--init_file=.")
    Image.open("a.png").save("whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:400])
    assert "cannot read the picture cut.jpg" in refused("--units=3", "--init_file=cut.jpg")
    assert "File name too long" in refused("--units=3", "--init_file", "x" * 300)
    assert "no such picture" in refused("--sentence=a", "--init_f=b.png", script="sampling_caption")


def test_the_pictures_of_the_original(refused, folder, monkeypatch):
    argv = ["--units=3", "--init_file=images/volcano.jpg", "--weights=pretrained"]
    line = refused(*argv)
    assert "images/volcano.jpg is not here: python datasets/download.py ppgn gets it" in line
    originals = folder / "originals" / "ppgn"
    originals.mkdir(parents=True)
    monkeypatch.setenv("ORIGINALS_DIR", str(originals.parent))
    (originals / "ilsvrc_2012_mean.mat").write_bytes(b"no matrix")
    assert "cannot read" in refused("--units=3", "--init_file=a.png")


def test_inpainting_without_a_picture(refused):
    line = refused("--units=3", "--epsilon4=1", status=2)
    assert "--epsilon4: inpainting needs a picture: --init_file" in line


def test_a_patch_that_is_too_large(refused):
    argv = words("--units 3 --init_file a.png --epsilon4 1 --patch")
    line = refused(*argv, "12")
    assert "--patch 12 must be smaller than the images, which are 12x12" in line


def layer(name: str, *blobs: tuple) -> bytes:
    """A layer of a .caffemodel with blobs of zeros, of these shapes."""
    message = field(1, name) + field(2, "InnerProduct")
    for shape in blobs:
        count = int(np.prod(shape))
        message += field(7, shape_field(*shape) + field(5, floats(*[0.0] * count)))
    return field(100, message)


CONV5 = layer("conv5", (5, 3, 3, 3), (5,))
FC6 = layer("fc6", (8, 125), (8,))
FC8 = layer("fc8", (CLASSES, 8), (CLASSES,))


def test_weights_that_do_not_fit(refused, folder):
    argv = ["--units=3", "--weights=pretrained", "--encoder_weights=net.caffemodel"]
    path = folder / "net.caffemodel"
    path.write_bytes(CONV5 + layer("fc6", (8, 124), (8,)) + FC8)
    line = refused(*argv)
    shapes = "has the shape (8, 124), the definition wants (8, 125)"
    assert f"net.caffemodel: blob 0 of the layer fc6 {shapes}" in line
    path.write_bytes(CONV5 + layer("fc6", (8, 125)) + FC8)
    assert "the layer fc6 has 1 blobs, its definition 2" in refused(*argv)
    path.write_bytes(CONV5 + FC8)
    assert "net.caffemodel has no weights for the layer fc6" in refused(*argv)
    path.write_bytes(b"no model")
    assert "net.caffemodel: not a readable .caffemodel" in refused(*argv)
    path.write_bytes((CONV5 + FC6)[:-50])
    assert "net.caffemodel: not a readable .caffemodel" in refused(*argv)


def test_networks_that_are_not_there(refused):
    line = refused("--units=3", "--net_definition=squeezenet")
    assert "there is no network squeezenet: a name (caffenet, caffenet_fcn, placescnn" in line
    for flag in ("net", "encoder", "generator"):
        line = refused("--units=3", f"--{flag}_definition=missing.prototxt")
        assert "there is no network missing.prototxt" in line
        line = refused("--units=3", f"--{flag}_definition=missing.keras")
        assert "missing.keras" in line
    argv = ["--units=3", "--weights=pretrained", "--encoder_weights=missing.caffemodel"]
    assert "there are no weights missing.caffemodel" in refused(*argv)
    argv = ["--sentence=a", "--captioner_definition=missing.prototxt"]
    assert "there is no network missing.prototxt" in refused(*argv, script="sampling_caption")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer {", "not a readable .prototxt"),
        ("", "not a readable .prototxt"),
        ("no network", "not a readable .prototxt: line 1"),
        (network_text().replace('"Softmax"', '"Fancy"'), "of the type 'Fancy', which is not"),
        (network_text().replace("num_output: 8", ""), "the layer fc6"),
        (network_text().replace('bottom: "fc6" top: "fc8"', 'bottom: "x" top: "fc8"'), "reads x"),
        (network_text(side=1), "the layer conv5"),
    ],
    ids=lambda text: text[:12].strip(),
)
def test_damaged_definitions(refused, folder, text, message):
    (folder / "broken.prototxt").write_text(text)
    assert message in refused("--units=3", "--net_definition=broken.prototxt")


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_damaged_keras_models(refused, folder, ending):
    image = keras.Input((12, 12, 3))
    model = keras.Model(image, keras.layers.Dense(3, name="fc8")(keras.layers.Flatten()(image)))
    model.save("whole.keras")
    whole = (folder / "whole.keras").read_bytes()
    for damaged in (b"", b"x" * 999, whole[:-500]):
        (folder / f"broken.{ending}").write_bytes(damaged)
        line = refused("--units=3", f"--net_definition=broken.{ending}")
        assert f"cannot read the Keras model broken.{ending}" in line


def test_code_in_keras_models_is_not_executed(refused, folder):
    image = keras.Input((12, 12, 3))
    doubled = keras.layers.Lambda(lambda x: x * 2)(image)
    model = keras.Model(image, keras.layers.Dense(3, name="fc8")(keras.layers.Flatten()(doubled)))
    for ending in ("keras", "h5"):
        model.save(f"lambda.{ending}")
        line = refused("--units=2", f"--net_definition=lambda.{ending}")
        assert f"cannot read the Keras model lambda.{ending}" in line


def save_model(shape, units=10, name="net"):
    """Saves a network of images of this shape."""
    image = keras.Input(shape)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, keras.layers.Dense(units, name="fc8")(features), name=name)
    model.save(f"{name}.keras")


def test_networks_that_take_other_things(refused, folder):
    save_model((None, None, 3), name="any_size")
    line = refused("--units=3", "--net_definition=any_size.keras")
    assert "the condition network any_size must take images of one size" in line
    assert "it takes (None, None, 3)" in line
    save_model((3, 12, 12), name="channels_first")
    line = refused("--units=3", "--net_definition=channels_first.keras")
    assert "channels_first must take images of 1 or 3 channels, the last axis" in line
    save_model((12, 12, 1), name="grey")
    line = refused("--units=3", "--net_definition=grey.keras")
    assert "the networks' images differ in their channels: [1, 3]" in line
    line = refused("--units=3", "--generator_definition=network.prototxt")
    assert "the generator small_network must make images" in line
    line = refused("--units=3", "--net_definition=generator.prototxt")
    assert "the condition network small_generator must take images" in line
    line = refused("--units=3", "--encoder_definition=captioner.prototxt")
    assert "the encoder small_captioner must take images" in line


def test_networks_of_the_suite_in_the_wrong_place(refused, folder):
    assert "lrcn is a captioner" in refused("--units=3", "--net_definition=lrcn")
    argv = ["--sentence=a", "--captioner_definition"]
    line = refused(*argv, "network.prototxt", script="sampling_caption")
    assert "the network has no input cont_sentence" in line
    (folder / "other.prototxt").write_text(CAPTIONER.replace("lstm1", "lstm0"))
    line = refused(*argv, "other.prototxt", script="sampling_caption")
    assert "the captioner small_captioner has no layer lstm1, as LRCN has" in line
    argv = ["--sentence=a_dog", "--net_definition=network.prototxt"]
    line = refused(*argv, script="sampling_caption")
    assert "features of the shape (10,), the captioner takes (1000,)" in line


def test_folders_that_cannot_be_made(refused, folder, monkeypatch):
    (folder / "file").touch()
    for to in ("file", "file/out"):
        assert f"cannot write to {to}" in refused("--units=3", f"--output_dir={to}")
        line = refused("--sentence=a", f"--output_dir={to}", script="sampling_caption")
        assert f"cannot write to {to}" in line
    assert "File name too long" in refused("--units=3", "--output_dir", "x" * 300)
    # Permissions do not stop an administrator, who may be running the tests.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "no permission" in refused("--units=3", "--output_dir=out")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--n_iters 0", "--n_iters: must be 1 or more, got 0"),
        ("--n_iters 1.5", "--n_iters: must be a whole number"),
        ("--n_iters", "--n_iters: expected one argument"),
        ("--seed -1", "--seed: must be a whole number from 0 to 4294967295, got '-1'"),
        ("--seed 4294967296", "--seed: must be a whole number from 0"),
        ("--seed 4294967295 --batch 2", "--batch: the last seed must be below 4294967296"),
        ("--lr nan", "--lr: must be a finite 32-bit number"),
        ("--lr_end inf", "--lr_end: must be a finite"),
        ("--epsilon1=-inf", "--epsilon1: must be a finite"),
        ("--epsilon2 1e39", "--epsilon2: must be a finite"),
        ("--epsilon3 -1", "--epsilon3: must be 0 or above"),
        ("--threshold x", "--threshold: must be a number"),
        ("--xy -1", "--xy: must be 0 or more"),
        ("--save_every -1", "--save_every: must be 0 or more"),
        ("--reset_every -1", "--reset_every: must be 0 or more"),
        ("--batch 0", "--batch: must be 1 or more"),
        ("--chains_per_call 0", "--chains_per_call: must be 1 or more"),
        ("--units 1,2", "--units: must be whole numbers with _ between them, such as 946_629"),
        ("--units a", "got 'a'"),
        ("--units=", "got ''"),
        ("--units 1__2", "got '1__2'"),
        ("--units -1", "--units"),
        ("--units 1.5", "got '1.5'"),
        ("--units 9999999999", "got '9999999999'"),
        ("--sweep epsilon1", "--sweep: must be NAME=VALUE,VALUE"),
        ("--sweep epsilon4=1,2", "a name out of epsilon1, epsilon2, epsilon3, lr"),
        ("--sweep epsilon1=", "must be a number, got ''"),
        ("--sweep epsilon1=1,a", "must be a number, got 'a'"),
        ("--sweep epsilon1=1,-1", "must be 0 or above"),
        ("--sweep lr=nan", "must be a finite"),
        ("--sweep epsilon1=1e-5,0.00001", "the values of epsilon1 must differ"),
        ("--sweep epsilon1=1 epsilon1=2", "one or two different names"),
        ("--sweep epsilon1=1 epsilon2=2 lr=3", "one or two different names"),
        ("--sweep", "expected at least one argument"),
        ("--preset slow", "invalid choice: 'slow'"),
        ("--net_pixels bgr", "invalid choice: 'bgr'"),
        ("--act_layer=", "--act_layer: must not be empty"),
        ("--output_dir=", "--output_dir: must not be empty"),
        ("--unknown 3", "unrecognized arguments: --unknown 3"),
        ("more", "unrecognized arguments: more"),
    ],
)
def test_bad_flags(refused, argv, message):
    assert message in refused("--units=3", *argv.split(), status=2)


def test_no_units(refused):
    assert "arguments are required: --units" in refused(status=2)
    assert "--units: expected one argument" in refused("--units", status=2)


def test_the_same_unit_twice_at_once(refused):
    line = refused("--units=3_3", "--batch_units")
    assert "two chains would both be called fc8_0003" in line and "units must differ" in line


def test_labels_that_cannot_be_read(refused):
    assert "cannot read missing.txt" in refused("--units=3", "--labels=missing.txt")
    assert "a.png is not text" in refused("--units=3", "--labels=a.png")


def test_numbers_beyond_all_bounds(folder, monkeypatch, capfd):
    argv = [
        *SMALL,
        *words("--units 3 --n_iters 3 --init_file a.png --epsilon1 3e38 --epsilon3 0"),
    ]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert ended.status == 1
    assert "holds values that are not numbers" in error(ended)


@pytest.fixture
def no_network(folder, monkeypatch, request):
    """A manifest whose addresses nobody answers."""
    rows = json.loads(weights.MANIFEST.read_text())
    for row in rows:
        row["urls"] = [f"http://127.0.0.1:9/{row['file']}"]
    (folder / "manifest.json").write_text(json.dumps(rows))
    (folder / "nowhere").mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights, "MANIFEST", folder / "manifest.json")
    weights.manifest.cache_clear()
    request.addfinalizer(weights.manifest.cache_clear)


def test_no_weights_and_no_network(refused, no_network):
    line = refused("--units=3", small=False)
    assert "cannot download bvlc_reference_caffenet.caffemodel" in line
    assert "http://127.0.0.1:9/bvlc_reference_caffenet.caffemodel: no connection" in line
    assert "--weights random" in line and "nowhere" in line
    argv = [*SMALL, "--weights=pretrained", "--encoder_definition=placescnn"]
    argv += ["--encoder_weights=placescnn", "--units=3"]
    assert "places205CNN" in refused(*argv, small=False)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("8 13", "there is no recipe 8, there are 1 to 7"),
        ("0 13", "there is no recipe 0"),
        ("one 13", "there is no recipe one"),
        ("-1 13", "there is no recipe -1"),
        ("1", "recipe 1 needs UNIT, e.g. 1 13"),
        ("1 --preset quick", "recipe 1 needs UNIT"),
        ("5", "recipe 5 needs SENTENCE, e.g. 5 a_church"),
    ],
)
def test_recipes_that_are_not_there(refused, argv, message):
    line = refused(*argv.split(), script="recipes", status=2)
    assert message in line and "-h lists the recipes" in line


@pytest.mark.parametrize(
    ("argv", "script", "message"),
    [
        ("1 junco", "sampling_class", "--units: must be whole numbers"),
        ("2 much", "sampling_class", "--epsilon1: must be a number"),
        ("3 1,2", "sampling_class", "--units: must be whole numbers"),
        ("5 _", "sampling_caption", "--sentence: must not be empty"),
        ("1 13 --n_iters 0", "sampling_class", "--n_iters: must be 1 or more"),
        ("5 a_dog --units 3", "sampling_caption", "unrecognized arguments: --units=3"),
        ("1 13 14", "recipes", "recipe 1 takes one UNIT, got 13 and 14"),
    ],
)
def test_bad_flags_of_recipes(folder, monkeypatch, capfd, argv, script, message):
    ended = call("recipes", argv.split(), monkeypatch, capfd)
    assert ended.status == 2
    assert error(ended).startswith(f"{script}.py: error: ") and message in error(ended)


def test_a_recipe_that_is_refused_keeps_the_samples_of_an_earlier_one(refused, folder):
    samples = folder / "out" / "samples"
    samples.mkdir(parents=True)
    (samples / "00000.jpg").write_text("kept")
    line = refused("1", "10", *SMALL, "--output_dir=out", script="recipes")
    assert "unit 10 is out of range" in line


def test_mistakes_as_processes(folder):
    ended = finish(start([script_path("sampling_class"), "--units", "x"], folder))
    assert ended.status == 2
    assert ended.error.startswith("sampling_class.py: error: argument --units: must be whole")
    processes = [
        start([script_path("sampling_class"), *SMALL, "--units", "10"], folder),
        start([script_path("recipes"), "6", "3", *SMALL, "--init_file", "b.png"], folder),
    ]
    messages = ["unit 10 is out of range", "no such picture: b.png"]
    for process, message in zip(processes, messages, strict=True):
        ended = finish(process)
        assert ended.status == 1 and message in error(ended)
        assert "Traceback" not in ended.err
    assert not list(folder.glob("*.run")) and not (folder / "output").exists()
