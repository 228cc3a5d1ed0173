"""Introspective modelling: a step of synthesis of a linear classifier, as worked out by hand."""

from pathlib import Path

import numpy as np

from reproductions.suite.doctor.checks import Comparison, relative_error

IMAGES, SIDE, RATE, BETA1 = 4, 16, 0.01, 0.5


def check(references: Path) -> list[Comparison]:
    """Compares with NumPy in float64: the original's numbers are not among the references.

    Args:
        references: not needed.
    """
    import keras
    from keras import ops

    from reproductions.iccv_introspective.steps import BETA2, EPSILON, Steps

    random = np.random.default_rng(0)
    images = random.uniform(-0.9, 0.9, (IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    kernel = random.normal(0, 0.2, (SIDE * SIDE * 3, 2)).astype(np.float32)
    inputs = keras.Input((SIDE, SIDE, 3))
    classifier = keras.layers.Dense(2, use_bias=False)
    model = keras.Model(inputs, classifier(keras.layers.Flatten()(inputs)))
    classifier.set_weights([kernel])

    # A patch is a whole picture, so that nothing is resampled.
    which = np.arange(IMAGES, dtype=np.int32)
    boxes = np.tile(np.float32([0, 0, 1, 1]), (IMAGES, 1))
    nothing = np.zeros_like(images)
    loss, moved, _, _ = Steps(model, 0.01).synthesize(
        images,
        nothing,
        nothing,
        which,
        boxes,
        np.ones(IMAGES, np.int32),
        np.float32(1),
        np.float32(RATE),
        np.float32(BETA1),
    )

    x, w = images.reshape(IMAGES, -1).astype(np.float64), kernel.astype(np.float64)
    odds = np.exp(x @ (w[:, 0] - w[:, 1]))  # q(negative) / q(class)
    slope = (odds / (1 + odds))[:, None] * (w[:, 0] - w[:, 1]) / IMAGES
    mean, square = (1 - BETA1) * slope, (1 - BETA2) * slope**2
    rate = RATE * np.sqrt(1 - BETA2) / (1 - BETA1)
    step = (-rate * mean / (np.sqrt(square) + EPSILON)).reshape(images.shape)
    # Adam's first step of a slope that is almost nothing is whatever rounding makes of it.
    clear = np.abs(slope.reshape(images.shape)) > 1e-3 * np.abs(slope).max()
    error = relative_error((ops.convert_to_numpy(moved) - images)[clear], step[clear])
    return [
        Comparison("the classifier's loss", relative_error(loss, np.log1p(odds).mean()), 1e-5),
        Comparison("a step of synthesis", error, 1e-4),
    ]
