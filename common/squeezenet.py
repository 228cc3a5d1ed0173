"""SqueezeNet 1.0 as a Keras model, fully convolutional, with frozen weights."""

from collections.abc import Sequence

import keras
from keras import ops

from common.descriptors.squeezenet import SqueezeNet
from common.layers import FrozenConv2D, WrapToEven, pad_images
from common.squeezenet_file import FIRES, Weights
from common.vgg19_layers import MEAN_BGR

#: What the network is shown is BGR minus this.
_MEAN_BGR = (104, 117, 123)

LAYERS = SqueezeNet.layers


class _Pool(keras.layers.Layer):
    """Max pooling 3x3 of stride 2 of values that are not below 0, as Caffe rounds its size.

    Args:
        padding: see `squeezenet`; sides that wrap around must be even.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(self, padding: str, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def compute_output_shape(self, input_shape):
        """Sides n become n / 2, rounded down; with `valid` (n - 1) / 2, rounded down."""
        frames, *sides, channels = input_shape
        less = int(self.padding == "valid")
        return (frames, *(side if side is None else (side - less) // 2 for side in sides), channels)

    def call(self, features):
        """Shape (frames, height, width, channels)."""
        if self.padding != "valid":
            # A zero is never the largest; after an odd side it is in no window.
            features = pad_images(features, 0, 1, wrap=self.padding == "wrap")
        return ops.max_pool(features, 3, 2, padding="valid")


def squeezenet(weights: Weights, layers: Sequence[str], padding: str = "same") -> keras.Model:
    """Builds the network up to the deepest of `layers`, and no further.

    Iandola et al., "SqueezeNet" (arXiv 1602.07360), version 1.0.

    Args:
        weights: kernel and bias of each convolution, by name, see `common.squeezenet_file`.
        layers: names out of `common.descriptors.squeezenet.SqueezeNet.layers`.
        padding: `same`, as it was trained: zeros where the network has borders, none around
            conv1; or borders of every kernel's reach that `wrap` around (the features of an image
            that tiles) or `reflect` what is inside; or `valid`, none.

    Returns:
        A model from images, (frames, height, width, 3), BGR in 0..255 minus VGG-19's `MEAN_BGR`,
        as all of the suite's descriptors take them, to the list of the feature maps of `layers`,
        in the network's order; without a list if it is one.
    """
    depth = max(LAYERS.index(name) for name in layers)
    images = keras.Input((None, None, 3), name="images")
    # The network's own mean: no border has been added yet.
    offset = [vgg - own for vgg, own in zip(MEAN_BGR, _MEAN_BGR, strict=True)]
    features, outputs = keras.layers.Rescaling(1.0, offset, name="mean")(images), []
    for name in LAYERS[: depth + 1]:
        if padding == "wrap" and (name == "conv1" or name.startswith("pool")):
            features = WrapToEven(name=f"{name}_even")(features)
        if name.startswith("pool"):
            features = _Pool(padding, name=name)(features)
        elif name.startswith("fire"):
            features = _fire(weights, name, padding, features)
        else:
            features = _outer(weights, name, padding, features)
        if name in layers:
            outputs.append(features)
    return keras.Model(images, outputs, name="squeezenet")


def _convolution(weights: Weights, name: str, padding: str, **about):
    kernel, bias = weights[name]
    return FrozenConv2D(kernel, bias, padding, name=name.replace("/", "_"), **about)


def _fire(weights: Weights, name: str, padding: str, features):
    """Squeezes, expands in two ways, and concatenates these (section 3.1)."""
    assert name in FIRES
    squeezed = _convolution(weights, f"{name}/squeeze1x1", "valid")(features)
    wide = _convolution(weights, f"{name}/expand3x3", padding)(squeezed)
    if padding == "valid":
        squeezed = keras.layers.Cropping2D(1, name=f"{name}_crop")(squeezed)
    narrow = _convolution(weights, f"{name}/expand1x1", "valid")(squeezed)
    return keras.layers.Concatenate(name=name)([narrow, wide])


def _outer(weights: Weights, name: str, padding: str, features):
    """The first convolution, of stride 2, or the last, whose border is as wide as it is useless."""
    if name == "conv1":
        return _convolution(weights, name, "valid" if padding == "same" else padding, stride=2)(
            features
        )
    if padding == "same":
        features = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(features)
    return _convolution(weights, name, "valid")(features)
