"""The texture descriptor: Gram matrices of VGG layers at every octave."""

from collections.abc import Callable, Sequence

import keras

from common.gram import gram_matrix
from common.vgg19 import vgg19
from common.vgg19_layers import LAYERS
from common.vgg19_weights import Weights
from reproductions.multiscale.pyramid import gaussian_pyramid


def descriptor(
    weights: Weights, layers: Sequence[int], octaves: int, padding: str = "valid"
) -> Callable:
    """Builds the function from images to their Gram matrices (section 2 of the paper).

    Args:
        weights: of VGG-19, see `common.vgg19`.
        layers: numbers of VGG-19's layers; their order does not matter.
        octaves: levels of the Gaussian pyramid.
        padding: `valid`, `same`, or `wrap` for images that tile. The pyramid's borders are
            `valid` except with `wrap`.

    Returns:
        A function from images, (frames, height, width, 3), BGR minus the mean, to a list of Gram
        matrices, (frames, channels, channels): octave after octave, and in each the layers in the
        network's order.
    """
    network = vgg19(weights, [LAYERS[i] for i in layers], padding=padding)

    def describe(images) -> list:
        grams = []
        for level in gaussian_pyramid(images, octaves, wrap=padding == "wrap"):
            grams += [gram_matrix(features) for features in keras.tree.flatten(network(level))]
        return grams

    return describe
