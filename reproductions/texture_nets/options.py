"""What the scripts' flags have in common: the original's way of writing them."""

import argparse
from collections.abc import Sequence

from common.descriptors import KINDS, best, network_of
from common.errors import UserError
from common.flags import Parser, path, resolve
from common.runs import read_flags
from reproductions.texture_nets.layer_names import CONTENT, default_names, in_order

#: The file of the original's descriptor network.
MODEL_FILE = "data/pretrained/VGG_ILSVRC_19_layers.caffemodel"
PROTO_FILE = "data/pretrained/VGG_ILSVRC_19_layers_deploy.prototxt"

#: The weights where that is not there.
DEFAULT = "caffe"

#: Arguments that belong to the call and not to the run, and what follows from the flags.
OF_CALL = ("resume", "preset", "tmp_path")
_FOLLOWS = ("script", "network", "layers", "content")


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
    """Adds what says how the descriptor is, but for --weights."""
    flags.switch("vgg_no_pad", False, "no borders around the convolutions of the descriptor")
    flags.add("proto_file", type=path, default=PROTO_FILE, help="taken, and not needed")
    flags.add("model_file", type=path, default=MODEL_FILE, help="the weights of VGG-19, if there")


def add_weights(flags: Flags) -> None:
    """Adds --weights."""
    flags.add(
        "weights",
        choices=(*KINDS, "best"),
        help="of the descriptor, and with them its network; best: squeezenet if it is there or can "
        "be fetched at once (0.7 MB), else drawn, which the suite made; default: -model_file, "
        f"else {DEFAULT}",
    )


def settle_weights(flags: argparse.Namespace) -> None:
    """Says what the best weights are, and adds `network`, theirs, of `common.descriptors`."""
    flags.weights = best() if flags.weights == "best" else flags.weights
    flags.network = network_of(flags.weights or DEFAULT)


def settle_layers(
    parser: Parser, flags: argparse.Namespace, name: str, originals: str, own: Sequence[str]
) -> list[str]:
    """Settles what a flag of layers says where it is not given.

    Args:
        parser: of the script.
        flags: with `network`.
        name: of the flag.
        originals: the original's layers, which are meant where the network has them,
        own: else these, as the network calls them.

    Returns:
        The layers as the network calls them, in its order.
    """
    if getattr(flags, name) is None:
        setattr(flags, name, default_names(flags.network, originals, own))
    try:
        layers = in_order(flags.network, [word for word in getattr(flags, name).split(",") if word])
    except UserError as error:
        parser.error(str(error))
    return layers or parser.error("no layers are given")


def settle_content(parser: Parser, flags: argparse.Namespace, name: str) -> None:
    """Settles the content layer's flag; adds `content`, the layer as the network calls it."""
    if "," in (getattr(flags, name) or ""):
        parser.error(f"-{name} takes one layer only")
    own = [flags.network.content_layer]
    [flags.content] = settle_layers(parser, flags, name, CONTENT, own)


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    return {k: v for k, v in vars(flags).items() if k not in (*OF_CALL, *_FOLLOWS)}


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
        All flags, of a resumed run those that it began with; and `script`, `network`, see
        `settle_weights`.

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
    settle_weights(flags)
    return flags


def _words(flags: dict[str, object]) -> dict[str, object]:
    """The values as words of the command line; switches have one in either case."""
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in flags.items()}
