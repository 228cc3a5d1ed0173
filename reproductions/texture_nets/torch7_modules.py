"""The modules of a Torch7 network, in the order in which the original counts them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from reproductions.texture_nets.torch7 import Object, Tensor

#: What a generator of the paper is made of, without the package (nn, cudnn) in front.
_CONTAINERS = ("Sequential", "Concat")
_NOISE = ("NoiseFill", "GenNoise")
_KNOWN = (
    *_NOISE,
    "SpatialAveragePooling",
    "SpatialCircularPadding",
    "SpatialConvolution",
    "SpatialBatchNormalization",
    "LeakyReLU",
    "SpatialUpSamplingNearest",
    "Identity",
)

#: No convolution of the generators has more weights than this.
_MOST_WEIGHTS = 2**24


class Module(NamedTuple):
    """A module without modules in it.

    Attributes:
        kind: its class, without the package.
        object: as read.
        padded: whether a circular padding stands before it.
    """

    kind: str
    object: Object
    padded: bool


def modules_of(network) -> list[Module]:
    """The modules of a network, depth first.

    Args:
        network: what `read_torch7` gives.

    Raises:
        UserError: it is no network, or has modules that no generator has.
    """
    found, padded = [], False
    for item in _leaves(network, set()):
        kind = item.kind.partition(".")[2]
        if kind not in _KNOWN:
            raise UserError(f"it has a {item.kind}, which no generator of the paper has")
        found.append(Module(kind, item, padded))
        padded = kind == "SpatialCircularPadding"
    return found


def _leaves(item, above: set[int]) -> Iterator[Object]:
    if not isinstance(item, Object):
        raise UserError(f"it holds a {type(item).__name__} where a module should be")
    if item.kind.partition(".")[2] not in _CONTAINERS:
        yield item
        return
    modules = item.get("modules")
    if not isinstance(modules, dict) or list(modules) != list(range(1, len(modules) + 1)):
        raise UserError(f"its {item.kind} has no list of modules")
    if id(item) in above:
        raise UserError(f"its {item.kind} contains itself")
    for module in modules.values():
        yield from _leaves(module, above | {id(item)})


def tensor_of(module: Object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a module as float32, without a copy where it is.

    Args:
        module: as read.
        name: of the field.
        shape: that it must have. A flat one of as many elements will do for a matrix of weights,
            as some versions of Torch7 had it.

    Raises:
        UserError: there is none, or of another shape.
    """
    tensor = module.get(name)
    if not isinstance(tensor, Tensor):
        raise UserError(f"its {module.kind} has no tensor {name}")
    size = int(np.prod(shape))
    if int(np.prod(tensor.shape, dtype=object)) != size or size > _MOST_WEIGHTS:
        raise UserError(f"{name} of its {module.kind} is {tensor.shape} and not {shape}")
    return tensor.array().reshape(shape).astype(np.float32, copy=False)


def overrun(module: Object, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gamma and beta of a normalisation that is applied to more channels than it has.

    CUDA's kernel looked up both without a check, so that it read on in the storage that all
    parameters of the network share.

    Args:
        module: the normalisation.
        channels: that come in.

    Raises:
        UserError: it has no gamma and beta, or the storage ends before.
    """
    found = []
    for name in ("weight", "bias"):
        tensor = module.get(name)
        if not isinstance(tensor, Tensor) or tensor.storage is None or not tensor.shape:
            raise UserError(f"its {module.kind} has no tensor {name}")
        values = tensor.storage.values[tensor.offset : tensor.offset + channels]
        if len(values) < channels:
            raise UserError(f"its {module.kind} for {channels} channels reads beyond the storage")
        found.append(values.astype(np.float32, copy=False))
    return found[0], found[1]
