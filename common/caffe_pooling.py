"""Caffe's Pooling, whose windows may hang over the border, and its LRN."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from common.backend import constant

Pair = Sequence[int]


class Pooling(keras.layers.Layer):
    """Caffe's maximum or average of windows.

    Sizes are rounded up, so that the last windows may hang over the border. A maximum is taken
    of the pixels that there are. An average counts the zeros of `pad`, but nothing beyond them.

    Args:
        method: `MAX` or `AVE`.
        size: of the window, vertically and horizontally; None: the whole image.
        stride: vertical and horizontal.
        pad: at the top and bottom, and at the left and right.
        ceil: whether sizes are rounded up, as Caffe does unless told otherwise.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        method: str,
        size: Pair | None,
        stride: Pair = (1, 1),
        pad: Pair = (0, 0),
        ceil: bool = True,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        self.method, self.ceil = method, ceil
        self.size = None if size is None else tuple(size)
        self.stride, self.pad = tuple(stride), tuple(pad)

    def compute_output_shape(self, input_shape):
        """(n, height', width', channels)."""
        frames, *sides, channels = input_shape
        return (frames, *(self._count(axis, n) for axis, n in enumerate(sides)), channels)

    def _window(self, axis: int, side: int) -> int:
        return side if self.size is None else self.size[axis]

    def _count(self, axis: int, side: int) -> int:
        """How many windows there are along an axis.

        Raises:
            ValueError: the last one would lie outside of the image.
        """
        pad, stride = self.pad[axis], self.stride[axis]
        span = side + 2 * pad - self._window(axis, side)
        count = (-(-span // stride) if self.ceil else span // stride) + 1
        # The last window must begin inside of the image or of the padding before it; Caffe sees
        # to that for both axes if either has padding.
        if (count - 1) * stride >= side + pad:
            if not any(self.pad):
                raise ValueError(f"a stride of {stride} leads out of an image of {side} pixels")
            count -= 1
        return count

    def call(self, images):
        """Shape (n, height, width, channels); height and width must be known."""
        sides = images.shape[1:3]
        # A window of the image and the padding before it sees as much as any larger one.
        window = tuple(
            min(self._window(axis, n), n + self.pad[axis]) for axis, n in enumerate(sides)
        )
        counts = tuple(self._count(axis, n) for axis, n in enumerate(sides))
        reach = [
            (c - 1) * s + w - n - p
            for c, s, w, n, p in zip(counts, self.stride, window, sides, self.pad, strict=True)
        ]
        # Nothing after the last window is needed.
        images = images[:, : sides[0] + min(reach[0], 0), : sides[1] + min(reach[1], 0)]
        borders = [(p, max(r, 0)) for p, r in zip(self.pad, reach, strict=True)]
        if any(map(any, borders)):
            outside = -np.inf if self.method == "MAX" else 0.0
            widths = ((0, 0), *borders, (0, 0))
            images = ops.pad(images, widths, constant_values=outside)
        if self.method == "MAX":
            return ops.max_pool(images, window, strides=self.stride, padding="valid")
        mean = ops.average_pool(images, window, strides=self.stride, padding="valid")
        rows, columns = (self._areas(axis, n) for axis, n in enumerate(sides))
        areas = rows[:, None] * columns
        share = (window[0] * window[1] / areas).astype(np.float32)[None, :, :, None]
        return mean if (share == 1).all() else ops.multiply(mean, share)

    def _areas(self, axis: int, side: int) -> np.ndarray:
        """The length of each window up to the padded border."""
        begin = np.arange(self._count(axis, side)) * self.stride[axis] - self.pad[axis]
        return np.minimum(begin + self._window(axis, side), side + self.pad[axis]) - begin


class LRN(keras.layers.Layer):
    """Caffe's local response normalisation.

    x / (k + alpha / n * sum of x^2 over n neighbours)^beta, the neighbours being channels or,
    within a channel, the n x n pixels around (there they are n^2, and k is 1).

    Args:
        size: n, odd.
        alpha: divided by the number of neighbours.
        beta: the power.
        k: what is added to the sum.
        within_channel: whether neighbours are pixels.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        k: float = 1.0,
        within_channel: bool = False,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self._pool = None
        if within_channel:
            half = (size - 1) // 2
            self._pool = Pooling("AVE", (size, size), pad=(half, half))

    def build(self, input_shape):
        """Makes the matrix that sums over neighbouring channels."""
        channel = np.arange(input_shape[-1])
        near = np.abs(channel[:, None] - channel) <= (self.size - 1) // 2
        self._band = near.astype(np.float32) * np.float32(self.alpha / self.size)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, images):
        """Shape (n, height, width, channels)."""
        if self._pool is not None:
            scale = 1 + self.alpha * self._pool(images * images)
        else:
            # A product with a band matrix takes a third of the time of TensorFlow's own LRN.
            scale = self.k + ops.matmul(images * images, constant(self._band))
        if self.beta == 0.75:
            root = ops.rsqrt(scale)
            return images * root * ops.sqrt(root)
        return images * scale**-self.beta
