"""What a generator is trained on: the losses of its output, added up."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from keras import ops

from reproductions.texture_nets.losses import content_loss, texture_loss


class Losses(NamedTuple):
    """Scalars of a batch, weights included.

    Attributes:
        texture: the sum over the texture layers.
        content: of the content layer; 0 without one.
    """

    texture: object
    content: object


class Objective:
    """The losses of images in the descriptor network (paper, Eq. 4 and 5).

    Args:
        network: a function from images, (images, height, width, 3), BGR minus the mean, to a
            list of features.
        layers: the names of these features.
        targets: Gram matrices by the name of their layer.
        texture_weight: weight of each texture loss.
        content_layer: the layer of the content loss; None for no such loss.
        content_weight: its weight.
        normalize: whether the gradients of the texture losses are normalised.
    """

    def __init__(
        self,
        network: Callable,
        layers: Sequence[str],
        targets: dict,
        texture_weight: float = 1.0,
        content_layer: str | None = None,
        content_weight: float = 0.0,
        normalize: bool = False,
    ):
        self._network, self._layers, self._targets = network, list(layers), targets
        self._texture_weight, self._content_weight = texture_weight, content_weight
        self._content_layer, self._normalize = content_layer, normalize

    def __call__(self, images, content=None) -> Losses:
        """Computes the losses.

        Args:
            images: the generator's output.
            content: the features that the content layer should have, in its shape.
        """
        features = dict(zip(self._layers, self._network(images), strict=True))
        texture = sum(
            texture_loss(features[layer], target, self._texture_weight, self._normalize)
            for layer, target in self._targets.items()
        )
        if self._content_layer is None:
            return Losses(texture, ops.zeros_like(texture))
        found = features[self._content_layer]
        return Losses(texture, content_loss(found, content, self._content_weight))
