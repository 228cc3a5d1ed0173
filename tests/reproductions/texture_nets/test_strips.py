"""What is made in strips is what is made in one piece."""

import keras
import numpy as np
import pytest

from reproductions.texture_nets import sampling, strips
from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator

#: With circular padding or without; the slow tests do the other.
QUICK = {"pyramid": False, "pyramid2": True, "skip": False, "skip_noise": True}
KINDS = [
    *[(name, circular, "batch") for name, circular in QUICK.items()],
    ("pyramid", True, "instance"),
    ("skip_noise", False, "instance"),
    ("published_texture", True, "batch"),
    ("published_style", True, "batch"),
    *[
        pytest.param(name, not circular, "batch", marks=pytest.mark.slow)
        for name, circular in QUICK.items()
    ],
]


def generator_and_inputs(name, circular, normalization, images=2, height=64, width=64):
    """A generator with all weights random, constants that have no effect included."""
    keras.utils.set_random_seed(1)
    style = name == "published_style"
    generator = Generator(name, 3, style, circular, normalization)
    random = np.random.RandomState(2)
    for variable in generator.variables:
        if variable.name != "kernel":
            variable.assign(1 + 0.3 * random.standard_normal(variable.shape))
            if variable.name == "running_variance":
                variable.assign(np.abs(variable) + 0.5)
    inputs = [random.uniform(0, 1, (images, height, width, 3)).astype(np.float32)] * style
    inputs = [keras.ops.convert_to_tensor(image) for image in inputs]
    return generator, [*inputs, *draw_noise(generator.noise, images, height, width, 3, 4)]


def compare(generator, inputs, monkeypatch, values=8000):
    """The largest difference, relative to the largest value."""
    whole = np.asarray(generator(inputs))
    monkeypatch.setattr(strips, "_STRIP", values)
    made = strips.run_in_strips(generator, inputs)
    assert made.shape == whole.shape and made.dtype == np.float32
    assert whole.std() > 0.05
    return np.abs(made - whole).max() / max(1, np.abs(whole).max())


@pytest.mark.parametrize(("name", "circular", "normalization"), KINDS)
def test_strips_give_the_same(name, circular, normalization, monkeypatch):
    """Float32 rounds otherwise, up to some 1e-5 through fifty layers."""
    generator, inputs = generator_and_inputs(name, circular, normalization)
    assert compare(generator, inputs, monkeypatch) < 1e-4


def test_running_statistics(monkeypatch):
    generator, inputs = generator_and_inputs("skip", True, "batch", images=1)
    generator.use_running_statistics()
    assert compare(generator, inputs, monkeypatch) < 1e-4


@pytest.mark.parametrize("values", [1, 10**9])
def test_strips_of_one_row_and_of_all(values, monkeypatch):
    generator, inputs = generator_and_inputs("pyramid", True, "batch", images=1, width=32)
    assert compare(generator, inputs, monkeypatch, values) < 1e-4


def test_inputs_are_not_written_to(monkeypatch):
    generator, inputs = generator_and_inputs("published_style", True, "batch")
    arrays = [np.array(one) for one in inputs]
    kept = [array.copy() for array in arrays]
    weights = generator.get_weights()
    compare(generator, arrays, monkeypatch)
    for one, other in zip([*arrays, *generator.get_weights()], [*kept, *weights], strict=True):
        np.testing.assert_array_equal(one, other)


def test_large_samples_are_made_in_strips(monkeypatch):
    generator, _ = generator_and_inputs("pyramid", True, "batch", images=1)
    whole = sampling.Maker(generator, 5).texture(2, 64, 64)
    calls, inside = [], sampling.run_in_strips
    monkeypatch.setattr(sampling, "run_in_strips", lambda *a: calls.append(1) or inside(*a))
    monkeypatch.setattr(sampling, "_IN_ONE_PIECE", 2 * 64 * 64 - 1)
    made = sampling.Maker(generator, 5).texture(2, 64, 64)
    assert calls == [1]
    # Rounding may fall to either side of a half.
    assert np.abs(made.astype(int) - whole).max() <= 1
    assert (made != whole).mean() < 1e-2
