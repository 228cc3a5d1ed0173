"""The texture descriptor: Gram matrices of a network's layers at every octave."""

from collections.abc import Callable, Sequence

import keras

from common.descriptors import Network
from common.gram import gram_matrix
from reproductions.multiscale.pyramid import gaussian_pyramid


def descriptor(
    network: Network,
    weights: dict,
    layers: Sequence[int],
    octaves: int,
    padding: str = "valid",
) -> Callable:
    """Builds the function from images to their Gram matrices (section 2 of the paper).

    Args:
        network: one of `common.descriptors`.
        weights: of the network.
        layers: numbers of the network's layers; their order does not matter.
        octaves: levels of the Gaussian pyramid.
        padding: one of `common.descriptors.PADDINGS`; `wrap` for images that tile. The pyramid's
            borders are `valid` except with `wrap`.

    Returns:
        A function from images, (frames, height, width, 3), BGR minus the mean, to a list of Gram
        matrices, (frames, channels, channels): octave after octave, and in each the layers in the
        network's order.
    """
    model = network.build(weights, [network.layers[i] for i in layers], padding)

    def describe(images) -> list:
        grams = []
        for level in gaussian_pyramid(images, octaves, wrap=padding == "wrap"):
            grams += [gram_matrix(features) for features in keras.tree.flatten(model(level))]
        return grams

    return describe
