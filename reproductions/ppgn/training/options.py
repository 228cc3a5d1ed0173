"""The flags of `train_generator.py`, `train_classifier.py` and `train_prior.py`."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import runs
from common.flags import (
    DefaultsInWords,
    Parser,
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
)
from common.weights import manifest
from reproductions.ppgn.options import CAFFENET_WEIGHTS, NETWORKS, PIXELS

RESULTS = "results/ppgn"

#: What learning rates are multiplied by, at each of --lr_steps.
LR_GAMMA = 0.5

#: Networks of the suite for its own drawn digits, kept in `pretrained/`.
DIGITS_ENCODER, DIGITS_GENERATOR = "digits_encoder", "digits_generator"

#: A chain for a digit with the networks of the suite: flags of `sampling_class.py`.
DIGITS = {
    "net_definition": "digits_encoder",
    "encoder_definition": "digits_encoder",
    "generator_definition": "digits_generator",
    "n_iters": 100,
    "lr": 1.0,
    "lr_end": 0.01,
    "epsilon1": 1e-6,
    "epsilon2": 1.0,
    "epsilon3": 1e-5,
}

#: What differs where a hole in a digit is filled in.
HOLES = {
    **DIGITS,
    "lr": 0.1,
    "lr_end": 1e-32,
    "epsilon1": 1.0,
    "epsilon3": 0.0,
    "epsilon4": 1e-3,
    "patch": 10,
}

#: A few minutes on two CPU cores, on drawn digits or whatever small pictures are given.
_SMALL = {"dataset": "digits", "images": 20_000, "save_interval": 500}
PRESETS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "train_generator.py": {
        "quick": {
            **_SMALL,
            "encoder_definition": DIGITS_ENCODER,
            "iterations": 4000,
            "learning_rate": 1e-3,
            "lr_steps": [2000, 3000, 3500, 3750],
            "beta1": 0.5,
            "discriminator_learning_rate": 3e-4,
            "discriminator_filters": 16,
            "filters": 40,
            "weight_image": 1e-4,
            "weight_features": 1.0,
            "weight_code": 1.0,
        }
    },
    "train_classifier.py": {
        "quick": {**_SMALL, "iterations": 1250, "filters": 24, "code": 96},
    },
    "train_prior.py": {
        "quick": {**_SMALL, "encoder_definition": DIGITS_ENCODER, "iterations": 2000},
    },
}

#: A seed from which seeds for all chains can be counted up.
_MOST_SEED = 2**32 - 2**24

#: What may be given together with --resume.
MAY_CHANGE = ("iterations", "save_interval", "checkpoint_interval", "distribute")

#: Arguments that belong to the call and not to the run.
OF_CALL = ("resume", "results_dir", "distribute")

_DATASET = (
    "digits (drawn here), mnist, a folder of pictures (flat, or a subfolder for each class), or "
    "MNIST's files (*-images-idx3-ubyte.gz, or their folder)"
)


#: Types of flags: how many numbers or filters; the side of square pictures.
width, side = whole_number(1, 8192), whole_number(8, 1024)
at_least_two = whole_number(2)


def _parser(script: str, about: str, dataset: str | None) -> Parser:
    """With the flags that all three scripts have."""
    parser = Parser(script, about, "_", DefaultsInWords)
    add = parser.add_argument
    add("--dataset", type=path, default=dataset, help=_DATASET)
    add("--images", type=positive_int, help="at most so many pictures; of digits: draw so many")
    add("--mirror", action="store_true", help="mirror pictures at random")
    add("--seed", type=seed, default=0, help="of everything that is random")
    about = "iterations between pictures of what was learned"
    add("--save_interval", type=positive_int, default=1000, help=about)
    about = "seconds of work that a killed run loses at most"
    add("--checkpoint_interval", type=non_negative_float, default=120.0, help=about)
    add("--results_dir", type=path, default=RESULTS, help="folder of all runs")
    add("--resume", type=path, metavar="RUN", help="go on with a run: latest, its name or a path")
    add("--preset", choices=("quick",), help="a small setting that ends within minutes")
    about = "share each batch among all GPUs of this machine (mirrored), or among the machines "
    about += "that TF_CONFIG names (multiworker); default: one device"
    add("--distribute", choices=("one", "mirrored", "multiworker"), default="one", help=about)
    return parser


def _add_encoder(parser: Parser) -> None:
    add = parser.add_argument
    about = "E: caffenet, digits_encoder, a .prototxt or a Keras model file"
    add("--encoder_definition", type=path, default="caffenet", help=about)
    add("--encoder_weights", type=path, default=CAFFENET_WEIGHTS, help="E's, for Caffe networks")
    about = "random: networks made on the spot, of which little can be learned"
    add("--weights", choices=("pretrained", "random"), default="pretrained", help=about)
    about = "what E takes: BGR minus the mean (caffe), RGB in 0..255 or 0..1, or as "
    about += "keras.applications calls it"
    add("--encoder_pixels", choices=PIXELS, default="caffe", help=about)
    add("--code_layer", default="fc6", help="E's layer h, after its activation")


#: The flags that are of no effect without what they are of.
_OF_ENCODER = (
    "encoder_definition",
    "encoder_weights",
    "encoder_pixels",
    "weights",
    "code_layer",
)
_OF_DISCRIMINATOR = (
    "discriminator_filters",
    "discriminator_learning_rate",
    "tell_codes",
    "weight_decay",
)


def generator_parser() -> Parser:
    """The parser of `train_generator.py`."""
    about = "Train a generator: from codes of an encoder back to images."
    parser = _parser("train_generator.py", about, None)
    add = parser.add_argument
    _add_encoder(parser)
    about = "E's lower layer h_1; default: pool5, or E's last one with maps before h"
    add("--feature_layer", help=about)
    about = "side of G's images, of which E sees a part or all; default: 256 for E's 227, else E's"
    add("--image_size", type=side, help=about)
    add("--filters", type=width, default=32, help="of G, on half the images' size")
    add("--dense", type=width, help="width of G's first two layers; default: length of the codes")
    add("--discriminator_filters", type=width, default=32, help="of D's first layer")
    about = "tell D the codes, as arXiv 1602.02644 does"
    add("--tell_codes", action="store_true", help=about)
    add("--weight_image", type=non_negative_float, default=2e-6, help="of the images' distance")
    about = "of that of features in h_1"
    add("--weight_features", type=non_negative_float, default=1e-2, help=about)
    add("--weight_code", type=non_negative_float, default=1e-2, help="of that of codes in h")
    about = "of the adversarial loss; 0: there is no D"
    add("--weight_adversarial", type=non_negative_float, default=100.0, help=about)
    about = "of the joint variant: what is added to x, h_1 and h, relative to each one's mean size"
    add("--noise", type=non_negative_float, default=0.0, help=about)
    add("--batch_size", type=positive_int, default=64, help="pictures of a step, on all devices")
    add("--iterations", type=positive_int, default=1_000_000, help="steps, in all")
    add("--learning_rate", type=positive_float, default=2e-4, help="of Adam")
    about = "of D's Adam; default: as --learning_rate"
    add("--discriminator_learning_rate", type=positive_float, help=about)
    about = "after how many of its own updates a player's learning rate is halved"
    steps = [300_000, 500_000, 700_000, 900_000, 1_100_000]
    add("--lr_steps", type=positive_int, nargs="*", default=steps, help=about)
    add("--beta1", type=fraction, default=0.9, help="of Adam")
    add("--beta2", type=fraction, default=0.999, help="of Adam")
    about = "of D: times a weight, added to its gradient"
    add("--weight_decay", type=non_negative_float, default=4e-4, help=about)
    return parser


def classifier_parser() -> Parser:
    """The parser of `train_classifier.py`."""
    about = "Train a small classifier, which is encoder and condition network."
    parser = _parser("train_classifier.py", about, "digits")
    add = parser.add_argument
    add("--image_size", type=side, default=None, help="default: 28 for digits, 64 for pictures")
    add("--color", choices=("grey", "rgb"), help="default: digits grey, pictures rgb")
    add("--filters", type=width, default=32, help="of the first convolution")
    add("--code", type=width, default=128, help="units of fc6, the length of codes")
    add("--batch_size", type=positive_int, default=128, help="pictures of a step, on all devices")
    add("--iterations", type=positive_int, default=5000, help="steps, in all")
    about = "of Adam; it falls to 0 like a cosine over all iterations"
    add("--learning_rate", type=positive_float, default=2e-3, help=about)
    return parser


def prior_parser() -> Parser:
    """The parser of `train_prior.py`."""
    about = "Train a denoising auto-encoder, the prior of PPGN-x or PPGN-h."
    parser = _parser("train_prior.py", about, None)
    add = parser.add_argument
    about = "x: of pixels, which needs no encoder; h: of an encoder's codes"
    add("--of", choices=("x", "h"), default="h", help=about)
    _add_encoder(parser)
    add("--image_size", type=side, help="of --of x; default: 28 for digits, 64 for pictures")
    about = "of --of x; default: digits grey, pictures rgb"
    add("--color", choices=("grey", "rgb"), help=about)
    about = "standard deviation of what is added, relative to the mean size of a code's numbers "
    about += "(x: to the range of pixels); default: 0.01 for h, 0.1 for x"
    add("--noise", type=non_negative_float, help=about)
    add("--filters", type=width, default=64, help="of --of x")
    add("--batch_size", type=positive_int, default=64, help="pictures of a step, on all devices")
    add("--iterations", type=positive_int, default=100_000, help="steps, in all")
    about = "of Adam; it falls to 0 like a cosine over all iterations"
    add("--learning_rate", type=positive_float, default=1e-3, help=about)
    return parser


def find_run(results_dir: str, name: str, script: str | None = None) -> Path:
    """Finds the folder of a run.

    Args:
        results_dir: the folder of all runs.
        name: `latest`: the one that began last; the name of its folder, or a path.
        script: which it must be a run of; None: any.

    Raises:
        UserError: there is none.
    """
    missing = f"no run of {script or 'training'} in {results_dir}"
    return runs.find_run(results_dir, name, missing, script=script)


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    not_own = (*OF_CALL, "preset", "script")
    own = {name: value for name, value in vars(flags).items() if name not in not_own}
    for name, value in own.items():
        # From wherever the run goes on; the original's paths stand for the suite's own networks.
        is_file = name in ("encoder_definition", "encoder_weights") and os.path.isfile(value)
        if is_file and value != CAFFENET_WEIGHTS and value not in (*NETWORKS, *manifest()):
            own[name] = os.path.abspath(value)
    return own


def _parse(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    given = parser.parse_args(argv)
    script = parser.prog
    resumed = None
    if given.resume is not None:
        resumed = find_run(given.results_dir, given.resume, script)

    def saved(_: str) -> dict:
        return runs.read_flags(resumed, script, f"reproductions/ppgn/{script}")

    flags = resolve(parser, argv, PRESETS[script], saved, MAY_CHANGE, OF_CALL)
    flags.resume, flags.script = resumed, script
    if flags.dataset is None:
        parser.error(f"the following arguments are required: --dataset: {_DATASET}")
    if flags.dataset not in ("mnist", "digits"):
        flags.dataset = os.path.abspath(flags.dataset)
    return flags


def parse_generator(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `train_generator.py`.

    Args:
        argv: the words after the script's name.

    Raises:
        UserError: no such run to go on with.
    """
    parser = generator_parser()
    flags = _parse(parser, argv)
    weights = ("weight_image", "weight_features", "weight_code", "weight_adversarial")
    if not any(getattr(flags, name) for name in weights):
        parser.error("all weights are 0: there is nothing to learn from")
    if not flags.weight_adversarial:
        refuse(parser, argv, _OF_DISCRIMINATOR, "there is no D with --weight_adversarial 0")
    if flags.lr_steps != sorted(set(flags.lr_steps)):
        parser.error(f"argument --lr_steps: must rise, got {flags.lr_steps}")
    return flags


def parse_classifier(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `train_classifier.py`; see `parse_generator`."""
    return _parse(classifier_parser(), argv)


def parse_prior(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `train_prior.py`; see `parse_generator`."""
    parser = prior_parser()
    flags = _parse(parser, argv)
    if flags.of == "h":
        refuse(parser, argv, ("color", "image_size"), "with --of h it is the encoder's")
        refuse(parser, argv, ("filters",), "it is of --of x")
    else:
        refuse(parser, argv, _OF_ENCODER, "--of x needs no encoder")
    return flags


def parse_evaluation(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `evaluate.py`.

    Args:
        argv: the words after the script's name.
    """
    about = "Ask a classifier of its own about what is sampled from networks."
    parser = Parser("evaluate.py", about, "_", DefaultsInWords)
    add = parser.add_argument
    about = "E, which is the condition network too: digits_encoder, or a Keras model file"
    add("--encoder_definition", type=path, default=DIGITS_ENCODER, help=about)
    about = "what E takes: see train_generator.py"
    add("--encoder_pixels", choices=PIXELS, default="caffe", help=about)
    about = "G: digits_generator, or a Keras model file"
    add("--generator_definition", type=path, default=DIGITS_GENERATOR, help=about)
    about = "a Keras model file from codes to codes, instead of G and E"
    add("--prior_definition", type=path, help=about)
    add("--code_layer", default="fc6", help="E's layer of the codes")
    add("--act_layer", default="fc8", help="E's layer of the classes")
    add("--dataset", type=path, default="digits", help=_DATASET)
    about = "real pictures: half for the classifier to learn from, half to compare with"
    add("--images", type=positive_int, default=8000, help=about)
    add("--each", type=at_least_two, default=50, help="chains for each class")
    add("--n_iters", type=positive_int, default=DIGITS["n_iters"], help="steps of a chain")
    about = "mean change of a code's numbers, at the first step and at the last"
    add("--lr", type=positive_float, default=DIGITS["lr"], help=about)
    add("--lr_end", type=positive_float, default=DIGITS["lr_end"], help="see --lr")
    for number, what in enumerate(("prior", "condition", "noise"), 1):
        name = f"epsilon{number}"
        add(f"--{name}", type=non_negative_float, default=DIGITS[name], help=f"of the {what}")
    add("--inpainted", type=non_negative_int, default=200, help="pictures with a hole; 0: none")
    add("--patch", type=positive_int, default=HOLES["patch"], help="side of the hole")
    add("--seed", type=seed, default=0, help="of everything that is random")
    about = "for figures and pictures"
    add("--output_dir", type=path, default=f"{RESULTS}/evaluation", help=about)
    flags = parser.parse_args(argv)
    if not flags.inpainted:
        refuse(parser, argv, ("patch",), "there are no holes with --inpainted 0")
    if flags.seed > _MOST_SEED:
        # Each chain, and each hole, has a seed of its own.
        parser.error(f"argument --seed: must be {_MOST_SEED} or less")
    return flags


def parse_digits(argv: Sequence[str]) -> argparse.Namespace:
    """Parses what follows `digits` on the command line of `recipes.py`.

    Args:
        argv: the words.
    """
    about = "Classes, several classes in one chain, a hidden unit, a start from a picture, and "
    about += "holes: on networks of drawn digits."
    parser = Parser("recipes.py digits", about, "_", DefaultsInWords)
    add = parser.add_argument
    add("--output_dir", default="output/digits", help="folder of the results")
    add("--seed", type=seed, default=0, help="of the first chains, and of the digit to start from")
    add("--each", type=positive_int, default=3, help="chains for each digit")
    about = "train the networks first, which takes a few minutes; otherwise those that are kept "
    about += "with the suite are taken"
    add("--train", action="store_true", help=about)
    flags = parser.parse_args(argv)
    if flags.seed > _MOST_SEED:
        parser.error(f"argument --seed: must be {_MOST_SEED} or less")
    return flags
