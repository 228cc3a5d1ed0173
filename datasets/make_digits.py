"""Draws handwritten digits and writes them as MNIST's files.

    python datasets/make_digits.py --images 60000 --output_dir results/digits

What learns from MNIST's own files learns from these. Nothing in the suite needs them: with
`--dataset digits` the same digits are drawn on the spot.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that the script runs from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import flags
from common.files import make_folder
from datasets import making

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

    make_folder(folder)
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


def main(options) -> None:
    """Makes what the command line asks for."""
    make(options.images, options.seed, options.output_dir)


if __name__ == "__main__":
    parser = making.parser(
        "make_digits.py", "Draws handwritten digits as MNIST's files.", 60000, "results/digits"
    )
    flags.run(parser.parse_args, main)
