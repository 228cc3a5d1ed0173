"""Loss and gradient of images, compiled once."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]


def loss_and_gradient(loss: Callable, shape: tuple[int, ...]) -> Evaluate:
    """Compiles a loss of images into a function for an optimiser.

    Args:
        loss: from images, a float32 tensor of `shape`, to a scalar.
        shape: the images' shape, e.g. (frames, height, width, 3).

    Returns:
        A function from a flat float64 array of pixels to the loss, a float, and its gradient, a
        flat float64 array. The forward and backward passes run in float32.
    """

    @tf.function(
        input_signature=[tf.TensorSpec([int(np.prod(shape))], tf.float64)], autograph=False
    )
    def compiled(pixels):
        images = tf.cast(tf.reshape(pixels, shape), tf.float32)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            value = loss(images)
        gradient = tape.gradient(value, images)
        return value, tf.cast(tf.reshape(gradient, [-1]), tf.float64)

    def evaluate(pixels):
        value, gradient = compiled(tf.convert_to_tensor(pixels))
        return float(value), np.asarray(gradient)

    return evaluate


def compile_gradients(function: Callable, *shapes: tuple[tuple, str]) -> Callable:
    """Compiles a function and the gradients of its values with respect to its first argument.

    Args:
        function: from tensors to a pair: a list of scalars to differentiate, and any other
            tensors, nested as you like.
        *shapes: the shape, with None where it varies, and the type of each argument.

    Returns:
        A function of NumPy arrays to the gradients, one for each scalar, and the other tensors.
    """

    @tf.function(input_signature=[tf.TensorSpec(*s) for s in shapes], autograph=False)
    def compiled(x, *others):
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(x)
            scalars, rest = function(x, *others)
        return [tape.gradient(scalar, x) for scalar in scalars], rest

    return compiled


def compile_images(function: Callable, channels: int = 3) -> Callable:
    """Compiles a function of images once, for images of any number and size.

    Args:
        function: from images, a float32 tensor (frames, height, width, channels), to tensors.
        channels: of the images.

    Returns:
        The same function of NumPy arrays.
    """
    images = tf.TensorSpec([None, None, None, channels], tf.float32)
    return tf.function(function, input_signature=[images], autograph=False)
