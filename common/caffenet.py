"""CaffeNet as a Keras model whose layers carry the original's names."""

import keras

from common.caffe_convolution import Convolution
from common.caffe_dense import InnerProduct
from common.caffe_log import Log
from common.caffe_pooling import LRN, Pooling
from common.caffe_weights import WeightSource

#: The sides of its images, and of those of its fully convolutional form.
SIDE, FCN_SIDE = 227, 384

#: Gains of random weights with which codes and probabilities are of the size of real ones.
RANDOM_GAINS = {"conv5": 0.05}

# Name, filters, kernel's side, stride, pad, groups.
_CONVOLUTIONS = {
    "conv1": (96, 11, 4, 0, 1),
    "conv2": (256, 5, 1, 2, 2),
    "conv3": (384, 3, 1, 1, 1),
    "conv4": (384, 3, 1, 1, 2),
    "conv5": (256, 3, 1, 1, 2),
}


def _convolve(images, name: str, weights: WeightSource):
    """A convolution and its ReLU, a layer of its own."""
    filters, side, stride, pad, group = _CONVOLUTIONS[name]
    shape = (filters, images.shape[-1] // group, side, side)
    kernel, bias = weights(name, (shape, (filters,)), shape[1] * side * side)
    layer = Convolution(kernel, bias, (stride, stride), (pad, pad), group=group, name=name)
    return keras.layers.ReLU(name=f"relu{name[-1]}")(layer(images))


def _pool(images, number: int):
    return Pooling("MAX", (3, 3), (2, 2), name=f"pool{number}")(images)


def _connect(features, name: str, units: int, weights: WeightSource):
    fan_in = 1
    for n in features.shape[1:]:
        fan_in *= n
    matrix, bias = weights(name, ((units, fan_in), (units,)), fan_in)
    return InnerProduct(matrix, bias, name=name)(features)


def _to_pool5(data, weights: WeightSource):
    features = _pool(_convolve(data, "conv1", weights), 1)
    features = LRN(5, 1e-4, 0.75, name="norm1")(features)
    features = _pool(_convolve(features, "conv2", weights), 2)
    features = LRN(5, 1e-4, 0.75, name="norm2")(features)
    for layer in ("conv3", "conv4", "conv5"):
        features = _convolve(features, layer, weights)
    return _pool(features, 5)


def _model(data, scores, name: str) -> keras.Model:
    probabilities = keras.layers.Softmax(name="prob")(scores)
    return keras.Model(data, Log(name="log")(probabilities), name=name)


def caffenet(weights: WeightSource, classes: int = 1000, name: str = "caffenet") -> keras.Model:
    """Builds CaffeNet, Caffe's variant of AlexNet: pooling comes before normalisation.

    Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks" (2012);
    Jia et al., "Caffe" (arXiv 1408.5093). As in Caffe's definition a layer such as `conv5` ends
    before its ReLU, which is the layer `relu5`.

    Args:
        weights: the blobs of conv1 to conv5 and fc6 to fc8, see `common.caffe_weights`.
        classes: outputs of fc8: 1000 for ImageNet, 205 for MIT Places.
        name: of the model.

    Returns:
        A model from images, (n, 227, 227, 3), BGR in 0..255 minus the mean, to the logarithms of
        the classes' probabilities, (n, classes).
    """
    data = keras.Input((SIDE, SIDE, 3), name="data")
    features = _to_pool5(data, weights)
    for number in (6, 7):
        features = _connect(features, f"fc{number}", 4096, weights)
        features = keras.layers.ReLU(name=f"relu{number}")(features)
    return _model(data, _connect(features, "fc8", classes, weights), name)


def caffenet_fcn(weights: WeightSource, side: int = FCN_SIDE) -> keras.Model:
    """Builds CaffeNet with its fully connected layers as convolutions, of the same weights.

    It sees its classes at many places of a larger image: Long et al., "Fully Convolutional
    Networks for Semantic Segmentation" (arXiv 1411.4038), section 3.1.

    Args:
        weights: as for `caffenet`.
        side: of its images, 227 or more.

    Returns:
        A model from images, (n, side, side, 3), to the logarithms of the classes' probabilities
        at each place, (n, m, m, 1000): m is 6 for 384.
    """
    data = keras.Input((side, side, 3), name="data")
    features = _to_pool5(data, weights)
    for name, units, window in (("fc6", 4096, 6), ("fc7", 4096, 1), ("fc8", 1000, 1)):
        shape = (units, features.shape[-1], window, window)
        fan_in = shape[1] * window**2
        matrix, bias = weights(name, ((units, fan_in), (units,)), fan_in)
        features = Convolution(matrix.reshape(shape), bias, name=name)(features)
        if name != "fc8":
            features = keras.layers.ReLU(name=f"relu{name[-1]}")(features)
    return _model(data, features, "caffenet_fcn")
