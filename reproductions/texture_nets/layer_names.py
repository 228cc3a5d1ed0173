"""The descriptor's layers by the names that the original's flags take."""

from collections.abc import Sequence

from common.errors import UserError
from common.vgg19_layers import LAYERS


def layer_name(relu: str) -> str:
    """`relu4_2`, as Caffe calls a layer's output, to the convolution that gives it here.

    Raises:
        UserError: there is no such layer.
    """
    name = relu.replace("relu", "conv", 1) if relu.startswith("relu") else relu
    if name not in LAYERS or relu.startswith("conv"):
        known = [n.replace("conv", "relu") for n in LAYERS]
        raise UserError(f"there is no layer {relu} in VGG-19; there are {', '.join(known)}")
    return name


def deepest(names: Sequence[str]) -> str:
    """The deepest of some layers, as `common.vgg19_layers` calls it.

    Raises:
        UserError: there is no such layer.
    """
    return max(map(layer_name, names), key=LAYERS.index)


def in_order(layers: Sequence[str]) -> list[str]:
    """The layers without repetitions, in the network's order.

    Raises:
        UserError: there is no such layer.
    """
    return sorted(set(layers), key=lambda layer: LAYERS.index(layer_name(layer)))
