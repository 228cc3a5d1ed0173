"""VGG-19's convolutions and poolings as a Keras model, with frozen weights."""

from collections.abc import Sequence

import keras

from common.layers import FrozenConv2D, WrapToEven
from common.vgg19_layers import LAYERS, channels, convolutions
from common.vgg19_weights import Weights


def stack(
    name: str,
    known: Sequence[str],
    weights: Weights,
    layers: Sequence[str],
    pooling: str,
    padding: str,
    ceil: bool,
) -> keras.Model:
    """Builds a stack of 3x3 convolutions and 2x2 poolings up to the deepest of `layers`.

    Args:
        name: of the model.
        known: the names of all layers, in order; those of poolings begin with `pool`.
        weights: kernel (3, 3, in, out) and bias (out,) of each convolution, by name.
        layers: see `vgg19`.
        pooling: see `vgg19`.
        padding: see `vgg19`.
        ceil: see `vgg19`.

    Returns:
        See `vgg19`.
    """
    make_pooling = {
        "average": keras.layers.AveragePooling2D,
        "max": keras.layers.MaxPooling2D,
    }[pooling]
    pool_padding = "same" if padding == "same" or ceil else "valid"
    depth = max(known.index(layer) for layer in layers)
    images = keras.Input((None, None, 3), name="images")
    features, outputs = images, []
    for layer in known[: depth + 1]:
        if layer.startswith("pool"):
            if padding == "wrap":
                features = WrapToEven(name=f"{layer}_even")(features)
            features = make_pooling(2, padding=pool_padding, name=layer)(features)
        else:
            kernel, bias = weights[layer]
            features = FrozenConv2D(kernel, bias, padding, name=layer)(features)
        if layer in layers:
            outputs.append(features)
    return keras.Model(images, outputs, name=name)


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
        padding: `valid`, `same` (zeros; poolings average over real pixels only), `wrap`
            (circular: the features of an image that tiles), or `reflect` (mirrored).
        ceil: whether poolings keep the last pixel of an odd side, as Caffe's do; they always do
            with `same`.

    Returns:
        A model from images, (frames, height, width, 3), BGR in 0..255 minus `MEAN_BGR`, to the
        list of the feature maps of `layers`, in the network's order; without a list if it is one.
    """
    for convolution in convolutions(max(layers, key=LAYERS.index)):
        assert weights[convolution][0].shape[2:] == channels(convolution), convolution
    return stack("vgg19", LAYERS, weights, layers, pooling, padding, ceil)
