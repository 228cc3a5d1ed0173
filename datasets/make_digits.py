"""Draws handwritten digits and writes them as MNIST's files.

    python datasets/make_digits.py --images 60000 --output_dir results/digits

What learns from MNIST's own files learns from these. Nothing in the suite needs them: with
`--dataset digits` the same digits are drawn on the spot.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.errors import UserError
from common.flags import positive_int, seed

#: Rows and columns of the sheet.
_ROWS, _COLUMNS = 10, 20


def make(count: int, seed: int, folder: Path) -> None:
    """Writes pictures, labels and a sheet of the first of each digit.

    Args:
        count: how many digits to draw.
        seed: of all that varies.
        folder: where they go; it is made where it is missing.

    Raises:
        UserError: the folder refuses.
    """
    import numpy as np  # here, so that -h answers at once

    from common.images import save_picture
    from datasets.digits import SIDE, draw_digits
    from datasets.idx import write_idx

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None
    pictures, labels = draw_digits(count, seed)
    write_idx(pictures, folder / "train-images-idx3-ubyte.gz")
    write_idx(labels, folder / "train-labels-idx1-ubyte.gz")
    sheet = np.zeros((_ROWS, SIDE, _COLUMNS, SIDE), np.uint8)
    for digit in range(_ROWS):
        mine = pictures[labels == digit][:_COLUMNS]
        sheet[digit, :, : len(mine)] = mine.transpose(1, 0, 2)
    grey = sheet.reshape(_ROWS * SIDE, _COLUMNS * SIDE)
    save_picture(np.stack([grey] * 3, axis=2), folder / "digits.png")
    print(f"{count} digits in {folder}; digits.png shows some")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit status: 0, or 1 if a file could not be written.
    """
    parser = argparse.ArgumentParser(description="Draws handwritten digits as MNIST's files.")
    parser.add_argument("--images", type=positive_int, default=60000, help="how many; 60000")
    parser.add_argument("--seed", type=seed, default=0, help="of all that varies; 0")
    about = "folder for them; %(default)s"
    parser.add_argument("--output_dir", type=Path, default=Path("results/digits"), help=about)
    flags = parser.parse_args(arguments)
    try:
        make(flags.images, flags.seed, flags.output_dir)
    except UserError as error:
        print(f"make_digits.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
