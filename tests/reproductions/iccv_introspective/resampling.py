"""TensorFlow's crop_and_resize, in NumPy."""

import numpy as np


def crop_and_resize(pictures, boxes, picture, size):
    """Patches with zeros outside, each operation rounded as in TensorFlow's kernel.

    Args:
        pictures: float32, (pictures, height, width, channels).
        boxes: float32, (patches, 4): top, left, bottom and right.
        picture: of each patch, (patches,).
        size: rows, and columns, of a patch; more than one.
    """
    rows, down, is_row = samples(boxes[:, 0], boxes[:, 2], pictures.shape[1], size)
    columns, right, is_column = samples(boxes[:, 1], boxes[:, 3], pictures.shape[2], size)

    def at(step_down, step_right):
        y = np.minimum(rows + step_down, pictures.shape[1] - 1)
        x = np.minimum(columns + step_right, pictures.shape[2] - 1)
        return pictures[picture[:, None, None], y[:, :, None], x[:, None, :]]

    right, down = right[:, None, :, None], down[:, :, None, None]
    above = at(0, 0) + (at(0, 1) - at(0, 0)) * right
    below = at(1, 0) + (at(1, 1) - at(1, 0)) * right
    inside = is_row[:, :, None, None] & is_column[:, None, :, None]
    return np.where(inside, above + (below - above) * down, np.float32(0))


def samples(low, high, side, size):
    """The pixels before the samples, how far these lie behind them, and which are inside."""
    last = np.float32(side - 1)
    scale = (high - low) * last / np.float32(size - 1)
    place = (low * last)[:, None] + np.arange(size, dtype=np.float32) * scale[:, None]
    assert place.dtype == np.float32
    inside = (place >= 0) & (place <= last)
    before = np.floor(np.where(inside, place, 0))
    return before.astype(int), place - before, inside
