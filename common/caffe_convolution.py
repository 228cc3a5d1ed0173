"""Caffe's Convolution and Deconvolution, each the gradient of the other."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from common.backend import constant, custom_gradient, depth_to_space

Pair = Sequence[int]


def dilated(kernel: np.ndarray, dilation: Pair) -> np.ndarray:
    """A kernel with zeros between its taps.

    Args:
        kernel: shape (., ., kernel height, kernel width).
        dilation: distance of the taps, vertically and horizontally.
    """
    height, width = ((n - 1) * d + 1 for n, d in zip(kernel.shape[2:], dilation, strict=True))
    wide = np.zeros((*kernel.shape[:2], height, width), kernel.dtype)
    wide[:, :, :: dilation[0], :: dilation[1]] = kernel
    return wide


class _Correlation:
    """Correlates images with a kernel, and sends gradients back the other way.

    Both directions are forward convolutions with constants, which the CPU library lays out once.
    The way back of a stride s is a convolution that makes the s x s neighbours of a pixel as
    channels, which are then put in their places.

    Args:
        kernel: shape (group, out, in, height, width), float32.
        stride: vertical and horizontal.
        pad: zeros at the top and bottom, and at the left and right.
    """

    def __init__(self, kernel: np.ndarray, stride: Pair, pad: Pair):
        self.group, self.after, self.before, *size = kernel.shape
        self.size = tuple(size)
        self.stride, self.pad = tuple(stride), tuple(pad)
        self._keeps_size = self.stride == (1, 1) and all(
            2 * p + 1 == n for p, n in zip(self.pad, self.size, strict=True)
        )
        # A group's kernels are arrays of their own, as constants are known by their array.
        self._forward = [np.ascontiguousarray(k.transpose(2, 3, 1, 0)) for k in kernel]
        self._taps = tuple(-(-n // s) for n, s in zip(self.size, stride, strict=True))
        self._back = [np.ascontiguousarray(self._neighbours(k)) for k in kernel]

    def _neighbours(self, kernel: np.ndarray) -> np.ndarray:
        (rows, columns), (down, right) = self._taps, self.stride
        out, channels, height, width = kernel.shape
        whole = np.zeros((out, channels, rows * down, columns * right), np.float32)
        whole[:, :, :height, :width] = kernel
        parts = whole.reshape(out, channels, rows, down, columns, right)
        # To (tap, tap, out, neighbour, neighbour, in); a correlation meets the taps backwards.
        parts = parts.transpose(2, 4, 0, 3, 5, 1)[::-1, ::-1]
        return parts.reshape(rows, columns, out, down * right * channels)

    def forward(self, images):
        """(n, height, width, in) to (n, height', width', out)."""
        padding = "same" if self._keeps_size else "valid"
        if any(self.pad) and not self._keeps_size:
            images = ops.pad(images, ((0, 0), *((p, p) for p in self.pad), (0, 0)))
        return self._by_group(
            images,
            self._forward,
            lambda part, kernel: ops.conv(
                part, constant(kernel), strides=self.stride, padding=padding
            ),
        )

    def back(self, images, sides: Pair):
        """(n, height', width', out) to (n, *sides, in)."""
        if self._keeps_size:
            return self._by_group(
                images,
                self._back,
                lambda part, kernel: ops.conv(part, constant(kernel), padding="same"),
            )
        crops, borders = [], []
        for n, side, taps, stride, pad in zip(
            images.shape[1:3], sides, self._taps, self.stride, self.pad, strict=True
        ):
            first, last = pad // stride, -(-(pad + side) // stride)
            before = taps - 1 - first
            borders.append((before, last - first + taps - 1 - n - before))
            crops.append(slice(pad % stride, pad % stride + side))
        images = _extended(images, borders)
        images = self._by_group(
            images,
            self._back,
            lambda part, kernel: _interleaved(ops.conv(part, constant(kernel)), self.stride),
        )
        return images[:, crops[0], crops[1]]

    def _by_group(self, images, kernels: Sequence[np.ndarray], convolve):
        if len(kernels) == 1:
            return convolve(images, kernels[0])
        # Split and joined, which is as fast as a convolution in groups, and works everywhere.
        parts = ops.split(images, len(kernels), axis=-1)
        parts = [convolve(part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
        return ops.concatenate(parts, axis=-1)


def _extended(images, borders: Sequence[Pair]):
    """Adds zeros around height and width; cuts where a border is negative."""
    cuts = [
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(images.shape[1:3], borders, strict=True)
    ]
    images = images[:, cuts[0], cuts[1]]
    widths = [(max(before, 0), max(after, 0)) for before, after in borders]
    return ops.pad(images, ((0, 0), *widths, (0, 0)))


def _interleaved(images, stride: Pair):
    """Puts neighbours, held as channels, in their places: (n, h, w, s*t*c) to (n, s*h, t*w, c)."""
    down, right = stride
    if down == right:
        return images if down == 1 else depth_to_space(images, down)
    _, height, width, channels = images.shape
    images = ops.reshape(images, (-1, height, width, down, right, channels // (down * right)))
    images = ops.transpose(images, (0, 1, 3, 2, 4, 5))
    return ops.reshape(images, (-1, height * down, width * right, channels // (down * right)))


class _Frozen(keras.layers.Layer):
    """What both layers hold: the arguments are those of `Convolution`."""

    def __init__(
        self,
        kernel: np.ndarray,
        bias: np.ndarray | None = None,
        stride: Pair = (1, 1),
        pad: Pair = (0, 0),
        dilation: Pair = (1, 1),
        group: int = 1,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        kernel = dilated(np.asarray(kernel, np.float32), dilation)
        kernel = kernel.reshape(group, -1, *kernel.shape[1:])
        self._correlation = _Correlation(kernel, stride, pad)
        self._bias = None if bias is None else np.ascontiguousarray(bias, np.float32)

    def _with_bias(self, images):
        return images if self._bias is None else images + constant(self._bias)

    def call(self, images):
        """Shape (n, height, width, channels in); height and width must be known."""
        return custom_gradient(self._apply)(images)


class Convolution(_Frozen):
    """Caffe's Convolution: a correlation with zeros around, and a bias. Its weights never change.

    Args:
        kernel: shape (out, in / group, kernel height, kernel width), as Caffe keeps it.
        bias: shape (out,), or None.
        stride: vertical and horizontal.
        pad: zeros at the top and bottom, and at the left and right.
        dilation: distance of the kernel's taps.
        group: the channels are split into so many groups; each sees its own part of the input.
        **kwargs: those of `keras.layers.Layer`.
    """

    def compute_output_shape(self, input_shape):
        """(n, height, width, out); what a stride leaves over at the border is not seen."""
        c = self._correlation
        sides = (
            None if n is None else (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(input_shape[1:3], c.pad, c.size, c.stride, strict=True)
        )
        return (input_shape[0], *sides, c.group * c.after)

    def _apply(self, images):
        output = self._with_bias(self._correlation.forward(images))

        def gradient(upstream):
            return self._correlation.back(upstream, images.shape[1:3])

        return output, gradient


class Deconvolution(_Frozen):
    """Caffe's Deconvolution, or transposed convolution, and a bias. Its weights never change.

    Args:
        kernel: shape (in, out / group, kernel height, kernel width), as Caffe keeps it.
        bias: shape (out,), or None.
        stride: of the convolution that it transposes: how much larger the output is.
        pad: what is cut off at the top and bottom, and at the left and right.
        dilation: distance of the kernel's taps.
        group: the channels are split into so many groups.
        **kwargs: those of `keras.layers.Layer`.
    """

    def compute_output_shape(self, input_shape):
        """(n, stride * (height - 1) + kernel - 2 pad, likewise the width, out)."""
        c = self._correlation
        return (input_shape[0], *self._sides(input_shape), c.group * c.before)

    def _sides(self, input_shape) -> tuple[int | None, ...]:
        c = self._correlation
        return tuple(
            None if n is None else s * (n - 1) + k - 2 * p
            for n, p, k, s in zip(input_shape[1:3], c.pad, c.size, c.stride, strict=True)
        )

    def _apply(self, images):
        output = self._with_bias(self._correlation.back(images, self._sides(images.shape)))

        def gradient(upstream):
            return self._correlation.forward(upstream)

        return output, gradient
