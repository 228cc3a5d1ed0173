"""Loss and gradient of images, compiled once."""

from collections.abc import Callable

import numpy as np
from keras import ops

from common import backend

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

    def function(images):
        (gradient,), (value,), _ = backend.gradients(lambda images: ([loss(images)], ()), images)
        return value, gradient

    compiled = backend.compile(function, arguments=[(shape, "float32")])

    def evaluate(pixels):
        value, gradient = compiled(pixels.astype(np.float32).reshape(shape))
        return float(value), ops.convert_to_numpy(gradient).astype(np.float64).reshape(-1)

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

    def compiled(x, *others):
        found, _, rest = backend.gradients(lambda x: function(x, *others), x)
        return found, rest

    return backend.compile(compiled, arguments=shapes)


def compile_images(function: Callable, channels: int = 3) -> Callable:
    """Compiles a function of images once, for images of any number and size.

    Args:
        function: from images, a float32 tensor (frames, height, width, channels), to tensors.
        channels: of the images.

    Returns:
        The same function of NumPy arrays.
    """
    return backend.compile(function, arguments=[((None, None, None, channels), "float32")])
