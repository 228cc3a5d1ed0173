"""Random numbers inside compiled functions, the same for the same seed wherever a run begins."""

import tensorflow as tf


def uniform(shape, seed):
    """Numbers of U(0, 1), float32.

    Args:
        shape: a tuple or an integer tensor.
        seed: two integers, or an integer tensor of shape (2,).
    """
    return tf.random.stateless_uniform(shape, seed)


def normal(shape, seed):
    """Numbers of N(0, 1), float32; the arguments are those of `uniform`."""
    return tf.random.stateless_normal(shape, seed)
