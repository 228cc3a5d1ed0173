"""Textures that differ from each other, from no source: what `novelty.py` does."""

import argparse
from pathlib import Path

import numpy as np

from common.images import pictures_in, read_picture
from common.vgg19_layers import LAYERS
from common.vgg19_pixels import preprocess
from common.vgg19_weights import load_weights
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.losses import novelty_loss
from reproductions.multiscale.naming import novelty_folder
from reproductions.multiscale.pixels import make_start, optimise_pixels, output_size
from reproductions.multiscale.sizes import check_size
from reproductions.multiscale.start import NOVELTY_BLUR

_TEXTURES = Path(__file__).resolve().parents[2] / "datasets" / "textures"


def make_novelties(flags: argparse.Namespace) -> None:
    """Makes textures as the flags of `novelty.py` ask.

    Args:
        flags: see `options.parse_novelty`.

    Raises:
        UserError: what the user can mend, found before anything is written.
    """
    octaves = max(flags.octaves, 1)
    padding = "wrap" if flags.tileable else flags.padding_mode
    check_size("the output", output_size(flags), flags.layers, octaves, padding)
    start = make_start(flags, NOVELTY_BLUR)
    textures = _built_in_textures() if flags.weights == "random" else []
    weights, which = load_weights(
        flags.weights, LAYERS[max(flags.layers)], textures, [flags.data_dir]
    )
    width, height = output_size(flags)
    print(
        f"About to generate {flags.count} {width}x{height} images, with Gram matrices for layers "
        f"{flags.layers} at {flags.octaves} distinct scales as different as can be"
    )
    print(f"with {which}")
    describe = descriptor(weights, flags.layers, octaves, padding)
    loss = novelty_loss(describe, flags.mul, flags.octave_step, flags.internal)
    optimise_pixels(flags, novelty_folder(flags), loss, start, {"weights": which})


def _built_in_textures() -> list[np.ndarray]:
    return [preprocess(np.asarray(read_picture(p)))[None] for p in pictures_in(_TEXTURES)]
