"""What a descriptor is: a network whose features describe textures, and how it is to be used."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.errors import UserError

#: Borders of the network's kernels: none; zeros, or as it was trained; those of an image that
#: tiles; what is inside, mirrored.
PADDINGS = ("valid", "same", "wrap", "reflect")


class Network:
    """A network with frozen weights, of which some layers describe textures.

    Its subclasses are the descriptors. They take images as BGR in 0..255 minus VGG-19's mean.

    Attributes:
        title: as people call it.
        layers: the names of its layers, in order; the index is a layer's number.
        weights: what `--weights` calls its weights -> what they are, in words.
        texture_layers: those that make the best textures.
        content_layer: one that says what is where in a picture.
    """

    title: str
    layers: tuple[str, ...]
    weights: Mapping[str, str]
    texture_layers: tuple[str, ...]
    content_layer: str

    def channels(self, layer: str) -> int:
        """How many a layer's features have."""
        raise NotImplementedError

    def step(self, side: int, layer: str, padding: str, ceil: bool) -> int:
        """The side that a layer makes of that of the one before; 0 where it is too small.

        Args:
            side: 1 or more.
            layer: one of `layers`.
            padding: see `build`.
            ceil: see `build`.
        """
        raise NotImplementedError

    def find(self, kind: str, folders: Sequence[str | Path] = ()) -> Path | None:
        """Makes sure that the file of weights is on this machine.

        Args:
            kind: one of `weights`.
            folders: where to look before the suite's own folder.

        Returns:
            The file; None where none is needed.

        Raises:
            UserError: it is not and cannot be downloaded.
        """
        raise NotImplementedError

    def load(
        self,
        kind: str,
        upto: str,
        textures: Sequence[np.ndarray],
        folders: Sequence[str | Path] = (),
        pooling: str = "average",
    ) -> tuple[dict, str]:
        """Loads weights.

        Args:
            kind: one of `weights`.
            upto: the deepest layer needed.
            textures: pictures, (1, height, width, 3), on which weights that are random are
                normalised.
            folders: where to look for a file before the suite's own folder.
            pooling: of the network that they are for, see `build`.

        Returns:
            Kernel and bias of each convolution by name, and one line that says which they are.

        Raises:
            UserError: the file is missing, damaged, or of another network.
        """
        raise NotImplementedError

    def build(
        self,
        weights: dict,
        layers: Sequence[str],
        padding: str,
        pooling: str = "average",
        ceil: bool = False,
    ):
        """Builds the network up to the deepest of some layers, and no further.

        Args:
            weights: see `load`.
            layers: names out of `layers`.
            padding: one of `PADDINGS`.
            pooling: `average` or `max`, where the network leaves a choice.
            ceil: where it leaves a choice, whether poolings keep the last pixel of an odd side.

        Returns:
            A Keras model from images, (frames, height, width, 3), to the list of the feature maps
            of `layers`, in the network's order; without a list if it is one.
        """
        raise NotImplementedError

    def number(self, layer: str) -> int:
        """The number of a layer, which may be given instead of its name.

        Raises:
            UserError: there is no such layer.
        """
        if layer in self.layers:
            return self.layers.index(layer)
        if layer.isdecimal() and len(layer) < 4 and int(layer) < len(self.layers):
            return int(layer)
        known = ", ".join(f"{i} {name}" for i, name in enumerate(self.layers))
        raise UserError(f"there is no layer {layer!r} in {self.title}; there are {known}")

    def upto(self, layer: str) -> tuple[str, ...]:
        """The names of the layers up to and including one."""
        return self.layers[: self.layers.index(layer) + 1]

    def side_at(self, side: int, layer: str, padding: str, ceil: bool = False) -> int:
        """The side of a layer's features.

        Args:
            side: of the picture, pixels.
            layer: one of `layers`.
            padding: see `build`.
            ceil: see `build`.

        Returns:
            0 where the picture is too small.
        """
        for name in self.upto(layer):
            side = self.step(side, name, padding, ceil)
            if side < 1:
                return 0
        return side

    def smallest_side(self, layer: str, padding: str, ceil: bool = False) -> int:
        """The smallest side of a picture that a layer can see, pixels."""
        return next(n for n in range(1, 10_000) if self.side_at(n, layer, padding, ceil) >= 1)


class Stack(Network):
    """A network of 3x3 convolutions and of 2x2 poolings, whose names begin with `pool`."""

    def step(self, side, layer, padding, ceil):
        """See `Network`."""
        if layer.startswith("pool"):
            return -(-side // 2) if ceil or padding in ("same", "wrap") else side // 2
        if padding == "valid":
            return max(side - 2, 0)
        return 0 if padding == "reflect" and side < 2 else side
