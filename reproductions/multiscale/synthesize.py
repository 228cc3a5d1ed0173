"""Makes a new texture from source pictures.

The flags are the original's; `-h` shows them. The work is in `synthesis_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.multiscale.inputs import fetch_weights, read_inputs
from reproductions.multiscale.options import parse_synthesis


def main(options) -> None:
    """Reads the sources, imports Keras now that they are known to be right, and works."""
    sources = read_inputs(options)
    fetch_weights(options)
    import_keras()
    from reproductions.multiscale.synthesis_run import synthesize

    synthesize(options, sources)


if __name__ == "__main__":
    flags.run(parse_synthesis, main)
