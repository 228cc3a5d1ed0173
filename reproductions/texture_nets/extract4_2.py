"""Stores pictures and their content features in an HDF5 file.

The flags are the original's and a few more; `-h` shows them. The work is in `extraction_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.texture_nets.using_options import parse_extraction


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and works."""
    print(import_keras(options.gpu))
    from reproductions.texture_nets.extraction_run import extract

    extract(options)


if __name__ == "__main__":
    flags.run(parse_extraction, main)
