"""Batch normalisation: its accuracy and its gradient."""

import numpy as np
import pytest
import tensorflow as tf

from reproductions.texture_nets.normalization import batch_normalization, moments


def images(*shape, mean=3.0, dtype=np.float32):
    """Normal values whose mean is larger than their spread, as after a convolution."""
    return np.random.RandomState(0).normal(mean, 1, shape).astype(dtype)


def test_many_pixels_cost_no_digits():
    """A million pixels have the mean and variance that float64 finds."""
    x = images(1, 1024, 1024, 2)
    mean, variance = moments(tf.constant(x))
    np.testing.assert_allclose(mean, x.mean((0, 1, 2), np.float64), rtol=2e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2), np.float64), rtol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_output(dtype):
    """The output has mean beta and spread gamma; mean and variance come with it."""
    x = images(3, 5, 7, 4, dtype=dtype)
    gamma, beta = np.array([1, 2, -3, 0], dtype), np.array([0, 5, -1, 2], dtype)
    output, mean, variance = batch_normalization(tf.constant(x), gamma, beta, 1e-5)
    unit = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(output, unit * gamma + beta, atol=3e-6)
    np.testing.assert_allclose(mean, x.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_gradient(dtype, tolerance):
    """It is that of the formula."""
    x, gamma, beta = (
        tf.constant(images(*shape, dtype=dtype)) for shape in ((2, 4, 3, 5), (5,), (5,))
    )
    weights = np.random.RandomState(1).normal(0, 1, (2, 4, 3, 5)).astype(dtype)

    def by_formula(x, gamma, beta):
        mean, variance = tf.nn.moments(x, (0, 1, 2))
        return (x - mean) * tf.math.rsqrt(variance + 1e-5) * gamma + beta

    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch((x, gamma, beta))
            total = tf.reduce_sum(function(x, gamma, beta) * weights)
        return tape.gradient(total, (x, gamma, beta))

    ours = gradients(lambda *inputs: batch_normalization(*inputs, 1e-5)[0])
    for found, expected in zip(ours, gradients(by_formula), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=tolerance * scale)
