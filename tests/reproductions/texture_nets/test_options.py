"""The original's flags and commands, its ways to write them, and presets."""

import pytest

from common.descriptors import KINDS, network_of
from common.originals import REPOSITORY
from reproductions.texture_nets import options
from reproductions.texture_nets.networks import TRAINABLE
from reproductions.texture_nets.training_options import (
    STYLIZATION_PRESETS,
    TEXTURE_PRESETS,
    parse_texture,
)
from tests.reproductions.texture_nets.commands import PARSERS
from tests.scripts import words

LAYERS = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"
VGG = {
    "proto_file": "data/pretrained/VGG_ILSVRC_19_layers_deploy.prototxt",
    "model_file": "data/pretrained/VGG_ILSVRC_19_layers.caffemodel",
}
TRAINING = VGG | {
    "learning_rate": 0.1,
    "image_size": 256,
    "noise_depth": 3,
    "gpu": 0,
    "tmp_path": "data/out/",
    "normalize_gradients": False,
    "vgg_no_pad": False,
    "circular_padding": True,
}

#: The table of the original's flags. `backend` is cudnn in some of its scripts; it has no effect
#: here. Some of its values are found out when they are not given: `noise_depth` when a model is
#: used, `save_path`, `train_hdf5`.
DEFAULTS = {
    "texture_train": TRAINING
    | {
        "texture_layers": LAYERS,
        "texture": "data/texture/red-peppers256.o.jpg",
        "num_iterations": 1500,
        "batch_size": 16,
    },
    "stylization_train": TRAINING
    | {
        "style_layers": LAYERS,
        "content_layers": "relu4_2",
        "content_weight": 0.6,
        "style_weight": 1000.0,
        "num_iterations": 3000,
        "batch_size": 4,
        "fix_batch": False,
    },
    "texture_sample": {"save_path": ".", "sample_size": [(256, 256)]},
    "stylization_process": {"image_size": 0, "gpu": 0},
    "extract4_2": VGG
    | {"save_to": "data/256.hdf5", "resize_to": 256, "vgg_no_pad": False, "gpu": 0},
}
NEEDED = {
    "texture_train": "-model_name pyramid",
    "stylization_train": "-model_name pyramid -train_images_path pics",
    "texture_sample": "-model model.t7",
    "stylization_process": "-model model.t7 -input_image a.png",
    "extract4_2": "-images_path pics",
}
#: Another value of each flag of the original, as a word and as it is read.
VALUES = {
    "texture_layers": ("relu1_1", "relu1_1"),
    "style_layers": ("relu1_2", "relu1_2"),
    "content_layers": ("relu3_2", "relu3_2"),
    "texture": ("b.png", "b.png"),
    "style_image": ("b.png", "b.png"),
    "learning_rate": ("5e-1", 0.5),
    "num_iterations": ("7", 7),
    "batch_size": ("2", 2),
    "image_size": ("512", 512),
    "noise_depth": ("16", 16),
    "gpu": ("2", 2),
    "tmp_path": ("elsewhere/", "elsewhere/"),
    "model_name": ("skip", "skip"),
    "proto_file": ("b.prototxt", "b.prototxt"),
    "model_file": ("b.caffemodel", "b.caffemodel"),
    "backend": ("cudnn", "cudnn"),
    "content_weight": ("0.8", 0.8),
    "style_weight": ("10", 10.0),
    "train_hdf5": ("b.hdf5", "b.hdf5"),
    "train_images_path": ("more", "more"),
    "model": ("b.t7", "b.t7"),
    "sample_size": ("512", [(512, 512)]),
    "save_path": ("there", "there"),
    "input_image": ("b.png", "b.png"),
    "images_path": ("more", "more"),
    "save_to": ("b.hdf5", "b.hdf5"),
    "resize_to": ("128", 128),
}
MORE = {
    "texture_train": ["model_name", "backend"],
    "stylization_train": ["model_name", "backend", "style_image", "train_hdf5"],
    "texture_sample": ["model", "noise_depth"],
    "stylization_process": ["input_image", "model", "noise_depth", "save_path"],
    "extract4_2": ["images_path", "backend"],
}
SWITCHES = [
    *[("texture_train", n) for n in ("normalize_gradients", "vgg_no_pad", "circular_padding")],
    *[("stylization_train", n) for n in ("normalize_gradients", "vgg_no_pad", "circular_padding")],
    ("stylization_train", "fix_batch"),
    ("extract4_2", "vgg_no_pad"),
]


def parse(script, text=""):
    return vars(PARSERS[script](words(f"{NEEDED[script]} {text}")))


@pytest.mark.parametrize("script", DEFAULTS)
def test_defaults_are_those_of_the_original(script):
    values = parse(script)
    assert {name: values[name] for name in DEFAULTS[script]} == DEFAULTS[script]
    for name, value in DEFAULTS[script].items():
        assert type(values[name]) is type(value), name


@pytest.mark.parametrize("script", DEFAULTS)
def test_every_flag_of_the_original_with_one_dash_and_with_two(script):
    plain = parse(script)
    switches = [name for of, name in SWITCHES if of == script]
    names = {*DEFAULTS[script], *MORE[script]} - set(switches)
    for name in names:
        word, value = VALUES[name]
        assert plain[name] != value, name
        for given in (f"-{name} {word}", f"--{name} {word}", f"-{name}={word}", f"--{name}={word}"):
            found = parse(script, given)
            assert found[name] == value, given
            others = {k: v for k, v in found.items() if k not in (name, "layers", "content")}
            assert others == {k: plain[k] for k in others}, given


@pytest.mark.parametrize(("script", "name"), SWITCHES)
def test_switches_are_given_bare_or_with_a_value(script, name):
    for dashes in ("-", "--"):
        for text in ("", " true", " True", "=true", " 1"):
            assert parse(script, f"{dashes}{name}{text}")[name] is True
            assert parse(script, f"{dashes}{name}{text} -gpu 1")[name] is True
        for text in (" false", " False", "=false", " 0"):
            assert parse(script, f"{dashes}{name}{text}")[name] is False
    with pytest.raises(SystemExit):
        parse(script, f"-{name} maybe")


def test_commands_of_the_original_for_textures():
    flags = PARSERS["texture_train"](
        words(
            "-texture data/textures/red-peppers256.o.jpg -model_name pyramid -backend nn"
            " -num_iterations 1500 -vgg_no_pad -normalize_gradients"
        )
    )
    assert (flags.vgg_no_pad, flags.normalize_gradients, flags.circular_padding) == (True,) * 3
    assert (flags.texture, flags.model_name) == ("data/textures/red-peppers256.o.jpg", "pyramid")
    flags = PARSERS["texture_train"](
        words(
            "-gpu 0 -texture data/textures/red-peppers256.o.jpg -model_name pyramid2"
            " -backend cudnn -num_iterations 1500 -vgg_no_pad true -normalize_gradients true"
            " -learning_rate 5e-1 -noise_depth 16"
        )
    )
    assert (flags.model_name, flags.learning_rate, flags.noise_depth) == ("pyramid2", 0.5, 16)
    assert (flags.vgg_no_pad, flags.normalize_gradients, flags.backend) == (True, True, "cudnn")
    flags = PARSERS["texture_sample"](
        words("-model data/out/model.t7 -noise_depth 3 -sample_size 512")
    )
    assert (flags.model, flags.noise_depth) == ("data/out/model.t7", 3)
    assert flags.sample_size == [(512, 512)]


def test_commands_of_the_original_for_styles():
    assert PARSERS["extract4_2"](words("-images_path ILSVRC2012")).images_path == "ILSVRC2012"
    flags = PARSERS["stylization_train"](
        words(
            "-style_image data/textures/cezanne.jpg -train_hdf5 data/256.hdf5 -noise_depth 3"
            " -model_name pyramid -normalize_gradients -train_images_path ILSVRC2012"
            " -content_weight 0.8"
        )
    )
    assert (flags.style_image, flags.train_hdf5) == ("data/textures/cezanne.jpg", "data/256.hdf5")
    assert (flags.content_weight, flags.style_weight) == (0.8, 1000.0)
    assert (flags.normalize_gradients, flags.fix_batch) == (True, False)
    flags = PARSERS["stylization_process"](
        words("-model data/out/model.t7 -input_image data/readme_pics/kitty.jpg -noise_depth 3")
    )
    assert (flags.input_image, flags.noise_depth) == ("data/readme_pics/kitty.jpg", 3)


def test_all_generators_of_the_original():
    assert TRAINABLE == ("pyramid", "pyramid2", "skip", "skip_noise")
    for name in TRAINABLE:
        assert parse("texture_train", f"-model_name {name}")["model_name"] == name


@pytest.mark.parametrize(
    ("script", "presets", "other"),
    [
        ("texture_train", TEXTURE_PRESETS, "-texture b.png"),
        ("stylization_train", STYLIZATION_PRESETS, "-style_image b.png"),
    ],
)
def test_a_flag_beats_the_preset_which_beats_the_default(script, presets, other, monkeypatch):
    monkeypatch.setattr(options, "best", lambda: "drawn")
    name, value = other[1:].split()
    for preset, settings in presets.items():
        found = vars(PARSERS[script](["--preset", preset]))
        assert {k: found[k] for k in settings} == settings | {"weights": "drawn"}
        assert found.keys() >= settings.keys() and settings["weights"] == "best"
        more = f"{other} -model_name skip -learning_rate 0.5"
        for argv in (f"--preset {preset} {more}", f"{more} -preset {preset}"):
            own = vars(PARSERS[script](words(argv)))
            beaten = {name: value, "model_name": "skip", "learning_rate": 0.5}
            assert own == found | beaten


def test_presets_use_textures_that_are_here():
    assert (REPOSITORY / TEXTURE_PRESETS["quick"]["texture"]).is_file()
    assert (REPOSITORY / STYLIZATION_PRESETS["quick"]["style_image"]).is_file()
    assert (REPOSITORY / STYLIZATION_PRESETS["quick"]["train_images_path"]).is_dir()


def test_layers_are_put_in_the_order_of_the_network():
    flags = parse_texture(words("-model_name skip -texture_layers relu3_1,relu1_1,,relu3_1"))
    assert flags.layers == ["conv1_1", "conv3_1"]
    assert flags.texture_layers == "relu3_1,relu1_1,,relu3_1"


def test_sizes_of_samples():
    flags = parse("texture_sample", "-sample_size 32 64x96 128X32")
    assert flags["sample_size"] == [(32, 32), (64, 96), (128, 32)]


def test_home_folders(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert parse("texture_train", "-texture ~/b.png")["texture"] == "/home/someone/b.png"
    assert parse("texture_sample", "-save_path=~/there")["save_path"] == "/home/someone/there"


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_are_not_given_are_the_originals_or_the_networks_best(kind):
    network = network_of(kind)
    textures, content = LAYERS.split(","), "conv4_2"
    textures = [name.replace("relu", "conv") for name in textures]
    if not {*textures} <= {*network.layers}:
        textures = list(network.texture_layers)
    if content not in network.layers:
        content = network.content_layer
    for script, flag in (
        ("texture_train", "texture_layers"),
        ("stylization_train", "style_layers"),
    ):
        flags = parse(script, f"--weights {kind}")
        assert (flags["network"], flags["layers"]) == (network, textures)
        # What is written down says the same, given as flags.
        assert parse(script, f"--weights {kind} -{flag} {flags[flag]}") == flags
    for script, flag in (("stylization_train", "content_layers"), ("extract4_2", "content_layer")):
        flags = parse(script, f"--weights {kind}")
        assert flags["content"] == content
        assert parse(script, f"--weights {kind} -{flag} {flags[flag]}") == flags


def test_the_layers_of_squeezenet():
    flags = parse("stylization_train", "--weights squeezenet")
    assert (flags["style_layers"], flags["content_layers"]) == (
        "conv1,fire2,fire3,fire4,fire5",
        "fire5",
    )


def test_without_weights_the_network_is_vgg19():
    for script in ("texture_train", "stylization_train", "extract4_2"):
        flags = parse(script)
        assert (flags["weights"], flags["network"].title) == (None, "VGG-19")


@pytest.mark.parametrize("kind", ["squeezenet", "random"])
def test_best_is_settled_while_parsing(monkeypatch, kind):
    """So that what is written down of a run says what it had."""
    monkeypatch.setattr(options, "best", lambda: kind)
    for script in ("texture_train", "stylization_train", "extract4_2"):
        assert parse(script, "--weights best") == parse(script, f"--weights {kind}")
