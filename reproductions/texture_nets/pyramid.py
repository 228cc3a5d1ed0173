"""The pyramid generators: noise at every scale, joined from coarse to fine (paper, section 3.2)."""

from collections.abc import Sequence
from typing import NamedTuple

from reproductions.texture_nets.blocks import Blocks


class Pyramid(NamedTuple):
    """What makes one pyramid differ from another.

    Attributes:
        ratios: the image's size divided by the scale's, coarse to fine.
        widths: channels of each scale's own branch.
        merged: channels of the stream once that branch has joined it.
        kernels: sides of the convolutions of a group.
    """

    ratios: Sequence[int]
    widths: Sequence[int]
    merged: Sequence[int]
    kernels: Sequence[int]


#: The paper's.
PYRAMID = Pyramid((32, 16, 8, 4, 2, 1), (8,) * 6, (8, 16, 24, 32, 40, 48), (3, 3, 1))

_WIDTHS = (128, 128, 64, 32, 16, 8)

#: Fewer channels where there are many pixels, and a wider view.
PYRAMID2 = Pyramid((32, 16, 8, 4, 2, 1), _WIDTHS, _WIDTHS, (5, 3, 1))

#: That of the published stylisation models.
PUBLISHED_STYLE = Pyramid((16, 8, 4, 2, 1), (8,) * 5, (8, 16, 24, 32, 40), (3, 3))


def pyramid(blocks: Blocks, shape: Pyramid, published: bool = False):
    """Builds a pyramid.

    The stream of the coarser scales goes before a scale's own branch, in channels as in the order
    of the parameters.

    Args:
        blocks: what to build with.
        shape: of the pyramid.
        published: whether as in the published models, where the normalisation of a stream of more
            than 8 channels keeps no statistics.

    Returns:
        The stream at full size, before the convolution to colours.
    """
    stream = None
    for i, ratio in enumerate(shape.ratios):
        merge = f"merge{i + 1}"
        if stream is not None:
            stream = blocks.upsample(stream)
            kept = not (published and stream.shape[-1] > 8)
            stream = _normalize(blocks, stream, f"{merge}_stream", kept)
        own = blocks.noisy(ratio, f"scale{i + 1}")
        own = _group(blocks, own, shape.widths[i], shape.kernels, f"scale{i + 1}")
        if stream is None:
            stream = own
        else:
            own = blocks.normalize(own, f"{merge}_own")
            both = blocks.join([stream, own])
            stream = _group(blocks, both, shape.merged[i], shape.kernels, merge)
    return stream


def _normalize(blocks: Blocks, stream, name: str, keeps_statistics: bool):
    if keeps_statistics:
        return blocks.normalize(stream, name)
    return blocks.normalize(stream, name, keeps_statistics=False)


def _group(blocks: Blocks, x, width: int, kernels: Sequence[int], name: str):
    for number, kernel in enumerate(kernels, 1):
        x = blocks.convolve(x, width, kernel, f"{name}_conv{number}")
    return x
