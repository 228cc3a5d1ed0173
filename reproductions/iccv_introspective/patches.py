"""Patches: where they lie, and how they are cut out."""

import numpy as np
from keras import ops

from common.backend import crop_and_resize


def draw_patches(
    random: np.random.Generator, count: int, pictures: int, size: tuple[int, int], patch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws patches anew: a picture, x and y, each uniform and independent of the others.

    Args:
        random: the generator.
        count: patches to draw.
        pictures: how many there are to draw from.
        size: height and width of the pictures.
        patch: side of a patch, at most the shorter side of the pictures.

    Returns:
        The picture of each patch, int32, (count,), and its box (y/H, x/W, (y+patch)/H,
        (x+patch)/W), float32, (count, 4).
    """
    height, width = size
    picture = random.integers(pictures, size=count).astype(np.int32)
    x = random.integers(width - patch + 1, size=count)
    y = random.integers(height - patch + 1, size=count)
    corners = [y / height, x / width, (y + patch) / height, (x + patch) / width]
    return picture, np.stack(corners, axis=1).astype(np.float32)


def extract(pictures, boxes, picture, patch: int):
    """Cuts patches out by bilinear resampling, as TensorFlow's crop_and_resize does.

    It takes a box of 1 as the *centre* of the last pixel, H - 1, so that the samples of a patch
    lie (H - 1) / H * patch / (patch - 1) pixels apart, 1.013 at the original's sizes: a slight
    resampling, not a plain slice. What rounding puts outside of the picture becomes grey.

    Args:
        pictures: shape (pictures, height, width, channels), uint8, or float32 in [-1, 1].
        boxes: of the patches, float32, (count, 4), see `draw_patches`.
        picture: of each patch, int32, (count,).
        patch: side of a patch.

    Returns:
        float32, (count, patch, patch, channels), on the scale of the pictures.
    """
    grey = 127.5 if ops.dtype(pictures) == "uint8" else 0.0
    return crop_and_resize(pictures, boxes, picture, patch, grey)
