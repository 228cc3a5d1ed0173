"""Trains a classifier for the sampler.

`-h` shows the flags. The work is in `training/classifier_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.ppgn.training.options import parse_classifier


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and trains."""
    import_keras(together=options.distribute == "multiworker")
    from reproductions.ppgn.training.classifier_run import train_classifier

    train_classifier(options)


if __name__ == "__main__":
    flags.run(parse_classifier, main)
