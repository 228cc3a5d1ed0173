"""One measurement of the joint training of a generator, in a process of its own: prints JSON.

Called by `benchmarks/ppgn_training.py`.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.suite_side import product_rate  # noqa: E402
from common.backend import Devices  # noqa: E402
from common.caffe_weights import WeightSource, random_weights  # noqa: E402
from common.caffenet import RANDOM_GAINS, caffenet  # noqa: E402
from common.state import flat  # noqa: E402
from datasets.digits import draw_digits  # noqa: E402
from reproductions.ppgn.start import mean_of  # noqa: E402
from reproductions.ppgn.training.generator_run import build  # noqa: E402
from reproductions.ppgn.training.joint import Joint, Values  # noqa: E402
from reproductions.ppgn.training.networks import load_encoder, side_of_images  # noqa: E402
from reproductions.ppgn.training.options import parse_generator  # noqa: E402
from reproductions.ppgn.training.pixels import as_input  # noqa: E402

#: The setting -> what follows `train_generator.py`. Only networks and rates are taken from it.
FLAGS = {
    "full": ("--dataset=noise", "--weights=random"),
    "quick": ("--preset=quick",),
}
#: Steps in the check that both compute the same, and pictures of each.
CHECKED = {"full": (2, 4), "quick": (2, 32)}
_PICTURES = 64


def players(setting: str, source: WeightSource | None = None) -> tuple[Joint, keras.Model]:
    """What is trained, and E, as `train_generator.py` builds them.

    Args:
        setting: `full` or `quick`.
        source: of the weights of `full`'s E; None: random ones.
    """
    flags = parse_generator(FLAGS[setting])
    keras.utils.set_random_seed(flags.seed)
    if setting == "full":
        encoder = caffenet(source or random_weights(0, RANDOM_GAINS))
        encoder.trainable = False
    else:
        encoder, _ = load_encoder(flags)
    return build(flags, encoder, side_of_images(encoder, flags.image_size)), encoder


def named(joint: Joint) -> dict[str, keras.Variable]:
    """All weights that learn, by player, layer and what they are."""
    return {
        f"{model.name}/{layer.name}/{variable.name}": variable
        for model in (joint.generator, joint.discriminator)
        for layer in model.layers
        for variable in layer.weights
    }


def compiled(joint: Joint, step: Callable | None = None) -> Callable:
    """A step of both players, compiled as `train_generator.py` does it; neither ever pauses.

    Args:
        joint: what is trained.
        step: instead of the joint's own.

    Returns:
        From uint8 pictures and the step's number to what the step measures.
    """
    step = step or joint.step
    make = Devices().compile(
        lambda arrays, number: step(as_input(arrays[0]), (0, number), True, True),
        flat(joint.variables),
    )
    return lambda pictures, number: make([pictures], np.int32(number))


def products(layers: Sequence[keras.layers.Layer], sizes: dict[str, int]) -> dict[str, int]:
    """Multiplications of each layer, forward, for one picture; by name, in order.

    Convolutions, deconvolutions and matrix products count; a kernel that overlaps the border
    counts in full.

    Args:
        layers: of a network.
        sizes: of the kernels of layers that do not tell.
    """
    found = {}
    for layer in layers:
        size = math.prod(layer.kernel.shape) if hasattr(layer, "kernel") else sizes.get(layer.name)
        if size:
            # Each number of a kernel of a deconvolution meets each pixel of its input.
            widened = isinstance(layer, keras.layers.Conv2DTranspose)
            maps = (layer.input if widened else layer.output).shape
            found[layer.name] = size * math.prod(maps[1:-1])
    return found


def write(folder: str, setting: str) -> dict:
    """Writes what all are given: pictures, weights, settings.

    Args:
        folder: takes `SETTING.npz` and `SETTING.json`.
        setting: `full` or `quick`.

    Returns:
        Multiplications by network and layer, see `products`.
    """
    frozen, flags = {}, parse_generator(FLAGS[setting])
    source = random_weights(0, RANDOM_GAINS)

    def recorded(layer, shapes, fan_in):
        arrays = source(layer, shapes, fan_in)
        frozen[layer] = arrays
        return arrays

    joint, encoder = players(setting, recorded)
    names = [layer.name for layer in encoder.layers]
    layers = encoder.layers[: names.index(flags.code_layer) + 1]
    if setting == "quick":
        frozen = {layer.name: [w.numpy() for w in layer.weights] for layer in layers}
    kept = {layer.name: frozen[layer.name] for layer in layers if frozen.get(layer.name)}
    arrays = {f"encoder/{name}/{i}": a for name, one in kept.items() for i, a in enumerate(one)}
    arrays |= {key: variable.numpy() for key, variable in named(joint).items()}
    side, channels = encoder.input_shape[1], encoder.input_shape[-1]
    if setting == "full":
        shape = (_PICTURES, side, side, channels)
        arrays["images"] = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    else:
        arrays["images"] = draw_digits(_PICTURES)[0][..., None]
    np.savez(Path(folder, f"{setting}.npz"), mean=mean_of(channels), **arrays)
    settings = {
        "weights": [getattr(flags, f"weight_{name}") for name in Values._fields[:4]],
        "rates": [flags.learning_rate, flags.discriminator_learning_rate or flags.learning_rate],
        "betas": [flags.beta1, flags.beta2],
        "decay": flags.weight_decay,
        "strides": [
            one.strides[0] for one in joint.discriminator.layers if hasattr(one, "strides")
        ],
    }
    Path(folder, f"{setting}.json").write_text(json.dumps(settings))
    sizes = {name: one[0].size for name, one in kept.items()}
    return {
        "encoder": products(layers, sizes),
        "generator": products(joint.generator.layers, {}),
        "discriminator": products(joint.discriminator.layers, {}),
    }


class Recorded:
    """D, which notes the masks of dropout that it is given.

    Args:
        discriminator: D.
    """

    def __init__(self, discriminator: keras.Model):
        self._discriminator, self.masks = discriminator, []

    def __getattr__(self, name: str):
        """Everything else is D's."""
        return getattr(self._discriminator, name)

    def __call__(self, given, training: bool):
        """See `reproductions.ppgn.training.discriminator.discriminator`."""
        self.masks.append(given[1:3])
        return self._discriminator(given, training=training)


def check(folder: str, setting: str) -> dict:
    """Writes what must agree with PyTorch: losses of two steps, and the gradients of the first.

    Gradients are Adam's first moments after that step, which are they but for a factor.

    Args:
        folder: takes `masks.npz`, those of dropout, for PyTorch, and `suite.npz`.
        setting: `full` or `quick`.
    """
    joint, _ = players(setting)
    given, variables = np.load(Path(folder, f"{setting}.npz")), named(joint)
    for key, variable in variables.items():
        variable.assign(given[key])
    joint.discriminator = Recorded(joint.discriminator)

    def step(*args):
        joint.discriminator.masks.clear()
        return joint.step(*args), list(joint.discriminator.masks)

    make, losses, masks, gradients = compiled(joint, step), [], {}, {}
    steps, batch = CHECKED[setting]
    for number in range(steps):
        values, used = make(given["images"][number * batch :][:batch], number)
        losses.append([float(value) for value in values])
        masks |= {
            f"{number}/{i}/{j}": ops.convert_to_numpy(mask)
            for i, pair in enumerate(used)
            for j, mask in enumerate(pair)
        }
        if number == 0:
            moments = [
                variable.numpy()
                for adam in ("adam_of_generator", "adam_of_discriminator")
                for variable in joint.variables[adam]
                if variable.name.endswith("momentum")
            ]
            gradients = dict(zip(variables, moments, strict=True))
    np.savez(Path(folder, "masks.npz"), **masks)
    np.savez(Path(folder, "suite.npz"), losses=losses, **gradients)
    return {}


def time_steps(folder: str, setting: str, batch: int, count: int) -> dict:
    """Measures training steps.

    Args:
        folder: holds what `write` wrote.
        setting: `full` or `quick`.
        batch: pictures of a step.
        count: how many steps to time, after the first, in which all is compiled, and another.
    """
    images, random = np.load(Path(folder, f"{setting}.npz"))["images"], np.random.default_rng(0)
    joint, _ = players(setting)
    make, number = compiled(joint), iter(range(count + 2))

    def step():
        pictures = images[random.integers(0, len(images), batch)]
        values = [float(value) for value in make(pictures, next(number))]
        if not all(map(math.isfinite, values)):
            raise SystemExit(f"a loss is not a number: {values}")

    begin = time.perf_counter()
    step()
    first = time.perf_counter() - begin
    step()
    return {"first": first, "seconds": time_calls(step, count), "memory": peak_memory()}


def main(task: str, *words: str) -> dict:
    """Makes one measurement.

    Args:
        task: `rate`; or with a folder and a setting: `write`, `check`, or `time` with the batch
            and the number of steps.
        *words: what follows.
    """
    if task == "time":
        folder, setting, batch, count = words
        return time_steps(folder, setting, int(batch), int(count))
    if task == "rate":
        return {"matrix_product": product_rate()}
    return {"write": write, "check": check}[task](*words)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
