"""The discriminator D: which images are real, which are the generator's."""

import keras
from keras import layers

from common.errors import UserError

#: Of the first layer; the authors' number.
FILTERS = 32

#: Part of the numbers that dropout sets to 0.
DROPOUT = 0.5

# Of each convolution: times the first layer's filters, the kernel's side, stride. The stride of
# the first is that of 227 pixels.
_CONVOLUTIONS = ((1, 7, 4), (2, 5, 1), (4, 3, 2), (8, 3, 1), (8, 3, 2))


def first_stride(side: int) -> int:
    """Stride of the first layer: as much as leaves maps for the later ones."""
    return 4 if side >= 128 else 2 if side >= 48 else 1


def discriminator(
    side: int, channels: int = 3, filters: int = FILTERS, code: int | None = None
) -> keras.Model:
    """Builds D of Dosovitskiy and Brox (arXiv 1602.02644), table 6.

    Args:
        side: of the images, 28 or more.
        channels: 3 or 1.
        filters: of the first layer.
        code: length of the images' codes, if D is told them, as in that paper; None: it is not.

    Returns:
        A model from images, (n, side, side, channels), BGR in 0..255 minus the mean, two masks of
        dropout and the codes, to logits, (n, 2): real, generated. The masks, of `mask_widths`,
        are 0 or 1 / (1 - `DROPOUT`): which numbers are left out is for the caller to draw, so that
        it does not depend on how many devices share a batch.

    Raises:
        UserError: the images are too small.
    """
    if side < 28:
        raise UserError(f"the discriminator needs images of 28x28 or more, got {side}x{side}")
    images = keras.Input((side, side, channels), name="data")
    widths = mask_widths(filters, code)
    masks = [keras.Input((width,), name=f"keep{i}") for i, width in enumerate(widths, 5)]
    inputs = [images, *masks]
    features = images
    for number, (times, kernel, stride) in enumerate(_CONVOLUTIONS, 1):
        stride = first_stride(side) if number == 1 else stride
        gain = 0.1 if number == 1 else 1.0
        features = layers.Conv2D(
            filters * times, kernel, stride, kernel_initializer=_he(gain), name=f"Dconv{number}"
        )(features)
        features = layers.ReLU(name=f"Drelu{number}")(features)
    features = layers.GlobalAveragePooling2D(name="Dpool5")(features)
    if code is not None:
        codes = keras.Input((code,), name="feat")
        inputs.append(codes)
        told = _connect(codes, 32 * filters, "Dfeat1", 1.0)
        told = _connect(told, 16 * filters, "Dfeat2", 1.0)
        features = layers.Concatenate(name="Dconcat")([features, told])
    features = layers.Multiply(name="drop5")([features, masks[0]])
    features = _connect(features, widths[1], "Dfc6", 0.1)
    features = layers.Multiply(name="drop6")([features, masks[1]])
    logits = layers.Dense(2, kernel_initializer=_he(0.1), name="Dfc7")(features)
    return keras.Model(inputs, logits, name="discriminator")


def mask_widths(filters: int = FILTERS, code: int | None = None) -> tuple[int, int]:
    """How many numbers the two dropouts see."""
    return (8 * filters, 8 * filters) if code is None else (24 * filters, 16 * filters)


def _connect(features, units: int, name: str, gain: float):
    features = layers.Dense(units, kernel_initializer=_he(gain), name=name)(features)
    return layers.ReLU(name=f"{name}_relu")(features)


def _he(gain: float) -> keras.initializers.Initializer:
    """N(0, gain² 2 / inputs), Caffe's "msra"."""
    return keras.initializers.VarianceScaling(
        2 * gain**2, mode="fan_in", distribution="untruncated_normal"
    )
