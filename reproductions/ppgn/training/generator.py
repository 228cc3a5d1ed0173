"""A generator G that learns, of the authors' architecture, for images of any size."""

import keras
from keras import layers

from common.errors import UserError
from reproductions.ppgn.generator import SLOPE

#: Sides of the first maps, from which images grow by doubling.
_SMALLEST, _LARGEST = 4, 7

#: Filters on the images' own size; the authors' number.
FILTERS = 32


def doublings(side: int) -> int:
    """How many times maps are doubled to become images: 6 for 256, 2 for 28.

    Raises:
        UserError: doubling does not lead to this side.
    """
    for count in range(1, 11):
        if _SMALLEST <= side / 2**count <= _LARGEST and side % 2**count == 0:
            return count
    raise UserError(
        f"the generator cannot make images of {side}x{side}: the side must be 4, 5, 6 or 7 times "
        "a power of two, such as 28, 32, 64 or 256; --image_size names one, not below the encoder's"
    )


def upconvolutional(
    code: int, side: int, channels: int = 3, filters: int = FILTERS, dense: int | None = None
) -> keras.Model:
    """Builds G with weights to be learned.

    For codes of 4096 numbers and images of 256x256 it is the network of
    `reproductions.ppgn.generator`: Dosovitskiy and Brox (arXiv 1602.02644), table 5. For smaller
    images the first maps are left out.

    Args:
        code: length of the codes.
        side: of the images, see `doublings`.
        channels: 3 or 1.
        filters: on half the images' size; 2, 4, 8 times as many further up.
        dense: width of the first two layers; by default that of the code.

    Returns:
        A model from codes h, (n, code), to images, (n, side, side, channels), BGR in 0..255 minus
        the mean, or grey minus its mean.

    Raises:
        UserError: see `doublings`.
    """
    count = doublings(side)
    first = filters * 2 ** min(count - 1, 3)
    small = side // 2**count
    h = keras.Input((code,), name="feat")
    features = h
    for name in ("defc7", "defc6"):
        features = _connect(features, dense or code, name)
    features = _connect(features, first * small * small, "defc5")
    features = layers.Reshape((small, small, first), name="reshape")(features)
    for number in range(count - 1, 0, -1):
        width = filters * 2 ** min(number - 1, 3)
        features = _double(features, width, number)
        if number >= 3:
            wider = 2 * width if number == 5 else width
            features = _convolve(features, wider, number)
    images = _transposed(channels, 4, 2, "deconv0")(features)
    return keras.Model(h, images, name="generator")


def _connect(features, units: int, name: str):
    features = layers.Dense(units, kernel_initializer=_he(1.0), name=name)(features)
    return layers.LeakyReLU(SLOPE, name=f"relu_{name}")(features)


def _double(features, filters: int, number: int):
    features = _transposed(filters, 4, 2, f"deconv{number}")(features)
    return layers.LeakyReLU(SLOPE, name=f"relu_deconv{number}")(features)


def _convolve(features, filters: int, number: int):
    features = _transposed(filters, 3, 1, f"conv{number}_1")(features)
    return layers.LeakyReLU(SLOPE, name=f"relu_conv{number}_1")(features)


def _transposed(filters: int, side: int, stride: int, name: str) -> layers.Layer:
    # With stride 2 only a quarter of the kernel takes part in each pixel.
    initializer = _he(0.9 * stride)
    return layers.Conv2DTranspose(
        filters, side, stride, padding="same", kernel_initializer=initializer, name=name
    )


def _he(gain: float) -> keras.initializers.Initializer:
    """N(0, gain² 2 / n), n as Caffe's "msra" counts it: for a deconvolution its outputs."""
    return keras.initializers.VarianceScaling(
        2 * gain**2, mode="fan_in", distribution="untruncated_normal"
    )
