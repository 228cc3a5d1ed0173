"""Batch normalisation of float32 images: accurate for any number of pixels, and in few passes."""

import tensorflow as tf


def moments(x):
    """Mean and variance (not the unbiased one) of each channel.

    Rows first, then all of them: summed in one go, a million float32 pixels cost three digits.

    Args:
        x: shape (images, height, width, channels), any float type.

    Returns:
        Two tensors, (channels,).
    """
    means, variances = tf.nn.moments(x, (2,))
    mean = tf.reduce_mean(means, (0, 1))
    between = tf.reduce_mean(tf.math.squared_difference(means, mean), (0, 1))
    return mean, tf.reduce_mean(variances, (0, 1)) + between


def normalize(x, mean, variance, gamma, beta, epsilon: float):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, in one pass where there is one.

    Args:
        x: shape (images, height, width, channels).
        mean: of each channel, as all that follow.
        variance: likewise.
        gamma: likewise.
        beta: likewise.
        epsilon: a number.
    """
    if x.dtype != tf.float32:
        return (x - mean) * (gamma * tf.math.rsqrt(variance + epsilon)) + beta
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
    ).y


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

    @tf.custom_gradient
    def apply(x, gamma, beta):
        mean, variance = moments(x)
        output = normalize(x, mean, variance, gamma, beta, epsilon)

        def gradient(upstream, *_):
            return _gradient(upstream, x, mean, variance, gamma, epsilon)

        return (output, mean, variance), gradient

    return apply(x, tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta))


def _gradient(upstream, x, mean, variance, gamma, epsilon: float):
    """With respect to x, gamma and beta."""
    one, zero = tf.ones_like(mean), tf.zeros_like(mean)
    unit = normalize(x, mean, variance, one, zero, epsilon)
    about_beta, about_gamma = _mean(upstream), _mean(upstream * unit)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    # A variance of 1 - epsilon: nothing is divided by.
    slope = normalize(upstream, about_beta, one - epsilon, scale, zero, epsilon)
    slope -= unit * (scale * about_gamma)
    count = tf.cast(tf.size(x) // tf.shape(x)[-1], x.dtype)
    return slope, about_gamma * count, about_beta * count


def _mean(x):
    """Of each channel, summed as in `moments`."""
    return tf.reduce_mean(tf.reduce_mean(x, 2), (0, 1))
