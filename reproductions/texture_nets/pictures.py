"""Pictures for the generators and the descriptor, scaled as Torch7 does."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.images import read_picture
from common.originals import REPOSITORY, originals_dir
from common.vgg19_pixels import preprocess
from reproductions.texture_nets.scaling import longer_side, scale


def find_picture(name: str | Path) -> Path:
    """The picture that a flag names.

    Args:
        name: a path; or, if there is nothing, one whose last part is a picture of `datasets/`.

    Raises:
        UserError: there is none.
    """
    path = Path(name)
    if path.exists():
        return path
    folders = [
        originals_dir() / "texture_nets" / "pictures",
        REPOSITORY / "datasets" / "textures",
    ]
    for folder in folders:
        if (folder / path.name).is_file():
            return folder / path.name
    raise UserError(
        f"there is no picture {name}; `python datasets/download.py texture_nets` gets the "
        "original's, and datasets/textures has others, such as pebbles.png"
    )


def load_picture(path: str | Path) -> np.ndarray:
    """Reads a picture as RGB in 0..1, float32, shape (height, width, 3).

    Raises:
        UserError: it is no picture.
    """
    return np.asarray(read_picture(path), np.float32) / np.float32(255)


def load_square(path: str | Path, side: int) -> np.ndarray:
    """Reads a picture and stretches it to a square, RGB in 0..1, shape (side, side, 3).

    Raises:
        UserError: it is no picture.
    """
    return scale(load_picture(path), side, side)


def for_descriptor(pixels: np.ndarray, side: int | None = None) -> np.ndarray:
    """RGB in 0..1 to BGR in 0..255 minus the mean.

    Args:
        pixels: shape (height, width, 3).
        side: scales the longer side to it, first; None: no scaling.

    Returns:
        Shape (1, height, width, 3), float32.
    """
    if side is not None:
        pixels = scale(pixels, *longer_side(*pixels.shape[:2], side))
    return preprocess(pixels * np.float32(255))[None]
