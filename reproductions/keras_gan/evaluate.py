"""Asks a classifier, trained on the same data, about generated pictures.

`-h` shows the flags. The work is in `evaluation_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.keras_gan.options import parse_evaluation


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and evaluates."""
    import_keras()
    from reproductions.keras_gan.evaluation_run import evaluate

    evaluate(options)


if __name__ == "__main__":
    flags.run(parse_evaluation, main)
