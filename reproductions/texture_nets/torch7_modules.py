"""The modules of a Torch7 network, in the order in which the original counts them."""

from collections.abc import Iterator

import numpy as np

from common.errors import UserError
from reproductions.texture_nets.torch7 import Object, Tensor

#: No generator has as many modules, nor a convolution so many weights.
_MOST_MODULES, _MOST_WEIGHTS = 10_000, 2**24


def class_of(module: Object) -> str:
    """The class without the package (nn, cudnn) in front."""
    return module.kind.partition(".")[2]


def modules_of(network) -> tuple[list[Object], int]:
    """The modules of a network that have none in them, depth first.

    Args:
        network: what `read_torch7` gives.

    Returns:
        The modules, and how many `Concat` there are above them.

    Raises:
        UserError: it is no network of `Sequential` and `Concat`.
    """
    found, concats = [], 0
    for number, module in enumerate(_walk(network)):
        if number >= _MOST_MODULES:
            raise UserError("it has too many modules")
        if class_of(module) == "Concat":
            if module.get("dimension") != 2:
                raise UserError("it joins other things than channels")
            concats += 1
        elif class_of(module) != "Sequential":
            found.append(module)
    return found, concats


def _walk(network) -> Iterator[Object]:
    """Modules, each before those in it; never ends if one contains itself."""
    left = [network]
    while left:
        item = left.pop()
        if not isinstance(item, Object):
            raise UserError("it is no network of modules")
        yield item
        if class_of(item) in ("Sequential", "Concat"):
            modules = item.get("modules")
            if not isinstance(modules, dict) or list(modules) != list(range(1, len(modules) + 1)):
                raise UserError(f"a {class_of(item)} of it has no list of modules")
            left += reversed(modules.values())


def shown(value) -> str:
    """A field's value, for a message: a number as it is, else what it is."""
    if isinstance(value, bool | int | float | type(None)):
        return f"{value:.6g}" if isinstance(value, float) else str(value)[:20]
    return f"a {type(value).__name__}"


def tensor_of(module: Object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a module as float32.

    Args:
        module: as read.
        name: of the field.
        shape: that it must have. One of as many elements will do, for some versions of Torch7 had
            the weights of a convolution as a matrix.

    Raises:
        UserError: there is none, or of another size.
    """
    tensor, size = module.get(name), int(np.prod(shape))
    if not isinstance(tensor, Tensor):
        raise UserError(f"a {class_of(module)} of it has no tensor {name}")
    if int(np.prod(tensor.shape, dtype=object)) != size or size > _MOST_WEIGHTS:
        raise UserError(f"{name} of a {class_of(module)} of it has another size than {shape}")
    return _as_float32(tensor.array()).reshape(shape)


def overrun(module: Object, channels: int) -> list[np.ndarray]:
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
            raise UserError(f"a {class_of(module)} of it has no tensor {name}")
        values = tensor.storage.values[tensor.offset : tensor.offset + channels]
        if len(values) < channels:
            raise UserError(f"a {class_of(module)} of {channels} channels reads beyond its storage")
        found.append(_as_float32(values))
    return found


def _as_float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32)
