"""Scaling a folder of pictures, as the original does before training."""

import argparse
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import make_folder
from common.images import save_picture
from common.pictures import picture_paths, read_all
from reproductions.keras_gan.options import sides


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
    targets = _targets([path.relative_to(src) for path in found], dst)
    sources = {path.resolve() for path in found}
    if any(target.resolve() in sources for target in targets):
        raise UserError(f"{dst} holds the pictures themselves; the scaled ones would replace them")
    pictures, read = read_all(found, height, width)
    for picture, number in zip(pictures, read, strict=True):
        folder = targets[number].parent
        make_folder(folder)
        save_picture(picture, targets[number])
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


def _targets(names: list[Path], dst: Path) -> list[Path]:
    """Where each picture goes; no two to the same place."""
    places = [dst / name for name in names]
    taken = {place for place in places if _keeps_name(place)}
    targets = []
    for place in places:
        target = place
        if not _keeps_name(place):
            while not _keeps_name(target) or target in taken:
                target = target.with_name(f"{target.name}.png")
            taken.add(target)
        targets.append(target)
    return targets


def _keeps_name(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg", ".png")
