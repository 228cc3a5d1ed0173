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


class Module(NamedTuple):
    """A module of the original's network.

    Attributes:
        kind: its class in Torch7's `nn`.
        fields: what it must have.
        layer: the layer with its weights, if it has any.
    """

    kind: str
    fields: dict[str, object]
    layer: str | None = None


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
        modules: what the original has instead, in its order.
    """

    def __init__(
        self, noise_depth: int, stylization: bool, circular: bool, normalization: str, dtype: str
    ):
        self._noise_depth, self._circular, self._dtype = noise_depth, circular, dtype
        self._normalization = NORMALIZATIONS[normalization]
        self.image = self._input(3, "image") if stylization else None
        self.inputs = [self.image] if stylization else []
        self.noise: list[Noise] = []
        self.modules: list[Module] = []

    def noisy(self, ratio: int, name: str, pooled: bool = True):
        """The image at 1 / ratio of its size, if there is one, with noise channels behind it.

        `pooled` says whether the original has a pooling there, be it one of single pixels.
        """
        if pooled:
            sides = dict.fromkeys(("kW", "kH", "dW", "dH"), ratio)
            self._note("SpatialAveragePooling", padW=0, padH=0, ceil_mode=False, **sides)
        if self._noise_depth:
            noise = self.draw(ratio, self._noise_depth, name)
        else:
            noise = None
            self._note("NoiseFill", num_noise_channels=0)
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
        if normal:
            self._note("GenNoise", num_planes=channels)
        else:
            self._note("NoiseFill", num_noise_channels=channels)
        return noise

    def convolve(self, x, filters: int, kernel: int, name: str, stride: int = 1):
        """A convolution, then normalisation and leaky ReLU 0.01."""
        x = self._convolve(x, filters, kernel, name, stride, removed=True)
        x = self._normalize(x, f"{name}_norm")
        self._note("LeakyReLU", negval=0.01)
        return LeakyReLU(0.01, dtype=self._dtype, name=f"{name}_relu")(x)

    def colour(self, x):
        """The three colours, by a convolution of single pixels."""
        return self._convolve(x, 3, 1, "colours")

    def normalize(self, x, name: str, **options):
        """The normalisation of a stream that is joined with another and then convolved."""
        return self._normalize(x, name, removed=self._circular, **options)

    def upsample(self, x):
        """Twice the height and width."""
        self._note("SpatialUpSamplingNearest", scale_factor=2)
        return Upsampling(dtype=self._dtype)(x)

    def copy_border(self, x):
        """See `BorderCopy`."""
        self._note_padding(0)
        return BorderCopy(dtype=self._dtype)(x)

    def join(self, streams):
        """All channels, one stream after another."""
        return layers.Concatenate(dtype=self._dtype)(streams)

    def _convolve(self, x, filters: int, kernel: int, name: str, stride: int = 1, **options):
        border = (kernel - 1) // 2
        if border and self._circular:
            self._note_padding(border)
        zeros = 0 if self._circular else border
        self._note(
            "SpatialConvolution",
            name,
            nInputPlane=x.shape[-1],
            nOutputPlane=filters,
            **{
                "kW": kernel,
                "kH": kernel,
                "dW": stride,
                "dH": stride,
                "padW": zeros,
                "padH": zeros,
            },
        )
        options = {"circular": self._circular, "dtype": self._dtype, "name": name, **options}
        return Convolution(filters, kernel, stride, **options)(x)

    def _normalize(self, x, name: str, **options):
        self._note("SpatialBatchNormalization", name, eps=1e-5)
        return self._normalization(dtype=self._dtype, name=name, **options)(x)

    def _input(self, channels: int, name: str):
        return keras.Input((None, None, channels), dtype=self._dtype, name=name)

    def _note(self, kind: str, layer: str | None = None, **fields) -> None:
        self.modules.append(Module(kind, fields, layer))

    def _note_padding(self, border: int) -> None:
        sides = dict.fromkeys(("pad_l", "pad_r", "pad_t", "pad_b"), border)
        self._note("SpatialCircularPadding", **sides)
