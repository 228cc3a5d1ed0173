"""Small pictures for the page, made once and kept as long as their originals are unchanged."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from common.errors import UserError, warn
from common.exhibit import Picture
from common.files import written_whole
from common.images import read_picture

#: The longest side, in pixels.
LARGEST = 320

#: Up to this side a picture is enlarged, or the strokes of a digit were not seen.
_SMALL = 160

#: Counts up when the way thumbnails are made changes: then all are made again.
_VERSION = 1
_NAME = re.compile(r"([0-9a-f]{16})-(\d+)x(\d+)\.(?:jpg|png)")


class Thumbnail(NamedTuple):
    """A small picture: its file's name, width and height in pixels."""

    name: str
    width: int
    height: int


def make_thumbnails(pictures: Iterable[Picture], folder: Path) -> dict[Picture, Thumbnail]:
    """Makes the thumbnails that are missing, with a progress bar.

    Args:
        pictures: what is missing or damaged is told in a line and left out.
        folder: of the thumbnails; made if it is missing.

    Returns:
        Thumbnails by picture.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = [_NAME.fullmatch(name) for name in os.listdir(folder)]
    except OSError as error:
        raise UserError(f"cannot write to the folder {folder}: {error.strerror}") from None
    kept = {name[1]: Thumbnail(name[0], int(name[2]), int(name[3])) for name in names if name}
    wanted = {picture: _key(picture) for picture in pictures}
    missing = {key: picture for picture, key in wanted.items() if key not in kept}
    for key, picture in tqdm(
        missing.items(), desc="thumbnails", unit="", disable=None, leave=False
    ):
        try:
            small = _small(_without_border(_read(Path(picture.path)), picture.border))
        except UserError as error:
            warn(f"not shown: {' '.join(str(error).split())}")
            continue
        kept[key] = _save(small, folder, key)
    return {picture: kept[key] for picture, key in wanted.items() if key in kept}


def remove_others(folder: Path, used: Iterable[Thumbnail]) -> None:
    """Removes thumbnails that no page shows any more; other files stay.

    Args:
        folder: of the thumbnails.
        used: those to keep.
    """
    names = {thumbnail.name for thumbnail in used}
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and path.name not in names:
            path.unlink(missing_ok=True)


def _key(picture: Picture) -> str:
    """Another one for every state of the file."""
    try:
        status = os.stat(picture.path)
        state = f"{status.st_mtime_ns} {status.st_size}"
    except OSError:
        state = "missing"
    about = f"\0{state} {picture.border} {_VERSION}".encode()
    whole = os.fsencode(os.path.abspath(picture.path)) + about
    return hashlib.sha256(whole).hexdigest()[:16]


def _read(path: Path) -> Image.Image:
    """Reads a picture, of an animation its end, as 8-bit RGB."""
    if path.suffix.lower() != ".gif":
        return read_picture(path)
    try:
        with Image.open(path) as image:
            image.seek(getattr(image, "n_frames", 1) - 1)
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the picture {path}: {error}") from None


def _without_border(picture: Image.Image, border: int) -> Image.Image:
    if not 0 < 2 * border < min(picture.size):
        return picture
    return picture.crop((border, border, picture.width - border, picture.height - border))


def _small(picture: Image.Image) -> Image.Image:
    side = max(picture.size)
    if side <= _SMALL:
        factor = LARGEST // side
        size = picture.width * factor, picture.height * factor
        return picture.resize(size, Image.Resampling.NEAREST)
    if side > LARGEST:
        size = [max(1, round(length * LARGEST / side)) for length in picture.size]
        return picture.resize(tuple(size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return picture


def _save(picture: Image.Image, folder: Path, key: str) -> Thumbnail:
    # Flat squares stay sharp, and small, as PNG only.
    flat = picture.getcolors(256) is not None
    name = f"{key}-{picture.width}x{picture.height}.{'png' if flat else 'jpg'}"
    with written_whole(folder / name) as temporary:
        if flat:
            picture.save(temporary, format="PNG")
        else:
            picture.save(temporary, format="JPEG", quality=85)
    return Thumbnail(name, *picture.size)
