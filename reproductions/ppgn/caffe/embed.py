"""Caffe's Embed."""

import keras
import numpy as np
from keras import ops

from common.caffe_axes import caffe_shape, from_caffe, keras_shape, to_caffe
from common.caffe_dense import frozen_weight


class Embed(keras.layers.Layer):
    """Caffe's Embed: a row of a matrix for each whole number.

    Args:
        weights: shape (numbers, out).
        bias: shape (out,), or None.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, weights: np.ndarray, bias: np.ndarray | None = None, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.embeddings = frozen_weight(self, "embeddings", weights)
        self.bias = None if bias is None else frozen_weight(self, "bias", bias)

    def compute_output_shape(self, input_shape):
        """The input's shape, then out."""
        return keras_shape((*caffe_shape(input_shape), self.embeddings.shape[1]))

    def call(self, numbers):
        """Any shape; whole numbers from 0."""
        rows = ops.take(self.embeddings, ops.cast(to_caffe(numbers), "int32"), axis=0)
        return from_caffe(rows if self.bias is None else rows + self.bias)
