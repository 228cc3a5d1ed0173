"""The discriminators, by name. To add one, write a function like `dcgan` and list it below."""

from collections.abc import Callable

import keras
from keras import layers

from common.errors import UserError
from common.layers import LeakyReLU
from reproductions.iccv_introspective.settings import LearningSettings


def dcgan(patch: int, logits: int, filters: int) -> keras.Model:
    """The discriminator of DCGAN (Radford et al., arXiv 1511.06434), as the paper uses it.

    Four 5x5 convolutions of stride 2 with `filters`, 2, 4 and 8 times `filters`, leaky ReLU 0.2,
    batch normalisation on all but the first, and a fully connected layer.

    Args:
        patch: side of the input, in pixels.
        logits: number of classes, the negatives included.
        filters: of the first convolution (DCGAN's df_dim).

    Returns:
        A model from patches (count, patch, patch, 3), [-1, 1], to logits (count, logits).
    """
    return _convolutions(patch, logits, [filters * 2**i for i in range(4)])


def small(patch: int, logits: int, filters: int) -> keras.Model:
    """DCGAN without its last convolution: two thirds of the work, a quarter of the weights.

    Arguments and result as those of `dcgan`.
    """
    return _convolutions(patch, logits, [filters * 2**i for i in range(3)])


def _convolutions(patch: int, logits: int, widths: list[int]) -> keras.Model:
    images = keras.Input((patch, patch, 3), name="patches")
    x = images
    for number, width in enumerate(widths):
        kernel = keras.initializers.TruncatedNormal(stddev=0.02)
        x = layers.Conv2D(
            width, 5, 2, padding="same", kernel_initializer=kernel, name=f"conv{number}"
        )(x)
        if number:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{number}")(x)
        x = LeakyReLU(0.2, name=f"lrelu{number}")(x)
    normal = keras.initializers.RandomNormal(stddev=0.02)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(logits, kernel_initializer=normal, name="logits")(x)
    return keras.Model(images, x)


NETWORKS: dict[str, Callable[..., keras.Model]] = {"dcgan": dcgan, "small": small}


def build(settings: LearningSettings, classes: int) -> keras.Model:
    """The discriminator of a run: a logit for the negatives and one for each class.

    Args:
        settings: with `network`, `patch_size`, `filters` and `random_seed`.
        classes: how many, without the negatives.

    Raises:
        UserError: there is no network of that name.
    """
    check_network(settings.network)
    # The initial weights, whatever the network is.
    keras.utils.set_random_seed(settings.random_seed)
    return NETWORKS[settings.network](settings.patch_size, classes + 1, settings.filters)


def check_network(name: str) -> None:
    """Refuses a name that no network has.

    Raises:
        UserError: there is none.
    """
    if name not in NETWORKS:
        raise UserError(f"there is no network {name}; there are {', '.join(NETWORKS)}")
