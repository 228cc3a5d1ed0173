"""Makes samples with a generator of a texture: `1.png`, `2.png`, ...

The flags are the original's and a few more; `-h` shows them. The work is in `using_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.texture_nets.using_options import parse_sample


def main(options) -> None:
    """Imports Keras, now that the flags are known to be right, and works."""
    print(import_keras(options.gpu))
    from reproductions.texture_nets.using_run import sample

    sample(options)


if __name__ == "__main__":
    flags.run(parse_sample, main)
