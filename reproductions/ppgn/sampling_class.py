"""Samples images conditioned on classes or hidden units.

The flags are the original's; `-h` shows them. The work is in `sampling_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.ppgn.options import parse_class


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and works."""
    import_keras()
    from reproductions.ppgn.sampling_run import sample_classes

    sample_classes(options)


if __name__ == "__main__":
    flags.run(parse_class, main)
