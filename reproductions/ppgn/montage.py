"""What the recipes make of their samples: montages and animations, with Pillow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from common.images import read_picture


def montage(pictures: Sequence[np.ndarray], columns: int, border: int = 1) -> np.ndarray:
    """Tiles pictures on white, row by row, like ImageMagick's `montage -tile Nx -geometry +1+1`.

    Args:
        pictures: uint8, (height, width, 3) each, 1 or more; smaller ones are centred.
        columns: in a row; fewer if there are fewer pictures.
        border: white pixels around each.

    Returns:
        uint8, (height, width, 3).
    """
    height = max(one.shape[0] for one in pictures) + 2 * border
    width = max(one.shape[1] for one in pictures) + 2 * border
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, one in enumerate(pictures):
        row, column = divmod(i, columns)
        top = row * height + (height - one.shape[0]) // 2
        left = column * width + (width - one.shape[1]) // 2
        sheet[top : top + one.shape[0], left : left + one.shape[1]] = one
    return sheet


def read_all(paths: Sequence[Path]) -> list[np.ndarray]:
    """Reads pictures as uint8, (height, width, 3) each.

    Raises:
        UserError: one cannot be read.
    """
    return [np.asarray(read_picture(path)) for path in paths]


def crop(pixels: np.ndarray, side: int, offset: int) -> np.ndarray:
    """Cuts out a square, at the same offset from the top and from the left."""
    return pixels[offset : offset + side, offset : offset + side]


def same_size(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Puts pictures on white of the size of the largest, at the top left, for an animation."""
    height = max(one.shape[0] for one in pictures)
    width = max(one.shape[1] for one in pictures)
    sized = []
    for one in pictures:
        image = Image.new("RGB", (width, height), "white")
        image.paste(Image.fromarray(one), (0, 0))
        sized.append(np.asarray(image))
    return sized
