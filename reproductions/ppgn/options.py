"""The flags of `sampling_class.py` and `sampling_caption.py`: the original's, and a few more."""

import argparse
import os
from collections.abc import Sequence

from common.flags import (
    Parser,
    finite_float,
    non_negative_float,
    non_negative_int,
    positive_int,
    refuse,
    resolve,
    seed,
)
from common.runs import read_flags
from common.weights import manifest

#: A few steps with nothing downloaded.
QUICK = {"n_iters": 20, "save_every": 2, "threshold": 0.0, "weights": "random"}
PRESETS = {"quick": QUICK}

#: What may be given together with --resume.
MAY_CHANGE = ("save_interval", "chains_per_call")

#: The picture that the original's recipes start from.
VOLCANO = "images/volcano.jpg"

#: The networks of the suite, by the names that flags take.
NETWORKS = (
    "caffenet",
    "caffenet_fcn",
    "placescnn",
    "generator",
    "lrcn",
    "digits_encoder",
    "digits_generator",
)

#: What a sweep may go over.
SWEPT = ("epsilon1", "epsilon2", "epsilon3", "lr")

#: What networks take: BGR minus the mean, RGB in 0..255 or in 0..1, or as in keras.applications.
PIXELS = ("caffe", "rgb", "unit", "tf", "torch")

#: The default of --net_weights; a network of the suite that is asked for by name has its own then.
CAFFENET_WEIGHTS = "nets/caffenet/bvlc_reference_caffenet.caffemodel"

#: The flags of the original; their prefixes stay unique, whatever flags there are besides.
_ORIGINAL = [
    "n_iters",
    "threshold",
    "save_every",
    "reset_every",
    "lr",
    "lr_end",
    "epsilon1",
    "epsilon2",
    "epsilon3",
    "seed",
    "xy",
    "opt_layer",
    "act_layer",
    "init_file",
    "write_labels",
    "output_dir",
    "net_weights",
    "net_definition",
]
_ORIGINAL_CLASS = [*_ORIGINAL, "units", "epsilon4"]
_ORIGINAL_CAPTION = [*_ORIGINAL, "sentence", "captioner_definition"]

#: Entries that belong to the call and not to the run.
_OF_CALL = ("resume",)
_NOT_OWN = (*_OF_CALL, "script", "recipe")


def _non_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def units(text: str) -> list[int]:
    """A flag's type: units with _ between them."""
    parts = text.split("_")
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise argparse.ArgumentTypeError(
            f"must be whole numbers with _ between them, such as 946_629, got {text!r}"
        )
    return [int(part) for part in parts]


def _unit_list(text: str) -> str:
    units(text)
    return text


def region(text: str) -> tuple[int, int, int, int] | None:
    """A flag's type: top_left_bottom_right, or `all`."""
    if text == "all":
        return None
    parts = text.split("_")
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        raise argparse.ArgumentTypeError(
            f"must be top_left_bottom_right, such as 0_0_6_13, or all, got {text!r}"
        )
    top, left, bottom, right = map(int, parts)
    if not (top < bottom and left < right):
        raise argparse.ArgumentTypeError(f"{text}: bottom and right must be beyond top and left")
    return top, left, bottom, right


def _region_text(text: str) -> str:
    region(text)
    return text


def sweep(text: str) -> tuple[str, list[float]]:
    """A flag's type: name=value,value,..."""
    name, equals, values = text.partition("=")
    if name not in SWEPT or not equals:
        raise argparse.ArgumentTypeError(
            f"must be NAME=VALUE,VALUE,... with a name out of {', '.join(SWEPT)}, got {text!r}"
        )
    check = finite_float if name == "lr" else non_negative_float
    numbers = [check(value) for value in values.split(",")]
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"the values of {name} must differ, got {values}")
    return name, numbers


def _sweep_text(text: str) -> str:
    sweep(text)
    return text


def _add_original(parser: Parser) -> None:
    def number(name: str, kind, default, about: str):
        # Without a value a flag stands for its default.
        parser.add_argument(
            f"--{name}", type=kind, default=default, nargs="?", const=default, help=about
        )

    add = parser.add_argument
    add("--n_iters", type=positive_int, default=10, help="steps for each condition")
    number("threshold", finite_float, -1.0, "keep samples of a probability above this")
    add(
        "--save_every",
        type=non_negative_int,
        default=1,
        help="steps from one sample to the next; 0: none",
    )
    add(
        "--reset_every",
        type=non_negative_int,
        default=0,
        help="steps from one new random code to the next; 0: never",
    )
    number("lr", finite_float, 2.0, "mean change of a code's numbers in the first step")
    number("lr_end", finite_float, -1.0, "the same after n_iters steps; negative: as lr")
    number("epsilon1", non_negative_float, 1.0, "weight of the prior")
    number("epsilon2", non_negative_float, 1.0, "weight of the condition")
    number("epsilon3", non_negative_float, 1.0, "standard deviation of the noise")
    number("seed", seed, 0, "of the random numbers")
    number("xy", non_negative_int, 0, "row and column of a convolution's unit")
    add("--opt_layer", type=_non_empty, help="the encoder's layer that a picture's code is of")
    add("--act_layer", type=_non_empty, default="fc8", help="layer of the units to activate")
    add("--init_file", default="None", help="a picture to start from; None: a random code")
    add("--write_labels", action="store_true", help="write the label under each sample")
    add("--output_dir", type=_non_empty, default=".", help="folder of the results")
    add(
        "--net_weights",
        type=_non_empty,
        default=CAFFENET_WEIGHTS,
        help="of the condition network: a .caffemodel, or a name such as placescnn",
    )
    add(
        "--net_definition",
        type=_non_empty,
        default="nets/caffenet/caffenet.prototxt",
        help="the condition network: a name such as placescnn, a .prototxt, or a Keras model file",
    )


def _add_networks(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--weights",
        choices=("pretrained", "random"),
        default="pretrained",
        help="random: networks made on the spot, whose pictures mean nothing",
    )
    for network, weights, definition in (
        (
            "encoder",
            CAFFENET_WEIGHTS,
            "nets/caffenet/caffenet.prototxt",
        ),
        (
            "generator",
            "nets/generator/noiseless/generator.caffemodel",
            "nets/generator/noiseless/generator.prototxt",
        ),
    ):
        add(f"--{network}_weights", type=_non_empty, default=weights, help=f"of the {network}")
        add(
            f"--{network}_definition",
            type=_non_empty,
            default=definition,
            help=f"the {network}: a name, a .prototxt or a Keras model file",
        )
    add("--code_layer", type=_non_empty, default="fc6", help="the encoder's layer of the codes")
    about = "what the encoder takes; see --net_pixels"
    add("--encoder_pixels", choices=PIXELS, default="caffe", help=about)
    about = "a Keras model file from codes to codes, of train_prior.py, instead of G and E"
    add("--prior_definition", type=_non_empty, help=about)


def _add_own(parser: Parser) -> None:
    add = parser.add_argument
    add("--batch", type=positive_int, default=1, help="chains at once, with seeds from --seed on")
    add(
        "--sweep",
        type=_sweep_text,
        nargs="+",
        metavar="NAME=V,V",
        help="chains for all values, and a contact sheet: one or two of "
        f"{', '.join(SWEPT)}; lr_end follows lr where they are equal",
    )
    add(
        "--chains_per_call",
        type=positive_int,
        default=16,
        help="how many go through the networks together; fewer take less memory",
    )
    add("--plain_pixels", action="store_true", help="do not stretch each picture to 0..255")
    add("--gif", action="store_true", help="an animation of each chain's samples")
    add("--preset", choices=sorted(PRESETS), help="a small setting that ends within a minute")
    add("--resume", metavar="RUN", help="go on with the run in this folder, NAME.run")
    add(
        "--save_interval",
        type=non_negative_float,
        default=10.0,
        help="seconds from one save of the state, from which a killed run goes on, to the next",
    )


def class_parser() -> Parser:
    """The parser of `sampling_class.py`."""
    about = "Sample images conditioned on classes or hidden units."
    parser = Parser("sampling_class.py", about, "_")
    add = parser.add_argument
    add("--units", type=_unit_list, help="of the act_layer, with _ between, one after the other")
    _add_original(parser)
    add(
        "--epsilon4",
        type=non_negative_float,
        default=0.0,
        nargs="?",
        const=0.0,
        help="weight of the picture around the mask; above 0: inpainting of init_file",
    )
    _add_networks(parser)
    _add_own(parser)
    add(
        "--batch_units",
        action="store_true",
        help="a chain of its own for each of the units, all at once",
    )
    add(
        "--region",
        type=_region_text,
        metavar="TOP_LEFT_BOTTOM_RIGHT",
        help="condition on this part of a convolution's maps, or all, instead of xy",
    )
    add(
        "--net_pixels",
        choices=PIXELS,
        help="what the condition network takes: BGR minus the mean (caffe, also for None), RGB in "
        "0..255 or 0..1, or as keras.applications calls it",
    )
    add("--patch", type=positive_int, default=100, help="side of the mask for inpainting")
    add("--labels", type=_non_empty, help="a file with the classes' names, one in a line")
    return parser


def caption_parser() -> Parser:
    """The parser of `sampling_caption.py`."""
    about = "Sample images conditioned on a sentence."
    parser = Parser("sampling_caption.py", about, "_")
    add = parser.add_argument
    add("--sentence", default="", nargs="?", const="", help="a sentence, with _ between its words")
    _add_original(parser)
    add(
        "--captioner_definition",
        type=_non_empty,
        default="nets/lrcn/lrcn_word_to_preds.deploy.prototxt",
        help="the captioning network, lrcn or a .prototxt, of the weights net_weights",
    )
    add("--vocabulary", type=_non_empty, help="a file with the captioner's words, one in a line")
    _add_networks(parser)
    _add_own(parser)
    # The original had CaffeNet's here, in which there is no captioner.
    parser.set_defaults(net_weights="nets/lrcn/lrcn_caffenet_iter_110000.caffemodel")
    return parser


def expand_prefixes(
    argv: Sequence[str], original: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Spells out the prefixes of the original's flags that were unique among them.

    Its own scripts say `--unit` for `--units`. Flags that it did not have must not make such a
    prefix ambiguous.

    Args:
        argv: the words of a command line.
        original: the names of the original's flags.
        known: the names of all flags.
    """
    spelled = []
    for word in argv:
        name, equals, value = word.partition("=")
        if name.startswith("--") and len(name) > 2 and name[2:] not in known:
            meant = [flag for flag in original if flag.startswith(name[2:])]
            if len(meant) == 1:
                word = f"--{meant[0]}{equals}{value}"
        spelled.append(word)
    return spelled


def spelled_out(argv: Sequence[str], of_captions: bool) -> list[str]:
    """Spells out all prefixes of a script's flags that are unique.

    Args:
        argv: the words of a command line.
        of_captions: whether of `sampling_caption.py`.
    """
    parser = caption_parser() if of_captions else class_parser()
    known = list(vars(parser.parse_args([])))
    argv = expand_prefixes(argv, _ORIGINAL_CAPTION if of_captions else _ORIGINAL_CLASS, known)
    return expand_prefixes(argv, known, known)


def _names() -> set[str]:
    """What network flags mean by name, whatever files there are."""
    return {*NETWORKS, *manifest()}


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`; files by their absolute paths."""
    own = {name: value for name, value in vars(flags).items() if name not in _NOT_OWN}
    for name, value in own.items():
        is_file = name.endswith(("_file", "_weights", "_definition")) or name in (
            "labels",
            "vocabulary",
            "output_dir",
        )
        if is_file and isinstance(value, str) and value not in _names() and os.path.exists(value):
            own[name] = os.path.abspath(value)
    return own


def _parse(parser: Parser, argv: Sequence[str], original: Sequence[str]) -> argparse.Namespace:
    argv = expand_prefixes(argv, original, list(vars(parser.parse_args([]))))

    def saved(folder: str) -> dict:
        output_dir = os.path.dirname(os.path.abspath(folder))
        return {**read_flags(folder, parser.prog), "output_dir": output_dir}

    flags = resolve(parser, argv, PRESETS, saved, MAY_CHANGE, _OF_CALL)
    flags.script = parser.prog
    if flags.lr_end < 0:
        flags.lr_end = flags.lr
    if flags.seed + flags.batch > 2**32:
        parser.error(f"argument --batch: the last seed must be below {2**32}")
    if not flags.save_every:
        refuse(parser, argv, ("gif",), "there are no samples with --save_every 0")
    names = [sweep(text)[0] for text in flags.sweep or ()]
    if len(names) > 2 or len(set(names)) < len(names):
        parser.error("argument --sweep: one or two different names, please")
    return flags


def parse_class(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `sampling_class.py`.

    Args:
        argv: the words after the script's name.

    Raises:
        UserError: no such run to go on with.
    """
    parser = class_parser()
    flags = _parse(parser, argv, _ORIGINAL_CLASS)
    if flags.units is None:
        parser.error("the following arguments are required: --units")
    if flags.epsilon4 > 0 and flags.init_file == "None":
        parser.error("argument --epsilon4: inpainting needs a picture: --init_file")
    if flags.region is not None and flags.xy:
        parser.error("--region and --xy exclude each other")
    return flags


def parse_caption(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `sampling_caption.py`.

    Args:
        argv: the words after the script's name.

    Raises:
        UserError: no such run to go on with.
    """
    parser = caption_parser()
    flags = _parse(parser, argv, _ORIGINAL_CAPTION)
    flags.sentence = "_".join(flags.sentence.split())
    if not flags.sentence.strip("_"):
        parser.error("argument --sentence: must not be empty, e.g. a_pizza_on_a_table")
    return flags
