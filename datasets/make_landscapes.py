"""Paints small landscapes: a folder of pictures with a subfolder for each of three classes.

    python datasets/make_landscapes.py --output_dir results/landscapes

It stands for a folder of one's own pictures where there is none at hand.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import flags
from common.files import make_folder
from datasets import making


def make(count: int, seed: int, folder: Path) -> None:
    """Writes landscapes as PNG, 64x64, as many of one class as of another.

    Args:
        count: how many in all, about.
        seed: of all that varies.
        folder: where they go; it is made where it is missing.

    Raises:
        UserError: the folder refuses.
    """
    # Here, so that -h answers at once.
    from common.images import save_picture
    from datasets.landscapes import KINDS, paint_landscapes

    each = -(-count // len(KINDS))
    for kind in KINDS:
        make_folder(folder / kind)
        for number, picture in enumerate(paint_landscapes(each, kind, seed), 1):
            save_picture(picture, folder / kind / f"{kind}_{number:04d}.png")
    print(f"{each * len(KINDS)} landscapes in {folder}")


def main(options) -> None:
    """Makes what the command line asks for."""
    make(options.images, options.seed, options.output_dir)


if __name__ == "__main__":
    parser = making.parser(
        "make_landscapes.py",
        "Paints landscapes of three classes, 64x64.",
        3000,
        "results/landscapes",
    )
    flags.run(parser.parse_args, main)
