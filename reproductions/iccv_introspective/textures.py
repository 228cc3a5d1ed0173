"""Finding a texture by its name."""

import argparse
from pathlib import Path

from PIL import Image

from common.errors import UserError
from common.images import PICTURE_SUFFIXES, read_picture
from common.originals import REPOSITORY, originals_dir
from common.runs import check_writable, read_settings
from reproductions.iccv_introspective.classes import check_texture

#: The copy of the texture in a run's folder.
TEXTURE = "texture.png"


def texture_folders() -> list[Path]:
    """Where names are looked up: the built-in textures, then the originals' pictures."""
    return [REPOSITORY / "datasets" / "textures", originals_dir() / "textures"]


def find_texture(name: str) -> Path:
    """Returns the file of a texture.

    Args:
        name: a file's name in one of `texture_folders`, or a path.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if Path(name).name == name:
        for folder in texture_folders():
            if (folder / name).is_file():
                return folder / name
    path = Path(name).expanduser()
    if path.is_file():
        return path
    known = [
        file.name
        for folder in texture_folders()
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in PICTURE_SUFFIXES
    ]
    raise UserError(
        f"there is no texture {name}; there are {', '.join(dict.fromkeys(known)) or 'none'}"
        " (a path works too; datasets/download.py gets the originals' textures)"
    )


def texture_of(flags: argparse.Namespace) -> Image.Image:
    """Reads the texture that is to be learned, as 8-bit RGB; a run that goes on has a copy.

    Args:
        flags: `texture`, see `find_texture`; `texture_size`, the side in pixels that its middle
            square is scaled to, or None; `patch_size`, which it must not be smaller than;
            `resume`, a run to go on with, or None; `results_dir`.

    Raises:
        UserError: there is none, it is not a picture, it is too small, or results cannot be
            written.
    """
    if flags.resume is not None:
        return read_picture(flags.resume / TEXTURE)
    picture = _scaled(read_picture(find_texture(flags.texture)), flags.texture_size)
    check_texture(flags.texture, picture, flags.patch_size)
    check_writable(flags.results_dir)
    return picture


def texture_name(run: Path) -> str:
    """The name of the texture that a run is on.

    Raises:
        UserError: it is no run of the scripts.
    """
    name = read_settings(run).get("texture")
    if not isinstance(name, str):
        raise UserError(f"{run} is no run of learn_texture.py or synthesize_texture.py")
    return name


def _scaled(picture: Image.Image, size: int | None) -> Image.Image:
    if size is None:
        return picture
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    return middle.resize((size, size), Image.Resampling.LANCZOS)
