"""The Gaussian and Laplacian pyramids of Burt and Adelson, as the paper uses them."""

import functools
import itertools

import numpy as np
from keras import ops

from common.backend import constant
from common.layers import pad_images


def generating_kernel(a: float = 0.4) -> np.ndarray:
    """Burt and Adelson's kernel: (1/4 - a/2, 1/4, a, 1/4, 1/4 - a/2), float32."""
    return np.array([0.25 - a / 2, 0.25, a, 0.25, 0.25 - a / 2], np.float32)


# Kept, since `constant` is of an array, not of its values.
@functools.cache
def _halving_kernels(a: float) -> tuple[np.ndarray, np.ndarray]:
    """Down and across, on each of the 3 channels by itself."""
    taps, each = generating_kernel(a), np.eye(3, dtype=np.float32)
    return taps[:, None, None, None] * each, taps[None, :, None, None] * each


@functools.cache
def _doubling_kernel() -> np.ndarray:
    """Both axes at once; of four pixels one has a value."""
    taps = generating_kernel()
    return 4 * np.outer(taps, taps)[:, :, None, None] * np.eye(3, dtype=np.float32)


def reduce(images, wrap: bool = False, a: float = 0.4):
    """Blurs and halves: one level up in the Gaussian pyramid.

    Args:
        images: shape (frames, height, width, 3).
        wrap: the images tile; their borders continue on the other side.
        a: of the kernel.

    Returns:
        Sides n become (n - 5) // 2 + 1, or (n + 1) // 2 with `wrap`.
    """
    if wrap:
        images = pad_images(images, 2, 2, wrap=True)
    down, across = map(constant, _halving_kernels(a))
    images = ops.conv(images, down, strides=(2, 1), padding="valid")
    return ops.conv(images, across, strides=(1, 2), padding="valid")


def expand(images):
    """Doubles the size by interpolation: one level down in the Gaussian pyramid.

    Args:
        images: shape (frames, height, width, 3).

    Returns:
        Sides n become 2 n - 1.
    """
    kernel = constant(_doubling_kernel())
    return ops.conv_transpose(images, kernel, strides=2, padding="valid")[:, 2:-2, 2:-2]


def gaussian_pyramid(images, octaves: int, wrap: bool = False) -> list:
    """The image at `octaves` scales, each half as large as the one before.

    Args:
        images: shape (frames, height, width, 3); the first level is the images themselves.
        octaves: how many levels, 1 or more.
        wrap: the images tile.
    """
    levels = [images]
    while len(levels) < octaves:
        levels.append(reduce(levels[-1], wrap))
    return levels


def laplacian_pyramid(images, octaves: int) -> list:
    """What each Gaussian level has that the next, expanded, has not.

    The finer level is cropped at its top left, as the original does, so the two are 2 pixels out
    of step. There is no residual level.

    Returns:
        octaves - 1 levels.
    """
    levels = gaussian_pyramid(images, octaves)
    differences = []
    for fine, coarse in itertools.pairwise(levels):
        expanded = expand(coarse)
        height, width = ops.shape(expanded)[1:3]
        differences.append(fine[:, :height, :width] - expanded)
    return differences
