"""Caffe's small layers without a kernel: Scale, Eltwise, Reshape."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from common.backend import constant
from common.caffe_axes import from_caffe, keras_shape, to_caffe


class Affine(keras.layers.Layer):
    """Caffe's Scale, and its BatchNorm after training: x * scale + shift.

    Args:
        scale: its axes lie beside those of Caffe's shape of the input from `axis` on.
        shift: likewise, or None.
        axis: in Caffe's shape, 0 or more.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, scale: np.ndarray, shift: np.ndarray | None, axis: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self._scale, self._shift, self._axis = scale, shift, axis

    def build(self, input_shape):
        """Gives scale and shift the input's number of axes."""
        self._scale = self._beside(self._scale, len(input_shape))
        if self._shift is not None:
            self._shift = self._beside(self._shift, len(input_shape))

    def _beside(self, array: np.ndarray, dimensions: int) -> np.ndarray:
        after = dimensions - self._axis - array.ndim
        array = array.reshape((1,) * self._axis + array.shape + (1,) * after)
        array = array.transpose(0, 2, 3, 1) if dimensions == 4 else array
        return np.ascontiguousarray(array, np.float32)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x):
        """Any shape."""
        x = x * constant(self._scale)
        return x if self._shift is None else x + constant(self._shift)


class Product(keras.layers.Layer):
    """Caffe's Scale of two inputs: x times y, whose axes lie beside those of x from `axis` on."""

    def __init__(self, axis: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self._axis = axis

    def compute_output_shape(self, input_shape):
        """The shape of x."""
        return input_shape[0]

    def call(self, inputs):
        """Takes x and y."""
        x, y = map(to_caffe, inputs)
        shape = [1] * len(x.shape)
        for i, n in enumerate(y.shape):
            shape[self._axis + i] = -1 if n is None else n
        return from_caffe(x * ops.reshape(y, shape))


class Sum(keras.layers.Layer):
    """Caffe's Eltwise with SUM: the inputs, each times its coefficient."""

    def __init__(self, coefficients: Sequence[float], **kwargs):
        super().__init__(trainable=False, **kwargs)
        self._coefficients = tuple(coefficients)

    def compute_output_shape(self, input_shape):
        """The shape of each input."""
        return input_shape[0]

    def call(self, inputs):
        """Takes inputs of one shape."""
        return sum(c * x for c, x in zip(self._coefficients, inputs, strict=True))


class Reshape(keras.layers.Layer):
    """Caffe's Reshape, where the first axis stays as it is.

    Args:
        shape: the other axes, as in Caffe.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, shape: Sequence[int], **kwargs):
        super().__init__(trainable=False, **kwargs)
        self._shape = tuple(shape)

    def compute_output_shape(self, input_shape):
        """(n, height, width, channels) or (n, *shape)."""
        return keras_shape((input_shape[0], *self._shape))

    def call(self, x):
        """Any shape; all but the first axis must be known."""
        return from_caffe(ops.reshape(to_caffe(x), (-1, *self._shape)))
