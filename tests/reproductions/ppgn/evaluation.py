"""What the networks say of recorded codes, with what the original records besides."""

from typing import NamedTuple

import keras
import numpy as np

from reproductions.ppgn.inpainting import Context
from reproductions.ppgn.start import load_image
from reproductions.ppgn.step import Networks, Terms
from tests.backends import gradient
from tests.reproductions.ppgn.references import arrays, need_picture, original, to_caffe


class Evaluated(NamedTuple):
    """Terms of n codes, and blobs as Caffe has them.

    Attributes:
        terms: see `reproductions.ppgn.step`.
        x: the generator's images, (n, 3, 256, 256); in inpainting the window in the middle is
            overwritten by what the condition network saw, as in the original.
        d_condition_x: the condition's gradient at what the condition network saw; in inpainting
            it is 0 around the mask.
    """

    terms: Terms
    x: np.ndarray
    d_condition_x: np.ndarray


class Step:
    """A step's networks, each compiled once.

    Args:
        generator: see `Networks`.
        encoder: see `Networks`.
        condition: see `Networks`.
        inpainting: see `Networks`.
    """

    def __init__(self, generator, encoder, condition, inpainting=False):
        self._networks = Networks(generator, encoder, "fc6", condition, inpainting)
        self._generator, self._condition = generator, condition
        self._features = keras.Model(condition.network.inputs, condition.features)

    def _image_gradient(self, images, units):
        # Not compiled, which would take more memory than it saves time.
        def scalar(images):
            return self._condition.climb(self._features([images]), units).scalar

        return gradient(scalar, images)[1]

    def __call__(self, h, units, context: Context | None = None) -> Evaluated:
        terms = self._networks(h, units, context)
        gradient = self._image_gradient(terms.images, units)
        x = np.array(self._generator(h.astype(np.float32)))
        if context is not None:
            gradient = gradient * context.mask
            x[:, 14:241, 14:241] = terms.images
        return Evaluated(terms, to_caffe(x), to_caffe(gradient))


def joined(parts: list[Evaluated]) -> Evaluated:
    """Those of several groups of codes, one after the other."""
    terms, xs, gradients = zip(*parts, strict=True)
    columns = zip(*terms, strict=True)
    terms = Terms(*(None if one[0] is None else np.concatenate(one) for one in columns))
    return Evaluated(terms, np.concatenate(xs), np.concatenate(gradients))


def volcano(count: int) -> Context:
    """The original's picture, and its mask of seed 0, so many times."""
    need_picture()
    (top, bottom), (left, right) = (arrays("sampler_run7s0")[f"mask_{k}"] for k in ("rows", "cols"))
    mask = np.zeros((1, 227, 227, 1), np.float32)
    mask[:, top:bottom, left:right] = 1
    picture = load_image(original("volcano.jpg"), (227, 227)) * (1 - mask)
    return Context.stacked([Context(mask, picture)] * count)
