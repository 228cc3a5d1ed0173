"""What the generators are built with: each call adds layers and notes them in order."""

from typing import NamedTuple

import keras
from keras import layers

from common.layers import LeakyReLU
from reproductions.texture_nets.layers import (
    BatchNormalization,
    BorderCopy,
    Convolution,
    InstanceNormalization,
    Upsampling,
)

#: By name, how a generator normalises.
NORMALIZATIONS = {"batch": BatchNormalization, "instance": InstanceNormalization}


class Noise(NamedTuple):
    """A noise input of a generator.

    Attributes:
        ratio: the image's size divided by the noise's.
        channels: how many.
        normal: N(0, 1) instead of U(0, 1).
    """

    ratio: int
    channels: int
    normal: bool = False


class Blocks:
    """Builds a generator as a functional Keras model.

    Args:
        noise_depth: channels of uniform noise at every scale.
        stylization: whether the generator takes an image, too.
        circular: whether convolutions take their border from the opposite side.
        normalization: a name of `NORMALIZATIONS`.
        dtype: of weights and images.

    Attributes:
        inputs: the image, if there is one, then the noise, in the order in which the original
            draws it.
        noise: what each noise input is.
        parameters: the layers with weights, in the original's order.
    """

    def __init__(
        self, noise_depth: int, stylization: bool, circular: bool, normalization: str, dtype: str
    ):
        self._noise_depth, self._circular, self._dtype = noise_depth, circular, dtype
        self._normalization = NORMALIZATIONS[normalization]
        self.image = self._input(3, "image") if stylization else None
        self.inputs = [self.image] if stylization else []
        self.noise: list[Noise] = []
        self.parameters: list[keras.layers.Layer] = []

    def noisy(self, ratio: int, name: str):
        """The image at 1 / ratio of its size, if there is one, with noise channels behind it."""
        noise = self.draw(ratio, self._noise_depth, name) if self._noise_depth else None
        if self.image is None:
            return noise
        image = self.image
        if ratio > 1:
            pool = layers.AveragePooling2D(ratio, dtype=self._dtype, name=f"{name}_image")
            image = pool(image)
        return image if noise is None else self.join([image, noise])

    def draw(self, ratio: int, channels: int, name: str, normal: bool = False):
        """A new noise input."""
        noise = self._input(channels, f"{name}_noise")
        self.inputs.append(noise)
        self.noise.append(Noise(ratio, channels, normal))
        return noise

    def convolve(self, x, filters: int, kernel: int, name: str, stride: int = 1):
        """A convolution, then normalisation and leaky ReLU 0.01."""
        x = self._convolve(x, filters, kernel, name, stride, removed=True)
        x = self._normalize(x, f"{name}_norm")
        return LeakyReLU(0.01, dtype=self._dtype, name=f"{name}_relu")(x)

    def colour(self, x):
        """The three colours, by a convolution of single pixels."""
        return self._convolve(x, 3, 1, "colours")

    def normalize(self, x, name: str, **options):
        """The normalisation of a stream that is joined with another and then convolved."""
        return self._normalize(x, name, removed=self._circular, **options)

    def upsample(self, x):
        """Twice the height and width."""
        return Upsampling(dtype=self._dtype)(x)

    def copy_border(self, x):
        """See `BorderCopy`."""
        return BorderCopy(dtype=self._dtype)(x)

    def join(self, streams):
        """All channels, one stream after another."""
        return layers.Concatenate(dtype=self._dtype)(streams)

    def _convolve(self, x, filters: int, kernel: int, name: str, stride: int = 1, **options):
        options = {"circular": self._circular, "dtype": self._dtype, "name": name, **options}
        return self._add(Convolution(filters, kernel, stride, **options))(x)

    def _normalize(self, x, name: str, **options):
        return self._add(self._normalization(dtype=self._dtype, name=name, **options))(x)

    def _input(self, channels: int, name: str):
        return keras.Input((None, None, channels), dtype=self._dtype, name=name)

    def _add(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        self.parameters.append(layer)
        return layer
