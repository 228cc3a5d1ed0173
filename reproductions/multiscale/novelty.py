"""Makes textures that differ from each other, from no source.

The flags are the original's; `-h` shows them. The work is in `novelty_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.multiscale.inputs import check_output, fetch_weights
from reproductions.multiscale.options import parse_novelty


def main(options) -> None:
    """Checks the flags, imports Keras now that they are known to be right, and works."""
    check_output(options)
    fetch_weights(options)
    import_keras()
    from reproductions.multiscale.novelty_run import make_novelties

    make_novelties(options)


if __name__ == "__main__":
    flags.run(parse_novelty, main)
