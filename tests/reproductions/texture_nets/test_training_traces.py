"""Four training runs of the original on a miniature descriptor, four iterations each."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple
from unittest import mock

import keras
import numpy as np
import pytest

from common.backend import to_tensor
from common.descriptors import network_of
from common.vgg19_pixels import preprocess
from reproductions.texture_nets.content import batches, order
from reproductions.texture_nets.descriptor import texture_targets
from reproductions.texture_nets.layer_names import in_order
from reproductions.texture_nets.objective import Objective
from reproductions.texture_nets.settings import TrainingSettings
from reproductions.texture_nets.training import Training
from tests.backends import float64, quickest
from tests.reproductions.texture_nets.references import (
    arrays,
    drawn_noise,
    flat,
    from_torch,
    miniature,
    read_json,
    relative_error,
    seeded_generator,
)

pytestmark = [pytest.mark.reference, pytest.mark.long_to_compile]

VGG = network_of("caffe")
#: In the file-list order of the original's pictures.
PICTURES = 5
BATCH, SIDE = 2, 64
#: Its fourth step depends on the last digit of the first: only two are compared.
CHAOTIC = "texture_pyramid_circ_norm_lr0.1"
RUNS = list(read_json("training"))


class Trace(NamedTuple):
    """What a run gave, one entry per iteration; parameters and gradients as Torch7 orders them."""

    losses: list[float]
    gradients: list[np.ndarray]
    parameters: list[np.ndarray]
    sizes: list[int]


def for_miniature(pixels: np.ndarray, dtype: str) -> np.ndarray:
    """RGB in 0..1 as the descriptor takes it."""
    return preprocess(pixels.astype(dtype) * np.dtype(dtype).type(255))


def picture(number: int) -> np.ndarray:
    pixels = np.random.RandomState(600 + number).uniform(0, 1, (1, 3, SIDE, SIDE))
    return from_torch(pixels.astype(np.float32))


def objective(options: dict[str, str], dtype: str) -> Objective:
    """As the training scripts put it together."""
    content = options.get("-content_layers")
    names = (options.get("-texture_layers") or options["-style_layers"]).split(",")
    wanted = in_order(VGG, names)
    content = in_order(VGG, [content])[0] if content else None
    layers = in_order(VGG, [*names, options["-content_layers"]]) if content else wanted
    network = miniature(layers, options["-vgg_no_pad"] == "true", dtype)
    style = for_miniature(from_torch(arrays("image")["scale_bricks64"][None]), dtype)
    features = dict(zip(layers, network(to_tensor(style)), strict=True))
    targets = dict(zip(wanted, texture_targets([features[n] for n in wanted]), strict=True))
    return Objective(
        network,
        layers,
        targets,
        float(options.get("-style_weight", 1)),
        content,
        float(options.get("-content_weight", 0)),
        options["-normalize_gradients"] == "true",
    )


def pictures_and_content(options: dict[str, str], dtype: str) -> Iterator[tuple]:
    """What every iteration takes besides noise: nothing, or pictures and their features."""
    if "-content_layers" not in options:
        yield from itertools.repeat(())
    network = miniature(["relu4_2"], options["-vgg_no_pad"] == "true", dtype)
    for numbers in order(PICTURES, BATCH, False):
        images = np.concatenate([picture(n) for n in numbers])
        [features] = network(to_tensor(for_miniature(images, dtype)))
        yield to_tensor(images.astype(dtype)), features


def make_trace(name: str, dtype: str) -> Trace:
    """Makes the iterations."""
    run = read_json("training")[name]
    options = run["options"]
    generator = seeded_generator(run["arch"], dtype)
    settings = TrainingSettings(BATCH, SIDE, float(options["-learning_rate"]))
    training = Training(generator, objective(options, dtype), settings)
    made = Trace([], [], [], [int(np.prod(p.shape)) for p in generator.parameters()])
    apply = keras.optimizers.Adam.apply

    def step(noise, *extra):
        found = []

        def recorded(self, gradients, variables):
            of = {id(v): g for v, g in zip(variables, gradients, strict=True)}
            found.extend(of[id(p)] for p in generator.parameters())
            return apply(self, gradients, variables)

        with mock.patch.object(keras.optimizers.Adam, "apply", recorded):
            losses, _ = training.step_with(noise, *extra)
        return losses, found

    step = quickest(step, training.variables)
    extra = pictures_and_content(options, dtype)
    for iteration in range(2 if name == CHAOTIC else 4):
        noise = [n.astype(dtype) for n in drawn_noise(run["noise_shapes"], iteration)]
        losses, gradients = step(noise, *next(extra))
        made.losses.append(float(losses.texture) + float(losses.content))
        made.gradients.append(flat(gradients))
        made.parameters.append(flat(generator.parameters()))
    return made


@pytest.fixture(scope="module", params=RUNS)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def trace(name, dtype) -> Trace:
    with float64(dtype == "float64"):
        return make_trace(name, dtype)


def moving(name: str, trace: Trace) -> np.ndarray:
    """Which numbers of the references are of parameters that have a gradient at all."""
    run = read_json("training")[name]
    zero = arrays("architectures")[f"{run['arch']}/zero"]
    return ~np.repeat(zero, trace.sizes)[:: run["stride"]]


def errors(found: list, name: str, quantity: str) -> np.ndarray:
    """Of each iteration, relative."""
    wanted = read_json("training")[name]["exact"][quantity][: len(found)]
    return np.abs(np.array(found) / wanted - 1)


def norms(vectors: list[np.ndarray]) -> list[float]:
    return [float(np.linalg.norm(v.astype(np.float64))) for v in vectors]


def test_losses(name, dtype, trace):
    """The losses of all iterations are the original's, added up over the layers."""
    found = errors(trace.losses, name, "loss")
    assert len(found) == (2 if name == CHAOTIC else 4)
    assert found[0] < {"float32": 1e-6, "float64": 1e-10}[dtype]
    # The chaotic run's first step goes by the signs of gradients. In float32 12 of 116,131 have the
    # other one with TensorFlow and PyTorch, the largest of them 2e-5 of the largest gradient; with
    # JAX 20, up to 3e-4: its loss is off by 3e-4, theirs by 1e-5.
    float32 = 1e-3 if name == CHAOTIC else 1e-4
    assert found[1:].max() < {"float32": float32, "float64": 5e-6}[dtype]


def test_norms_of_parameters(name, dtype, trace):
    """So are the parameters, as far as their norm tells."""
    found = errors(norms(trace.parameters), name, "x_l2").max()
    if name == CHAOTIC:
        # Steps a hundred times as long: in float32 the signs of tiny gradients tell.
        assert found < {"float32": 5e-4, "float64": 2e-5}[dtype]
    else:
        assert found < {"float32": 3e-5, "float64": 2e-6}[dtype]


def test_norms_of_gradients(name, dtype, trace):
    """And the gradients that Adam gets."""
    found = errors(norms(trace.gradients), name, "grad_l2")
    if dtype == "float32":
        # The original in float32 is off by 0.2 % at first, later by a quarter.
        assert found[0] < 5e-3
        return
    assert found[0] < 1e-6
    # Keras' first steps are shorter by 7e-6 of their length (it rounds 0.999 to float32), and
    # every iteration multiplies that by ten and more; float32 would be off by 3 to 16 % here.
    assert found[1] < (2e-3 if name == CHAOTIC else 1e-4)
    assert found[2:].max(initial=0) < 0.05


def test_first_gradient(name, dtype, trace):
    """The first gradient is the true one; in float32 about as far as the original's is from it."""
    run, references = read_json("training")[name], arrays("training")
    found, sizes = trace.gradients[0].astype(np.float64), np.cumsum(trace.sizes)[:-1]
    tolerance = {"float32": 0.05, "float64": 1e-6}[dtype]
    zero = arrays("architectures")[f"{run['arch']}/zero"]
    of_each = np.array(norms(np.split(found, sizes)))
    wanted = np.array(run["grad0_l2_per_parameter"])
    # Single small tensors are off by more in float32.
    assert np.abs(of_each / wanted - 1)[~zero].max() < {"float32": 0.2, "float64": 1e-6}[dtype]
    # Exactly: what a normalisation removes is not trained.
    assert not of_each[zero].any()
    if name != CHAOTIC:  # whose first gradient is the other run's
        kept = moving(name, trace)
        wanted = references[f"{name}/grad0_exact"][kept]
        assert relative_error(found[:: run["stride"]][kept], wanted) < tolerance


def test_parameters_after_a_step(name, dtype, trace):
    """Adam's first step moves every parameter by the learning rate, against its gradient."""
    run, kept = read_json("training")[name], moving(name, trace)
    rate = float(run["options"]["-learning_rate"])
    wanted = arrays("training")[f"{name}/x1_exact"][kept]
    found = trace.parameters[0][:: run["stride"]][kept]
    off = np.abs(found - wanted.astype(np.float64)) / rate
    if dtype == "float64":
        # References are stored as float32: 6e-8 of 1.
        assert off.max() < max(1e-5, 1e-7 / rate)
    else:
        # Where a gradient is nearly 0, float32 may turn its sign.
        assert (off > 0.01).mean() < 0.02
        assert off.max() < 2.001


# Batches


def test_order_leaves_out_the_last_picture():
    """Five pictures in batches of two: 0 and 1, 2 and 3, and again from the start."""
    found = list(itertools.islice(order(5, 2, False), 5))
    assert found == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]


def test_order_leaves_out_the_last_batch():
    """Where batches fill the pictures exactly the last one is left out, as in the original."""
    assert list(itertools.islice(order(6, 2, False), 4)) == [[0, 1], [2, 3], [0, 1], [2, 3]]


def test_order_of_a_single_batch():
    """As many pictures as a batch takes: always these."""
    assert list(itertools.islice(order(3, 3, False), 3)) == [[0, 1, 2]] * 3


def test_order_of_single_pictures():
    """One after another; the last is left out."""
    assert list(itertools.islice(order(3, 1, False), 4)) == [[0], [1], [0], [1]]


def test_fixed_batch():
    """`fix_batch` keeps to the first."""
    assert list(itertools.islice(order(7, 2, True), 3)) == [[0, 1]] * 3


def original_order(pictures: int, batch_size: int, batches: int) -> list[list[int]]:
    """The loop of stylization_train.lua, whose first picture is 1."""
    current, found = 1, []
    for _ in range(batches):
        if current > pictures - batch_size:
            current = 1
        found.append([current + i - 1 for i in range(batch_size)])
        current += batch_size
    return found


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
@pytest.mark.parametrize("pictures", [4, 5, 6, 7, 8, 9])
def test_order_is_the_originals(pictures, batch_size):
    """For any number of pictures."""
    found = list(itertools.islice(order(pictures, batch_size, False), 12))
    assert found == original_order(pictures, batch_size, 12)


@pytest.mark.parametrize("skip", [0, 1, 3])
def test_batches_are_in_that_order(skip):
    """Batches are made of the source's examples; a run that goes on skips what was done."""

    class Source:
        names = tuple("abcde")

        def example(self, number):
            return np.full((2, 2, 3), number, np.float32), np.full((1, 1, 4), -number, np.float32)

    found = itertools.islice(batches(Source(), 2, False, skip), 4)
    wanted = list(itertools.islice(order(5, 2, False), skip, skip + 4))
    for (images, features), numbers in zip(found, wanted, strict=True):
        assert images.shape == (2, 2, 2, 3)
        assert features.shape == (2, 1, 1, 4)
        np.testing.assert_array_equal(images[:, 0, 0, 0], numbers)
        np.testing.assert_array_equal(-features[:, 0, 0, 0], numbers)
