"""The descriptor network: VGG-19 with max pooling, as far as the deepest layer used."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from common.gram import gram_matrix
from common.vgg19 import vgg19
from common.vgg19_weights import Weights
from reproductions.texture_nets.layer_names import layer_name


def descriptor(weights: Weights, layers: Sequence[str], no_pad: bool) -> Callable:
    """Builds the network.

    Args:
        weights: of VGG-19.
        layers: names such as `relu1_1`, in the network's order.
        no_pad: convolutions without a border (`vgg_no_pad`), else with zeros.

    Returns:
        A function from images, (images, height, width, 3), BGR minus the mean, to the list of the
        features of `layers`.
    """
    names = [layer_name(layer) for layer in layers]
    network = vgg19(weights, names, "max", "valid" if no_pad else "same", ceil=True)
    # A model of one output gives no list.
    return lambda images: keras.tree.flatten(network(images))


def texture_targets(features: Sequence) -> list[np.ndarray]:
    """The Gram matrices of a texture.

    Args:
        features: of the layers, each (1, height, width, channels).

    Returns:
        Each (channels, channels).
    """
    return [ops.convert_to_numpy(gram_matrix(f))[0] for f in features]
