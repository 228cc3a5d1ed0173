"""Turns a Torch7 model into a Keras model: `python -m reproductions.texture_nets.convert FILE.t7`.

The work is in `import_torch7.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.texture_nets.using_options import parse_conversion


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and works."""
    import_keras()
    from reproductions.texture_nets.using_run import convert

    convert(options)


if __name__ == "__main__":
    flags.run(parse_conversion, main)
