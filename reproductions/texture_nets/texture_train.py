"""Trains a generator of a texture: `data/out/model.keras`.

The flags are the original's; `-h` shows them. The work is in `train_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.texture_nets.training_options import parse_texture


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and trains."""
    print(import_keras(options.gpu))
    from reproductions.texture_nets.train_run import train_texture

    train_texture(options)


if __name__ == "__main__":
    flags.run(parse_texture, main)
