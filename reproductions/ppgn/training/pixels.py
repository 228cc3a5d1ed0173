"""Pixels as the networks take them, and back."""

import numpy as np
from keras import ops

from common.backend import constant
from common.pictures import grid
from reproductions.ppgn.start import mean_of


def as_input(pixels):
    """What the networks take of a batch of pixels, in compiled code.

    Args:
        pixels: uint8, (n, height, width, 1 or 3), grey or RGB.

    Returns:
        float32, grey or BGR, minus the mean.
    """
    return ops.flip(ops.cast(pixels, "float32"), -1) - constant(mean_of(pixels.shape[-1]))


def as_pixels(images: np.ndarray) -> np.ndarray:
    """The inverse of `as_input`, on arrays: uint8, rounded, cut to 0..255."""
    images = ops.convert_to_numpy(images)
    values = (images + mean_of(images.shape[-1]))[..., ::-1]
    return np.clip(values, 0, 255).round().astype(np.uint8)


def window(pixels: np.ndarray, side: int, offsets: np.ndarray | None = None) -> np.ndarray:
    """Cuts squares out of pictures.

    Args:
        pixels: (n, height, width, channels).
        side: of the squares.
        offsets: where each begins, (n, 2); None: in the middle.
    """
    outer = pixels.shape[1]
    if side == outer:
        return pixels
    if offsets is None:
        offsets = np.full((len(pixels), 2), (outer - side) // 2)
    rows = [
        one[top : top + side, left : left + side]
        for one, (top, left) in zip(pixels, offsets, strict=True)
    ]
    return np.stack(rows)


def pairs(above: np.ndarray, below: np.ndarray, columns: int = 10) -> np.ndarray:
    """A sheet of pictures, each with another below it.

    Args:
        above: uint8, (n, height, width, channels); n is a multiple of `columns`, or below it.
        below: likewise.
        columns: of the sheet.

    Returns:
        uint8, (height, width, 3).
    """
    columns = min(columns, len(above))
    rows = []
    for first in range(0, len(above), columns):
        rows += [above[first : first + columns], below[first : first + columns]]
    return grid(np.concatenate(rows), columns)
