"""Where the layers of Caffe's networks get their weights: a .caffemodel, or a random generator.

A source is a function that a network calls for each of its layers:
`source(layer, shapes, fan_in)`, with the layer's name, the shapes of its blobs as Caffe has them,
and the number of inputs that each output of the layer sums over. It returns float32 arrays.
"""

import math
import os
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from common.caffe import read_caffemodel, weights_of
from common.errors import UserError

Shape = tuple[int, ...]
WeightSource = Callable[[str, Sequence[Shape], float], tuple[np.ndarray, ...]]

_MOST = 2**28  # values that a layer of random weights may have; 1 GiB


def weights_from(path: str | os.PathLike) -> WeightSource:
    """Gives the weights of a .caffemodel file.

    Args:
        path: the file, of any of Caffe's formats.

    Returns:
        A source, which raises `UserError` if the file has no weights for a layer, weights of
        other shapes, or values that are no numbers.

    Raises:
        UserError: the file cannot be read or is damaged.
    """
    blobs = weights_of(read_caffemodel(path))

    def source(layer: str, shapes: Sequence[Shape], fan_in: float) -> tuple[np.ndarray, ...]:
        found = blobs.get(layer)
        if found is None:
            raise UserError(f"{path} has no weights for the layer {layer}")
        if len(found) != len(shapes):
            raise UserError(
                f"{path}: the layer {layer} has {len(found)} blobs, its definition {len(shapes)}"
            )
        return tuple(
            _fitted(blob, shape, f"{path}: blob {i} of the layer {layer}")
            for i, (blob, shape) in enumerate(zip(found, shapes, strict=True))
        )

    return source


def _fitted(blob: np.ndarray, shape: Shape, what: str) -> np.ndarray:
    # Old files keep everything in four dimensions: a matrix as (1, 1, out, in).
    padded = (1,) * (4 - len(shape)) + tuple(shape)
    if blob.shape not in (tuple(shape), padded):
        raise UserError(f"{what} has the shape {blob.shape}, the definition wants {tuple(shape)}")
    with np.errstate(over="ignore"):
        blob = blob.astype(np.float32, copy=False).reshape(shape)
    if not np.isfinite(blob).all():
        raise UserError(f"{what} holds values that are not numbers: the file is damaged")
    return blob


def random_weights(seed: int = 0, gains: Mapping[str, float] | None = None) -> WeightSource:
    """Gives weights of a seeded generator: He normal, biases of standard deviation 0.1.

    He et al., "Delving Deep into Rectifiers" (arXiv 1502.01852). A layer's weights depend on the
    seed and its name only.

    Args:
        seed: 0 or more.
        gains: layer -> what its weights are multiplied by.
    """
    gains = gains or {}

    def source(layer: str, shapes: Sequence[Shape], fan_in: float) -> tuple[np.ndarray, ...]:
        if sum(math.prod(shape) for shape in shapes) > _MOST:
            raise UserError(f"the layer {layer} is too large for random weights: {list(shapes)}")
        random = np.random.default_rng([seed, zlib.crc32(layer.encode())])
        scale = math.sqrt(2 / max(fan_in, 1)) * gains.get(layer, 1.0)
        blobs = []
        for shape in shapes:
            deviation = scale if len(shape) > 1 else 0.1
            blob = random.standard_normal(shape, np.float32)
            blob *= np.float32(deviation)
            blobs.append(blob)
        return tuple(blobs)

    return source
