"""Synthesis of a texture from sources: what `synthesize.py` does."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from keras import ops

from common.autodiff import compile_images
from common.vgg19_layers import LAYERS
from common.vgg19_pixels import preprocess
from common.vgg19_weights import Weights, load_weights
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.interframe import frame_distances, interframe_loss, shift_distances
from reproductions.multiscale.joins import MODES
from reproductions.multiscale.losses import style_loss
from reproductions.multiscale.naming import synthesis_folder
from reproductions.multiscale.pixels import optimise_pixels
from reproductions.multiscale.sources import Source
from reproductions.multiscale.start import make_start


def synthesize(flags: argparse.Namespace, sources: Sequence[Source]) -> Path:
    """Makes a texture as the flags of `synthesize.py` ask.

    Args:
        flags: see `options.parse_synthesis`.
        sources: see `inputs.read_inputs`.

    Returns:
        The run folder.

    Raises:
        UserError: the weights are damaged, something cannot be written, or the loss is not a
            number.
    """
    images = [preprocess(source.pixels)[None] for source in sources]
    start = make_start(flags)
    weights, which = load_weights(
        flags.weights, LAYERS[max(flags.layers)], images, [flags.data_dir]
    )
    width, height = flags.size
    print(
        f"About to generate a {width}x{height} image, matching the Gram matrices for layers "
        f"{flags.layers} at {flags.octaves} distinct scales"
    )
    print(f"with {which}")
    loss = texture_loss(flags, weights, images)
    facts = {"weights": which, "sources": [str(source.path) for source in sources]}
    pictures = [source.pixels for source in sources]
    return optimise_pixels(flags, synthesis_folder(flags), loss, start, facts, pictures)


def texture_loss(
    flags: argparse.Namespace, weights: Weights, sources: Sequence[np.ndarray]
) -> Callable:
    """The whole loss of the images to make.

    Args:
        flags: of `synthesize.py`.
        weights: of VGG-19.
        sources: images, each (1, height, width, 3), BGR minus the mean.

    Returns:
        A function from images (count, height, width, 3) to a scalar.
    """
    targets = target_grams(flags, weights, sources)
    describe = descriptor(weights, flags.layers, flags.levels, flags.borders)
    style = style_loss(describe, targets)
    order = min(flags.if_order, flags.count - 1)
    if order < 1:
        return style
    distances = frame_distances(flags.if_distance_type, flags.if_octaves, flags.levels)
    shifts = shift_distances(distances, sources[0], flags.if_shift)
    interframe = interframe_loss(distances, shifts, order)
    return lambda images: style(images) + flags.if_weight * interframe(images)


def target_grams(
    flags: argparse.Namespace, weights: Weights, sources: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The Gram matrices to be matched: the sources' own, joined, times `--mul`.

    Args:
        flags: of `synthesize.py`.
        weights: of VGG-19.
        sources: images, each (1, height, width, 3), BGR minus the mean.

    Returns:
        float32 matrices (channels, channels), octave after octave, in each the layers in order.
    """
    describe = compile_images(descriptor(weights, flags.layers, flags.levels, flags.padding_mode))
    grams = [[ops.convert_to_numpy(gram)[0] for gram in describe(source)] for source in sources]
    join = MODES[flags.join_mode]
    # A factor too large gives infinity; the optimisation refuses it.
    with np.errstate(over="ignore"):
        return [np.float32(flags.mul * join(matrices)) for matrices in zip(*grams, strict=True)]
