"""SqueezeNet: trained on ImageNet, and small enough to be had at once."""

from common.descriptors.network import Network

#: Mean activation of each layer over the pictures of datasets/textures, to the nearest power of 2.
_ACTIVATIONS = {
    "conv1": 32,
    "fire2": 128,
    "fire3": 256,
    "fire4": 256,
    "fire5": 256,
    "fire6": 128,
    "fire7": 64,
    "fire8": 16,
    "fire9": 8,
    "conv10": 2,
}


def scaled(weights: dict) -> dict:
    """Scales each layer as a whole so that its mean activation is about 1; the digits stay.

    So losses are of the size that they have with normalised VGG-19. Gatys scaled each filter by
    itself, which would blow up those that hardly ever answer.

    Args:
        weights: see `common.squeezenet_file`.

    Returns:
        New kernels and biases by name.
    """
    result, before = {}, 1
    for name, (kernel, bias) in weights.items():
        layer = name.partition("/")[0]
        # A fire squeezes in the scale of what it gets, which it gives up as it expands.
        inner = name.partition("/")[2].startswith("expand")
        given = 1 if inner else before
        made = 1 if "squeeze" in name else _ACTIVATIONS[layer]
        result[name] = kernel * (given / made), bias / made
        before = _ACTIVATIONS[layer]
    return result


class SqueezeNet(Network):
    """SqueezeNet 1.0; its poolings are of maxima, and the first convolution is of stride 2.

    With `same` padding it is as it was trained: no border around conv1, zeros around the others.
    """

    title = "SqueezeNet"
    weights = {"squeezenet": "SqueezeNet, trained on ImageNet, 0.7 MB"}  # noqa: RUF012
    layers = (
        *("conv1", "pool1", "fire2", "fire3", "fire4", "pool4"),
        *("fire5", "fire6", "fire7", "fire8", "pool8", "fire9", "conv10"),
    )
    texture_layers = ("conv1", "fire2", "fire3", "fire4", "fire5")
    content_layer = "fire5"

    def channels(self, layer):
        """See `Network`."""
        if layer.startswith("pool"):
            layer = self.layers[self.layers.index(layer) - 1]
        if layer == "conv10":
            return 1000
        from common.squeezenet_file import FIRES

        return 96 if layer == "conv1" else 2 * FIRES[layer][1]

    def step(self, side, layer, padding, ceil):
        """See `Network`."""
        if layer.startswith("pool"):
            if padding == "valid":
                return (side - 1) // 2
            return -(-side // 2) if padding == "wrap" else side // 2
        if layer == "conv1":
            if padding in ("same", "valid"):
                return max(side - 5, 0) // 2
            # Borders of three pixels are taken from what is there.
            return -(-side // 2) if side > 3 else 0
        if layer == "conv10":
            return side + 2 * (padding == "same")
        if padding == "valid":
            return max(side - 2, 0)
        return 0 if padding == "reflect" and side < 2 else side

    def find(self, kind, folders=()):
        """See `Network`."""
        from common import weights

        return weights.get(kind, folders)

    def load(self, kind, upto, textures, folders=(), pooling="average"):
        """See `Network`."""
        from common.squeezenet_file import read_squeezenet

        path = self.find(kind, folders)
        return scaled(read_squeezenet(path)), f"squeezenet weights from {path}"

    def build(self, weights, layers, padding, pooling="average", ceil=False):
        """See `Network`."""
        from common.squeezenet import squeezenet

        return squeezenet(weights, layers, padding)
