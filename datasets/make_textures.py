"""Makes the textures in `datasets/textures/` that the papers here learn from and synthesise.

They look like photographs, are free of anyone's rights, and need no download. Each is 256x256 RGB
and tiles: its right edge continues at its left, its lower edge at its upper one. The same program
gives the same pictures again.

    python datasets/make_textures.py
    python datasets/make_textures.py pebbles bark --output_dir results/textures
"""

import sys
import zlib
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import flags
from common.errors import UserError
from common.files import make_folder, written_whole
from datasets import making

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
    make_folder(folder)
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


def parse(argv: list[str]):
    """Gets the flags of a command line."""
    parser = flags.Parser(
        "make_textures.py",
        "Makes the textures that come with the suite: 256x256, seamless.",
        "_",
        computes=False,
    )
    parser.add_argument("names", nargs="*", default="all", help="which to make")
    making.add_folder(parser, TEXTURES)
    options = parser.parse_args(argv)
    options.names = [] if options.names == "all" else options.names
    try:
        _recipes(options.names)
    except UserError as error:
        parser.error(str(error))
    return options


def main(options) -> None:
    """Makes what the command line asks for."""
    make(options.names, options.output_dir)


if __name__ == "__main__":
    flags.run(parse, main)
