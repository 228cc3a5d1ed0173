"""The source textures."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.errors import UserError
from common.images import pictures_in, read_picture


class Source(NamedTuple):
    """A source texture.

    Attributes:
        path: its file.
        pixels: uint8, shape (height, width, 3), RGB, after scaling.
    """

    path: Path
    pixels: np.ndarray


def find_sources(names: Sequence[str]) -> list[Path]:
    """Files as they are; folders as the pictures in them, sorted by name, not searched deeply.

    Raises:
        UserError: a folder without pictures.
    """
    paths = []
    for name in names:
        paths += pictures_in(name) if os.path.isdir(name) else [Path(name)]
    return paths


def read_source(path: Path, width: int | None = None, scale: float | None = None) -> Source:
    """Reads a source and scales it.

    Args:
        path: a picture.
        width: scales it to this width; wins over `scale`.
        scale: scales it by this factor.

    Raises:
        UserError: not a picture, or scaled to nothing.
    """
    picture = read_picture(path)
    size = picture.size
    if width is not None:
        size = (width, width * size[1] // size[0])
    elif scale is not None:
        # No side above what a whole picture may have: a huge factor would give infinity.
        size = tuple(int(min(side * scale, Image.MAX_IMAGE_PIXELS + 1)) for side in size)
    if min(size) < 1:
        raise UserError(f"{path}, {picture.width}x{picture.height}, would be scaled to nothing")
    if size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise UserError(f"{path} would be scaled to {size[0]}x{size[1]}: too large")
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return Source(path, np.asarray(picture))
