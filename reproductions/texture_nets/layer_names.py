"""The descriptor's layers by the names that the original's flags take.

`relu4_2`, as Caffe calls a layer's output, is what networks here call conv4_2; other names are as
they are.
"""

from collections.abc import Sequence

from common.descriptors import Network
from common.errors import UserError

#: The original's layers of textures, and of content.
TEXTURE, CONTENT = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", "relu4_2"


def flag_name(layer: str) -> str:
    """What a flag calls a network's layer."""
    return layer.replace("conv", "relu") if "_" in layer else layer


def in_order(network: Network, names: Sequence[str]) -> list[str]:
    """Layers as the network calls them, without repetitions, in its order.

    Args:
        network: one of `common.descriptors`.
        names: as a flag has them.

    Raises:
        UserError: there is no such layer.
    """
    known = [flag_name(layer) for layer in network.layers]
    for name in names:
        if name not in known:
            raise UserError(
                f"there is no layer {name} in {network.title}; there are {', '.join(known)}"
            )
    return [layer for layer, name in zip(network.layers, known, strict=True) if name in names]


def default_names(network: Network, originals: str, own: Sequence[str]) -> str:
    """The original's layers where a network has them, else its own, as a flag has them.

    Args:
        network: one of `common.descriptors`.
        originals: `TEXTURE` or `CONTENT`.
        own: the network's `texture_layers` or its `content_layer`.
    """
    known = set(map(flag_name, network.layers))
    return originals if known.issuperset(originals.split(",")) else ",".join(map(flag_name, own))
