"""VGG-19's trained weights, normalised as Gatys did: each filter's mean activation becomes 1.

Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks" (arXiv
1505.07376), section 2.1. What the network computes stays the same but for a factor of each filter,
because neither ReLU nor pooling mixes filters, and both pass a positive factor on. (Random weights
need more than that, biases among it: `common.vgg19_random.normalised`.)
"""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from common.images import pictures_in, read_picture
from common.originals import REPOSITORY
from common.vgg19 import vgg19
from common.vgg19_pixels import preprocess
from common.vgg19_weights import Weights

TEXTURES = REPOSITORY / "datasets" / "textures"

#: A filter hardly answers if its mean activation is this part of its layer's, or less.
HARDLY = 1e-3


def built_in_pictures() -> list[np.ndarray]:
    """The pictures of `datasets/textures`, each (1, height, width, 3), BGR minus the mean.

    Raises:
        UserError: there are none, or one cannot be read.
    """
    return [preprocess(np.asarray(read_picture(path)))[None] for path in pictures_in(TEXTURES)]


def mean_activations(
    weights: Weights, pictures: Iterable[np.ndarray], pooling: str = "average"
) -> dict[str, np.ndarray]:
    """Each filter's activation after the ReLU, averaged over places and pictures.

    Borders are zeros, as VGG-19 was trained.

    Args:
        weights: kernels and biases by name, with no layer left out.
        pictures: each (1, height, width, 3), BGR minus the mean; each counts alike.
        pooling: of the network, `average`, which Gatys took for it, or `max`.

    Returns:
        Convolution -> (filters,), float64.
    """
    network = vgg19(weights, list(weights), pooling, padding="same")
    maps = zip(weights, network.outputs, strict=True)
    means = keras.Model(network.input, {name: ops.mean(one, (0, 1, 2)) for name, one in maps})
    found = [means(picture) for picture in pictures]
    return {
        name: np.mean([ops.convert_to_numpy(one[name]) for one in found], 0, dtype=np.float64)
        for name in weights
    }


def divisors(means: np.ndarray) -> np.ndarray:
    """What each filter of a layer is divided by.

    Args:
        means: the mean activation of each, (filters,).

    Returns:
        The same; for a filter that hardly answers (`HARDLY`), or never does, the mean of its
        layer, so that it keeps its scale among the others instead of being blown up. Of a layer
        that never answers all keep theirs.
    """
    layer = means.mean() or 1.0
    return np.where(means <= HARDLY * layer, layer, means)


def normalised_as_gatys(
    weights: Weights, pictures: Iterable[np.ndarray], pooling: str = "average"
) -> Weights:
    """Scales each filter so that its mean activation over places and pictures is 1.

    Kernel and bias of filter i of layer l are divided by its mean activation m_l(i), and the next
    layer's kernel is multiplied by m_l(i) where it takes i in: all activations become those from
    before divided by m_l(i). For filters that hardly answer see `divisors`.

    Args:
        weights: see `mean_activations`.
        pictures: see `mean_activations`; Gatys took ImageNet's.
        pooling: see `mean_activations`.

    Returns:
        New weights of the same shapes.
    """
    result, before = {}, np.ones(3)
    for name, means in mean_activations(weights, pictures, pooling).items():
        kernel, bias = weights[name]
        divisor = divisors(means)
        result[name] = (
            (kernel * before[:, None] / divisor).astype(np.float32),
            (bias / divisor).astype(np.float32),
        )
        before = divisor
    return result
