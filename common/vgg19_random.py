"""VGG-19 with random weights, normalised on textures: the offline default."""

import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from common.vgg19_layers import LAYERS, channels, convolutions
from common.vgg19_weights import Weights

#: Statistics of so many pixels, over all textures, are as good as those of more.
_PIXELS = 512**2

#: How far conv1_1 evens out brightness, which varies most, and colours: 0 not at all, 1 wholly.
_EVENING = 0.3


def random_weights(upto: str = LAYERS[-1], seed: int = 0) -> Weights:
    """He-normal kernels from a fixed seed, biases 0.

    Networks with random weights carry texture too: He, Wang and Hopcroft, arXiv 1606.04801;
    Ustyuzhaninov et al., arXiv 1606.00021. See `normalised` for the scaling that they need.

    Args:
        upto: the deepest layer needed. A shallower network has the same first layers.
        seed: of `numpy.random.RandomState`.
    """
    random = np.random.RandomState(seed)
    weights = {}
    for name in convolutions(upto):
        fan_in, width = channels(name)
        kernel = random.standard_normal((3, 3, fan_in, width)) * np.sqrt(2 / (9 * fan_in))
        weights[name] = (kernel.astype(np.float32), np.zeros(width, np.float32))
    return weights


def normalised(
    weights: Weights, textures: Sequence[np.ndarray], pooling: str = "average"
) -> Weights:
    """Sets biases and scales of the convolutions so that textures excite all channels alike.

    Layer after layer: each channel is scaled, and its bias set, so that its values before the
    ReLU have mean 0 and variance 1 over the textures; then the layer is scaled so that its mean
    activation is 1, as in Gatys' normalised network. Without the first step most channels of a
    random network answer to little but brightness. Before all this conv1_1 is made more sensitive
    to the colours that vary little, or nothing would keep the coloured noise of the start away.
    (Trained weights are normalised without any of this: `common.vgg19_normalised`.)

    Args:
        weights: kernels and biases by name, with no layer left out; the biases are not used.
        textures: images, each (1, height, width, 3), BGR minus the mean.
        pooling: of the network that the weights are for, `average` or `max`.

    Returns:
        New weights of the same shapes.
    """
    side = math.isqrt(_PIXELS // len(textures))
    features = [_centre(texture, side) for texture in textures]
    result = {}
    for name in LAYERS[: LAYERS.index(list(weights)[-1]) + 1]:
        if name.startswith("pool"):
            pool = {"average": ops.average_pool, "max": ops.max_pool}[pooling]
            features = [ops.convert_to_numpy(pool(f, 2, 2, padding="same")) for f in features]
            continue
        kernel = weights[name][0]
        if name == "conv1_1":
            kernel = np.einsum("hwco,cd->hwdo", kernel, _evening(features))
        # Zeros at the borders, so that textures of any size have values at any depth.
        values = [ops.convert_to_numpy(ops.conv(f, kernel, padding="same")) for f in features]
        scale, bias = _normalisation(np.concatenate([v.reshape(-1, v.shape[-1]) for v in values]))
        result[name] = (kernel * scale, bias)
        features = [np.maximum(v * scale + bias, 0) for v in values]
    return result


def _normalisation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and bias of each channel of values before the ReLU, shape (pixels, channels)."""
    mean, spread = values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
    # A channel that never changes (a texture of one colour) keeps its scale.
    spread[spread <= 1e-6 * spread.max()] = 1.0
    activation = np.maximum((values - mean) / spread, 0).mean(dtype=np.float64) or 1.0
    scale = 1 / (spread * activation)
    return scale.astype(np.float32), (-mean * scale).astype(np.float32)


def _evening(images: Sequence[np.ndarray]) -> np.ndarray:
    """The power -_EVENING / 2 of the pixels' covariance, (3, 3), of unit size on average."""
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(np.float64)
    values, axes = np.linalg.eigh(np.cov(pixels.T, bias=True))
    if values.max() <= 1e-6:  # one colour
        return np.eye(3, dtype=np.float32)
    values = np.maximum(values / values.mean(), 1e-3)
    return ((axes * values ** (-_EVENING / 2)) @ axes.T).astype(np.float32)


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (size - side) // 2) for size in image.shape[1:3])
    return image[:, top : top + side, left : left + side]
