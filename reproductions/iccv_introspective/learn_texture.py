"""Learns a texture: rounds of learning and synthesis, until Ctrl-C.

The constants of the original are the flags; `-h` shows them. The work is in `learn_run.py`.
"""

import sys
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.quiet import import_keras
from reproductions.iccv_introspective.options import parse_learning
from reproductions.iccv_introspective.textures import texture_of


def main(options) -> None:
    """Reads the texture, imports Keras now that it is known to be right, and works."""
    picture = texture_of(options)
    import_keras()
    from reproductions.iccv_introspective.commands import learn_texture

    learn_texture(options, picture)


if __name__ == "__main__":
    flags.run(parse_learning, main)
