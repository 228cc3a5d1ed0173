"""One measurement of this suite with the backend in use, in a process of its own: prints JSON.

Called by `benchmarks/backends.py`. The settings are the originals', but for the sizes.
"""

import itertools
import json
import platform
import sys
import tempfile
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

WHERE = import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import (  # noqa: E402
    iccv_introspective_suite,
    keras_gan_suite,
    multiscale_suite,
    ppgn_suite,
    texture_nets_suite,
)
from benchmarks.machine import timed  # noqa: E402
from common import backend  # noqa: E402
from common.caffe_weights import random_weights  # noqa: E402
from reproductions.keras_gan.algorithm import Algorithm1  # noqa: E402
from reproductions.keras_gan.train_run import BLOCK  # noqa: E402
from reproductions.keras_gan.training import Training  # noqa: E402
from reproductions.ppgn.chain import Chain  # noqa: E402
from reproductions.ppgn.networks import GAINS, SUITE  # noqa: E402
from reproductions.ppgn.sampler import evaluate  # noqa: E402
from reproductions.ppgn.start import random_code  # noqa: E402
from reproductions.texture_nets.settings import TrainingSettings  # noqa: E402
from reproductions.texture_nets.training import Training as TextureTraining  # noqa: E402


def facts() -> dict[str, str]:
    """What computes."""
    versions = {"Python": platform.python_version(), "Keras": keras.__version__}
    return {**versions, **backend.facts(), "computes": WHERE}


def multiscale(calls: int, folder: str) -> dict:
    """Loss and gradient with the default layers; four octaves of less would be too small."""
    problem = multiscale_suite.problem(size=288, octaves=4, source_width=288)
    pixels = problem.start.ravel()
    return timed(lambda: problem.evaluate(pixels), calls)


def introspective(kind: str, calls: int, folder: str) -> dict:
    """A step of learning or of synthesis."""
    stepper = iccv_introspective_suite.stepper(100, calls + 1, folder, batch=20)
    return timed(stepper.calls[kind], calls)


def ppgn(calls: int, folder: str) -> dict:
    """A step of one chain towards a class."""
    names = ("caffenet", "generator")
    nets = [SUITE[name].build(random_weights(0, GAINS[SUITE[name].weights])) for name in names]
    networks = ppgn_suite.networks_of("class", *nets, folder)
    random = np.random.RandomState(0)
    chain = Chain(ppgn_suite.plan("class"), "class", random, random_code(random, 4096), None)
    return timed(lambda: chain.step(*evaluate(networks, [chain], 1)), calls)


def texture_nets(calls: int, folder: str) -> dict:
    """A training step of the pyramid with -vgg_no_pad."""
    settings = TrainingSettings(batch_size=4, image_size=160)
    texture_nets_suite.write(folder, settings._asdict())
    generator = texture_nets_suite.generator_of("pyramid", folder)
    objective = texture_nets_suite.objective_of(folder, no_pad=True)
    training, numbers = TextureTraining(generator, objective, settings), itertools.count()
    return timed(lambda: training.step(next(numbers)), calls)


def keras_gan(architecture: str, calls: int, folder: str) -> dict:
    """An iteration of Algorithm 1; a block of them is a call, for DCGANs a short one."""
    block = BLOCK if architecture == "mlp" else 4
    batch, shape, latent = 32, keras_gan_suite.SHAPE, keras_gan_suite.LATENT
    # All blocks are of one epoch.
    count = (calls + 1) * block * batch
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    generator, discriminator = keras_gan_suite.players(architecture)
    algorithm, firsts = Algorithm1([generator], discriminator), itertools.count(0, block)
    training = Training(algorithm, images, batch, 1, latent, 0, fuse=architecture == "mlp")
    result = timed(lambda: training.block(0, next(firsts), block), calls)
    return {**result, "seconds": [s / block for s in result["seconds"]], "steps": block}


def main(case: str, calls: int) -> dict:
    """Makes one measurement.

    Args:
        case: a key of `backends.CASES`, or `facts`.
        calls: how many are timed, after the first, in which all is compiled.

    Returns:
        Seconds of the `first` call, those of a step in each of the others, and how many `steps` a
        call makes if that is not 1.
    """
    if case == "facts":
        return facts()
    name, _, kind = case.partition("/")
    measure = {
        "multiscale": multiscale,
        "iccv_introspective": introspective,
        "ppgn": ppgn,
        "texture_nets": texture_nets,
        "keras_gan": keras_gan,
    }[name]
    with tempfile.TemporaryDirectory() as folder:
        return measure(*[kind] * bool(kind), calls, folder)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
