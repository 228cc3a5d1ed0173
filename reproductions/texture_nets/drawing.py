"""Drawing the noise of a generator."""

from collections.abc import Sequence

import numpy as np

from common import backend
from reproductions.texture_nets.blocks import Noise


def draw_noise(inputs: Sequence[Noise], images: int, height: int, width: int, seed, call) -> list:
    """Draws what the noise inputs of a generator take.

    Args:
        inputs: of the generator.
        images: how many.
        height: of the images, a multiple of all ratios.
        width: likewise.
        seed: an integer, 0 to 2^32 - 1.
        call: another one, or an integer tensor; every call draws other noise.

    Returns:
        Tensors, (images, height / ratio, width / ratio, channels).
    """
    # Seeds are signed, and flags' are not.
    seed = int(np.uint32(seed).view(np.int32))
    drawn = []
    for number, (ratio, channels, normal) in enumerate(inputs):
        draw = backend.normal if normal else backend.uniform
        shape = (images, height // ratio, width // ratio, channels)
        # No generator has 61 noise inputs, so no two draws have the same seed.
        drawn.append(draw(shape, (seed, call * 61 + number)))
    return drawn
