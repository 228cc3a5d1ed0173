"""The flags of `texture_sample.py`, `stylization_process.py`, `extract4_2.py` and `convert`."""

import argparse
from collections.abc import Sequence
from os.path import expanduser
from pathlib import Path

from common.flags import (
    DefaultsInWords,
    Parser,
    non_negative_int,
    path,
    positive_int,
    seed,
    width_and_height,
)
from reproductions.texture_nets.layer_names import CONTENT
from reproductions.texture_nets.options import (
    Flags,
    add_descriptor,
    add_device,
    add_weights,
    settle_content,
    settle_weights,
)


def _add_model(flags: Flags) -> None:
    about = "a .keras model of this suite, or a Torch7 model.t7; required"
    flags.add("model", type=path, help=about)
    about = "of the training; default: what the model says"
    flags.add("noise_depth", type=non_negative_int, help=about)


def _add_own(parser: Parser) -> Flags:
    own = Flags(parser.add_argument_group("beyond the original"))
    about = "normalise by the running statistics of the training, not by the batch's own"
    own.switch("running_statistics", False, about)
    own.add("random_seed", type=seed, default=0, help="of the noise")
    return own


def _required(parser: Parser, flags: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(flags, name) is None:
            parser.error(f"-{name} is required")


def parse_sample(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `texture_sample.py`."""
    parser = Parser("texture_sample.py", "Make samples with a generator of a texture.", "_")
    flags = Flags(parser)
    _add_model(flags)
    about = "a side or WIDTHxHEIGHT; several make samples of each size"
    kind = {"type": width_and_height, "nargs": "+", "default": [(256, 256)], "metavar": "N"}
    flags.add("sample_size", **kind, help=about)
    flags.add("save_path", type=path, default=".", help="folder for 1.png, 2.png, ...")
    add_device(flags)
    own = _add_own(parser)
    own.add("samples", type=positive_int, default=4, help="how many, made as one batch")
    about = "numbers of noise inputs to set to 0; of a pyramid 1 is the coarsest"
    own.add("zero_noise", type=positive_int, nargs="+", default=[], metavar="K", help=about)
    about = "numbers of noise inputs that are the same in all samples"
    own.add("fix_noise", type=positive_int, nargs="+", default=[], metavar="K", help=about)
    own.switch("tiled", False, "also save each sample, laid out 2 x 2, as 1_tiled.png, ...")
    values = parser.parse_args(argv)
    _required(parser, values, "model")
    values.sample_size = list(dict.fromkeys(values.sample_size))
    return values


def parse_process(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `stylization_process.py`."""
    parser = Parser("stylization_process.py", "Paint pictures in a generator's style.", "_")
    flags = Flags(parser)
    about = "a picture, or a folder of pictures; required"
    flags.add("input_image", type=path, help=about)
    about = "side of the square that the picture is stretched to; 0: its own size"
    flags.add("image_size", type=non_negative_int, default=0, help=about)
    _add_model(flags)
    about = "the picture made; for a folder of pictures, a folder"
    flags.add("save_path", type=path, help=f"{about}; default: stylized.png, or stylized")
    add_device(flags)
    own = _add_own(parser)
    about = "scale the longer side to this, and keep the proportions"
    own.add("longer_side", type=positive_int, help=about)
    values = parser.parse_args(argv)
    _required(parser, values, "input_image", "model")
    if values.longer_side and values.image_size:
        parser.error("-image_size and -longer_side exclude each other")
    return values


def parse_extraction(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `extract4_2.py`.

    Returns:
        The flags by name; with `network` and `content`, see `parse_stylization`.
    """
    about = "Store pictures and their content features for stylization_train.py."
    parser = Parser("extract4_2.py", about, "_", DefaultsInWords)
    flags = Flags(parser)
    flags.add("images_path", type=path, help="folder of pictures; required")
    flags.add("save_to", type=path, default="data/256.hdf5", help="the file to make")
    flags.add("resize_to", type=positive_int, default=256, help="side of the squares")
    add_descriptor(flags)
    add_device(flags)
    own = Flags(parser.add_argument_group("beyond the original"))
    add_weights(own)
    about = f"layer of the features (default: {CONTENT}) or, of a network without, its own"
    own.add("content_layer", help=about)
    about = "pictures between saves, from which a killed run goes on when started again"
    own.add("save_every", type=positive_int, default=100, help=about)
    values = parser.parse_args(argv)
    _required(parser, values, "images_path")
    settle_weights(values)
    settle_content(parser, values, "content_layer")
    return values


def parse_conversion(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `python -m reproductions.texture_nets.convert`."""
    about = "Turn a Torch7 model into a Keras model."
    parser = Parser("convert", about, "_")
    parser.add_argument("model", type=path, help="a .t7 file")
    # An empty one, too, is told that it must end in .keras.
    parser.add_argument("-o", "--output", type=expanduser, help="default: the same name, .keras")
    values = parser.parse_args(argv)
    if not Path(values.model).name:
        parser.error(f"{values.model} is no file")
    if values.output is not None and Path(values.output).suffix != ".keras":
        parser.error("the output's name must end in .keras")
    return values
