"""VGG-19's convolutions and poolings as a Keras model, with frozen weights."""

from collections.abc import Sequence

import keras

from common.layers import FrozenConv2D, pad_images
from common.vgg19_layers import LAYERS, channels
from common.vgg19_weights import Weights


class _WrapToEven(keras.layers.Layer):
    """Continues odd sides by one pixel of the opposite border, so that 2x2 pooling loses none.

    The sides must be known when the model is called.
    """

    def compute_output_shape(self, input_shape):
        frames, *sides, channels = input_shape
        return (frames, *(side if side is None else side + side % 2 for side in sides), channels)

    def call(self, images):
        height, width = images.shape[1:3]
        if height % 2 == 0 and width % 2 == 0:
            return images
        return pad_images(images, 0, 1, wrap=True)[:, : height + height % 2, : width + width % 2]


def vgg19(
    weights: Weights,
    layers: Sequence[str],
    pooling: str = "average",
    padding: str = "valid",
    ceil: bool = False,
) -> keras.Model:
    """Builds the network up to the deepest of `layers`, and no further.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
    (arXiv 1409.1556), configuration E; average pooling as Gatys et al. (arXiv 1505.07376).

    Args:
        weights: kernel (3, 3, in, out) and bias (out,) of each convolution, by name.
        layers: names out of `common.vgg19_layers.LAYERS`.
        pooling: `average` or `max`.
        padding: `valid`, `same` (zeros; poolings average over real pixels only), or `wrap`
            (circular: the features of an image that tiles).
        ceil: whether poolings keep the last pixel of an odd side, as Caffe's do; they always do
            with `same`.

    Returns:
        A model from images, (frames, height, width, 3), BGR in 0..255 minus `MEAN_BGR`, to the
        list of the feature maps of `layers`, in the network's order; without a list if it is one.
    """
    make_pooling = {
        "average": keras.layers.AveragePooling2D,
        "max": keras.layers.MaxPooling2D,
    }[pooling]
    pool_padding = "same" if padding == "same" or ceil else "valid"
    depth = max(LAYERS.index(name) for name in layers)
    images = keras.Input((None, None, 3), name="images")
    features, outputs = images, []
    for name in LAYERS[: depth + 1]:
        if name.startswith("pool"):
            if padding == "wrap":
                features = _WrapToEven(name=f"{name}_even")(features)
            features = make_pooling(2, padding=pool_padding, name=name)(features)
        else:
            kernel, bias = weights[name]
            assert kernel.shape[2:] == channels(name), name
            features = FrozenConv2D(kernel, bias, padding, name=name)(features)
        if name in layers:
            outputs.append(features)
    return keras.Model(images, outputs, name="vgg19")
