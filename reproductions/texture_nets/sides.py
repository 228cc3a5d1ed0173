"""How large a picture must be for a layer of the descriptor."""

from collections.abc import Sequence

from common.errors import UserError
from common.vgg19_layers import LAYERS
from reproductions.texture_nets.layer_names import deepest


def side_at(side: int, layer: str, no_pad: bool) -> int:
    """The side of a layer's features.

    Args:
        side: of the picture.
        layer: as `common.vgg19_layers` calls it.
        no_pad: whether convolutions have no border.

    Returns:
        Less than 1 where the picture is too small.
    """
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.startswith("pool"):
            side = -(-side // 2)
        elif no_pad:
            side -= 2
        if side < 1:
            break
    return side


def smallest_side(layer: str, no_pad: bool) -> int:
    """The smallest side of a picture that the layer can see."""
    side = 1
    while side_at(side, layer, no_pad) < 1:
        side += 1
    return side


def check_sides(sides: Sequence[int], layers: Sequence[str], no_pad: bool, what: str) -> None:
    """Refuses a picture that is too small for the deepest of some layers.

    Raises:
        UserError: it is.
    """
    layer = deepest(layers)
    smallest = smallest_side(layer, no_pad)
    if min(sides) < smallest:
        relu = layer.replace("conv", "relu")
        why = f"{relu} with -vgg_no_pad" if no_pad else relu
        raise UserError(f"{what}, {min(sides)} pixels, is too small for {why}: {smallest} at least")
