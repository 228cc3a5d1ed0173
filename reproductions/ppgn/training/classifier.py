"""A small classifier: encoder E and condition network in one, as CaffeNet is."""

import random

import keras
from keras import layers

#: Half of the range of pixels.
_RANGE = 127.5

#: Maps are halved until they are no larger than this.
_SMALLEST = 7


def classifier(
    shape: tuple[int, int, int], classes: int, filters: int = 32, code: int = 128
) -> keras.Model:
    """Builds a classifier whose layers are called as CaffeNet's: conv1, pool1, ..., fc6, fc8.

    Args:
        shape: of the images: height, width, channels.
        classes: how many.
        filters: of the first convolution; twice as many in each further one, up to 8 times.
        code: units of fc6, the length of the codes.

    Returns:
        A model from images, (n, height, width, channels), BGR in 0..255 minus the mean or grey
        minus its mean, to probabilities, (n, classes).
    """
    images = keras.Input(shape, name="data")
    features = layers.Rescaling(1 / _RANGE, name="scale")(images)
    number = 0
    while min(features.shape[1:3]) > _SMALLEST or number == 0:
        width = filters * 2 ** min(number, 3)
        number += 1
        features = layers.Conv2D(width, 3, padding="same", name=f"conv{number}")(features)
        features = layers.ReLU(name=f"relu{number}")(features)
        features = layers.MaxPooling2D(padding="same", name=f"pool{number}")(features)
    features = layers.Flatten(name="flatten")(features)
    features = _dropout("drop5")(features)
    features = layers.Dense(code, name="fc6")(features)
    features = layers.ReLU(name="relu6")(features)
    features = _dropout("drop6")(features)
    scores = layers.Dense(classes, name="fc8")(features)
    probabilities = layers.Softmax(name="prob")(scores)
    return keras.Model(images, probabilities, name="classifier")


def _dropout(name: str) -> layers.Dropout:
    """A layer of dropout whose next draw is part of its state.

    One that is not given a seed draws one just so, but with PyTorch leaves the draws to PyTorch.
    """
    return layers.Dropout(0.5, seed=random.randint(1, 10**9), name=name)
