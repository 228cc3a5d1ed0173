"""Pixels as condition networks of other origins want them."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from common.backend import constant
from common.errors import UserError
from reproductions.ppgn.start import mean_of

#: Of ImageNet's RGB pixels in 0..1.
_TORCH_MEAN = np.float32([0.485, 0.456, 0.406])
_TORCH_DEVIATION = np.float32([0.229, 0.224, 0.225])


def _rgb(images):
    """0..255, RGB or grey; the generator may go beyond, which a picture cannot."""
    mean = constant(mean_of(images.shape[-1]))
    return ops.flip(ops.clip(images + mean, 0, 255), -1)


#: From BGR minus the mean to what a network was trained on; the names are those of
#: `keras.applications`, and `rgb` and `unit` are 0..255 and 0..1.
FORMATS: dict[str, Callable] = {
    "caffe": lambda images: images,
    "rgb": _rgb,
    "unit": lambda images: _rgb(images) / 255,
    "tf": lambda images: _rgb(images) / 127.5 - 1,
    "torch": lambda images: (
        (_rgb(images) / 255 - constant(_TORCH_MEAN)) / constant(_TORCH_DEVIATION)
    ),
}


def check_format(pixels: str, network: keras.Model, definition: str, flag: str) -> None:
    """Refuses pixels that a network cannot take.

    Args:
        pixels: a name in `FORMATS`.
        network: takes images.
        definition: what it was called.
        flag: which asked for it.

    Raises:
        UserError: they are of ImageNet's colours, and the network is for grey images.
    """
    channels = network.input_shape[-1]
    if pixels == "torch" and channels != 3:
        raise UserError(
            f"{flag} {pixels} is for networks of 3 channels, {definition} has {channels}"
        )
