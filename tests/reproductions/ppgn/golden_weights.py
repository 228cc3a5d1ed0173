"""Weights that NumPy makes the same everywhere: those the references were made with."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Blob(NamedTuple):
    """What `weights.json` tells of a blob."""

    shape: list[int]
    sum: float
    l2: float
    first: float
    last: float


#: Seeds of the first layers; layer i draws its blobs from seeds 2 i (LRCN: 10 i) further on.
_BASE = {"caffenet": 1000, "generator": 2000, "places": 3000, "lrcn": 4000}

_ALEXNET = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
_GENERATOR = ("defc7", "defc6", "defc5", "deconv5", "conv5_1", "deconv4", "conv4_1", "deconv3")
_LAYERS = {
    "caffenet": _ALEXNET,
    "places": _ALEXNET,
    "generator": (*_GENERATOR, "conv3_1", "deconv2", "deconv1", "deconv0"),
    "lrcn": ("embedding", "lstm1", "lstm2", "predict"),
}

#: Without these, codes are beyond 30, probabilities 0 or 1, and pixels far from photographs'.
_GAINS = {"caffenet": {"conv5": 0.05}, "places": {"conv5": 0.05}, "generator": {"deconv0": 30.0}}


def _fan_in(net: str, shape: Sequence[int]) -> float:
    if net == "generator" and len(shape) == 4:
        # Deconvolutions, (in, out, side, side): those of side 4 have the stride 2.
        stride = 2 if shape[2] == 4 else 1
        return shape[0] * shape[2] * shape[3] / stride**2
    return float(math.prod(shape[1:]))


def _draw(seed: int, shape: Sequence[int], scale: float) -> np.ndarray:
    random, values = np.random.RandomState(seed), np.empty(math.prod(shape), np.float32)
    # In parts, as double precision takes twice the memory.
    for part in np.array_split(values, len(values) // 2**20 + 1):
        part[:] = random.standard_normal(len(part))
    values *= np.float32(scale)
    return values.reshape(shape)


def _told(blob: np.ndarray) -> Blob:
    flat = blob.ravel()
    squares = np.einsum("i,i", flat, flat, dtype=np.float64)
    total = flat.sum(dtype=np.float64)
    return Blob(list(blob.shape), float(total), math.sqrt(squares), float(flat[0]), float(flat[-1]))


class GoldenWeights:
    """A source of weights, see `common.caffe_weights`, that remembers what it gave.

    Args:
        net: `caffenet`, `places`, `generator` or `lrcn`.

    Attributes:
        given: layer -> what was given for it.
    """

    def __init__(self, net: str):
        self._net = net
        self.given: dict[str, list[Blob]] = {}

    def __call__(self, layer, shapes, fan_in):
        net, i = self._net, _LAYERS[self._net].index(layer)
        if net == "lrcn":
            seeds, scales = [_BASE[net] + 10 * i + j for j in range(len(shapes))], [0.05] * 4
        else:
            weights = math.sqrt(2 / _fan_in(net, shapes[0])) * _GAINS[net].get(layer, 1.0)
            seeds, scales = [_BASE[net] + 2 * i, _BASE[net] + 2 * i + 1], [weights, 0.1]
        blobs = tuple(map(_draw, seeds, shapes, scales))
        self.given[layer] = [_told(blob) for blob in blobs]
        return blobs
