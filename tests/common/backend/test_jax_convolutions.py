"""Convolutions as JAX compiles them for CPUs: their numbers, and what they become."""

import functools
import itertools
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

jax = pytest.importorskip("jax")

from jax import lax  # noqa: E402
from jax import numpy as jnp  # noqa: E402
from jax.interpreters import mlir  # noqa: E402

from common.backend import jax_convolutions  # noqa: E402

pytestmark = pytest.mark.reference
ROOT = Path(__file__).parents[3]
LAYERS = ("NHWC", "HWIO", "NHWC")


@pytest.fixture(scope="module", autouse=True)
def hastened():
    """As with JAX as Keras' backend, whichever is in use."""
    jax_convolutions.hasten()


def by_definition(pictures, kernels, strides, padding, apart, spread):
    """Float64; pictures (n, c, height, width), kernels (to, of, height, width)."""
    n, c, *sides = pictures.shape
    wide = np.zeros((n, c, *((side - 1) * a + 1 for side, a in zip(sides, apart, strict=True))))
    wide[:, :, :: apart[0], :: apart[1]] = pictures
    # Padding below 0 cuts.
    room = [[max(0, one) for one in pads] for pads in padding]
    wide = np.pad(wide, ((0, 0), (0, 0), *room))
    cuts = [
        slice(max(0, -low), side - max(0, -high))
        for (low, high), side in zip(padding, wide.shape[2:], strict=True)
    ]
    wide = wide[:, :, cuts[0], cuts[1]]
    windows = [(k - 1) * s + 1 for k, s in zip(kernels.shape[2:], spread, strict=True)]
    rows, columns = (
        max(0, (side - window) // stride + 1)
        for side, window, stride in zip(wide.shape[2:], windows, strides, strict=True)
    )
    found = np.zeros((n, len(kernels), rows, columns))
    for row, column in itertools.product(range(rows), range(columns)):
        top, left = row * strides[0], column * strides[1]
        part = wide[:, :, top : top + windows[0] : spread[0], left : left + windows[1] : spread[1]]
        found[:, :, row, column] = np.einsum("nchw,kchw->nk", part, kernels)
    return found


def pairs(*range_of):
    """Two integers."""
    return st.tuples(st.integers(*range_of), st.integers(*range_of))


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 3),
    channels=pairs(1, 3),
    sides=pairs(1, 6),
    windows=pairs(1, 6),
    strides=pairs(1, 3),
    padding=st.tuples(pairs(-1, 4), pairs(-1, 4)),
    apart=pairs(1, 3),
    spread=pairs(1, 2),
    orders=st.tuples(*3 * [st.permutations(range(4)).map(tuple)]),
)
def test_any_convolution(n, channels, sides, windows, strides, padding, apart, spread, orders):
    """Most have a kernel larger than the picture, or another order of dimensions, or both."""
    of, to = channels
    random = np.random.default_rng(0)
    pictures, kernels = random.normal(size=(n, of, *sides)), random.normal(size=(to, of, *windows))
    expected = by_definition(pictures, kernels, strides, padding, apart, spread)
    assume(0 not in expected.shape[2:])

    @jax.jit
    def convolve(pictures, kernels):
        return lax.conv_general_dilated(
            pictures, kernels, strides, padding, apart, spread, lax.ConvDimensionNumbers(*orders)
        )

    ordered = [
        jnp.asarray(array.transpose(np.argsort(order)), jnp.float32)
        for array, order in zip((pictures, kernels), orders[:2], strict=True)
    ]
    found = np.asarray(convolve(*ordered)).transpose(orders[2])
    np.testing.assert_allclose(found, expected, atol=1e-5)


#: Name -> a layer's convolution, and the shapes of its pictures and kernels. The first is the last
#: layer of introspective learning's network, the second one of a DCGAN's generator.
LAYER = {
    "convolution": (
        lambda x, k: lax.conv_general_dilated(x, k, (2, 2), "SAME", None, None, LAYERS),
        (2, 8, 8, 3),
        (5, 5, 3, 4),
    ),
    "transposed": (
        lambda x, k: lax.conv_transpose(x, k, (2, 2), "SAME", None, LAYERS, transpose_kernel=True),
        (2, 4, 4, 3),
        (5, 5, 4, 3),
    ),
}


@pytest.mark.parametrize("name", LAYER)
@pytest.mark.parametrize("loop", [False, True])
def test_all_are_in_the_fast_layout(name, loop):
    """Also gradients, and in loops: of these six XLA alone leaves three slow, and five in loops."""
    convolve, *shapes = LAYER[name]

    def step(pictures, kernels):
        result, pull_back = jax.vjp(convolve, pictures, kernels)
        return pull_back(jnp.sin(result))

    def steps(*given):
        return lax.fori_loop(0, 3, lambda _, given: step(*given), given)

    text = jax.jit(steps if loop else step).lower(*map(jnp.ones, shapes)).compile().as_text()
    found = [line for line in text.splitlines() if " convolution(" in line]
    assert len(found) == 3
    for line in found:
        assert "dim_labels=b01f_01io->b01f" in line
        assert "rhs_reversal" not in line


def test_several_groups_are_left_to_jax():
    pictures, kernels = jnp.ones((1, 2, 2, 4)), jnp.ones((3, 3, 2, 4))
    found = lax.conv_general_dilated(
        pictures, kernels, (1, 1), "SAME", None, None, LAYERS, feature_group_count=2
    )
    np.testing.assert_array_equal(found, np.full((1, 2, 2, 4), 8))


@pytest.mark.parametrize("known", [{}, {"cpu": {}}])
def test_without_a_rule_to_build_on(known):
    """JAX may move it: it is not public."""
    with (
        mock.patch.object(mlir, "_platform_specific_lowerings", known),
        mock.patch.object(mlir, "register_lowering") as register,
    ):
        jax_convolutions.hasten()
    register.assert_not_called()


def test_sides_of_nothing():
    """Results of no place, whose gradients are 0, and pictures without a row."""
    convolve = functools.partial(
        lax.conv_general_dilated, window_strides=(1, 1), dimension_numbers=LAYERS
    )
    pictures, kernels = jnp.ones((2, 3, 3, 1)), jnp.ones((5, 5, 1, 1))
    result, pull_back = jax.vjp(lambda x, k: convolve(x, k, padding="VALID"), pictures, kernels)
    assert result.size == 0
    for gradient, of in zip(pull_back(result), (pictures, kernels), strict=True):
        np.testing.assert_array_equal(gradient, np.zeros(of.shape))
    found = convolve(jnp.ones((1, 0, 5, 1)), kernels, padding=[(3, 3), (0, 0)])
    np.testing.assert_array_equal(found, np.zeros((1, 2, 1, 1)))


def test_sides_that_are_not_known():
    convolve, _, kernel = LAYER["convolution"]
    exported = jax.export.export(jax.jit(convolve))(
        *jax.export.symbolic_args_specs(
            (jnp.ones((1, 1, 1, 3)), jnp.ones(kernel)), ("n, h, w, 3", None)
        )
    )
    pictures = jnp.ones((2, 4, 3, 3))
    found = exported.call(pictures, jnp.ones(kernel))
    np.testing.assert_array_equal(found, convolve(pictures, jnp.ones(kernel)))


TWO = """
import numpy as np
import jax
from jax import lax, numpy as jnp
from jax.sharding import PartitionSpec
import keras
from common.backend.jax import Devices

def gradients(pictures, kernels):
    def convolve(pictures, kernels):
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(pictures, kernels, (2, 2), "SAME", None, None, numbers)
    def loss(pictures, kernels):
        first = convolve(pictures, kernels)
        return jnp.sum(convolve(first, jnp.swapaxes(kernels, 2, 3)) ** 2)
    return jax.grad(loss, (0, 1))(pictures, kernels)

random = np.random.default_rng(0)
pictures = random.normal(size=(4, 8, 8, 3)).astype("float32")
kernel = keras.Variable(random.normal(size=(5, 5, 3, 4)).astype("float32"))
wanted = gradients(pictures, kernel.value)
devices = Devices("mirrored")
assert devices.count == 2
step = devices.compile(lambda arrays: gradients(arrays[0], kernel.value)[1], [kernel])
np.testing.assert_allclose(step([pictures]), wanted[1], rtol=1e-4, atol=1e-3)
if hasattr(jax, "set_mesh"):  # and explicit axes
    convolve = jax.jit(lambda x, k: lax.conv_general_dilated(
        x, k, (1, 1), "SAME", None, None, ("NHWC", "HWIO", "NHWC")))
    small, kernel = pictures[:, :2, :2], np.asarray(kernel.value)
    wanted = np.asarray(convolve(small, kernel))
    jax.set_mesh(jax.make_mesh((2,), ("batch",)))
    found = convolve(jax.device_put(small, PartitionSpec("batch")), kernel)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
print("the same")
"""


def test_two_devices():
    """Which have to be there before anything is computed: in a process of its own."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", TWO], env=environment, timeout=180, text=True, capture_output=True
    )
    assert done.stdout.split("\n")[-2:-1] == ["the same"], done.stderr
