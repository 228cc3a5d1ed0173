"""The pieces that the generators are made of, as Torch7's `nn` computes them.

A bias before a normalisation has no effect, nor has the beta of one before a circular convolution
and another: the constant goes with the mean. In the original such constants drift, by rounding
errors that Adam takes for gradients, and cost precision. Here they are `removed`: they are not
trained, and left out where the statistics of the batch are used and not noted.
"""

import keras
from keras import ops

from common.backend import custom_gradient, moments
from common.layers import pad_images
from reproductions.texture_nets.normalization import batch_normalization, values_per_channel


class Convolution(keras.layers.Layer):
    """A convolution with a border of (kernel - 1) / 2 on every side, and a bias.

    With stride 2 the centres are pixels 0, 2, 4, ..., so the border is there on all four sides.
    Weights begin as Torch7's: uniform in +-1 / sqrt(kernel^2 * channels in).

    Args:
        filters: channels out.
        kernel: side, odd.
        stride: 1 or 2.
        circular: takes the border from the opposite side of the image instead of zeros.
        removed: whether a normalisation follows.
        **kwargs: those of `keras.layers.Layer`.

    Attributes:
        running: whether that normalisation is by running statistics.
    """

    def __init__(
        self,
        filters: int,
        kernel: int,
        stride: int = 1,
        circular: bool = True,
        removed: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.size, self.stride, self.circular = filters, kernel, stride, circular
        self.removed, self.running = removed, False

    def build(self, input_shape):
        """Makes kernel (size, size, in, out) and bias (out,)."""
        channels = input_shape[-1]
        bound = (self.size**2 * channels) ** -0.5
        uniform = keras.initializers.RandomUniform(-bound, bound)
        shape = (self.size, self.size, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=uniform, name="kernel")
        self.bias = self.add_weight(
            shape=(self.filters,),
            initializer=keras.initializers.RandomUniform(-bound, bound),
            name="bias",
        )

    def compute_output_shape(self, input_shape):
        """The input's shape divided by the stride, rounded up, with the new channels."""
        images, *sides, _ = input_shape
        sides = [None if side is None else -(-side // self.stride) for side in sides]
        return (images, *sides, self.filters)

    def call(self, x, training=False):
        """(images, height, width, in) to (images, height / stride, width / stride, out)."""
        border = (self.size - 1) // 2
        if border:
            x = pad_images(x, border, border, wrap=self.circular)
        x = ops.conv(x, self.kernel, strides=self.stride, padding="valid")
        return _add_constant(self, x, self.bias, training)


class BatchNormalization(keras.layers.Layer):
    """Batch normalisation that uses the statistics of the batch, when sampling as when training.

    The original never switches its models to running statistics. These are gathered all the same
    while training: 0.9 of the old, 0.1 of the batch's, with the unbiased variance.

    Args:
        epsilon: added to the variance.
        momentum: the share of the new in the running statistics, as Torch7 counts it.
        keeps_statistics: False for the layers of the published models that have none.
        removed: whether a circular convolution and another normalisation follow.
        **kwargs: those of `keras.layers.Layer`.

    Attributes:
        running: whether to normalise by the running statistics instead, if there are any.
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        keeps_statistics: bool = True,
        removed: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.epsilon, self.momentum = epsilon, momentum
        self.keeps_statistics, self.removed = keeps_statistics, removed
        self.running = False

    def build(self, input_shape):
        """Makes gamma, uniform in (0, 1), beta, 0, and the running mean and variance."""
        shape = (input_shape[-1],)
        uniform = keras.initializers.RandomUniform(0, 1)
        self.gamma = self.add_weight(shape=shape, initializer=uniform, name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        if self.keeps_statistics:
            kept = {"shape": shape, "trainable": False}
            self.running_mean = self.add_weight(initializer="zeros", name="running_mean", **kept)
            self.running_variance = self.add_weight(
                initializer="ones", name="running_variance", **kept
            )

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x, training=False):
        """Shape (images, height, width, channels), any number of images.

        Args:
            x: the images.
            training: whether to note the statistics, which then include removed constants.
        """
        beta = _constant(self, self.beta.value, training)
        beta = ops.zeros_like(self.beta.value) if beta is None else beta
        if self.running and self.keeps_statistics:
            scale = self.gamma * ops.rsqrt(self.running_variance + self.epsilon)
            return x * scale + (beta - self.running_mean * scale)
        output, mean, variance = batch_normalization(x, self.gamma.value, beta, self.epsilon)
        if training and self.keeps_statistics:
            count = values_per_channel(x)
            others = max(count - 1, 1.0) if isinstance(count, float) else ops.maximum(count - 1, 1)
            self._note(self.running_mean, mean)
            # One pixel has no unbiased variance; the original gets nan.
            self._note(self.running_variance, variance * (count / others))
        return output

    def _note(self, variable, value) -> None:
        variable.assign(variable.value * (1 - self.momentum) + value * self.momentum)


class InstanceNormalization(keras.layers.Layer):
    """Normalises every image by itself (Ulyanov et al., arXiv 1607.08022, section 2).

    Args:
        epsilon: added to the variance.
        removed: whether a circular convolution and another normalisation follow.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, epsilon: float = 1e-5, removed: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.removed, self.running = epsilon, removed, False

    def build(self, input_shape):
        """Makes gamma, uniform in (0, 1), and beta, 0, as for batch normalisation."""
        shape = (input_shape[-1],)
        uniform = keras.initializers.RandomUniform(0, 1)
        self.gamma = self.add_weight(shape=shape, initializer=uniform, name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x, training=False):
        """Shape (images, height, width, channels)."""
        # Rows first: summed in one go, many pixels cost digits.
        means, variances = moments(x, (2,), keepdims=True)
        mean = ops.mean(means, 1, keepdims=True)
        between = ops.mean(ops.square(means - mean), 1, keepdims=True)
        variance = ops.mean(variances, 1, keepdims=True) + between
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return _add_constant(self, (x - mean) * scale, self.beta, training)


class Upsampling(keras.layers.Layer):
    """Twice the height and width: every pixel becomes four."""

    def compute_output_shape(self, input_shape):
        """The input's shape with height and width doubled."""
        images, *sides, channels = input_shape
        return (images, *(None if side is None else 2 * side for side in sides), channels)

    def call(self, x):
        """(images, height, width, channels) to (images, 2 height, 2 width, channels)."""
        return custom_gradient(self._double)(x)

    def _double(self, x):
        images, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (images, height, 1, width, 1, channels))
        x = ops.broadcast_to(x, (images, height, 2, width, 2, channels))

        def gradient(upstream):
            # The sum of four pixels; a pooling is a dozen times as fast as reducing two axes.
            return 4 * ops.average_pool(upstream, 2, 2)

        return ops.reshape(x, (images, 2 * height, 2 * width, channels)), gradient


class BorderCopy(keras.layers.Layer):
    """Overwrites the outermost rows and columns with those next to the opposite ones.

    What the circular padding of the published stylisation models does when it is asked for no
    padding at all: row 0 becomes row -2, row -1 becomes row 1, then columns likewise.
    """

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def call(self, x):
        """Shape (images, height, width, channels), both sides 3 or more."""
        return pad_images(x[:, 1:-1, 1:-1], 1, 1, wrap=True)


def _constant(layer, constant, training: bool):
    """What a layer adds; None for nothing."""
    if not layer.removed:
        return constant
    if layer.running or training:
        return ops.stop_gradient(constant)
    return None


def _add_constant(layer, x, constant, training: bool):
    constant = _constant(layer, constant, training)
    return x if constant is None else x + constant
