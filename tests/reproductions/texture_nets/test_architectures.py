"""The four generators against the original's: parameters, outputs, gradients, statistics."""

from typing import NamedTuple

import numpy as np
import pytest

from common import backend
from reproductions.texture_nets.generator import Generator
from tests.backends import float64, quickest
from tests.reproductions.texture_nets.references import (
    arrays,
    drawn_noise,
    from_torch,
    parameter_to_torch,
    read_json,
    relative_error,
    seeded_generator,
    sums,
    to_torch,
)

pytestmark = [pytest.mark.reference, pytest.mark.long_to_compile]

ARCHITECTURES = list(read_json("architectures"))

#: Of outputs, absolute: in float32, and in float64, whose references are stored as float32.
FLOAT32, FLOAT64 = 2e-4, 1e-6
#: Of gradients, relative, in float64.
GRADIENT = 1e-6


class Pass(NamedTuple):
    """What a forward and a backward pass gave; arrays in the original's layout."""

    generator: Generator
    output: np.ndarray
    gradients: list[np.ndarray]


def inputs_of(name: str, dtype: str) -> list:
    """The image, if there is one, and the noise."""
    inputs = drawn_noise(read_json("architectures")[name]["noise_shapes"])
    if name.endswith("stylization"):
        image = np.random.RandomState(300).uniform(0, 1, (2, 3, 64, 64)).astype(np.float32)
        inputs.insert(0, from_torch(image))
    return [backend.to_tensor(x.astype(dtype)) for x in inputs]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def exact(name) -> Pass:
    """In float64, with the statistics noted."""
    weights = np.random.RandomState(400).standard_normal((2, 3, 64, 64)).astype(np.float32)
    with float64():
        generator = seeded_generator(name, "float64")

        def play(inputs, upstream):
            (output,), _, pull_back = backend.vjp(
                lambda: ([generator(inputs, training=True)], ()), generator.parameters()
            )
            return output, pull_back(upstream)

        upstream = from_torch(weights).astype(np.float64)
        output, gradients = quickest(play, generator.variables)(
            inputs_of(name, "float64"), upstream
        )
        return Pass(generator, to_torch(output), [parameter_to_torch(g) for g in gradients])


def output_of(name: str) -> np.ndarray:
    return arrays("outputs_pyramid" if "pyramid" in name else "outputs_skip")[name]


def test_parameters(name, exact):
    """Their shapes are the original's, in its order, and so is their number."""
    wanted, generator = read_json("architectures")[name], exact.generator
    shapes = [list(parameter_to_torch(p).shape) for p in generator.parameters()]
    assert shapes == wanted["shapes"]
    assert sum(map(np.prod, shapes)) == wanted["parameter_count"]
    assert len(generator.trainable_variables) == len(shapes)


def test_noise(name, exact):
    """Noise inputs are the original's modules: sizes, channels, order and distribution."""
    wanted, noise = read_json("architectures")[name], exact.generator.noise
    assert [[2, n.channels, 64 // n.ratio, 64 // n.ratio] for n in noise] == wanted["noise_shapes"]
    calls = ["normal" if n.normal else "uniform" for n in noise]
    assert calls == wanted["noise_calls"]


def test_output_in_float32(name):
    """In float32 the output is the original's."""
    generator = seeded_generator(name, "float32")
    output = to_torch(
        quickest(lambda inputs: generator(inputs), generator.variables)(inputs_of(name, "float32"))
    )
    assert output.dtype == np.float32
    assert np.abs(output - output_of(name)).max() < FLOAT32


def test_output_in_float64(name, exact):
    """In float64 it is so to all digits, and noting statistics does not change it."""
    output = exact.output
    assert output.dtype == np.float64
    assert np.abs(output - output_of(name)).max() < FLOAT64
    total, absolute, norm = read_json("architectures")[name]["output_sums"]
    # The sum cancels.
    assert abs(output.sum() - total) < 1e-9 * absolute
    np.testing.assert_allclose(sums(output)[1:], [absolute, norm], rtol=1e-9)


def test_gradients(name, exact):
    """Gradients are the true ones, number by number."""
    references, gradients = arrays("architectures"), exact.gradients
    wanted, zero = references[f"{name}/gradients"], references[f"{name}/zero"]
    stored = references[f"{name}/stored"]
    parts = np.split(wanted, np.cumsum([gradients[i].size for i in stored]))
    assert len(parts[-1]) == 0
    errors = [
        relative_error(gradients[i].ravel(), part)
        for i, part in zip(stored, parts[:-1], strict=True)
        if not zero[i]
    ]
    assert len(errors) > len(stored) / 3
    assert max(errors) < GRADIENT


def test_gradient_sums(name, exact):
    """So are sum, absolute sum and norm of the gradient of every parameter."""
    references = arrays("architectures")
    wanted, zero = references[f"{name}/sums"], references[f"{name}/zero"]
    found = np.array([sums(g) for g in exact.gradients])
    scales = np.stack([wanted[:, 1], wanted[:, 1], wanted[:, 2]], 1)
    assert (np.abs(found - wanted) / scales)[~zero].max() < GRADIENT


def test_vanishing_gradients(name, exact):
    """Constants that a normalisation removes have no gradient, and are marked as removed."""
    zero, made = arrays("architectures")[f"{name}/zero"], exact
    largest = max(np.abs(g).max() for g in made.gradients)
    assert max(np.abs(g).max() for g, z in zip(made.gradients, zero, strict=True) if z) < (
        1e-12 * largest
    )
    # A layer's second parameter is its constant.
    removed = [
        second and layer.removed
        for layer in made.generator.parameter_layers()
        for second in (False, True)
    ]
    assert removed == zero.tolist()


def test_running_statistics(name, exact):
    """One forward pass notes a tenth of the batch's mean and unbiased variance."""
    references, layers = arrays("architectures"), exact.generator.parameter_layers()
    # Of a layer's two parameters, the number of the first.
    noted = [layers[i // 2] for i in read_json("architectures")[name]["running"]]
    mean = np.concatenate([layer.running_mean for layer in noted])
    variance = np.concatenate([layer.running_variance for layer in noted])
    np.testing.assert_allclose(mean, references[f"{name}/running_mean"], atol=1e-7, rtol=1e-6)
    np.testing.assert_allclose(variance, references[f"{name}/running_var"], atol=1e-7, rtol=1e-6)
