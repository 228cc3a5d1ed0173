"""Paints small landscapes: a folder of pictures with a subfolder for each of three classes.

    python datasets/make_landscapes.py --output_dir results/landscapes

It stands for a folder of one's own pictures where there is none at hand.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.errors import UserError
from common.flags import positive_int, seed


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
        try:
            (folder / kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {folder / kind}: {error.strerror}") from None
        for number, picture in enumerate(paint_landscapes(each, kind, seed), 1):
            save_picture(picture, folder / kind / f"{kind}_{number:04d}.png")
    print(f"{each * len(KINDS)} landscapes in {folder}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit status: 0, or 1 if a file could not be written.
    """
    parser = argparse.ArgumentParser(description="Paints landscapes of three classes, 64x64.")
    parser.add_argument("--images", type=positive_int, default=3000, help="how many; 3000")
    parser.add_argument("--seed", type=seed, default=0, help="of all that varies; 0")
    about = "folder for them; %(default)s"
    parser.add_argument("--output_dir", type=Path, default=Path("results/landscapes"), help=about)
    flags = parser.parse_args(arguments)
    try:
        make(flags.images, flags.seed, flags.output_dir)
    except UserError as error:
        print(f"make_landscapes.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
