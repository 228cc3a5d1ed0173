"""A judge of textures that nothing here optimises: SqueezeNet's Gram matrices at fire6 to fire8."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from common.descriptors import network_of  # noqa: E402
from common.gram import gram_matrix  # noqa: E402
from common.vgg19_pixels import preprocess  # noqa: E402

#: Deeper than what a texture is made of.
LAYERS = ("fire6", "fire7", "fire8")


@functools.cache
def _describe(padding: str) -> Callable:
    network = network_of("squeezenet")
    weights, _ = network.load("squeezenet", LAYERS[-1], [])
    model = network.build(weights, LAYERS, padding)
    return lambda images: [ops.convert_to_numpy(gram_matrix(f))[0] for f in model(images)]


def distance(result: np.ndarray, source: np.ndarray, tiles: bool = True) -> float:
    """How far a texture is from its source: 0 for the same statistics, about 1 for a grey picture.

    Args:
        result: uint8, (height, width, 3), RGB.
        source: likewise, of any size.
        tiles: whether the result does; the source is mirrored at its borders.

    Returns:
        The mean over the layers of the squared norm of the Gram matrices' difference, relative to
        that of the source's matrix.
    """
    wanted = _describe("reflect")(preprocess(source)[None])
    found = _describe("wrap" if tiles else "reflect")(preprocess(result)[None])
    pairs = zip(found, wanted, strict=True)
    return float(np.mean([np.sum((f - w) ** 2) / np.sum(w**2) for f, w in pairs]))


def halves(source: np.ndarray) -> float:
    """How far one half of a picture is from the other: the mean over both ways to halve it."""
    height, width = (side // 2 for side in source.shape[:2])
    across = distance(source[:, width:], source[:, :width], tiles=False)
    down = distance(source[height:], source[:height], tiles=False)
    return (across + down) / 2


def noise(source: np.ndarray, seed: int = 0) -> float:
    """How far uniform noise is from a picture."""
    shape = (256, 256, 3)
    values = np.random.RandomState(seed).uniform(0, 255, shape).astype(np.uint8)
    return distance(values, source)
