"""Batch normalisation of float32 images: accurate for any number of pixels, and in few passes."""

import math

from keras import ops

from common import backend
from common.backend import normalize


def moments(x):
    """Mean and variance (not the unbiased one) of each channel.

    Rows first, then all of them: summed in one go, a million float32 pixels cost three digits.

    Args:
        x: shape (images, height, width, channels), any float type.

    Returns:
        Two tensors, (channels,).
    """
    means, variances = backend.moments(x, (2,))
    mean = ops.mean(means, (0, 1))
    between = ops.mean(ops.square(means - mean), (0, 1))
    return mean, ops.mean(variances, (0, 1)) + between


def values_per_channel(x):
    """How many there are: a number, or a tensor where a compiled function does not know it.

    Args:
        x: shape (images, height, width, channels).
    """
    count = math.prod(ops.shape(x)[:-1])
    return float(count) if isinstance(count, int) else ops.cast(count, x.dtype)


def batch_normalization(x, gamma, beta, epsilon: float):
    """Normalises by the batch's own statistics (Ioffe and Szegedy, arXiv 1502.03167, Alg. 1).

    Args:
        x: shape (images, height, width, channels).
        gamma: (channels,).
        beta: (channels,).
        epsilon: a number.

    Returns:
        The normalised images, the batch's mean and its variance (not the unbiased one). Only the
        first has a gradient.
    """
    mean, variance = map(ops.stop_gradient, moments(x))

    def apply(x, gamma, beta, mean, variance):
        def gradient(upstream):
            slopes = _gradient(upstream, x, mean, variance, gamma, epsilon)
            # Mean and variance follow from x, whose slope has that in it.
            return (*slopes, ops.zeros_like(mean), ops.zeros_like(variance))

        return normalize(x, mean, variance, gamma, beta, epsilon), gradient

    parameters = backend.to_tensor(gamma), backend.to_tensor(beta)
    return backend.custom_gradient(apply)(x, *parameters, mean, variance), mean, variance


def _gradient(upstream, x, mean, variance, gamma, epsilon: float):
    """With respect to x, gamma and beta."""
    one, zero = ops.ones_like(mean), ops.zeros_like(mean)
    unit = normalize(x, mean, variance, one, zero, epsilon)
    about_beta, about_gamma = _mean(upstream), _mean(upstream * unit)
    scale = gamma * ops.rsqrt(variance + epsilon)
    # A variance of 1 - epsilon: nothing is divided by.
    slope = normalize(upstream, about_beta, one - epsilon, scale, zero, epsilon)
    slope -= unit * (scale * about_gamma)
    count = values_per_channel(x)
    return slope, about_gamma * count, about_beta * count


def _mean(x):
    """Of each channel, summed as in `moments`."""
    return ops.mean(ops.mean(x, 2), (0, 1))
