"""Pictures as arrays: reading folders of them, and laying them out."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common.errors import UserError, warn
from common.images import read_picture

#: The endings that count as pictures.
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: What a grid is enlarged to, roughly: pixels.
_VISIBLE = 280


def picture_paths(folder: str | Path) -> list[Path]:
    """Lists the pictures of a folder, and of its subfolders at any depth.

    Returns:
        Paths, sorted. What is hidden is left out.

    Raises:
        UserError: the folder cannot be read, or holds no picture.
    """

    def fail(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename}: {error.strerror}")

    found = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if _is_picture(Path(parent, name))]
    if not found:
        raise UserError(f"no pictures in the folder {folder}: no {', '.join(SUFFIXES)} files")
    return sorted(found)


def class_of(path: Path, folder: str | Path) -> str:
    """The name of the subfolder of `folder` that a picture is in; empty for `folder` itself."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def _is_picture(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def read_scaled(path: Path, height: int, width: int, color: str = "rgb") -> np.ndarray:
    """Reads a picture and stretches it.

    Returns:
        uint8, (height, width, 1) if `color` is `grey`, else (height, width, 3).

    Raises:
        UserError: it cannot be read.
    """
    return scaled(read_picture(path).convert("L" if color == "grey" else "RGB"), height, width)


def scaled(picture: Image.Image, height: int, width: int) -> np.ndarray:
    """Stretches a grey or RGB picture; uint8, (height, width, channels)."""
    # Bilinear, over as many pixels as become one.
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    return pixels.reshape(height, width, -1)


def read_all(
    paths: Sequence[Path], height: int, width: int, color: str = "rgb"
) -> tuple[np.ndarray, list[int]]:
    """Reads pictures; those that cannot be read are left out, with one line of warning.

    Returns:
        uint8, (pictures, height, width, channels), and the numbers of those that were read.

    Raises:
        UserError: none can be read.
    """
    pictures, numbers, first = [], [], None
    for number, path in enumerate(paths):
        try:
            pictures.append(read_scaled(path, height, width, color))
            numbers.append(number)
        except UserError as error:
            first = first or error
    if not pictures:
        raise UserError(f"none of the {len(paths)} pictures can be read; the first: {first}")
    if first:
        left_out = len(paths) - len(pictures)
        warn(f"{left_out} of {len(paths)} pictures cannot be read, and are left out: {first}")
    return np.stack(pictures), numbers


def as_rgb(pictures: np.ndarray) -> np.ndarray:
    """Grey pictures as RGB; RGB pictures as they are; (..., 1 or 3) to (..., 3)."""
    return np.broadcast_to(pictures, (*pictures.shape[:-1], 3))


def grid(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Lays pictures out in rows, small ones enlarged.

    Args:
        pictures: uint8, (pictures, height, width, 1 or 3).
        columns: of each row; a last row that is not full is filled up with grey.

    Returns:
        uint8, (height, width, 3).
    """
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height + 2, width + 2, 3), 128, np.uint8)
    sheet[:count, 1:-1, 1:-1] = as_rgb(pictures)
    sheet = sheet.reshape(rows, columns, height + 2, width + 2, 3).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * (height + 2), columns * (width + 2), 3)
    times = max(1, _VISIBLE // min(sheet.shape[:2]))
    return np.ascontiguousarray(sheet.repeat(times, axis=0).repeat(times, axis=1))


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Writes a line above a picture; both uint8, (height, width, 3)."""
    head = Image.new("RGB", (picture.shape[1], 16), "white")
    ImageDraw.Draw(head).text((1, 2), title, fill="black")
    return np.concatenate([np.asarray(head), picture])
