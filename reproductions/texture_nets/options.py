"""What the scripts' flags have in common: the original's way of writing them."""

import argparse
from collections.abc import Sequence

from common.flags import Parser, path, resolve
from common.runs import read_flags

#: The file of the original's descriptor network.
MODEL_FILE = "data/pretrained/VGG_ILSVRC_19_layers.caffemodel"
PROTO_FILE = "data/pretrained/VGG_ILSVRC_19_layers_deploy.prototxt"

#: Arguments that belong to the call and not to the run.
OF_CALL = ("resume", "preset", "tmp_path")


def boolean(text: str) -> bool:
    """A flag's type: true or false, in the usual spellings."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"must be true or false, got {text!r}")


class Flags:
    """Adds flags to a parser, each with one dash, as torch.CmdLine has them, or two.

    Args:
        parser: or a group of one.
    """

    def __init__(self, parser):
        self._parser = parser

    def add(self, name: str, **about) -> None:
        """Adds a flag; `about` is for argparse."""
        self._parser.add_argument(f"-{name}", f"--{name}", **about)

    def switch(self, name: str, default: bool, about: str) -> None:
        """Adds a flag that is given bare or with a value."""
        kind = {"type": boolean, "nargs": "?", "const": True, "default": default}
        self.add(name, **kind, metavar="true|false", help=about)


def add_device(flags: Flags) -> None:
    """Adds the original's -gpu and -backend."""
    flags.add("gpu", type=int, default=0, help="number of the GPU; none there, or -1: the CPU")
    flags.add("backend", choices=("nn", "cudnn"), default="nn", help="taken, and of no effect")


def add_descriptor(flags: Flags) -> None:
    """Adds what says which VGG-19 the descriptor is, but for --weights."""
    flags.switch("vgg_no_pad", False, "no borders around the convolutions of the descriptor")
    flags.add("proto_file", type=path, default=PROTO_FILE, help="taken, and not needed")
    flags.add("model_file", type=path, default=MODEL_FILE, help="the weights of VGG-19, if there")


def add_weights(flags: Flags) -> None:
    """Adds --weights."""
    flags.add(
        "weights",
        choices=("caffe", "gatys", "imagenet", "random"),
        help="of VGG-19; all but random are downloaded once; default: -model_file, else caffe",
    )


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    return {k: v for k, v in vars(flags).items() if k not in (*OF_CALL, "script", "layers")}


def parse(
    parser: Parser, argv: Sequence[str], presets: dict, may_change: Sequence[str]
) -> argparse.Namespace:
    """Parses the command line of a training script.

    Args:
        parser: of the script.
        argv: the words after its name.
        presets: preset -> flag -> value.
        may_change: flags that may differ in a resumed run.

    Returns:
        All flags; of a resumed run those that it began with.

    Raises:
        UserError: what is to be resumed is no run of the script.
    """

    def saved(folder: str) -> dict:
        return _words(read_flags(folder, parser.prog))

    presets = {name: _words(values) for name, values in presets.items()}
    flags = resolve(parser, argv, presets, saved, may_change, OF_CALL)
    if flags.resume is not None:
        flags.tmp_path = flags.resume
    flags.script = parser.prog
    return flags


def _words(flags: dict[str, object]) -> dict[str, object]:
    """The values as words of the command line; switches have one in either case."""
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in flags.items()}
