"""The two players: multilayer perceptrons, or DCGANs (Radford et al., arXiv 1511.06434)."""

from collections.abc import Callable, Sequence

import keras
from keras import layers

from common.layers import LeakyReLU

#: Height, width and channels of a picture.
Shape = tuple[int, int, int]

#: Widths of the perceptrons' hidden layers.
GENERATOR_WIDTHS, DISCRIMINATOR_WIDTHS = (256, 512, 1024), (512, 256)

#: A DCGAN halves its pictures until their shorter side is no longer than this.
_SHORT = 4


def generators(
    architecture: str, shape: Shape, latent: int = 100, filters: int = 64, grow: bool = False
) -> list[keras.Model]:
    """Builds G, which makes pictures of latents (Goodfellow et al., section 3).

    Args:
        architecture: `mlp` or `dcgan`.
        shape: of the pictures.
        latent: numbers that a picture is made of.
        filters: of a DCGAN, on its largest pictures; twice as many with every halving.
        grow: build a generator for each stage of growth. It shares the layers of the one before,
            has a larger one on top, and paints over what that one paints: at first nothing.

    Returns:
        Models from (pictures, latent) to (pictures, height, width, channels) in -1..1. The last is
        the whole generator; without `grow` there is no other.
    """
    z = keras.Input((latent,))
    paintings = _mlp(z, shape, grow) if architecture == "mlp" else _dcgan(z, shape, filters, grow)
    models, canvas = [], None
    for painting in paintings:
        canvas = painting if canvas is None else layers.Add()([canvas, painting])
        models.append(keras.Model(z, layers.Activation("tanh")(canvas), name="generator"))
    return models


def discriminator(architecture: str, shape: Shape, filters: int = 64) -> keras.Model:
    """Builds D, from (pictures, height, width, channels) to (pictures, 1).

    Its output is a logit: the sigmoid of it is the probability that the picture is real.

    Args:
        architecture: `mlp` or `dcgan`.
        shape: of the pictures.
        filters: of a DCGAN's first convolution.
    """
    pictures = x = keras.Input(shape)
    if architecture == "mlp":
        x = layers.Flatten()(x)
        for width in DISCRIMINATOR_WIDTHS:
            x = LeakyReLU(0.2)(layers.Dense(width)(x))
        return keras.Model(pictures, layers.Dense(1)(x), name="discriminator")
    for level in range(len(_sides(shape)) - 1):
        settings = {"strides": 2, "padding": "same", "use_bias": not level, **_normal()}
        x = layers.Conv2D(filters * 2**level, 5, **settings)(x)
        if level:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = LeakyReLU(0.2)(x)
    return keras.Model(
        pictures, layers.Dense(1, **_normal())(layers.Flatten()(x)), name="discriminator"
    )


def stages(models: Sequence[keras.Model]) -> list[list]:
    """The trainable variables that each stage of growth adds."""
    added, known = [], set()
    for model in models:
        added.append([v for v in model.trainable_variables if id(v) not in known])
        known |= {id(v) for v in added[-1]}
    return added


def _mlp(z, shape: Shape, grow: bool) -> list:
    """What each stage paints, before tanh."""
    x, paintings, (height, width, channels) = z, [], shape
    for size in GENERATOR_WIDTHS:
        # Keras' own: whoever has Keras alone can read a saved generator.
        x = layers.LeakyReLU(0.2)(layers.Dense(size)(x))
        x = layers.BatchNormalization(momentum=0.8)(x)
        if grow or size == GENERATOR_WIDTHS[-1]:
            # What is laid over starts as nothing, and changes nothing.
            start = "zeros" if paintings else "glorot_uniform"
            flat = layers.Dense(height * width * channels, kernel_initializer=start)(x)
            paintings.append(layers.Reshape(shape)(flat))
    return paintings


def _dcgan(z, shape: Shape, filters: int, grow: bool) -> list:
    """What each stage paints, before tanh."""
    (*sizes, smallest), paintings = _sides(shape), []
    level = len(sizes) - 1
    wide = filters * 2**level
    x = layers.Dense(smallest[0] * smallest[1] * wide, use_bias=False, **_normal())(z)
    x = _normalized(layers.Reshape((*smallest, wide))(x))
    for size in reversed(sizes):
        if grow:
            paint = layers.Conv2D(shape[2], 5, padding="same", **_normal(bool(paintings)))(x)
            paintings.append(layers.Resizing(*shape[:2])(paint))
        if level:
            wide = filters * 2 ** (level - 1)
            x = _normalized(_doubled(x, wide, size, use_bias=False, **_normal()))
        else:
            paintings.append(_doubled(x, shape[2], size, **_normal(bool(paintings))))
        level -= 1
    return paintings


def _sides(shape: Shape) -> list[tuple[int, int]]:
    """Heights and widths of a DCGAN's pictures, from the largest."""
    sizes = [shape[:2]]
    while min(sizes[-1]) > _SHORT or len(sizes) < 2:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    return sizes


def _doubled(x, filters: int, size: tuple[int, int], **settings):
    """A transposed convolution of stride 2, cut to the size."""
    x = layers.Conv2DTranspose(filters, 5, strides=2, padding="same", **settings)(x)
    over = [(0, now - then) for now, then in zip(x.shape[1:3], size, strict=True)]
    return layers.Cropping2D(over)(x) if any(map(any, over)) else x


def _normalized(x):
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def _normal(zeros: bool = False) -> dict:
    """The first weights: N(0, 0.02), as DCGAN's, or none."""
    initializer: str | Callable = "zeros"
    if not zeros:
        initializer = keras.initializers.RandomNormal(stddev=0.02)
    return {"kernel_initializer": initializer}
