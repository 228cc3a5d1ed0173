"""Measures trained networks by a classifier that had no part in sampling.

`-h` shows the flags. The work is in `evaluation_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.ppgn.training.options import parse_evaluation


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and measures."""
    import_keras()
    from reproductions.ppgn.evaluation_run import evaluate

    evaluate(options)


if __name__ == "__main__":
    flags.run(parse_evaluation, main)
