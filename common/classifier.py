"""A small classifier, the judge of generated pictures."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops
from tqdm import trange

from common import backend

#: Part of the pictures that it does not learn from.
_HELD_OUT = 0.1

_EPOCHS, _BATCH = 12, 128


class Judge(NamedTuple):
    """A trained classifier.

    Attributes:
        model: from pictures in -1..1 to probabilities.
        accuracy: on the pictures that it did not learn from.
        sure: part of those that it classifies with the confidence asked for.
        learned: how many it learned from.
        held_out: and how many not.
    """

    model: keras.Model
    accuracy: float
    sure: float
    learned: int
    held_out: int


def train_judge(
    images: np.ndarray, labels: np.ndarray, classes: int, confidence: float, seed: int = 0
) -> Judge:
    """Trains a classifier on nine tenths of labelled pictures, and tries it on the rest.

    Args:
        images: uint8, (pictures, height, width, channels).
        labels: int, (pictures,), from 0.
        classes: how many there are.
        confidence: for `Judge.sure`.
        seed: of the parts, the first weights and the order.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    order = random.permutation(len(images))
    held_out = max(1, round(_HELD_OUT * len(images)))
    tested, learned = order[:held_out], order[held_out:]
    pictures = images.astype(np.float32) / 127.5 - 1
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(padding="same"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(padding="same"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    batches = -(-len(learned) // _BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, _EPOCHS * batches)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)

    def learn(pictures, labels):
        def loss():
            found = model(pictures, training=True)
            each = keras.losses.sparse_categorical_crossentropy(labels, found)
            return ops.mean(each), ()

        _, _, gradients = backend.weight_gradients(loss, model.trainable_variables)
        backend.apply(optimizer, gradients, model.trainable_variables)

    step = backend.compile(
        learn,
        [*model.variables, *optimizer.variables],
        [((None, *images.shape[1:]), "float32"), ((None,), "int32")],
    )
    for _ in trange(_EPOCHS, unit="epoch", leave=False, disable=None):
        for batch in np.array_split(random.permutation(learned), batches):
            step(pictures[batch], labels[batch].astype(np.int32))
    found = probabilities(model, images[tested])
    return Judge(
        model,
        float((found.argmax(axis=1) == labels[tested]).mean()),
        float((found.max(axis=1) > confidence).mean()),
        len(learned),
        held_out,
    )


def probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What a classifier says of pictures.

    Args:
        model: of a `Judge`.
        images: uint8, (pictures, height, width, channels).

    Returns:
        float32, (pictures, classes).
    """
    parts = np.array_split(images, -(-len(images) // 500))
    return np.concatenate(
        [model.predict_on_batch(part.astype(np.float32) / 127.5 - 1) for part in parts]
    )
