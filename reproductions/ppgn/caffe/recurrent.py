"""Caffe's LSTM."""

import keras
import numpy as np
from keras import ops

from common.caffe_axes import caffe_shape, to_caffe
from common.caffe_dense import frozen_weight


class LSTM(keras.layers.Layer):
    """Caffe's long short-term memory, over time steps that come first in every shape.

    With gates i, f, o (sigmoid) and g (tanh), and `cont` 0 where a sequence begins, else 1:

        i, f, o, g = W_x x_t + b + W_s s + W_h (cont_t h_{t-1})
        c_t = cont_t f c_{t-1} + i g
        h_t = o tanh(c_t)

    Donahue et al., "Long-term Recurrent Convolutional Networks" (arXiv 1411.4389), section 2.

    Args:
        weights: W_x, shape (4 out, in).
        bias: b, shape (4 out,).
        recurrent: W_h, shape (4 out, out).
        static: W_s, shape (4 out, in of the static input), or None if there is none.
        truncated: whether gradients stay within their time step, as they do where an original
            calls its network once for each step.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        weights: np.ndarray,
        bias: np.ndarray,
        recurrent: np.ndarray,
        static: np.ndarray | None = None,
        truncated: bool = False,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        self.units, self.truncated = recurrent.shape[1], truncated
        self.kernel = frozen_weight(self, "kernel", weights.T)
        self.bias = frozen_weight(self, "bias", bias)
        self.recurrent = frozen_weight(self, "recurrent", recurrent.T)
        self.static = None if static is None else frozen_weight(self, "static", static.T)

    def compute_output_shape(self, input_shape):
        """(steps, streams, out)."""
        return (*caffe_shape(input_shape[0])[:2], self.units)

    def call(self, inputs):
        """Takes x, cont and, if there are weights for it, a static input.

        Args:
            inputs: x, (steps, streams, ...), cont, (steps, streams), and (streams, ...), in
                Caffe's order unless they are of four dimensions. The number of steps must be
                known.
        """
        x, cont, *static = map(to_caffe, inputs)
        steps = x.shape[0]
        x = ops.reshape(x, (steps, -1, int(np.prod(x.shape[2:]))))
        gates = ops.matmul(x, self.kernel) + self.bias
        if static:
            (flat,) = static
            flat = ops.reshape(flat, (-1, int(np.prod(flat.shape[1:]))))
            gates = gates + ops.matmul(flat, self.static)
        h = c = ops.zeros_like(gates[0, :, : self.units])
        outputs = []
        for step in range(steps):
            if self.truncated:
                h, c = ops.stop_gradient(h), ops.stop_gradient(c)
            goes_on = ops.expand_dims(ops.cast(cont[step], gates.dtype), -1)
            total = gates[step] + ops.matmul(goes_on * h, self.recurrent)
            i, f, o, g = ops.split(total, 4, axis=-1)
            c = goes_on * ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            outputs.append(h)
        return ops.stack(outputs)
