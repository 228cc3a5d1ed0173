"""From the network's scale to 8-bit pixels."""

import numpy as np


def to_bytes(values: np.ndarray) -> np.ndarray:
    """(x + 1) * 127.5, rounded: from float32, [-1, 1], to uint8."""
    # In place, and a picture at a time: a generation of syntheses fills hundreds of megabytes.
    pixels = np.empty(values.shape, np.uint8)
    for picture, row in zip(pixels, values, strict=True):
        np.rint(np.clip((row + 1) * 127.5, 0, 255), out=picture, casting="unsafe")
    return pixels
