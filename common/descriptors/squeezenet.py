"""SqueezeNet: trained on ImageNet, and small enough to be had at once."""

from common.descriptors.network import Network


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
        return read_squeezenet(path), f"SqueezeNet's weights from {path}"

    def build(self, weights, layers, padding, pooling="average", ceil=False):
        """See `Network`."""
        from common.squeezenet import squeezenet

        return squeezenet(weights, layers, padding)
