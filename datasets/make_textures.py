"""Makes the textures in `datasets/textures/` that the papers here learn from and synthesise.

They look like photographs, are free of anyone's rights, and need no download. Each is 256x256 RGB
and tiles: its right edge continues at its left, its lower edge at its upper one. The same program
gives the same pictures again.

    python datasets/make_textures.py
    python datasets/make_textures.py pebbles bark --output_dir /tmp/textures
"""

import argparse
import sys
import zlib
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.errors import UserError
from common.files import written_whole

TEXTURES = Path(__file__).resolve().parent / "textures"


def draw(name: str):
    """Makes one texture.

    Args:
        name: one of the recipes' names.

    Returns:
        [256, 256, 3], uint8.

    Raises:
        UserError: there is no such recipe.
    """
    import numpy as np  # here, so that -h answers at once

    recipe = _recipes([name])[name]
    return recipe(np.random.RandomState(zlib.crc32(name.encode())))


def make(names: list[str], folder: Path) -> None:
    """Makes textures and writes them as PNG.

    Args:
        names: which; empty for all.
        folder: where they go; it is made where it is missing.

    Raises:
        UserError: there is no such recipe (then nothing is written), or the folder refuses.
    """
    from PIL import Image

    names = names or list(_recipes())
    _recipes(names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
    for name in names:
        with written_whole(folder / f"{name}.png") as temporary:
            # Pillow's `optimize` makes noisy pictures larger than this does.
            Image.fromarray(draw(name)).save(
                temporary, compress_level=9, compress_type=zlib.Z_DEFAULT_STRATEGY
            )
        print(folder / f"{name}.png")


def _recipes(names: list[str] = ()) -> dict:
    """Gives all recipes by name, after a look at whether `names` are among them."""
    from datasets.texture_recipes import RECIPES

    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise UserError(f"no texture {', '.join(unknown)}; there are: {', '.join(RECIPES)}")
    return RECIPES


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit status: 0, 1 if a file could not be written, 2 for an unknown name.
    """
    parser = argparse.ArgumentParser(
        description="Makes the textures that come with the suite: 256x256, seamless."
    )
    parser.add_argument("names", nargs="*", help="which to make; by default all")
    parser.add_argument("--output_dir", type=Path, default=TEXTURES, help="default: %(default)s")
    flags = parser.parse_args(arguments)
    status = 2
    try:
        _recipes(flags.names)
        status = 1
        make(flags.names, flags.output_dir)
    except UserError as error:
        print(f"make_textures.py: {error}", file=sys.stderr)
        return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
