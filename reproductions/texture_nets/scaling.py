"""Torch7's `image.scale`, whose bilinear mode is neither Pillow's nor TensorFlow's."""

import itertools

import numpy as np
import scipy.sparse

from common.errors import UserError


def longer_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of a picture whose longer side becomes `side`; the other is truncated.

    Raises:
        UserError: it would be scaled to nothing.
    """
    longer = max(height, width)
    height, width = side * height // longer, side * width // longer
    if min(height, width) < 1:
        raise UserError(f"a side of the picture would be scaled to nothing at image size {side}")
    return height, width


def scale(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales a picture: width first, then height.

    A side that grows is interpolated linearly between pixels, the outermost staying where they
    are; one that shrinks is averaged over the area of each new pixel.

    Args:
        pixels: shape (height, width, channels), any float type.
        height: new.
        width: new.

    Returns:
        float32, shape (height, width, channels).
    """
    pixels = np.asarray(pixels, np.float32)
    rows, columns, channels = pixels.shape
    by_column = pixels.transpose(1, 0, 2).reshape(columns, -1)
    scaled = (_matrix(columns, width) @ by_column).reshape(width, rows, channels)
    by_row = scaled.transpose(1, 0, 2).reshape(rows, -1)
    return (_matrix(rows, height) @ by_row).reshape(height, width, channels).astype(np.float32)


def _matrix(before: int, after: int) -> scipy.sparse.csr_matrix:
    """The new pixels' weights of the old, shape (after, before)."""
    if after == before:
        return scipy.sparse.identity(before, np.float32, "csr")
    if after > before:
        rows, columns, weights = _interpolation(before, after)
    else:
        rows, columns, weights = _averages(before, after)
    entries = (weights.astype(np.float32), (rows, columns))
    return scipy.sparse.csr_matrix(entries, shape=(after, before))


def _interpolation(before: int, after: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Places are computed in single precision, as Torch7 does whatever the picture's type.
    step = np.float32(before - 1) / np.float32(after - 1)
    places = np.arange(after, dtype=np.float32) * step
    left = np.minimum(places.astype(int), max(before - 2, 0))
    share = np.clip(places - left, 0, 1)
    share[-1] = 1
    right = np.minimum(left + 1, before - 1)
    return np.tile(np.arange(after), 2), np.append(left, right), np.append(1 - share, share)


def _averages(before: int, after: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edges = np.arange(after + 1, dtype=np.float32) * (np.float32(before) / np.float32(after))
    edges[-1] = before
    rows, columns, weights = [], [], []
    for new, (begin, end) in enumerate(itertools.pairwise(edges)):
        old = np.arange(int(begin), int(np.ceil(end)))
        share = np.minimum(old + 1, end) - np.maximum(old, begin)
        rows.append(np.full(len(old), new))
        columns.append(old)
        weights.append(share / share.sum())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(weights)
