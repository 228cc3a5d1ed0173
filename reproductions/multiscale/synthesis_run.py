"""Synthesis of a texture from sources: what `synthesize.py` does."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from keras import ops

from common.autodiff import compile_images
from common.backend import to_tensor
from common.vgg19_pixels import preprocess
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.interframe import frame_distances, interframe_loss, shift_distances
from reproductions.multiscale.joins import MODES
from reproductions.multiscale.levels import octaves_at, source_octaves
from reproductions.multiscale.losses import style_loss
from reproductions.multiscale.naming import synthesis_folder
from reproductions.multiscale.pixels import optimise_pixels
from reproductions.multiscale.pyramid import gaussian_pyramid
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
    deepest = flags.network.layers[max(flags.layers)]
    weights, which = flags.network.load(flags.weights, deepest, images, [flags.data_dir])
    width, height = flags.size
    print(
        f"About to generate a {width}x{height} image, matching the Gram matrices for layers "
        f"{flags.layers} at {flags.octaves} distinct scales"
    )
    print(f"with {which}")
    loss = texture_losses(flags, weights, images)
    facts = {"weights": which, "sources": [str(source.path) for source in sources]}
    pictures = [source.pixels for source in sources]
    return optimise_pixels(flags, synthesis_folder(flags), loss, start, facts, pictures)


def texture_loss(
    flags: argparse.Namespace, weights: dict, sources: Sequence[np.ndarray]
) -> Callable:
    """The whole loss of the images to make, at their full size; see `texture_losses`."""
    return texture_losses(flags, weights, sources)(0)


def texture_losses(
    flags: argparse.Namespace, weights: dict, sources: Sequence[np.ndarray]
) -> Callable:
    """The whole loss of the images to make, at every level of coarse to fine.

    Args:
        flags: of `synthesize.py`.
        weights: of the network.
        sources: images, each (1, height, width, 3), BGR minus the mean.

    Returns:
        A function from the number of a level to a function from images at its size, (count,
        height, width, 3), to a scalar.
    """
    targets = target_grams(flags, weights, sources)
    order = min(flags.if_order, flags.count - 1)

    def at(level: int) -> Callable:
        octaves, outputs = octaves_at(flags, level), len(set(flags.layers))
        describe = descriptor(flags.network, weights, flags.layers, octaves, flags.borders)
        wanted = targets[level * outputs :][: octaves * outputs]
        style = style_loss(describe, wanted, flags.relative)
        laplacian = flags.if_distance_type == "lap1"
        if order < 1 or (laplacian and octaves < 2):
            return style
        distances = frame_distances(flags.if_distance_type, min(flags.if_octaves, octaves), octaves)
        source = gaussian_pyramid(to_tensor(sources[0]), level + 1)[-1]
        shift = flags.if_shift / 2**level
        shifts = shift_distances(distances, ops.convert_to_numpy(source), shift)
        interframe = interframe_loss(distances, shifts, order)
        return lambda images: style(images) + flags.if_weight * interframe(images)

    return at


def target_grams(
    flags: argparse.Namespace, weights: dict, sources: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The Gram matrices to be matched: the sources' own, joined, times `--mul`.

    Args:
        flags: of `synthesize.py`.
        weights: of the network.
        sources: images, each (1, height, width, 3), BGR minus the mean.

    Returns:
        float32 matrices (channels, channels), octave after octave, in each the layers in order.
    """
    octaves, borders = source_octaves(flags), flags.padding_mode
    describe = compile_images(descriptor(flags.network, weights, flags.layers, octaves, borders))
    grams = [[ops.convert_to_numpy(gram)[0] for gram in describe(source)] for source in sources]
    join = MODES[flags.join_mode]
    # A factor too large gives infinity; the optimisation refuses it.
    with np.errstate(over="ignore"):
        return [np.float32(flags.mul * join(matrices)) for matrices in zip(*grams, strict=True)]
