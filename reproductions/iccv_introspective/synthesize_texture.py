"""Synthesises pictures of a texture that `learn_texture.py` has learned.

The constants of the original are the flags; `-h` shows them. The work is in `synthesis_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.iccv_introspective.learned import check_learned
from reproductions.iccv_introspective.options import parse_synthesis


def main(options) -> None:
    """Looks at the learning run, imports Keras now that it is known to do, and works."""
    check_learned(options)
    import_keras()
    from reproductions.iccv_introspective.commands import synthesize_texture

    synthesize_texture(options)


if __name__ == "__main__":
    flags.run(parse_synthesis, main)
