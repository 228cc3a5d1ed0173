"""The file of SqueezeNet's weights as Deep Compression writes it: bytes in, NumPy out.

Han, Mao and Dally, "Deep Compression" (arXiv 1510.00149): each convolution keeps a part of its
values, each as a place in a codebook of 256 numbers and as the gap from the one before. Nothing of
the file is executed, and no size in it is believed before it is checked.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.errors import UserError

#: Channels squeezed to, and each of the two expansions to, of fire2 to fire9.
FIRES = {
    f"fire{2 + number}": widths
    for number, widths in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    )
}
_CODES = 256

#: Kernel (height, width, in, out) and bias (out,) of each convolution, by name.
Weights = dict[str, tuple[np.ndarray, np.ndarray]]


def convolutions() -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Each convolution in the order of the file: its name; channels out, channels in, side."""
    yield "conv1", (96, 3, 7)
    channels = 96
    for fire, (squeezed, expanded) in FIRES.items():
        yield f"{fire}/squeeze1x1", (squeezed, channels, 1)
        yield f"{fire}/expand1x1", (expanded, squeezed, 1)
        yield f"{fire}/expand3x3", (expanded, squeezed, 3)
        channels = 2 * expanded
    yield "conv10", (1000, channels, 1)


def read_squeezenet(path: str | Path) -> Weights:
    """Reads compressed_SqueezeNet.net.

    Args:
        path: the file.

    Returns:
        Name -> kernel (side, side, in, out) and bias (out,), float32.

    Raises:
        UserError: it cannot be read, or is not such a file; names the convolution where it breaks.
    """
    known = list(convolutions())
    values = sum(math.prod(_shape(sizes)) for _, sizes in known)
    try:
        with open(path, "rb") as file:
            # One byte more than the longest that there can be, of all values kept.
            data = file.read(4 * len(known) + 4 * (_CODES + 1000) * len(known) + 2 * values)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    rest = memoryview(data)

    def take(kind: str, count: int, name: str) -> np.ndarray:
        nonlocal rest
        size = np.dtype(kind).itemsize * count
        if len(rest) < size:
            raise UserError(f"{path} is no compressed SqueezeNet: it ends within {name}")
        taken, rest = rest[:size], rest[size:]
        return np.frombuffer(taken, kind)

    kept = take("<u4", len(known), "its header")
    weights = {}
    for (name, sizes), count in zip(known, kept.tolist(), strict=True):
        shape = _shape(sizes)
        if count > math.prod(shape):
            raise UserError(
                f"{path} is no compressed SqueezeNet: {name} has {count} values, not at most "
                f"{math.prod(shape)}"
            )
        codebook, bias = take("<f4", _CODES, name), take("<f4", sizes[0], name)
        codes, halves = take("u1", count, name), take("u1", (count + 1) // 2, name)
        gaps = np.stack([halves & 15, halves >> 4], axis=1).ravel()[:count]
        places = np.cumsum(gaps + np.int64(1)) - 1
        if count and places[-1] >= math.prod(shape):
            raise UserError(f"{path} is damaged: {name} has values beyond its end")
        if codebook[0] or not (np.isfinite(codebook).all() and np.isfinite(bias).all()):
            raise UserError(f"{path} is damaged: {name} has a codebook or bias that cannot be")
        kernel = np.zeros(math.prod(shape), np.float32)
        kernel[places] = codebook[codes]
        weights[name] = kernel.reshape(shape).transpose(2, 3, 1, 0), bias.astype(np.float32)
    if len(rest):
        raise UserError(f"{path} is no compressed SqueezeNet: it goes on after {known[-1][0]}")
    return weights


def _shape(sizes: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Of the kernel as the file has it."""
    out, channels, side = sizes
    return out, channels, side, side
