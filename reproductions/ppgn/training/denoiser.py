"""Denoising auto-encoders, the learned priors of PPGN-h and PPGN-x."""

import keras
import numpy as np
from keras import layers

from reproductions.ppgn.start import mean_of

#: Largest number of a code, white where codes are pixels.
LARGEST = 30.0

#: Units of PPGN-h's layers, relative to the length of codes.
_PARTS = (1 / 2, 1 / 4, 500 / 4096, 1 / 4, 1 / 2)


def denoiser_of_codes(code: int) -> keras.Model:
    """Builds the R of PPGN-h (section 3.3): fully connected, narrow in the middle.

    For codes of 4096 numbers its layers have 2048, 1024, 500, 1024 and 2048 units, as the paper's.

    Args:
        code: length of the codes.

    Returns:
        A model from codes, (n, code), to codes without noise.
    """
    h = keras.Input((code,), name="code")
    features = h
    for number, part in enumerate(_PARTS, 1):
        width = max(8, round(code * part))
        features = layers.Dense(width, kernel_initializer="he_normal", name=f"fc{number}")(features)
        features = layers.ReLU(name=f"relu{number}")(features)
    return keras.Model(h, layers.Dense(code, name="fc")(features), name="prior")


def denoiser_of_pixels(shape: tuple[int, int, int], filters: int = 64) -> keras.Model:
    """Builds the R of PPGN-x (section 3.1): convolutions on half and quarter size, and back.

    Args:
        shape: of the images; both sides are multiples of 4.
        filters: on half size; twice as many on quarter size.

    Returns:
        A model from images as codes, (n, height x width x channels) in 0..30, to such without
        noise.
    """
    height, width, channels = shape
    x = keras.Input((height * width * channels,), name="code")
    features = layers.Reshape(shape, name="image")(x)
    features = layers.Rescaling(2 / LARGEST, -1, name="scale")(features)

    def add(layer: layers.Layer):
        return layers.ReLU(name=f"relu_{layer.name}")(layer(features))

    features = add(_down(filters, "conv1"))
    features = add(_down(2 * filters, "conv2"))
    features = add(layers.Conv2D(2 * filters, 3, padding="same", name="conv3"))
    features = add(_up(filters, "deconv2"))
    features = _up(channels, "deconv1")(features)
    features = layers.Rescaling(LARGEST / 2, LARGEST / 2, name="unscale")(features)
    return keras.Model(x, layers.Flatten(name="flatten")(features), name="prior")


def _down(filters: int, name: str) -> layers.Layer:
    return layers.Conv2D(filters, 4, 2, padding="same", name=name)


def _up(filters: int, name: str) -> layers.Layer:
    return layers.Conv2DTranspose(filters, 4, 2, padding="same", name=name)


def pixels_as_codes(shape: tuple[int, int, int]) -> tuple[keras.Model, keras.Model]:
    """Builds the G and E of PPGN-x, whose codes are pixels: G only changes their range.

    Args:
        shape: of the images.

    Returns:
        G from codes in 0..30, (n, height x width x channels), to images, BGR minus the mean; and
        E, its inverse, whose layer of codes is called fc6.
    """
    mean = mean_of(shape[-1])
    span = 255 / LARGEST
    h = keras.Input((int(np.prod(shape)),), name="feat")
    image = layers.Reshape(shape, name="image")(h)
    image = layers.Rescaling(span, (-mean).tolist(), name="deconv0")(image)
    x = keras.Input(shape, name="data")
    code = layers.Rescaling(1 / span, (mean / span).tolist(), name="scale")(x)
    code = layers.Flatten(name="fc6")(code)
    return keras.Model(h, image, name="generator"), keras.Model(x, code, name="pixels")
