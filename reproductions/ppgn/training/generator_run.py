"""Training a generator, from flags to `generator.keras`."""

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
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.sampling_run import encoder_format
from reproductions.ppgn.training.discriminator import discriminator
from reproductions.ppgn.training.generator import upconvolutional
from reproductions.ppgn.training.joint import Joint, Values, Weights
from reproductions.ppgn.training.networks import feature_layer, load_encoder, side_of_images
from reproductions.ppgn.training.options import LR_GAMMA
from reproductions.ppgn.training.pauses import Pauses
from reproductions.ppgn.training.pictures import Pictures, load_pictures
from reproductions.ppgn.training.pixels import as_input, as_pixels, pairs, window
from reproductions.ppgn.training.training_run import check_batch, train

GENERATOR = "generator.keras"

#: Reconstructions that are shown, and pictures that go through the networks at once.
_SHOWN, _AT_ONCE = 20, 16


def train_generator(flags: argparse.Namespace) -> Path | None:
    """Trains a generator.

    Args:
        flags: of `train_generator.py`.

    Returns:
        The run's folder; None in a worker that writes none.

    Raises:
        UserError: networks or pictures cannot be had or do not fit each other, or see
            `reproductions.ppgn.training.training_run.train`.
    """
    devices = Devices(flags.distribute)
    check_batch(flags, devices)
    with devices.scope():
        keras.utils.set_random_seed(flags.seed)
        encoder, facts = load_encoder(flags)
        side = side_of_images(encoder, flags.image_size)
        joint = build(flags, encoder, side)
        color = "grey" if encoder.input_shape[-1] == 1 else "rgb"
        pictures = load_pictures(
            flags.dataset, flags.images, side, color, flags.seed, classes=False
        )
    trainer = GeneratorTrainer(flags, joint, encoder.input_shape[1], pictures, devices)
    return train(flags, f"{pictures.name}-generator", trainer, pictures, devices, facts)


def build(flags: argparse.Namespace, encoder: keras.Model, side: int) -> Joint:
    """Builds what is trained, of flags and E.

    Raises:
        UserError: no generator makes images of that side, or E lacks a layer.
    """
    channels = encoder.input_shape[-1]
    code = after_activation(encoder, flags.code_layer).shape[-1]
    told = code if flags.tell_codes else None
    player = None
    if flags.weight_adversarial:
        seen = encoder.input_shape[1]
        player = discriminator(seen, channels, flags.discriminator_filters, told)
    return Joint(
        upconvolutional(code, side, channels, flags.filters, flags.dense),
        player,
        encoder,
        feature_layer(encoder, flags.code_layer, flags.feature_layer),
        flags.code_layer,
        Weights(
            flags.weight_image, flags.weight_features, flags.weight_code, flags.weight_adversarial
        ),
        (
            _adam(flags, flags.learning_rate),
            _adam(flags, flags.discriminator_learning_rate or flags.learning_rate),
        ),
        flags.weight_decay,
        flags.noise,
        flags.tell_codes,
        encoder_format(flags, encoder),
    )


def _adam(flags: argparse.Namespace, rate: float) -> keras.optimizers.Adam:
    schedule = rate
    if flags.lr_steps:
        rates = [rate * LR_GAMMA**k for k in range(len(flags.lr_steps) + 1)]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(flags.lr_steps, rates)
    # Caffe's epsilon.
    return keras.optimizers.Adam(schedule, flags.beta1, flags.beta2, epsilon=1e-8)


class GeneratorTrainer:
    """Trains by the joint recipe, and measures reconstructions; see `training_run.Trainer`.

    Args:
        flags: of the script.
        joint: what is trained.
        seen: side of the part of images that E sees.
        pictures: what it learns from.
        devices: that share each batch.
    """

    columns: Sequence[str] = Values._fields
    shown: Sequence[str] = ("image", "adversarial", "real", "fake")

    def __init__(
        self,
        flags: argparse.Namespace,
        joint: Joint,
        seen: int,
        pictures: Pictures,
        devices: Devices,
    ):
        self._flags, self._joint, self._seen, self._pictures = flags, joint, seen, pictures
        self._pauses = Pauses()
        variables = flat(joint.variables)
        self._steps = {
            (d, g): devices.compile(self._step(d, g), variables)
            for d, g in ((True, True), (True, False), (False, True))
        }
        self._part = devices.part(flags.batch_size)
        # TensorFlow's seeds are signed.
        self._seed = int(np.uint32(flags.seed).view(np.int32))
        self._again = backend.compile(
            lambda pixels: joint.reconstruct(as_input(pixels)), joint.generator.variables
        )

    def _step(self, train_d: bool, train_g: bool):
        def step(arrays, number):
            seed = (self._seed, number)
            return self._joint.step(as_input(arrays[0]), seed, train_d, train_g)

        return step

    def step(self, number: int, images: np.ndarray, labels: np.ndarray | None) -> Values:
        """Makes a step; see `training_run.Trainer`."""
        if self._seen != images.shape[1]:
            random = np.random.default_rng((self._flags.seed, 11, number))
            most = images.shape[1] - self._seen
            offsets = random.integers(0, most + 1, (self._flags.batch_size, 2))[self._part]
            images = window(images, self._seen, offsets)
        make = self._steps[self._pauses.train_d, self._pauses.train_g]
        values = Values(*map(float, make([images], np.int32(number))))
        if self._flags.weight_adversarial:
            self._pauses.after(values.real, values.fake, values.adversarial)
        return values

    def variables(self) -> Mapping[str, list]:
        """See `training_run.Trainer`."""
        return self._joint.variables

    def place(self) -> Mapping[str, int]:
        """See `training_run.Trainer`."""
        return {"train_d": int(self._pauses.train_d), "train_g": int(self._pauses.train_g)}

    def go_on(self, place: Mapping[str, int]) -> None:
        """See `training_run.Trainer`."""
        train_d, train_g = bool(place["train_d"]), bool(place["train_g"])
        if not (train_d or train_g):
            raise ValueError("nobody learns")
        self._pauses = Pauses(train_d, train_g)

    def sheet(self) -> np.ndarray:
        """Pictures that were not learned from, each with its reconstruction below."""
        images = window(self._pictures.held_out(_SHOWN)[0], self._seen)
        whole = len(images) - len(images) % min(10, len(images))
        return pairs(images[:whole], as_pixels(self._reconstructed(images[:whole])))

    def _reconstructed(self, images: np.ndarray) -> np.ndarray:
        parts = [images[k : k + _AT_ONCE] for k in range(0, len(images), _AT_ONCE)]
        return np.concatenate([ops.convert_to_numpy(self._again(part)) for part in parts])

    def save(self, folder: Path) -> None:
        """Writes `generator.keras`, which Keras alone can read."""
        with written_whole(folder / GENERATOR) as temporary:
            self._joint.generator.save(temporary)

    def measure(self) -> Mapping[str, float]:
        """Mean squared errors of pixels, 0..255, on pictures that were not learned from."""
        images = window(self._pictures.held_out()[0], self._seen)
        mean = window(self._pictures.mean()[None], self._seen)
        errors, of_means = [], []
        for first in range(0, len(images), _AT_ONCE):
            part = images[first : first + _AT_ONCE].astype(float)
            again = as_pixels(self._again(images[first : first + _AT_ONCE]))
            errors += list(np.mean((again - part) ** 2, axis=(1, 2, 3)))
            of_means += list(np.mean((mean - part) ** 2, axis=(1, 2, 3)))
        error, of_mean = np.mean(errors), np.mean(of_means)
        return {
            "held_out_pictures": len(images),
            "error_of_reconstructions": float(error),
            "error_of_the_mean_picture": float(of_mean),
            "ratio": float(error / of_mean),
        }
