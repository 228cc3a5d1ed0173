"""Scales a folder of pictures, as the original does before training.

`-h` shows the flags. The work is in `formatting.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from reproductions.keras_gan.formatting import prepare
from reproductions.keras_gan.options import parse_preparation

if __name__ == "__main__":
    flags.run(parse_preparation, prepare)
