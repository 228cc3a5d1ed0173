"""Trains a GAN on digits or on a folder of pictures.

`-h` shows the flags. The work is in `train_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.keras_gan.options import parse_training


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and trains."""
    import_keras()
    from reproductions.keras_gan.train_run import train

    train(options)


if __name__ == "__main__":
    flags.run(parse_training, main)
