"""One measurement of the classic Keras loop of 2017-18 for the same GAN: prints JSON.

Called by `benchmarks/keras_gan.py`. The loop of the well-known Keras GAN scripts: four calls of
Keras for each iteration, pictures and labels in NumPy. The scripts also have Keras measure the
discriminator's accuracy, which is left out here, as it would only take longer.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

from benchmarks.machine import time_calls  # noqa: E402

SHAPE, LATENT = (28, 28, 1), 100
_LOSS = "binary_crossentropy"


class Classic:
    """A generator, a discriminator, and both stacked with the discriminator frozen.

    Args:
        images: uint8, (images, height, width, channels).
        batch: pictures of a step.
    """

    def __init__(self, images: np.ndarray, batch: int):
        self._images, self._batch = images.astype(np.float32) / 127.5 - 1, batch
        self._real, self._fake = np.ones((batch, 1)), np.zeros((batch, 1))
        self._generator, self._discriminator = _generator(), _discriminator()
        self._discriminator.compile(loss=_LOSS, optimizer=_adam())
        # The scripts freeze the discriminator after `compile`. Keras 3 asks what is trainable when
        # it first trains, so that must come before.
        self._discriminator.train_on_batch(self._images[:batch], self._real)
        self._discriminator.trainable = False
        z = keras.Input((LATENT,))
        self._combined = keras.Model(z, self._discriminator(self._generator(z)))
        self._combined.compile(loss=_LOSS, optimizer=_adam())
        self._check()

    def iterate(self, predict: Callable) -> None:
        """An iteration.

        Args:
            predict: from latents to pictures.
        """
        index = np.random.randint(0, len(self._images), self._batch)
        pictures = predict(self._latents())
        self._discriminator.train_on_batch(self._images[index], self._real)
        self._discriminator.train_on_batch(pictures, self._fake)
        self._combined.train_on_batch(self._latents(), self._real)

    def predict(self, latents: np.ndarray) -> np.ndarray:
        """Pictures, as the scripts make them."""
        return self._generator.predict(latents, verbose=0)

    def predict_on_batch(self, latents: np.ndarray) -> np.ndarray:
        """The same without the overhead of many batches."""
        return self._generator.predict_on_batch(latents)

    def _latents(self) -> np.ndarray:
        return np.random.normal(0, 1, (self._batch, LATENT))

    def _check(self) -> None:
        """Makes sure that each call trains its player alone."""
        both = [self._generator, self._discriminator]
        pictures = self._images[: self._batch]
        calls = {
            "generator": lambda: self._combined.train_on_batch(self._latents(), self._real),
            "discriminator": lambda: self._discriminator.train_on_batch(pictures, self._real),
        }
        # A second time round, when the other has been trained, too.
        for name, call in [*calls.items()] * 2:
            before = [_weights(model) for model in both]
            call()
            changed = [
                model.name
                for model, arrays in zip(both, before, strict=True)
                if any(map(_differ, arrays, _weights(model)))
            ]
            unmoved = [
                model.name
                for model, arrays in zip(both, before, strict=True)
                if not all(map(_differ, arrays, _weights(model)))
            ]
            if changed != [name] or name in unmoved:
                raise SystemExit(f"the step of the {name} changes {changed}, not all of {name}")


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a != b).any())


def _weights(model: keras.Model) -> list[np.ndarray]:
    """All but running statistics: kernels, biases, gamma and beta, whether frozen or not."""
    kinds = ("kernel", "bias", "gamma", "beta")
    return [variable.numpy() for variable in model.variables if variable.name in kinds]


def _adam() -> keras.optimizers.Adam:
    return keras.optimizers.Adam(2e-4, 0.5)


def _generator() -> keras.Model:
    model = keras.Sequential([keras.Input((LATENT,))], name="generator")
    for width in (256, 512, 1024):
        model.add(layers.Dense(width))
        model.add(layers.LeakyReLU(0.2))
        model.add(layers.BatchNormalization(momentum=0.8))
    model.add(layers.Dense(int(np.prod(SHAPE)), activation="tanh"))
    model.add(layers.Reshape(SHAPE))
    return model


def _discriminator() -> keras.Model:
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten()], name="discriminator")
    for width in (512, 256):
        model.add(layers.Dense(width))
        model.add(layers.LeakyReLU(0.2))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def main(folder: str, _: str) -> dict:
    """Measures training, with `predict` and with `predict_on_batch`.

    Args:
        folder: holds the flags and the pictures.

    Returns:
        For each way and batch size the seconds of the first iterations, which are traced, and
        seconds per iteration of the others.
    """
    flags = json.loads(Path(folder, "flags.json").read_text())
    images, chunk = np.load(Path(folder, "images.npy")), flags["chunk"]
    result = {"Keras train_on_batch": {}, "  with predict_on_batch": {}}
    for batch in flags["batch_sizes"]["mlp"]:
        classic = Classic(images, batch)
        ways = (classic.predict, classic.predict_on_batch)
        for measured, way in zip(result.values(), ways, strict=True):

            def iterations(classic=classic, way=way):
                for _ in range(chunk):
                    classic.iterate(way)

            (first,) = time_calls(iterations, 1)
            count = max(1, flags["iterations"]["classic"] // chunk)
            seconds = [s / chunk for s in time_calls(iterations, count)]
            measured[str(batch)] = {"first": first, "seconds": seconds}
    return result


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
