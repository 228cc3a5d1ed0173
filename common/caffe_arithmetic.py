"""Caffe's small layers without a kernel: Scale, Eltwise, Log, Reshape.

In Caffe an image has the shape (n, channels, height, width), here (n, height, width, channels);
`keras_axis` tells which axis is which.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from common.constants import constant


def caffe_axis(axis: int, dimensions: int) -> int:
    """The axis, 0 or more, that Caffe's `axis` of a blob of so many dimensions is there.

    Raises:
        ValueError: there is no such axis.
    """
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"there is no axis {axis} among {dimensions}")
    return axis % dimensions


def keras_axis(axis: int, dimensions: int) -> int:
    """The axis, 0 or more, that Caffe's `axis` of a blob of so many dimensions is here.

    Raises:
        ValueError: there is no such axis.
    """
    axis = caffe_axis(axis, dimensions)
    return (0, 3, 1, 2)[axis] if dimensions == 4 else axis


def caffe_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """The shape that a blob has in Caffe."""
    if len(shape) == 4:
        frames, height, width, channels = shape
        return (frames, channels, height, width)
    return tuple(shape)


def keras_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """The shape here of a blob that has this one in Caffe."""
    if len(shape) == 4:
        frames, channels, height, width = shape
        return (frames, height, width, channels)
    return tuple(shape)


def to_caffe(blob):
    """A blob with its axes in Caffe's order."""
    return ops.transpose(blob, (0, 3, 1, 2)) if len(blob.shape) == 4 else blob


def from_caffe(blob):
    """The way back of `to_caffe`."""
    return ops.transpose(blob, (0, 2, 3, 1)) if len(blob.shape) == 4 else blob


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


class Log(keras.layers.Layer):
    """Caffe's Log: the logarithm of scale * x + shift.

    Args:
        base: of the logarithm, above 0 and not 1; None: e.
        scale: see above.
        shift: see above.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, base: float | None = None, scale: float = 1, shift: float = 0, **kwargs):
        super().__init__(trainable=False, **kwargs)
        if base is not None and not (0 < base < math.inf and base != 1):
            raise ValueError(f"the base of a logarithm must be above 0 and not 1, got {base}")
        self._unit = 1.0 if base is None else 1 / math.log(base)
        self._scale, self._shift = scale, shift

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x):
        """Any shape."""
        return ops.log(self._scale * x + self._shift) * self._unit


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
