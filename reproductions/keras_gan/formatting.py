"""Scaling a folder of pictures, as the original does before training."""

import argparse
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.images import save_picture
from reproductions.keras_gan.options import sides
from reproductions.keras_gan.pictures import picture_paths, read_all


def r_format(src: str | Path, dst: str | Path, height: int = 128, width: int = 128) -> np.ndarray:
    """Scales every picture of a folder, stretched and not cropped.

    Args:
        src: folder of pictures, flat or with a subfolder for each class.
        dst: folder for the scaled ones. They keep their names and subfolders; those that are
            neither JPEG nor PNG become PNG.
        height: of the scaled pictures.
        width: likewise.

    Returns:
        uint8, RGB, shape (pictures, 3, height, width).

    Raises:
        UserError: there are no pictures, `dst` is `src`, or a file cannot be written.
    """
    src, dst = Path(src), Path(dst)
    found = picture_paths(src)
    if dst.exists() and dst.samefile(src):
        raise UserError(f"{dst} holds the pictures themselves; the scaled ones would replace them")
    pictures, read = read_all([path for path, _ in found], height, width)
    for picture, number in zip(pictures, read, strict=True):
        path, subfolder = found[number]
        try:
            (dst / subfolder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {dst / subfolder}: {error.strerror}") from None
        save_picture(picture, dst / subfolder / _name(path))
    return pictures.transpose(0, 3, 1, 2)


def prepare(flags: argparse.Namespace) -> None:
    """Runs `r_format`.

    Args:
        flags: of `prep.py`.

    Raises:
        UserError: see `r_format`.
    """
    pictures = r_format(flags.src, flags.dst, *sides(flags.image_size))
    count, _, height, width = pictures.shape
    print(f"{count} pictures, {width}x{height}, in {flags.dst}")


def _name(path: Path) -> str:
    keeps = path.suffix.lower() in (".jpg", ".jpeg", ".png")
    return path.name if keeps else f"{path.name}.png"
