"""The descriptor network, with max pooling where it leaves a choice, to the deepest layer used."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from common.descriptors import Network
from common.errors import UserError
from common.gram import gram_matrix
from reproductions.texture_nets.layer_names import flag_name


def descriptor(network: Network, weights: dict, layers: Sequence[str], no_pad: bool) -> Callable:
    """Builds the network.

    Args:
        network: one of `common.descriptors`.
        weights: of the network.
        layers: as it calls them, in its order.
        no_pad: convolutions without a border (`vgg_no_pad`), else with zeros.

    Returns:
        A function from images, (images, height, width, 3), BGR minus the mean, to the list of the
        features of `layers`.
    """
    model = network.build(weights, layers, _padding(no_pad), "max", ceil=True)
    # A model of one output gives no list.
    return lambda images: keras.tree.flatten(model(images))


def _padding(no_pad: bool) -> str:
    return "valid" if no_pad else "same"


def features_shape(network: Network, layer: str, side: int, no_pad: bool) -> tuple[int, int, int]:
    """Height, width and channels of a layer's features of a square; see `descriptor`."""
    side = network.side_at(side, layer, _padding(no_pad), ceil=True)
    return side, side, network.channels(layer)


def check_sides(
    sides: Sequence[int], network: Network, layer: str, no_pad: bool, what: str
) -> None:
    """Refuses a picture that is too small for a layer.

    Raises:
        UserError: it is.
    """
    smallest = network.smallest_side(layer, _padding(no_pad), ceil=True)
    if min(sides) < smallest:
        name = flag_name(layer)
        why = f"{name} with -vgg_no_pad" if no_pad else name
        raise UserError(f"{what}, {min(sides)} pixels, is too small for {why}: {smallest} at least")


def texture_targets(features: Sequence) -> list[np.ndarray]:
    """The Gram matrices of a texture.

    Args:
        features: of the layers, each (1, height, width, channels).

    Returns:
        Each (channels, channels).
    """
    return [ops.convert_to_numpy(gram_matrix(f))[0] for f in features]
