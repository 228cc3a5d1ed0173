"""VGG-19, which the papers used, with weights of several kinds."""

from common.descriptors.network import Stack
from common.vgg19_layers import LAYERS, channels, convolutions


class VGG19(Stack):
    """VGG-19 in the suite's five kinds of weights; see `common.vgg19`."""

    title = "VGG-19"
    weights = {  # noqa: RUF012
        "gatys": "VGG-19 with Gatys' normalised weights",
        "caffe": "VGG-19 of the Oxford group",
        "imagenet": "the same as Keras distributes it",
        "normalised": "either of the two, normalised as Gatys did",
        "random": "VGG-19 with random weights, made on the spot",
    }
    layers = LAYERS
    #: Those at which random weights look best, too.
    texture_layers = LAYERS[:7]
    content_layer = "conv4_2"

    def channels(self, layer):
        """See `Network`."""
        return channels(convolutions(layer)[-1])[1]

    def find(self, kind, folders=()):
        """See `Network`."""
        from common.vgg19_weights import find_weights_file

        return None if kind == "random" else find_weights_file(kind, folders)

    def load(self, kind, upto, textures, folders=(), pooling="average"):
        """See `Network`."""
        from common.vgg19_weights import load_weights

        return load_weights(kind, upto, textures, folders, pooling)

    def build(self, weights, layers, padding, pooling="average", ceil=False):
        """See `Network`."""
        from common.vgg19 import vgg19

        return vgg19(weights, layers, pooling, padding, ceil)
