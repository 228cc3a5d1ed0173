"""Caffe's Log."""

import math

import keras
from keras import ops


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
