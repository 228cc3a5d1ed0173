"""The flags of `train.py`, `generate.py`, `prep.py` and `evaluate.py`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from common.errors import UserError
from common.flags import (
    DefaultsInWords,
    Parser,
    as_arguments,
    fraction,
    non_negative_float,
    non_negative_int,
    path,
    positive_float,
    positive_int,
    refuse,
    resolve,
    seed,
    whole_number,
    width_and_height,
)
from common.runs import read_flags
from reproductions.keras_gan.runs import RESULTS, find_run

_QUICK = {"dataset": "digits", "images": 10_000, "batch_size": 64}

#: A few minutes on two CPU cores, for each architecture; how they were chosen is in the README.
PRESETS = {
    "mlp": {**_QUICK, "epochs": 100, "save_interval": 5},
    "dcgan": {
        **_QUICK,
        "epochs": 110,
        "save_interval": 5,
        "filters": 32,
        "discriminator_filters": 16,
        "learning_rate": 1e-3,
    },
}

#: No side of a picture is longer, and no layer wider.
MOST = 4096

#: What may be given together with --resume.
MAY_CHANGE = ("epochs", "save_interval", "checkpoint_interval")

#: Arguments that belong to the call and not to the run.
OF_CALL = ("resume", "results_dir")

_DATASET = (
    "mnist, digits (drawn here), a folder of pictures (flat, or a subfolder for each class), or "
    "MNIST's files (*-images-idx3-ubyte.gz, or their folder); default: mnist, or digits where it "
    "cannot be had"
)


#: Types of flags: how many numbers or filters; steps that are compiled one by one.
layer_width, few = whole_number(1, MOST), whole_number(1, 100)
at_least_two = whole_number(2)


def picture_size(text: str) -> str:
    """A flag's type: a side, or WIDTHxHEIGHT."""
    width, height = width_and_height(text, 4, MOST)
    return f"{width}x{height}"


def sides(text: str | None) -> tuple[int, int] | None:
    """Height and width of a `picture_size`; None for none."""
    if text is None:
        return None
    width, height = map(int, text.split("x"))
    return height, width


class Strict(Parser):
    """Tells of a wrong flag by an exception instead of ending Python; takes no shortened names."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.allow_abbrev = False

    def error(self, message: str) -> NoReturn:
        """Tells what is wrong.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.context}{message}")


def _parser(kind: type[Parser], script: str, about: str) -> Parser:
    return kind(script, about, "_", DefaultsInWords)


def training_parser(kind: type[Parser] = Parser) -> Parser:
    """The parser of `train.py`."""
    parser = _parser(kind, "train.py", "Train a GAN on digits or on a folder of pictures.")
    add = parser.add_argument
    add("--epochs", type=positive_int, default=13, help="passes over the data, in all")
    add("--batch_size", type=positive_int, default=5, help="pictures of a step")
    add("--k", type=few, default=1, help="discriminator steps for each generator step")
    add("--save_interval", type=positive_int, default=5, help="epochs between sample pictures")
    add("--dataset", type=path, help=_DATASET)
    about = "at most so many pictures; of digits: draw so many, not 60000"
    add("--images", type=at_least_two, help=about)
    about = "scale to this side or WIDTHxHEIGHT; default: digits as they are, pictures to 28"
    add("--image_size", type=picture_size, help=about)
    about = "default: digits grey, pictures rgb"
    add("--color", choices=("grey", "rgb"), help=about)
    about = "turn, shift, shear, zoom and mirror; default: digits off, pictures on"
    add("--augment", choices=("on", "off"), help=about)
    add("--architecture", choices=("mlp", "dcgan"), default="mlp", help="of both players")
    about = "of a DCGAN, on its largest pictures; twice as many with every halving"
    add("--filters", type=layer_width, default=64, help=about)
    about = "of a DCGAN's discriminator; default: as many as --filters"
    add("--discriminator_filters", type=layer_width, help=about)
    add("--latent", type=layer_width, default=100, help="numbers that a picture is made of")
    add(
        "--loss",
        choices=("non-saturating", "minimax"),
        default="non-saturating",
        help="of the generator",
    )
    about = "train the generator's smallest layer first, then lay a larger one over it, and so on; "
    about += "all (the default of --grow): earlier layers go on learning; newest: they do not"
    add("--grow", choices=("all", "newest"), nargs="?", const="all", help=about)
    add("--learning_rate", type=positive_float, default=2e-4, help="of Adam, both players")
    add("--beta1", type=fraction, default=0.5, help="of Adam, both players")
    add("--seed", type=seed, default=42, help="of everything that is random")
    about = "seconds of work that a killed run loses at most"
    add("--checkpoint_interval", type=non_negative_float, default=60.0, help=about)
    add("--results_dir", type=path, default=RESULTS, help="folder of all runs")
    add("--resume", type=path, metavar="RUN", help="go on with a run: latest, its name or a path")
    add("--preset", choices=("quick",), help="a small setting that ends within minutes")
    return parser


def parse_training(argv: Sequence[str], kind: type[Parser] = Parser) -> argparse.Namespace:
    """Parses the command line of `train.py`.

    Args:
        argv: the words after the script's name.
        kind: of parser.

    Returns:
        The flags by name; `resume` is the folder of the run to go on with, or None.

    Raises:
        UserError: no such run to go on with.
    """
    parser = training_parser(kind)
    given = parser.parse_args(argv)
    resumed = None if given.resume is None else find_run(given.results_dir, given.resume)

    def saved(_: str) -> dict:
        return run_flags(resumed)

    presets = {"quick": PRESETS[given.architecture]}
    may_change = MAY_CHANGE
    if resumed is not None and saved("").get("grow"):
        # When the generator grows follows from the number of epochs.
        may_change = tuple(name for name in MAY_CHANGE if name != "epochs")
    flags = resolve(parser, argv, presets, saved, may_change, OF_CALL)
    if flags.dataset is not None and flags.dataset not in ("mnist", "digits"):
        flags.dataset = os.path.abspath(flags.dataset)
    flags.resume = resumed
    if flags.architecture == "mlp":
        reason = "--architecture mlp has no convolutions"
        refuse(parser, argv, ("filters", "discriminator_filters"), reason)
    if flags.architecture == "mlp" and flags.batch_size == 1:
        # The mean over the batch is the picture's own value, and nothing of it is left.
        parser.error("--batch_size 1: batch normalisation needs two pictures at least")
    return flags


def run_flags(run: Path) -> dict[str, object]:
    """The flags that a run was trained with.

    Raises:
        UserError: it is no run of `train.py`.
    """
    return read_flags(run, "train.py", "reproductions/keras_gan/train.py")


def trained_flags(run: Path) -> argparse.Namespace:
    """The flags that a run was trained with, checked as those of a command line are.

    Raises:
        UserError: it is no run of `train.py`, or the flags in its `run.json` are damaged.
    """
    parser = training_parser(Strict)
    parser.context = f"{run} is damaged: "
    return parser.parse_args(as_arguments(run_flags(run), parser.separator))


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    not_own = (*OF_CALL, "preset")
    return {name: value for name, value in vars(flags).items() if name not in not_own}


def _add_run(parser: Parser) -> None:
    add = parser.add_argument
    add("--run", type=path, default="latest", help="a training run: latest, its name or a path")
    add("--results_dir", type=path, default=RESULTS, help="folder of all runs")
    add("--seed", type=seed, default=42, help="of the latents")


def parse_generation(argv: Sequence[str], kind: type[Parser] = Parser) -> argparse.Namespace:
    """Parses the command line of `generate.py`; the run is looked for later.

    Args:
        argv: the words after the script's name.
        kind: of parser.
    """
    parser = _parser(kind, "generate.py", "Make pictures with a trained GAN.")
    add = parser.add_argument
    add("--sample_size", type=positive_int, default=100, help="how many pictures")
    about = "also so many walks from one latent point to another"
    add("--interpolate", type=non_negative_int, default=0, metavar="N", help=about)
    add("--steps", type=at_least_two, default=10, help="pictures of a walk")
    add("--output_dir", type=path, help="for the pictures; default: generated, in the run's folder")
    _add_run(parser)
    flags = parser.parse_args(argv)
    if not flags.interpolate:
        refuse(parser, argv, ("steps",), "there are no walks without --interpolate")
    return flags


def parse_preparation(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `prep.py`."""
    parser = _parser(Parser, "prep.py", "Scale all pictures of a folder, stretching them.")
    add = parser.add_argument
    add("src", type=path, help="folder of pictures, flat or with a subfolder for each class")
    add("dst", type=path, help="folder for the scaled ones")
    add("--image_size", type=picture_size, default="128x128", help="a side or WIDTHxHEIGHT")
    return parser.parse_args(argv)


def parse_evaluation(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `evaluate.py`; the run is looked for later."""
    about = "Ask a classifier, trained on the same data, about generated pictures."
    parser = _parser(Parser, "evaluate.py", about)
    add = parser.add_argument
    add("--samples", type=positive_int, default=1000, help="how many to generate")
    add("--confidence", type=fraction, default=0.9, help="above which a picture counts")
    _add_run(parser)
    return parser.parse_args(argv)
