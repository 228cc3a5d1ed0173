"""The flags of `synthesize.py` and `novelty.py`: the original's, and a few more."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.descriptors import KINDS, Network, best, network_of
from common.errors import UserError
from common.flags import (
    Parser,
    as_arguments,
    finite_float,
    non_negative_float,
    non_negative_int,
    positive_float,
    positive_int,
    refuse,
    resolve,
    seed,
    whole_number,
)
from common.runs import read_flags

#: The network whose layers the original's numbers are.
_ORIGINAL = network_of("gatys")
#: Its layers that the original compares, unless it is told others.
_LAYERS = [2, 7]

#: Ends within half a minute or so on two CPU cores, with the best weights that are there. How the
#: settings were found is in the README.
QUICK = {
    "output_width": 256,
    "octaves": 3,
    "layers": ["texture"],
    "max_iter": 200,
    "coarse_to_fine": 2,
    "save_every": 20,
    "weights": "best",
    "relative": True,
    "bounded": True,
    "start_mean": 128,
    "start_sigma": 5,
    "padding_mode": "reflect",
    "tileable": True,
}
#: The ties of an animation at which the frames both move and keep their texture.
TIES = {"if_order": 1, "if_shift": 1.0, "if_weight": 0.01}
SYNTHESIS_PRESETS = {"quick": {**QUICK, **TIES}}
#: There is no source, so nothing to be relative to.
_NOVELTY = {name: value for name, value in QUICK.items() if name != "relative"}
NOVELTY_PRESETS = {"quick": {**_NOVELTY, "count": 3, "seed": "symmetric"}}

#: What may be given together with --resume.
MAY_CHANGE = ("max_iter", "save_every", "tol", "data_dir")

#: Entries that belong to the call and not to the run, or follow from the flags.
_NOT_OWN = ("resume", "preset", "script", "network", "levels", "borders", "size")


def _path(text: str) -> str:
    """An absolute path: a resumed run may be started from another folder."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return str(Path(text).expanduser().absolute())


def _add_output(parser: Parser) -> None:
    add = parser.add_argument
    add("--output-width", "-ow", type=positive_int, default=512, help="width to make, in pixels")
    add(
        "--output-height",
        "-oh",
        type=positive_int,
        help="height to make, in pixels; None: as the width",
    )
    add(
        "--octaves",
        "-o",
        type=non_negative_int,
        default=4,
        help="scales of the Gaussian pyramid; 1 is the full size alone",
    )
    add(
        "--layers",
        "-l",
        nargs="+",
        default=_LAYERS,
        help="numbers or names (conv3_2, fire4) of the layers whose Gram matrices count, or "
        "texture, the network's best ones, as is without this flag if it is not VGG-19",
    )
    add("--max-iter", "-m", type=non_negative_int, default=500, help="iterations of L-BFGS-B")
    add("--output-prefix", "-op", default="out", help="begins the name of the run folder")
    add(
        "--save-every",
        "-n",
        type=positive_int,
        default=10,
        help="iterations from one saved picture, and state to resume from, to the next",
    )
    add(
        "--padding-mode",
        "-p",
        choices=("valid", "same", "reflect"),
        default="valid",
        help="borders of the convolutions: cut off, zeros, or (not the original's) mirrored",
    )
    add("--count", "-c", type=positive_int, default=1, help="images to make together")


def _add_rest(parser: Parser, presets: Mapping[str, Mapping], blur: int):
    """Adds what both scripts have, at the end; returns the group of what the original had not."""
    add = parser.add_argument
    add(
        "--seed",
        choices=("random", "symmetric"),
        default="random",
        help="start: noise, or smooth mirrored noise",
    )
    add(
        "--data-dir",
        "-d",
        type=_path,
        default="model_data",
        help="folder with weights of your own, looked at first",
    )
    add("--output-dir", default="outputs", help="where run folders are made")
    add(
        "--tol",
        type=finite_float,
        default=1e-9,
        help="relative change of the loss, and largest gradient, at which to stop",
    )
    own = parser.add_argument_group("beyond the original")
    own.add_argument(
        "--weights",
        choices=(*KINDS, "best"),
        default="gatys",
        help="of the network; best: squeezenet if it is there or can be fetched at once (0.7 MB), "
        "else drawn, which the suite made",
    )
    own.add_argument(
        "--tileable",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="make images that tile without seams",
    )
    own.add_argument(
        "--init", type=_path, metavar="FILE", help="start from this picture, scaled to fit"
    )
    own.add_argument(
        "--random-seed", "--random_seed", type=seed, help="of the start's noise; None: a new one"
    )
    own.add_argument(
        "--blur",
        type=positive_float,
        default=blur,
        help="of a symmetric start: sigma in pixels, and with it the contrast",
    )
    own.add_argument(
        "--start-mean",
        type=finite_float,
        default=10,
        help="of a random start's noise, in grey levels",
    )
    own.add_argument(
        "--start-sigma",
        type=non_negative_float,
        default=1,
        help="standard deviation of a random start's noise",
    )
    own.add_argument(
        "--bounded",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="keep the pixels within 0..255 on the way, not only when they are saved",
    )
    own.add_argument(
        "--coarse-to-fine",
        "--coarse_to_fine",
        type=whole_number(0, 8),
        default=0,
        metavar="N",
        help="optimise at 1/2^N of the size first, then at twice as much and so on; the coarser "
        "sizes take four fifths of the iterations",
    )
    own.add_argument("--resume", metavar="FOLDER", help="go on with the run in this folder")
    quick = " ".join(as_arguments(presets["quick"]))
    own.add_argument(
        "--preset", choices=list(presets), help=f"quick, a small setting for a first try: {quick}"
    )
    return own


def synthesis_parser() -> Parser:
    """The parser of `synthesize.py`."""
    parser = Parser("synthesize.py", "Makes a new texture that looks like the source pictures.")
    _add_output(parser)
    add = parser.add_argument
    add("--source-scale", "-ss", type=positive_float, help="factor to scale the sources by")
    add(
        "--source-width",
        "-sw",
        type=positive_int,
        help="width to scale the sources to; wins over --source-scale",
    )
    add(
        "--join-mode",
        "-j",
        choices=("average", "max", "log_euclidean", "affine_invariant", "riemann"),
        default="average",
        help="how the Gram matrices of several sources become one",
    )
    add("--mul", type=finite_float, default=1.0, help="factor on the sources' Gram matrices")
    add("--if-weight", type=finite_float, default=1.0, help="weight of the tie between frames")
    add(
        "--if-shift",
        type=finite_float,
        default=5.0,
        help="neighbouring frames differ as much as the source shifted by so many pixels",
    )
    add("--if-order", type=non_negative_int, default=2, help="tie frames up to so many apart")
    add(
        "--if-distance-type",
        choices=("l2", "lap1"),
        default="l2",
        help="difference of frames: of pixels, or of Laplacian pyramids",
    )
    add(
        "--if-octaves",
        type=non_negative_int,
        default=1,
        help="scales at which l2 compares frames",
    )
    add(
        "--source",
        "-s",
        type=_path,
        nargs="+",
        help="source pictures, or folders of .jpg and .png pictures; required",
    )
    own = _add_rest(parser, SYNTHESIS_PRESETS, blur=30)
    own.add_argument(
        "--relative",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="divide each Gram matrix's loss by its target's squared norm",
    )
    return parser


class _Useless(argparse.Action):
    """A flag that the original took and ignored."""

    def __init__(self, option_strings, dest, **kwargs):
        super().__init__(option_strings, argparse.SUPPRESS, default=argparse.SUPPRESS, **kwargs)

    def __call__(self, parser, namespace, values, option_string=None):
        raise argparse.ArgumentError(self, "has no use here: there is no source and no animation")


def novelty_parser() -> Parser:
    """The parser of `novelty.py`."""
    parser = Parser("novelty.py", "Makes textures that differ from each other, from no source.")
    _add_output(parser)
    add = parser.add_argument
    add("--octave-step", "-os", type=positive_int, default=1, help="use every so many-th output")
    add(
        "--internal",
        action="store_true",
        help="let the octaves and layers within an image differ, too",
    )
    add("--mul", type=finite_float, default=1.0, help="squared length of each Gram matrix")
    add("--source", "-s", nargs="+", action=_Useless, help=argparse.SUPPRESS)
    for useless in ("scale", "width"):
        short = f"-s{useless[0]}"
        add(f"--source-{useless}", short, action=_Useless, help=argparse.SUPPRESS)
    for useless in ("weight", "shift", "order"):
        add(f"--if-{useless}", action=_Useless, help=argparse.SUPPRESS)
    _add_rest(parser, NOVELTY_PRESETS, blur=50)
    return parser


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    return {name: value for name, value in vars(flags).items() if name not in _NOT_OWN}


def _parse(
    parser: Parser, argv: Sequence[str], presets: Mapping[str, Mapping[str, object]]
) -> argparse.Namespace:
    def saved(folder: str) -> dict:
        return read_flags(folder, parser.prog)

    flags = resolve(parser, argv, presets, saved, MAY_CHANGE)
    if flags.tileable and flags.padding_mode == "same":
        parser.error("--padding-mode same and --tileable exclude each other")
    if flags.seed != "symmetric" or flags.init is not None:
        refuse(parser, argv, ("blur",), "only --seed symmetric without --init is blurred")
    if flags.seed == "symmetric" or flags.init is not None:
        noise = ("start_mean", "start_sigma")
        refuse(parser, argv, noise, "only --seed random without --init starts from that noise")
    flags.script = parser.prog
    flags.weights = best() if flags.weights == "best" else flags.weights
    flags.network = network_of(flags.weights)
    flags.layers = _numbers(parser, flags.network, flags.layers)
    flags.levels = max(flags.octaves, 1)
    flags.borders = "wrap" if flags.tileable else flags.padding_mode
    flags.size = (flags.output_width, flags.output_height or flags.output_width)
    return flags


def _numbers(parser: Parser, network: Network, layers: Sequence[str | int]) -> list[int]:
    """The layers' numbers, in the order given."""
    if layers == _LAYERS:  # of numbers; those given are words
        if network is _ORIGINAL:
            return list(_LAYERS)
        layers = ["texture"]
    known = {"texture": network.texture_layers}
    try:
        return [network.number(one) for layer in layers for one in known.get(layer, [layer])]
    except UserError as error:
        parser.error(f"argument --layers/-l: {error}")


def parse_synthesis(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `synthesize.py`.

    Args:
        argv: the words after the script's name.

    Returns:
        The flags by name, `layers` as numbers and `weights` the kind that is used, and what
        follows from them: `script`, its name; `network`, of `common.descriptors`; `levels` of the
        pyramid, which `--octaves 0` makes 1; `borders` of the output in the network, one of
        `common.descriptors.PADDINGS`; `size`, width and height to make.
    """
    parser = synthesis_parser()
    flags = _parse(parser, argv, SYNTHESIS_PRESETS)
    if not flags.source:
        parser.error("the following arguments are required: --source/-s")
    return flags


def parse_novelty(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `novelty.py`; see `parse_synthesis`."""
    return _parse(novelty_parser(), argv, NOVELTY_PRESETS)
