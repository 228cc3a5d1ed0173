"""Caffe's InnerProduct."""

import keras
import numpy as np
from keras import ops

from common.backend import custom_gradient
from common.caffe_axes import caffe_shape, from_caffe, keras_shape, to_caffe


def frozen_weight(layer: keras.layers.Layer, name: str, array: np.ndarray):
    """Gives a layer a weight that never changes."""
    array = np.asarray(array, np.float32)
    return layer.add_weight(
        name=name,
        shape=array.shape,
        initializer=lambda shape, dtype: array,
        trainable=False,
    )


class InnerProduct(keras.layers.Layer):
    """Caffe's fully connected layer, W x + b.

    Args:
        weights: shape (out, in), as Caffe keeps it. Where the input is of four dimensions, its
            columns are in the order channel, row, column.
        bias: shape (out,), or None.
        axis: of Caffe's shape of the input, 1 or more; this one and all after it are taken
            together.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self, weights: np.ndarray, bias: np.ndarray | None = None, axis: int = 1, **kwargs
    ):
        super().__init__(trainable=False, **kwargs)
        self._caffe_weights, self._caffe_bias = weights, bias
        self.units, self.axis = weights.shape[0], axis

    def build(self, input_shape):
        """Lays the weights out for images of shape (n, height, width, channels)."""
        weights = self._caffe_weights
        if len(input_shape) == 4 and self.axis == 1:
            _, height, width, channels = input_shape
            weights = weights.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        weights = weights.reshape(self.units, -1).T
        self.kernel = frozen_weight(self, "kernel", np.ascontiguousarray(weights))
        self.bias = (
            None if self._caffe_bias is None else frozen_weight(self, "bias", self._caffe_bias)
        )
        del self._caffe_weights, self._caffe_bias

    def compute_output_shape(self, input_shape):
        """The axes before `axis`, then out."""
        return keras_shape((*caffe_shape(input_shape)[: self.axis], self.units))

    def call(self, x):
        """Any shape; the last axes must be known."""
        # With axis 1 the weights are laid out for the images as they are.
        x = to_caffe(x) if self.axis > 1 else x
        lead = [-1 if n is None else n for n in x.shape[: self.axis]]
        x = ops.reshape(x, (*lead, int(np.prod(x.shape[self.axis :]))))
        x = custom_gradient(self._multiply)(x)
        return from_caffe(x if self.bias is None else x + self.bias)

    def _multiply(self, x):
        def gradient(upstream):
            # With a few rows, this is twice as fast as upstream @ transposed kernel.
            rows = ops.reshape(upstream, (-1, self.units))
            rows = ops.transpose(ops.matmul(self.kernel, ops.transpose(rows)))
            return ops.reshape(rows, ops.shape(x))

        return ops.matmul(x, self.kernel), gradient
