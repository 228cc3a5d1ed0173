"""Batch normalisation: its accuracy and its gradient."""

import numpy as np
import pytest
from keras import ops

from common.backend import to_tensor
from reproductions.texture_nets.normalization import batch_normalization, moments
from tests.backends import float64, gradient

pytestmark = pytest.mark.reference


def images(*shape, mean=3.0, dtype=np.float32):
    """Normal values whose mean is larger than their spread, as after a convolution."""
    return np.random.RandomState(0).normal(mean, 1, shape).astype(dtype)


def test_many_pixels_cost_no_digits():
    """A million pixels have the mean and variance that float64 finds."""
    x = images(1, 1024, 1024, 2)
    mean, variance = moments(to_tensor(x))
    np.testing.assert_allclose(mean, x.mean((0, 1, 2), np.float64), rtol=2e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2), np.float64), rtol=2e-6)


def test_a_small_variance_beside_a_large_mean():
    """Where squares differ by less than their rounding."""
    x = np.float32(1000 + images(1, 64, 64, 2, mean=0) * 0.01)
    mean, variance = moments(to_tensor(x))
    np.testing.assert_allclose(mean, x.mean((0, 1, 2), np.float64), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2), np.float64), rtol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_output(dtype):
    """The output has mean beta and spread gamma; mean and variance come with it."""
    x = images(3, 5, 7, 4, dtype=dtype)
    gamma, beta = np.array([1, 2, -3, 0], dtype), np.array([0, 5, -1, 2], dtype)
    with float64(dtype == np.float64):
        output, mean, variance = batch_normalization(to_tensor(x), gamma, beta, 1e-5)
    assert np.asarray(output).dtype == dtype
    x = x.astype(np.float64)
    unit = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(output, unit * gamma + beta, atol=3e-6)
    np.testing.assert_allclose(mean, x.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.long_to_compile
def test_gradient(dtype, tolerance):
    """It is that of the formula."""
    inputs = [images(*shape, dtype=dtype) for shape in ((2, 4, 3, 5), (5,), (5,))]
    weights = np.random.RandomState(1).normal(0, 1, (2, 4, 3, 5)).astype(dtype)

    def ours(*inputs):
        return batch_normalization(*inputs, 1e-5)[0]

    def by_formula(x, gamma, beta):
        mean, variance = ops.mean(x, (0, 1, 2)), ops.var(x, (0, 1, 2))
        return (x - mean) * ops.rsqrt(variance + 1e-5) * gamma + beta

    def slope(function, number):
        """With respect to one of the inputs."""

        def of_one(value):
            given = [to_tensor(one) for one in inputs]
            return function(*given[:number], value, *given[number + 1 :])

        return gradient(of_one, inputs[number], weights)[1]

    for number in range(3):
        with float64(dtype == "float64"):
            found, expected = (slope(function, number) for function in (ours, by_formula))
        assert found.dtype == dtype
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=tolerance * scale)
