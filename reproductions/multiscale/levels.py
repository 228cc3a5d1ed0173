"""Coarse to fine: the picture is optimised at a part of its size first, then enlarged."""

import argparse

import numpy as np

#: Share of the iterations that the coarser levels have between them.
_COARSE_SHARE = 0.8


def size_at(flags: argparse.Namespace, level: int) -> tuple[int, int]:
    """Width and height at a level, pixels; level 0 is the full size, each other half the last.

    Args:
        flags: with the full `size`.
        level: its number.
    """
    width, height = (-(-side // 2**level) for side in flags.size)
    return width, height


def octaves_at(flags: argparse.Namespace, level: int) -> int:
    """Octaves that are compared at a level: those of the full size that are as coarse, or one."""
    return max(flags.levels - level, 1)


def source_octaves(flags: argparse.Namespace) -> int:
    """Octaves of the sources that one level or another is compared with."""
    return max(flags.levels, flags.coarse_to_fine + 1)


def shape_at(flags: argparse.Namespace, level: int) -> tuple[int, int, int, int]:
    """Shape of the images at a level, (count, height, width, 3)."""
    width, height = size_at(flags, level)
    return flags.count, height, width, 3


def end_of(flags: argparse.Namespace, level: int) -> int:
    """How many iterations are done, of all, when a level is."""
    if level == 0:
        return flags.max_iter
    done = flags.coarse_to_fine - level + 1
    return int(flags.max_iter * _COARSE_SHARE * done / flags.coarse_to_fine)


def enlarged(images: np.ndarray, shape: tuple[int, ...], wrap: bool) -> np.ndarray:
    """Images of one level at the size of another, by cubic splines.

    Args:
        images: (frames, height, width, 3).
        shape: wanted.
        wrap: whether they tile.

    Returns:
        float64, of that shape.
    """
    from scipy.ndimage import zoom  # here, so that -h answers at once

    if images.shape == shape:
        return images
    factors = (shape[1] / images.shape[1], shape[2] / images.shape[2])
    mode = "grid-wrap" if wrap else "nearest"
    result = np.empty(shape)
    for frame, channel in np.ndindex(shape[0], shape[3]):
        plane = images[frame, :, :, channel]
        result[frame, :, :, channel] = zoom(plane, factors, order=3, mode=mode, grid_mode=True)
    return result
