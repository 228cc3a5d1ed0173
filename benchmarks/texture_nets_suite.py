"""One measurement of this suite's texture networks, in a process of its own: prints JSON.

Called by `benchmarks/texture_nets.py`.
"""

import json
import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from benchmarks.machine import peak_memory, timed  # noqa: E402
from benchmarks.suite_side import TEXTURE, product_rate  # noqa: E402
from common import backend  # noqa: E402
from common.descriptors import network_of  # noqa: E402
from common.vgg19_random import normalised, random_weights  # noqa: E402
from reproductions.texture_nets.descriptor import descriptor, texture_targets  # noqa: E402
from reproductions.texture_nets.generator import Generator  # noqa: E402
from reproductions.texture_nets.layer_names import TEXTURE as STYLE  # noqa: E402
from reproductions.texture_nets.layer_names import in_order  # noqa: E402
from reproductions.texture_nets.objective import Objective  # noqa: E402
from reproductions.texture_nets.pictures import for_descriptor, load_picture  # noqa: E402
from reproductions.texture_nets.sampling import Maker  # noqa: E402
from reproductions.texture_nets.settings import TrainingSettings  # noqa: E402
from reproductions.texture_nets.training import Training  # noqa: E402

VGG = network_of("random")
LAYERS = in_order(VGG, STYLE.split(","))
#: The generator -> whether it stylises.
GENERATORS = {"pyramid": False, "published_style": True}
WEIGHTS, GIVEN, FOUND = "weights.npz", "given.npz", "suite.npz"
#: A new generator's pictures are grey but for a third of a level: so near to ties that rounding
#: decides much of what max pooling passes on.
CONTRAST = 200
#: Images and their side in the check that both compute the same; what `-vgg_no_pad` leaves of a
#: smaller one is too small for the deepest layer.
CHECKED = (2, 160)


def write(folder: str, flags: dict) -> dict:
    """Writes what both are given: weights, the texture, and noise and a picture for the check.

    Args:
        folder: takes `weights.npz` and `given.npz`.
        flags: of the benchmark.
    """
    target = for_descriptor(load_picture(TEXTURE), flags["image_size"])
    arrays = {"target": target}
    weights = normalised(random_weights(LAYERS[-1]), [target], "max")
    for name, pair in weights.items():
        arrays |= {f"vgg19/{name}/{v}": array for v, array in zip("kb", pair, strict=True)}
    keras.utils.set_random_seed(0)
    for name, stylizes in GENERATORS.items():
        for key, variable in _named(Generator(name, stylization=stylizes)).items():
            arrays[f"{name}/{key}"] = variable.numpy()
        arrays[f"{name}/colours/kernel"] *= CONTRAST
    np.savez(Path(folder, WEIGHTS), **arrays)

    random, (images, side) = np.random.RandomState(0), CHECKED
    given = {"picture": random.uniform(size=(images, side, side, 3))}
    for number in range(6):
        here = side // 2 ** (5 - number)
        given[f"noise{number}"] = random.uniform(size=(images, here, here, 3))
    np.savez(Path(folder, GIVEN), **{k: v.astype(np.float32) for k, v in given.items()})
    return {}


def _named(generator: Generator) -> dict[str, keras.Variable]:
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in generator.parameter_layers()
        for variable in layer.variables
    }


def generator_of(name: str, folder: str) -> Generator:
    """A generator with the written weights."""
    generator, arrays = (
        Generator(name, stylization=GENERATORS[name]),
        np.load(Path(folder, WEIGHTS)),
    )
    for key, variable in _named(generator).items():
        variable.assign(arrays[f"{name}/{key}"])
    return generator


def objective_of(folder: str, no_pad: bool) -> Objective:
    """What a generator of the written texture is trained on, with normalised gradients."""
    arrays, weights = np.load(Path(folder, WEIGHTS)), {}
    for key in arrays.files:
        network, _, rest = key.partition("/")
        if network == "vgg19":
            weights.setdefault(rest.split("/")[0], []).append(arrays[key])
    network = descriptor(VGG, weights, LAYERS, no_pad)
    targets = dict(zip(LAYERS, texture_targets(network(arrays["target"])), strict=True))
    return Objective(network, LAYERS, targets, normalize=True)


def train(folder: str, flags: dict, no_pad: bool) -> dict:
    """Measures steps of training."""
    settings = TrainingSettings(flags["batch_size"], flags["image_size"])
    training = Training(generator_of("pyramid", folder), objective_of(folder, no_pad), settings)
    iterations = iter(range(flags["steps"] + 1))
    result = timed(lambda: training.step(next(iterations)), flags["steps"])
    return {**result, "matrix_product": product_rate()}


def sample(folder: str, flags: dict) -> dict:
    """Measures samples of several sizes."""
    maker, result = Maker(generator_of("pyramid", folder), 0), {}
    for side in flags["sides"]:
        result[str(side)] = timed(lambda n=side: maker.texture(1, n, n), flags["calls"])
    return {**result, "matrix_product": product_rate()}


def stylize(folder: str, flags: dict) -> dict:
    """Measures the stylising of a picture."""
    generator, (width, height) = generator_of("published_style", folder), flags["picture"]
    picture = np.random.RandomState(0).uniform(size=(height, width, 3)).astype(np.float32)
    maker = Maker(generator, 0)
    return timed(lambda: maker.stylized(picture), flags["calls"])


def large(folder: str, flags: dict) -> dict:
    """Measures one large sample, in strips."""
    maker, side = Maker(generator_of("pyramid", folder), 0), flags["large"]
    begin = time.perf_counter()
    maker.texture(1, side, side)
    return {"seconds": [time.perf_counter() - begin], "memory": peak_memory()}


def check(folder: str, flags: dict) -> dict:
    """Writes what both must agree on: a sample, a stylised picture, losses and gradients.

    Args:
        folder: takes `suite.npz`.
        flags: are not used.
    """
    given, found = np.load(Path(folder, GIVEN)), {}
    noise = [backend.to_tensor(given[f"noise{i}"]) for i in range(6)]
    found["sample"] = generator_of("pyramid", folder)(noise)
    style = generator_of("published_style", folder)
    found["stylized"] = style([backend.to_tensor(given["picture"]), *noise[1:]])
    for name, no_pad in (("padded", False), ("no_pad", True)):
        generator, objective = generator_of("pyramid", folder), objective_of(folder, no_pad)
        trained = {key: one for key, one in _named(generator).items() if one.trainable}

        def make(generator=generator):
            return [generator(noise, training=True)], ()

        def loss(images, objective=objective):
            return [objective(images).texture], ()

        (images,), _, pull_back = backend.vjp(make, list(trained.values()))
        (at_images,), _, _ = backend.gradients(loss, images)
        found[f"{name}/images"] = at_images
        for key, gradient in zip(trained, pull_back(at_images), strict=True):
            # The layers that are trained all have one, the constants that are left out zeros.
            if ops.convert_to_numpy(gradient).any():
                found[f"{name}/{key}"] = gradient
        losses, _ = Training(generator, objective, TrainingSettings()).step_with(noise)
        found[f"{name}/loss"] = losses.texture
    arrays = {key: ops.convert_to_numpy(value) for key, value in found.items()}
    np.savez(Path(folder, FOUND), **arrays)
    return {}


def main(folder: str, task: str) -> dict:
    """Makes one measurement.

    Args:
        folder: holds the flags, and what `write` wrote.
        task: what to measure.
    """
    flags = json.loads(Path(folder, "flags.json").read_text())
    if task.startswith("train"):
        return train(folder, flags, task == "train_no_pad")
    tasks = {"write": write, "sample": sample, "stylize": stylize, "large": large, "check": check}
    return tasks[task](folder, flags)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
