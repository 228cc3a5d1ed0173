"""Training a prior, from flags to `prior.keras`."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common import backend
from common.backend import Devices, normal
from common.errors import UserError
from common.files import written_whole
from common.state import flat
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.sampling_run import encoder_format
from reproductions.ppgn.training.classifier_run import usual_side
from reproductions.ppgn.training.denoiser import (
    LARGEST,
    denoiser_of_codes,
    denoiser_of_pixels,
    pixels_as_codes,
)
from reproductions.ppgn.training.joint import mean_size
from reproductions.ppgn.training.networks import load_encoder
from reproductions.ppgn.training.pictures import Pictures, load_pictures
from reproductions.ppgn.training.pixels import as_input, as_pixels, pairs
from reproductions.ppgn.training.training_run import check_batch, train

PRIOR, GENERATOR, ENCODER = "prior.keras", "generator.keras", "encoder.keras"

#: What is added, where nothing else is asked for.
_NOISE = {"h": 0.01, "x": 0.1}

#: Pictures that are shown, and those that errors are measured on, all at once.
_SHOWN, _MEASURED = 20, 64


def train_prior(flags: argparse.Namespace) -> Path | None:
    """Trains a denoising auto-encoder.

    Args:
        flags: of `train_prior.py`.

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
        networks, facts, color, side = {}, {"weights": []}, flags.color, flags.image_size
        if flags.of == "h":
            encoder, facts = load_encoder(flags)
            side = encoder.input_shape[1]
            color = "grey" if encoder.input_shape[-1] == 1 else "rgb"
        side = side or usual_side(flags.dataset)
        if flags.of == "x" and side % 4:
            raise UserError(f"--image_size {side} must be a multiple of 4")
        pictures = load_pictures(
            flags.dataset, flags.images, side, color, flags.seed, classes=False
        )
        if flags.of == "x":
            generator, encoder = pixels_as_codes(pictures.shape)
            networks = {GENERATOR: generator, ENCODER: encoder}
            encode = encoder
            prior = denoiser_of_pixels(pictures.shape, flags.filters)
        else:
            code = after_activation(encoder, flags.code_layer)
            to_code = keras.Model(encoder.inputs[0], code)
            prepare = encoder_format(flags, encoder)
            prior = denoiser_of_codes(code.shape[-1])

            def encode(images):
                return to_code(prepare(images))

        networks[PRIOR] = prior
        schedule = keras.optimizers.schedules.CosineDecay(flags.learning_rate, flags.iterations)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(prior.trainable_variables)
    trainer = PriorTrainer(flags, networks, encode, optimizer, pictures, devices)
    name = f"{pictures.name}-prior_{flags.of}"
    return train(flags, name, trainer, pictures, devices, facts)


class PriorTrainer:
    """Trains R to take noise from codes, by squared distance; see `training_run.Trainer`.

    Args:
        flags: of the script.
        networks: what is written, by file name; the prior is what learns.
        encode: from images to codes.
        optimizer: of the prior's weights.
        pictures: what it learns from.
        devices: that share each batch.
    """

    columns: Sequence[str] = ("error", "error_of_input")
    shown: Sequence[str] = columns

    def __init__(
        self,
        flags: argparse.Namespace,
        networks: Mapping[str, keras.Model],
        encode: Callable,
        optimizer: keras.optimizers.Optimizer,
        pictures: Pictures,
        devices: Devices,
    ):
        self._networks, self._encode, self._optimizer = networks, encode, optimizer
        self._prior, self._pictures, self._of = networks[PRIOR], pictures, flags.of
        self._level = _NOISE[flags.of] if flags.noise is None else flags.noise
        self._seed = int(np.uint32(flags.seed).view(np.int32))
        self._step = devices.compile(self._train, flat(self.variables()))

    def _noise(self, codes, batch: int, part, seed, size: Callable):
        """N(0, 1) for this device's part of a batch, times the level."""
        count = codes.shape[0]
        noise = normal((batch, *codes.shape[1:]), seed)[part * count : (part + 1) * count]
        scale = LARGEST if self._of == "x" else size(codes)
        return self._level * scale * noise

    def _train(self, arrays, number):
        codes = self._encode(as_input(arrays[0]))
        replica = backend.replica()
        batch = codes.shape[0] * replica.count
        seed = (self._seed, number)
        noise = self._noise(codes, batch, replica.number, seed, mean_size)
        variables = self._prior.trainable_variables

        def denoise():
            again = self._prior(codes + noise, training=True)
            return ops.sum(ops.mean(ops.square(again - codes), axis=1)) / batch, ()

        error, _, gradients = backend.weight_gradients(denoise, variables)
        backend.apply(self._optimizer, gradients, variables)
        of_input = ops.sum(ops.mean(ops.square(noise), axis=1)) / batch
        return replica.sum([error, of_input])

    def step(self, number: int, images: np.ndarray, labels: np.ndarray | None) -> Sequence[float]:
        """See `training_run.Trainer`."""
        return [float(value) for value in self._step([images], np.int32(number))]

    def variables(self) -> Mapping[str, list]:
        """See `training_run.Trainer`."""
        return {"prior": self._prior.variables, "adam": self._optimizer.variables}

    def place(self) -> Mapping[str, int]:
        """See `training_run.Trainer`."""
        return {}

    def go_on(self, place: Mapping[str, int]) -> None:
        """See `training_run.Trainer`."""

    def sheet(self) -> np.ndarray | None:
        """Pictures with noise, each with what R makes of it below; nothing for codes."""
        if self._of == "h":
            return None
        images = self._pictures.held_out(_SHOWN)[0]
        images = images[: len(images) - len(images) % min(10, len(images))]
        codes, noise = self._held_out(images)
        decode = self._networks[GENERATOR]
        return pairs(
            as_pixels(decode(codes + noise)), as_pixels(decode(self._prior(codes + noise)))
        )

    def _held_out(self, images: np.ndarray):
        codes = self._encode(as_input(images))
        # Only the first process measures: none of the others takes part in this mean.
        seed, size = (self._seed, -1), lambda codes: ops.mean(ops.abs(codes))
        return codes, self._noise(codes, len(images), 0, seed, size)

    def save(self, folder: Path) -> None:
        """Writes the networks, which Keras alone can read."""
        for name, network in self._networks.items():
            with written_whole(folder / name) as temporary:
                network.save(temporary)

    def measure(self) -> Mapping[str, float]:
        """Mean squared errors of codes that were not learned from, with noise and without it."""
        codes, noise = self._held_out(self._pictures.held_out(_MEASURED)[0])
        error = ops.mean(ops.square(self._prior(codes + noise) - codes))
        of_input = ops.mean(ops.square(noise))
        return {"error": float(error), "error_of_input": float(of_input)}
