"""The flags of `texture_train.py` and `stylization_train.py`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.flags import (
    DefaultsInWords,
    Parser,
    fraction,
    non_negative_float,
    non_negative_int,
    path,
    positive_float,
    positive_int,
    seed,
)
from common.originals import REPOSITORY
from reproductions.texture_nets.layer_names import CONTENT, TEXTURE
from reproductions.texture_nets.networks import MOST_NOISE, NETWORKS, TRAINABLE
from reproductions.texture_nets.options import (
    Flags,
    add_descriptor,
    add_device,
    add_weights,
    parse,
    settle_content,
    settle_layers,
)
from reproductions.texture_nets.settings import TrainingSettings

#: The original's file of content features.
DEFAULT_HDF5 = "data/256.hdf5"

_DEFAULT = "(default: {}) or, of a network without, its own"
_TEXTURES = REPOSITORY / "datasets" / "textures"

#: Small settings for two CPU cores; how they were chosen is in the README.
_QUICK = {
    "model_name": "pyramid",
    "weights": "best",
    "image_size": 128,
    "batch_size": 4,
    "normalize_gradients": True,
    "learning_rate_factor": 0.5,
    "learning_rate_every": 100,
    "pictures_every": 50,
    "save_interval": 20,
}

TEXTURE_PRESETS = {
    "quick": {
        **_QUICK,
        "texture": str(_TEXTURES / "pebbles.png"),
        "vgg_no_pad": True,
        "num_iterations": 500,
    }
}
STYLIZATION_PRESETS = {
    "quick": {
        **_QUICK,
        "style_image": str(_TEXTURES / "brush_strokes.png"),
        "train_images_path": str(_TEXTURES),
        "style_weight": 1.0,
        "num_iterations": 300,
    }
}

#: What may be given together with --resume.
MAY_CHANGE = ("num_iterations", "save_interval", "pictures_every", "model_every", "gpu")


def _add_common(original: Flags, own: Flags, presets: dict, defaults: dict) -> None:
    add = original.add
    add("learning_rate", type=positive_float, default=0.1, help="of Adam, at first")
    add("num_iterations", type=positive_int, default=defaults["num_iterations"], help="in all")
    add("batch_size", type=positive_int, default=defaults["batch_size"], help="images at a time")
    add("image_size", type=positive_int, default=256, help="side of the images, in pixels")
    add("noise_depth", type=non_negative_int, default=3, help="channels of noise at every scale")
    add("tmp_path", type=path, default="data/out/", help="folder for pictures and models")
    add("model_name", choices=TRAINABLE, help="the generator; required")
    original.switch("normalize_gradients", False, "divide each texture loss's gradient by its size")
    original.switch("circular_padding", True, "convolutions go on at the opposite border; or zeros")
    add_descriptor(original)
    add_device(original)
    add_weights(own)
    add = own.add
    about = "of a batch (the original's) or of each image"
    add("normalization", choices=("batch", "instance"), default="batch", help=about)
    add("ema", type=fraction, default=0.0, help="save averaged weights, that keep so much a step")
    add("learning_rate_factor", type=positive_float, default=0.8, help="multiplies -learning_rate")
    add("learning_rate_every", type=positive_int, default=300, help="after so many iterations")
    add("pictures_every", type=positive_int, default=10, help="iterations between pictures")
    add("model_every", type=positive_int, default=200, help="iterations between models kept")
    about = "seconds between saves of the state, from which a killed run goes on"
    add("save_interval", type=non_negative_float, default=60.0, help=about)
    add("random_seed", type=seed, default=0, help="of the first weights and all noise")
    add("resume", type=path, metavar="FOLDER", help="go on with the run in this folder")
    add("preset", choices=sorted(presets), help="a small setting that ends within minutes")


def texture_parser() -> Parser:
    """The parser of `texture_train.py`."""
    parser = Parser("texture_train.py", "Train a generator of a texture.", "_", DefaultsInWords)
    original, own = Flags(parser), Flags(parser.add_argument_group("beyond the original"))
    original.add("texture_layers", help=f"layers of the texture loss {_DEFAULT.format(TEXTURE)}")
    about = "the picture; a name is also looked for in datasets/"
    default = "data/texture/red-peppers256.o.jpg"
    original.add("texture", type=path, default=default, help=about)
    _add_common(original, own, TEXTURE_PRESETS, {"num_iterations": 1500, "batch_size": 16})
    own.add("texture_weight", type=positive_float, default=1.0, help="of the texture loss")
    return parser


def stylization_parser() -> Parser:
    """The parser of `stylization_train.py`."""
    about = "Train a generator that paints in a style."
    parser = Parser("stylization_train.py", about, "_", DefaultsInWords)
    original, own = Flags(parser), Flags(parser.add_argument_group("beyond the original"))
    add = original.add
    add("style_layers", help=f"layers of the style loss {_DEFAULT.format(TEXTURE)}")
    about = "layer of the content loss, only one"
    add("content_layers", help=f"{about} {_DEFAULT.format(CONTENT)}")
    add("content_weight", type=non_negative_float, default=0.6, help="of the content loss")
    add("style_weight", type=non_negative_float, default=1000.0, help="of each style loss")
    about = "the picture; a name is also looked for in datasets/"
    default = "data/textures/red-peppers256.o.jpg"
    add("style_image", type=path, default=default, help=about)
    about = f"what extract4_2.py made, or none; default: {DEFAULT_HDF5} if it is there"
    add("train_hdf5", type=path, help=about)
    about = "folder of the pictures; without -train_hdf5 their features are computed on the way"
    add("train_images_path", type=path, help=about)
    _add_common(original, own, STYLIZATION_PRESETS, {"num_iterations": 3000, "batch_size": 4})
    original.switch("fix_batch", False, "train on the first batch only")
    return parser


def settings_of(flags: argparse.Namespace) -> TrainingSettings:
    """The numbers of the run."""
    return TrainingSettings(
        flags.batch_size,
        flags.image_size,
        flags.learning_rate,
        flags.learning_rate_factor,
        flags.learning_rate_every,
        flags.ema,
        flags.random_seed,
    )


def _check(parser: Parser, flags: argparse.Namespace) -> None:
    if flags.model_name is None:
        parser.error(f"-model_name is required: {', '.join(TRAINABLE)}")
    multiple, smallest, _ = NETWORKS[flags.model_name]
    if flags.image_size % multiple or flags.image_size < smallest:
        parser.error(
            f"-image_size must be a multiple of {multiple}, at least {smallest}, for "
            f"{flags.model_name}; got {flags.image_size}"
        )
    if flags.noise_depth > MOST_NOISE:
        parser.error(f"-noise_depth must be {MOST_NOISE} or less, got {flags.noise_depth}")


def parse_texture(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `texture_train.py`.

    Returns:
        The flags by name, with the layers and weights that are used, and what follows from them:
        `network`, of `common.descriptors`, and `layers`, the texture layers as it calls them, in
        its order.
    """
    parser = texture_parser()
    flags = parse(parser, argv, TEXTURE_PRESETS, MAY_CHANGE)
    _check(parser, flags)
    own = flags.network.texture_layers
    flags.layers = settle_layers(parser, flags, "texture_layers", TEXTURE, own)
    if flags.noise_depth < 1:
        parser.error("-noise_depth must be 1 or more: a texture is made of noise")
    return flags


def parse_stylization(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `stylization_train.py`; see `parse_texture`.

    Returns:
        In addition `content`, the content layer as the network calls it.
    """
    parser = stylization_parser()
    flags = parse(parser, argv, STYLIZATION_PRESETS, MAY_CHANGE)
    _check(parser, flags)
    own = flags.network.texture_layers
    flags.layers = settle_layers(parser, flags, "style_layers", TEXTURE, own)
    settle_content(parser, flags, "content_layers")
    as_original = flags.preset is None and flags.resume is None
    if (flags.train_hdf5 or "").lower() == "none":
        flags.train_hdf5 = None
    elif flags.train_hdf5 is None and as_original and Path(DEFAULT_HDF5).exists():
        flags.train_hdf5 = DEFAULT_HDF5
    if flags.train_images_path is None and flags.train_hdf5 is None:
        parser.error("-train_images_path or -train_hdf5 is required: pictures to train on")
    return flags
