"""Training a classifier, from flags to `classifier.keras`."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common import backend
from common.backend import Devices
from common.files import written_whole
from common.state import flat
from datasets.load import is_folder
from reproductions.ppgn.training.classifier import classifier
from reproductions.ppgn.training.pictures import Pictures, load_pictures
from reproductions.ppgn.training.pixels import as_input
from reproductions.ppgn.training.training_run import check_batch, train

CLASSIFIER, CLASSES = "classifier.keras", "classes.txt"

#: Sides of digits, and of pictures of one's own.
_DIGITS, _OWN = 28, 64

#: Pictures that go through the network at once.
_AT_ONCE = 50


def usual_side(dataset: str) -> int:
    """The side that pictures of a dataset get where none is asked for."""
    return _OWN if is_folder(dataset) else _DIGITS


def train_classifier(flags: argparse.Namespace) -> Path | None:
    """Trains a classifier.

    Args:
        flags: of `train_classifier.py`.

    Returns:
        The run's folder; None in a worker that writes none.

    Raises:
        UserError: pictures cannot be had or have no classes, or see
            `reproductions.ppgn.training.training_run.train`.
    """
    devices = Devices(flags.distribute)
    check_batch(flags, devices)
    side = flags.image_size or usual_side(flags.dataset)
    pictures = load_pictures(
        flags.dataset, flags.images, side, flags.color, flags.seed, classes=True
    )
    with devices.scope():
        keras.utils.set_random_seed(flags.seed)
        model = classifier(pictures.shape, len(pictures.classes), flags.filters, flags.code)
        schedule = keras.optimizers.schedules.CosineDecay(flags.learning_rate, flags.iterations)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(model.trainable_variables)
    trainer = ClassifierTrainer(flags, model, optimizer, pictures, devices)
    return train(flags, f"{pictures.name}-classifier", trainer, pictures, devices, {})


class ClassifierTrainer:
    """Trains by cross-entropy, with dropout; see `training_run.Trainer`.

    Args:
        flags: of the script.
        model: to probabilities.
        optimizer: of its weights.
        pictures: what it learns from.
        devices: that share each batch.
    """

    columns: Sequence[str] = ("loss", "accuracy")
    shown: Sequence[str] = columns

    def __init__(
        self,
        flags: argparse.Namespace,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        pictures: Pictures,
        devices: Devices,
    ):
        self._flags, self._model, self._optimizer = flags, model, optimizer
        self._pictures = pictures
        self._step = devices.compile(self._train, flat(self.variables()))

    def _train(self, arrays):
        images, labels = as_input(arrays[0]), arrays[1]
        replica = backend.replica()
        batch = images.shape[0] * replica.count
        variables = self._model.trainable_variables

        def classify():
            probabilities = self._model(images, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
            return ops.sum(losses) / batch, probabilities

        loss, probabilities, gradients = backend.weight_gradients(classify, variables)
        backend.apply(self._optimizer, gradients, variables)
        right = ops.cast(ops.argmax(probabilities, axis=-1) == ops.cast(labels, "int32"), "float32")
        return replica.sum([loss, ops.sum(right) / batch])

    def step(self, number: int, images: np.ndarray, labels: np.ndarray | None) -> Sequence[float]:
        """See `training_run.Trainer`."""
        return [float(value) for value in self._step([images, labels.astype(np.int32)])]

    def variables(self) -> Mapping[str, list]:
        """See `training_run.Trainer`."""
        return {"classifier": self._model.variables, "adam": self._optimizer.variables}

    def place(self) -> Mapping[str, int]:
        """See `training_run.Trainer`."""
        return {}

    def go_on(self, place: Mapping[str, int]) -> None:
        """See `training_run.Trainer`."""

    def sheet(self) -> None:
        """There is nothing to see."""

    def save(self, folder: Path) -> None:
        """Writes `classifier.keras`, which Keras alone can read, and the classes' names."""
        with written_whole(folder / CLASSIFIER) as temporary:
            self._model.save(temporary)
        with written_whole(folder / CLASSES) as temporary:
            text = "".join(f"{name}\n" for name in self._pictures.classes)
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")

    def measure(self) -> Mapping[str, float]:
        """Part of the pictures that were not learned from whose class is found."""
        images, labels = self._pictures.held_out()
        found = [
            ops.convert_to_numpy(self._model(as_input(images[k : k + _AT_ONCE]))).argmax(axis=1)
            for k in range(0, len(images), _AT_ONCE)
        ]
        right = np.concatenate(found) == labels
        return {"held_out_pictures": len(images), "accuracy": float(right.mean())}
