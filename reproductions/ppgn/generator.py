"""The generator G of the noiseless joint PPGN-h: from codes of CaffeNet's fc6 to images."""

import keras

from common.caffe_convolution import Deconvolution
from common.caffe_dense import InnerProduct
from common.caffe_weights import WeightSource
from common.layers import LeakyReLU
from reproductions.ppgn.caffe.arithmetic import Reshape

#: Length of its codes.
CODE = 4096
#: Of all its leaky ReLUs.
SLOPE = 0.3

#: Gain of random weights with which pixels vary as those of photographs do.
RANDOM_GAINS = {"deconv0": 30.0}

# Name, filters, kernel's side, stride.
_DECONVOLUTIONS = (
    ("deconv5", 256, 4, 2),
    ("conv5_1", 512, 3, 1),
    ("deconv4", 256, 4, 2),
    ("conv4_1", 256, 3, 1),
    ("deconv3", 128, 4, 2),
    ("conv3_1", 128, 3, 1),
    ("deconv2", 64, 4, 2),
    ("deconv1", 32, 4, 2),
    ("deconv0", 3, 4, 2),
)


def generator(weights: WeightSource) -> keras.Model:
    """Builds G of Dosovitskiy and Brox (arXiv 1602.02644), which the paper trains anew.

    Args:
        weights: the blobs of its layers, see `common.caffe_weights`.

    Returns:
        A model from codes h, (n, 4096), to images, (n, 256, 256, 3), BGR in 0..255 minus the
        mean. Layers are named as in the original; all are deconvolutions, conv5_1 too.
    """
    feat = keras.Input((CODE,), name="feat")
    features = feat
    for name in ("defc7", "defc6", "defc5"):
        matrix, bias = weights(name, ((CODE, features.shape[-1]), (CODE,)), features.shape[-1])
        features = InnerProduct(matrix, bias, name=name)(features)
        features = LeakyReLU(SLOPE, name=f"relu_{name}")(features)
    features = Reshape((256, 4, 4), name="reshape")(features)
    for name, filters, side, stride in _DECONVOLUTIONS:
        channels = features.shape[-1]
        shapes = ((channels, filters, side, side), (filters,))
        kernel, bias = weights(name, shapes, channels * side**2 / stride**2)
        features = Deconvolution(kernel, bias, (stride,) * 2, (1, 1), name=name)(features)
        if name != "deconv0":
            features = LeakyReLU(SLOPE, name=f"relu_{name}")(features)
    return keras.Model(feat, features, name="generator")
