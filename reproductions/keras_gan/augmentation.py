"""Changes that make more pictures of few: the ranges of the original's generator of pictures."""

import math

import keras
from keras import layers

#: Up to 10 degrees; parts of the width and the height; degrees; parts of the size.
ROTATION, SHIFT, SHEAR, ZOOM = 10.0, 0.1, 0.15, 0.1


def augmentation(seed: int) -> keras.Sequential:
    """Builds the layers that turn, shift, shear, zoom and mirror pictures.

    What comes in from outside is the nearest pixel's value.

    Args:
        seed: of the random numbers.

    Returns:
        A model from pictures to pictures, (pictures, height, width, channels), any range of values.
    """
    fill = {"fill_mode": "nearest", "interpolation": "bilinear"}
    shear = math.tan(math.radians(SHEAR))
    # Keras holds them as int32, uint32 or int64, by its backend.
    seeds = [(seed + number) % 2**31 for number in range(5)]
    return keras.Sequential(
        [
            layers.RandomRotation(ROTATION / 360, seed=seeds[0], **fill),
            layers.RandomTranslation(SHIFT, SHIFT, seed=seeds[1], **fill),
            layers.RandomShear(shear, 0.0, seed=seeds[2], **fill),
            layers.RandomZoom(ZOOM, ZOOM, seed=seeds[3], **fill),
            layers.RandomFlip("horizontal", seed=seeds[4]),
        ],
        name="augmentation",
    )
