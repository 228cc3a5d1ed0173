"""Synthesis of a texture from sources: what `synthesize.py` does."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.autodiff import compiled
from common.errors import UserError
from common.reporting import warn
from common.vgg19_layers import LAYERS
from common.vgg19_pixels import preprocess
from common.vgg19_weights import Weights, load_weights
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.interframe import frame_distances, interframe_loss, shift_distances
from reproductions.multiscale.joins import MODES
from reproductions.multiscale.losses import style_loss
from reproductions.multiscale.naming import synthesis_folder
from reproductions.multiscale.pixels import make_start, optimise_pixels, output_size
from reproductions.multiscale.sizes import check_frame_size, check_size
from reproductions.multiscale.sources import Source, find_sources, read_source
from reproductions.multiscale.start import SYNTHESIS_BLUR


def synthesize(flags: argparse.Namespace) -> None:
    """Makes a texture as the flags of `synthesize.py` ask.

    Args:
        flags: see `options.parse_synthesis`.

    Raises:
        UserError: what the user can mend, found before anything is written.
    """
    _check(flags)
    sources = _read_sources(flags)
    images = [preprocess(source.pixels)[None] for source in sources]
    start = make_start(flags, SYNTHESIS_BLUR)
    weights, which = load_weights(
        flags.weights, LAYERS[max(flags.layers)], images, [flags.data_dir]
    )
    width, height = output_size(flags)
    print(
        f"About to generate a {width}x{height} image, matching the Gram matrices for layers "
        f"{flags.layers} at {flags.octaves} distinct scales"
    )
    print(f"with {which}")
    loss = texture_loss(flags, weights, images)
    facts = {"weights": which, "sources": [str(source.path) for source in sources]}
    pictures = [source.pixels for source in sources]
    optimise_pixels(flags, synthesis_folder(flags), loss, start, facts, pictures)


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
    octaves = max(flags.octaves, 1)
    padding = "wrap" if flags.tileable else flags.padding_mode
    targets = target_grams(flags, weights, sources)
    style = style_loss(descriptor(weights, flags.layers, octaves, padding), targets)
    order = min(flags.if_order, flags.count - 1)
    if order < 1:
        return style
    distances = frame_distances(flags.if_distance_type, flags.if_octaves, octaves)
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
    octaves = max(flags.octaves, 1)
    describe = compiled(descriptor(weights, flags.layers, octaves, flags.padding_mode))
    grams = [[np.asarray(gram)[0] for gram in describe(source)] for source in sources]
    if len(sources) > 2 and flags.join_mode == "riemann":
        warn("--join-mode riemann joins the first two sources only; affine_invariant joins all")
    join = MODES[flags.join_mode]
    # A factor too large gives infinity; the optimisation refuses it.
    with np.errstate(over="ignore"):
        return [np.float32(flags.mul * join(matrices)) for matrices in zip(*grams, strict=True)]


def _check(flags: argparse.Namespace) -> None:
    """Refuses flags that do not fit together, and brings them into range where that is plain."""
    octaves = max(flags.octaves, 1)
    if flags.if_octaves > flags.octaves:
        raise UserError(
            f"--if-octaves must not be above --octaves, but {flags.if_octaves} > {flags.octaves}"
        )
    if flags.count > 1 and flags.if_distance_type == "lap1" and octaves < 2:
        raise UserError("--if-distance-type lap1 compares differences of octaves: use --octaves 2")
    if 1 < flags.count <= flags.if_order:
        warn(
            f"--if-order {flags.if_order} would compare frames with themselves; "
            f"{flags.count} frames allow {flags.count - 1}"
        )
    if flags.source_scale is not None and flags.source_width is not None:
        warn("--source-width wins over --source-scale")
    padding = "wrap" if flags.tileable else flags.padding_mode
    check_size("the output", output_size(flags), flags.layers, octaves, padding)
    if flags.count > 1 and flags.if_order > 0:
        scales = octaves if flags.if_distance_type == "lap1" else flags.if_octaves
        check_frame_size(output_size(flags), scales)


def _read_sources(flags: argparse.Namespace) -> list[Source]:
    sources = []
    for path in find_sources(flags.source):
        source = read_source(path, flags.source_width, flags.source_scale)
        height, width = source.pixels.shape[:2]
        name = f"the source {Path(path).name}"
        check_size(name, (width, height), flags.layers, flags.octaves, flags.padding_mode)
        sources.append(source)
    return sources
