"""Textures that differ from each other, from no source: what `novelty.py` does."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.images import pictures_in, read_picture
from common.originals import REPOSITORY
from common.vgg19_pixels import preprocess
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.levels import octaves_at
from reproductions.multiscale.losses import novelty_loss
from reproductions.multiscale.naming import novelty_folder
from reproductions.multiscale.pixels import optimise_pixels
from reproductions.multiscale.start import make_start

_TEXTURES = REPOSITORY / "datasets" / "textures"


def make_novelties(flags: argparse.Namespace) -> Path:
    """Makes textures as the flags of `novelty.py` ask.

    Args:
        flags: see `options.parse_novelty`; checked by `inputs.check_output`.

    Returns:
        The run folder.

    Raises:
        UserError: the weights are damaged, something cannot be written, or the loss is not a
            number.
    """
    start = make_start(flags)
    textures = _built_in_textures() if flags.weights == "random" else []
    deepest = flags.network.layers[max(flags.layers)]
    weights, which = flags.network.load(flags.weights, deepest, textures, [flags.data_dir])
    width, height = flags.size
    print(
        f"About to generate {flags.count} of {width}x{height}, with Gram matrices for layers "
        f"{flags.layers} at {flags.octaves} distinct scales as different as can be"
    )
    print(f"with {which}")

    def loss(level: int) -> Callable:
        octaves = octaves_at(flags, level)
        describe = descriptor(flags.network, weights, flags.layers, octaves, flags.borders)
        return novelty_loss(describe, flags.mul, flags.octave_step, flags.internal)

    return optimise_pixels(flags, novelty_folder(flags), loss, start, {"weights": which})


def _built_in_textures() -> list[np.ndarray]:
    return [preprocess(np.asarray(read_picture(p)))[None] for p in pictures_in(_TEXTURES)]
