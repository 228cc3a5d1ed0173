"""What the scripts need, read and checked before anything slow begins or anything is written."""

import argparse
from pathlib import Path

from PIL import Image

from common.errors import UserError, warn
from common.images import read_picture
from common.runs import check_writable
from reproductions.multiscale.levels import octaves_at, size_at, source_octaves
from reproductions.multiscale.sizes import check_frame_size, check_size
from reproductions.multiscale.sources import Source, find_sources, read_source


def check_output(flags: argparse.Namespace) -> None:
    """Checks the size of what either script makes, and the place to write it to.

    Args:
        flags: see `options.parse_synthesis`.

    Raises:
        UserError: the output is too small or too large, the picture to start from cannot be read,
            or the output folder cannot be written to.
    """
    for level in range(flags.coarse_to_fine + 1):
        what = f"the output, {2**level} times smaller," if level else "the output"
        sides, octaves = size_at(flags, level), octaves_at(flags, level)
        check_size(what, sides, flags.network, flags.layers, octaves, flags.borders)
    width, height = flags.size
    if flags.count * width * height > Image.MAX_IMAGE_PIXELS:
        raise UserError(f"--count {flags.count} of {width}x{height} is too much")
    if flags.init is not None:
        read_picture(flags.init)
    check_writable(flags.resume or flags.output_dir)


def fetch_weights(flags: argparse.Namespace) -> None:
    """Makes sure that the file of trained weights is on this machine.

    Args:
        flags: see `options.parse_synthesis`.

    Raises:
        UserError: it is not and cannot be downloaded.
    """
    flags.network.find(flags.weights, [flags.data_dir])


def read_inputs(flags: argparse.Namespace) -> list[Source]:
    """Checks the flags of `synthesize.py` against each other and reads the sources.

    Args:
        flags: see `options.parse_synthesis`.

    Returns:
        The sources, scaled.

    Raises:
        UserError: what the user can mend.
    """
    if flags.if_octaves > flags.octaves:
        raise UserError(
            f"--if-octaves must not be above --octaves, but {flags.if_octaves} > {flags.octaves}"
            + ("; use --if-octaves 0" if flags.octaves == 0 else "")
        )
    if flags.count > 1 and flags.if_order > 0:
        _check_animation(flags)
    if flags.source_scale is not None and flags.source_width is not None:
        warn("--source-width wins over --source-scale")
    check_output(flags)
    sources = [_read_source(flags, path) for path in find_sources(flags.source)]
    if len(sources) > 2 and flags.join_mode == "riemann":
        warn("--join-mode riemann joins the first two sources only; affine_invariant joins all")
    return sources


def _check_animation(flags: argparse.Namespace) -> None:
    laplacian = flags.if_distance_type == "lap1"
    if laplacian and flags.levels < 2:
        raise UserError("--if-distance-type lap1 compares differences of octaves: use --octaves 2")
    if flags.count <= flags.if_order:
        warn(
            f"--if-order {flags.if_order} would compare frames with themselves; "
            f"{flags.count} frames allow {flags.count - 1}"
        )
    check_frame_size(flags.size, flags.levels if laplacian else flags.if_octaves)


def _read_source(flags: argparse.Namespace, path: Path) -> Source:
    source = read_source(path, flags.source_width, flags.source_scale)
    height, width = source.pixels.shape[:2]
    # Sources rarely tile, so their own borders never wrap around.
    borders, octaves = flags.padding_mode, source_octaves(flags)
    check_size(
        f"the source {path.name}", (width, height), flags.network, flags.layers, octaves, borders
    )
    return source
