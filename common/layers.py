"""Small Keras pieces: circular padding, the frozen convolution, leaky ReLU."""

import keras
import numpy as np
from keras import ops

from common.backend import constant, custom_gradient, leaky_relu_gradient


def pad_images(images, before: int, after: int, wrap: bool = False):
    """Pads height and width with zeros, or with the opposite border.

    Args:
        images: shape (frames, height, width, channels).
        before: pixels added at the top and at the left.
        after: pixels added at the bottom and at the right.
        wrap: take them from the opposite border (circular padding) instead of zeros.

    Returns:
        Shape (frames, before + height + after, before + width + after, channels).
    """
    if not wrap:
        return ops.pad(images, ((0, 0), (before, after), (before, after), (0, 0)))

    def pad(images):
        # Slices from the end, so that nothing is computed of sizes that are not known yet.
        rows = [images[:, -before:]] * (before > 0) + [images] + [images[:, :after]] * (after > 0)
        padded = ops.concatenate(rows, axis=1)
        left, right = [padded[:, :, -before:]] * (before > 0), [padded[:, :, :after]] * (after > 0)
        padded = ops.concatenate([*left, padded, *right], axis=2)

        def gradient(upstream):
            return _fold(_fold(upstream, before, after, 2), before, after, 1)

        return padded, gradient

    return custom_gradient(pad)(images)


def _fold(padded, before: int, after: int, axis: int):
    """Adds what lies outside to where it came from: the adjoint of circular padding of an axis.

    TensorFlow's own gradient makes and adds three arrays of the whole size.
    """
    size = ops.shape(padded)[axis] - before - after

    def part(first, last):
        return padded[:, first:last] if axis == 1 else padded[:, :, first:last]

    inside, end = part(before, before + size), part(before + size, before + size + after)
    begin = part(0, before)
    if isinstance(size, int) and size >= before + after:
        first = part(before, before + after) + end
        last = part(size, before + size) + begin
        return ops.concatenate([first, part(before + after, size), last], axis=axis)

    def around(strip, front, back):
        pads = [(0, 0)] * 4
        pads[axis] = (front, back)
        return ops.pad(strip, pads)

    return inside + around(end, 0, size - after) + around(begin, size - before, 0)


class WrapToEven(keras.layers.Layer):
    """Continues odd sides by one pixel of the opposite border, so that steps of 2 fit.

    The sides must be known when the model is called.
    """

    def compute_output_shape(self, input_shape):
        """Odd sides become longer by 1."""
        frames, *sides, channels = input_shape
        return (frames, *(side if side is None else side + side % 2 for side in sides), channels)

    def call(self, images):
        """Shape (frames, height, width, channels)."""
        height, width = images.shape[1:3]
        if height % 2 == 0 and width % 2 == 0:
            return images
        return pad_images(images, 0, 1, wrap=True)[:, : height + height % 2, : width + width % 2]


class FrozenConv2D(keras.layers.Layer):
    """A convolution with ReLU whose weights never change.

    The kernel is a constant of the graph, which lets the CPU library lay it out once, and with
    stride 1 the gradient with respect to the input is itself a forward convolution, with the
    flipped and transposed kernel. Both together make loss and gradient about a third faster than
    with a trainable layer.

    Args:
        kernel: shape (side, side, channels in, channels out), the side odd.
        bias: shape (channels out,).
        padding: `valid` (no border); or a border of (side - 1) / 2 pixels: `same` (zeros; with
            stride 1 only), `wrap` (circular) or `reflect` (mirrored about the outermost pixels).
        stride: from one place to the next. Sides that wrap around must be multiples of it.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        kernel: np.ndarray,
        bias: np.ndarray,
        padding: str = "valid",
        stride: int = 1,
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        side = kernel.shape[0]
        if kernel.shape[:2] != (side, side) or side % 2 == 0:
            raise ValueError(
                f"the kernel must be square, of odd sides, got {side}x{kernel.shape[1]}"
            )
        if padding not in ("valid", "same", "wrap", "reflect"):
            raise ValueError(f"padding must be valid, same, wrap or reflect, got {padding!r}")
        if padding == "same" and stride > 1:
            raise ValueError("padding same needs stride 1")
        self.padding, self.stride, self._border = padding, stride, side // 2
        self._kernel = np.ascontiguousarray(kernel, "float32")
        self._adjoint = np.ascontiguousarray(self._kernel[::-1, ::-1].transpose(0, 1, 3, 2))
        self._bias = np.ascontiguousarray(bias, "float32")

    def build(self, input_shape):
        """Checks the number of channels; there are no variables."""
        channels = self._kernel.shape[2]
        if input_shape[-1] != channels:
            raise ValueError(f"{self.name} takes {channels} channels, got {input_shape[-1]}")

    def compute_output_shape(self, input_shape):
        """The input's, smaller by the border with `valid`, by the stride, with new channels."""
        frames, *sides, _ = input_shape
        border = 2 * self._border if self.padding == "valid" else 0
        sides = [side if side is None else -(-(side - border) // self.stride) for side in sides]
        return (frames, *sides, self._kernel.shape[3])

    def call(self, images):
        """relu(kernel * images + bias), shape (frames, height, width, channels out)."""
        border, step = self._border, self.stride
        if self.padding == "reflect" and border:
            # No more than is seen: for a column too many oneDNN takes five times as long.
            sides = [0 if side is None else (side - 1) % step for side in images.shape[1:3]]
            around = [(border, border - unseen) for unseen in sides]
            images = ops.pad(images, ((0, 0), *around, (0, 0)), mode="reflect")
        if step == 1:
            return custom_gradient(self._convolve)(images)
        if self.padding == "wrap":
            images = pad_images(images, border, border - step + 1, wrap=True)
        return self._forward(images, "valid")

    def _forward(self, images, mode: str):
        # The CPU library fuses convolution, bias and ReLU in this order into one pass.
        output = ops.conv(images, constant(self._kernel), strides=self.stride, padding=mode)
        return ops.relu(output + constant(self._bias))

    def _convolve(self, images):
        border, wrap = self._border, self.padding == "wrap" and self._border > 0
        padded = pad_images(images, border, border, wrap=True) if wrap else images
        output = self._forward(padded, "same" if self.padding == "same" else "valid")

        def gradient(upstream):
            upstream = ops.where(output > 0, upstream, ops.zeros((), upstream.dtype))
            if self.padding == "same":
                return ops.conv(upstream, constant(self._adjoint), padding="same")
            around = border if wrap else 2 * border
            padded = pad_images(upstream, around, around, wrap=wrap) if around else upstream
            return ops.conv(padded, constant(self._adjoint), padding="valid")

        return output, gradient


class LeakyReLU(keras.layers.Layer):
    """Leaky ReLU, max(x, slope * x), whose gradient needs its output and not its input.

    So TensorFlow can merge convolution, bias and leaky ReLU into one pass. (With Keras' own layer
    it tries to, fails, and says so on standard error.)

    Args:
        negative_slope: above 0, below 1.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, negative_slope: float, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x):
        """Applied element by element, any shape."""
        return custom_gradient(self._apply)(x)

    def _apply(self, x):
        output = ops.leaky_relu(x, self.negative_slope)

        def gradient(upstream):
            # Input and output are of the same sign.
            return leaky_relu_gradient(upstream, output, self.negative_slope)

        return output, gradient
