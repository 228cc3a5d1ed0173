"""Makes pictures with a trained GAN.

`-h` shows the flags. The work is in `sampling.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.keras_gan.options import parse_generation


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and generates."""
    import_keras()
    from reproductions.keras_gan.sampling import generate

    generate(options)


if __name__ == "__main__":
    flags.run(parse_generation, main)
