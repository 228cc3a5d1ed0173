"""The networks whose features describe textures, each a file here.

All take images as BGR in 0..255 minus VGG-19's mean, and see to what they were trained on
themselves. `--weights` names weights and, with them, their network. A further network is a file
with a class of `Network`, and its place in the list below. Nothing slow is imported here.
"""

from common.descriptors.drawn import FILE, Drawn
from common.descriptors.network import PADDINGS, Network
from common.descriptors.squeezenet import SqueezeNet
from common.descriptors.vgg19 import VGG19

__all__ = ["KINDS", "NETWORKS", "PADDINGS", "Network", "best", "network_of"]

NETWORKS: tuple[Network, ...] = (VGG19(), SqueezeNet(), Drawn())

#: What `--weights` may say, and what each is.
KINDS: dict[str, str] = {kind: what for one in NETWORKS for kind, what in one.weights.items()}


def network_of(kind: str) -> Network:
    """The network that weights are for.

    Args:
        kind: one of `KINDS`.
    """
    return next(one for one in NETWORKS if kind in one.weights)


def best() -> str:
    """The best weights that are there or can be had at once.

    Returns:
        `squeezenet` if its file, of 0.7 MB, is in `pretrained/` or can be fetched without waiting
        for a network; else `drawn`; without that file `random`.
    """
    from common.weights import obtainable

    if obtainable("squeezenet") is not None:
        return "squeezenet"
    return "drawn" if FILE.is_file() else "random"
