"""One measurement of this suite's GANs, in a process of its own: prints JSON.

Called by `benchmarks/keras_gan.py`.
"""

import functools
import json
import sys
from itertools import count
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import time_calls  # noqa: E402
from common import backend  # noqa: E402
from common.state import flat  # noqa: E402
from datasets.digits import draw_digits  # noqa: E402
from datasets.load import DRAWN  # noqa: E402
from reproductions.keras_gan.algorithm import Algorithm1  # noqa: E402
from reproductions.keras_gan.networks import discriminator, generators  # noqa: E402
from reproductions.keras_gan.train_run import BLOCK  # noqa: E402
from reproductions.keras_gan.training import Training  # noqa: E402

#: Height, width and channels of a picture; numbers that it is made of; filters of a DCGAN.
SHAPE, LATENT, FILTERS = (28, 28, 1), 100, 32
IMAGES, WEIGHTS, GIVEN, FOUND = "images.npy", "weights.npz", "given.npz", "suite.npz"
#: Iterations and pictures of a step in the check that both compute the same.
CHECKED = (3, 32)


def players(architecture: str) -> tuple[keras.Model, keras.Model]:
    """A new generator and a new discriminator."""
    (generator,) = generators(architecture, SHAPE, LATENT, FILTERS)
    return generator, discriminator(architecture, SHAPE, FILTERS)


def named(architecture: str, pair: tuple[keras.Model, keras.Model]) -> dict[str, keras.Variable]:
    """All variables of both, by architecture, player, number and what they are."""
    return {
        f"{architecture}/{model.name}/{number:02d}/{variable.name}": variable
        for model in pair
        for number, variable in enumerate(model.variables)
    }


def write(folder: str, flags: dict) -> dict:
    """Writes what all are given: pictures, weights, and batches and latents for the check.

    Args:
        folder: takes `images.npy`, `weights.npz` and `given.npz`.
        flags: of the benchmark.
    """
    images = draw_digits(DRAWN)[0][..., None]
    np.save(Path(folder, IMAGES), images)
    keras.utils.set_random_seed(0)
    weights = {}
    for architecture in flags["architectures"]:
        variables = named(architecture, players(architecture))
        weights |= {key: variable.numpy() for key, variable in variables.items()}
    np.savez(Path(folder, WEIGHTS), **weights)
    random, (iterations, batch) = np.random.RandomState(0), CHECKED
    reals = images[: iterations * batch].reshape(iterations, 1, batch, *SHAPE)
    latents = random.normal(size=(iterations, 2, batch, LATENT)).astype(np.float32)
    np.savez(Path(folder, GIVEN), reals=reals / np.float32(127.5) - 1, latents=latents)
    return {}


def check(folder: str, flags: dict) -> dict:
    """Writes what must agree with PyTorch: losses of some iterations, and the weights after them.

    Args:
        folder: takes `suite.npz`.
        flags: of the benchmark.
    """
    given, weights, found = np.load(Path(folder, GIVEN)), np.load(Path(folder, WEIGHTS)), {}
    for architecture in flags["architectures"]:
        pair = players(architecture)
        variables = named(architecture, pair)
        for key, variable in variables.items():
            variable.assign(weights[key])
        algorithm = Algorithm1(pair[:1], pair[1])
        iterate = functools.partial(algorithm.iterate, 0)
        if architecture == "mlp":
            iterate = backend.fuse(iterate)
        iterate = backend.compile(iterate, flat(algorithm.variables))
        values = [
            iterate(reals, latents)
            for reals, latents in zip(given["reals"], given["latents"], strict=True)
        ]
        losses = [(float(v.discriminator), float(v.generator)) for v in values]
        found[f"{architecture}/losses"] = np.array(losses)
        found |= {key: variable.numpy() for key, variable in variables.items()}
    np.savez(Path(folder, FOUND), **found)
    return {}


def time_training(folder: str, flags: dict, architecture: str) -> dict:
    """Measures training as `train.py` does it, in blocks of iterations.

    Returns:
        For each batch size the seconds of the first block, in which it is compiled, and seconds
        per iteration of the others.
    """
    images, result = np.load(Path(folder, IMAGES)), {}
    for batch in flags["batch_sizes"][architecture]:
        keras.utils.set_random_seed(0)
        generator, judge = players(architecture)
        fuse = architecture == "mlp"
        algorithm = Algorithm1([generator], judge)
        training = Training(algorithm, images, batch, 1, LATENT, 0, fuse=fuse)
        # No block is of two epochs.
        whole = training.epoch_length // BLOCK * BLOCK
        firsts = (
            epoch * training.epoch_length + first
            for epoch in count()
            for first in range(0, whole, BLOCK)
        )

        def block(training=training, firsts=firsts):
            training.block(0, next(firsts), BLOCK)

        (first,) = time_calls(block, 1)
        blocks = max(1, flags["iterations"][architecture] // BLOCK)
        seconds = [s / BLOCK for s in time_calls(block, blocks)]
        result[str(batch)] = {"first": first, "seconds": seconds}
    return {"this suite": result}


def main(folder: str, task: str) -> dict:
    """Makes one measurement.

    Args:
        folder: holds the flags, and what `write` wrote.
        task: `write`, `check`, or the architecture to train.
    """
    flags = json.loads(Path(folder, "flags.json").read_text())
    if task in ("write", "check"):
        return {"write": write, "check": check}[task](folder, flags)
    return time_training(folder, flags, task)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
