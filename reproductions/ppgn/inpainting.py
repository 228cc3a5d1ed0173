"""Inpainting: the mask, and the picture around it."""

from typing import NamedTuple

import numpy as np

#: Side of the patch that is left out.
PATCH = 100


class Context(NamedTuple):
    """What is given of n images.

    Attributes:
        mask: 1 where the image is to be made, 0 around; float32, (n, height, width, 1).
        picture: the picture with the masked part at 0, the mean; float32,
            (n, height, width, channels).
    """

    mask: np.ndarray
    picture: np.ndarray

    @classmethod
    def stacked(cls, contexts: "list[Context]") -> "Context":
        """Those of several chains, one after the other."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*contexts, strict=True)))


def get_mask(
    random: np.random.RandomState, size: tuple[int, int] = (227, 227), patch: int = PATCH
) -> np.ndarray:
    """Draws the place of a square patch: first its column, then its row.

    Args:
        random: two numbers are drawn.
        size: height and width of the images.
        patch: side of the patch, below both.

    Returns:
        1 in the patch, 0 around; float32, (1, height, width, 1).
    """
    left = random.randint(low=0, high=size[1] - patch)
    top = random.randint(low=0, high=size[0] - patch)
    mask = np.zeros((1, *size, 1), np.float32)
    mask[:, top : top + patch, left : left + patch] = 1
    return mask


def stitch(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Puts two images beside each other, with a white column between.

    Args:
        left: shape (1, side, side, channels), BGR minus the mean.
        right: of the same shape.

    Returns:
        float64, shape (1, side, 2 side + 1, channels).
    """
    _, height, width, channels = right.shape
    output = np.full((1, height, 2 * width + 1, channels), 255.0)
    output[:, :, :width] = left
    output[:, :, width + 1 :] = right
    return output
