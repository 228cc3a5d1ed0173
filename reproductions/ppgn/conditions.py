"""The condition y: what log p(y | x) a chain climbs."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from common.errors import UserError
from reproductions.ppgn.ends import before_activation
from reproductions.ppgn.formats import FORMATS


class Climb(NamedTuple):
    """What a condition says of n images.

    Attributes:
        scalar: its gradient with respect to an image is the condition's.
        probability: of the condition, shape (n,).
        best: the most probable unit, shape (n,); 0 for sentences.
        best_probability: of that unit, shape (n,).
    """

    scalar: object
    probability: object
    best: object
    best_probability: object


class UnitCondition:
    """A unit of a layer: a class, or a channel at a place or in a region of a convolution.

    The paper's C(y | x), a classifier; hidden units show what they have learned to detect.

    Args:
        network: the condition network p(y | x).
        layer: where its units are, before their ReLU.
        region: rows and columns of a convolution's map, (top, left, bottom, right), the last two
            exclusive; None: all of it. A fully connected layer has none.
        prepare: from images, BGR minus the mean, to the network's input.

    Attributes:
        features: what is taken out of the network.
        units: how many units there are.

    Raises:
        UserError: no such layer, or the region is not inside of the map.
    """

    def __init__(
        self,
        network: keras.Model,
        layer: str,
        region: tuple[int, int, int, int] | None = None,
        prepare: Callable = FORMATS["caffe"],
    ):
        self.network, self.layer, self.prepare = network, layer, prepare
        self.features = before_activation(network, layer)
        shape = self.features.shape
        if len(shape) not in (2, 4):
            raise UserError(f"the layer {layer} has no units: its shape is {tuple(shape[1:])}")
        self.is_map = len(shape) == 4
        self.units = shape[-1]
        self._region = None
        if self.is_map:
            height, width = shape[1:3]
            top, left, bottom, right = region or (0, 0, height, width)
            if not (0 <= top < bottom <= height and 0 <= left < right <= width):
                where = f"row {top}, column {left}"
                if (bottom, right) != (top + 1, left + 1):
                    where = f"rows {top} to {bottom - 1}, columns {left} to {right - 1}"
                raise UserError(
                    f"{where}: not all inside of the maps of the layer {layer}, {height}x{width}"
                )
            self._region = slice(top, bottom), slice(left, right)

    def check(self, unit: int) -> None:
        """Refuses a unit that the layer does not have.

        Raises:
            UserError: see above.
        """
        if not 0 <= unit < self.units:
            raise UserError(
                f"unit {unit} is out of range: the layer {self.layer} has the units 0 to "
                f"{self.units - 1}"
            )

    def climb(self, features, units) -> Climb:
        """The gradient that is fed in at a unit is 1 - p(unit), and 0 at all others.

        p is the softmax over the layer's units, for a convolution over the channels at each place
        of the region. (The full gradient of log p would also feed in -p at the other units.) Over
        a region gradients and probabilities are averaged.

        Args:
            features: shape (n, units) or (n, height, width, units).
            units: shape (n,).
        """
        if self._region:
            features = features[:, self._region[0], self._region[1]]
        places = ops.reshape(features, (ops.shape(features)[0], -1, self.units))
        powers = ops.exp(places - ops.max(places, axis=-1, keepdims=True))
        p = powers / (1e-10 + ops.sum(powers, axis=-1, keepdims=True))
        chosen = ops.one_hot(units, self.units, dtype=places.dtype)[:, None]
        slope = ops.stop_gradient((1 - p) * chosen)
        mean = ops.mean(p, axis=1)
        best = ops.argmax(ops.mean(places, axis=1), axis=-1)
        return Climb(
            ops.sum(ops.mean(slope * places, axis=1)),
            ops.sum(mean * chosen[:, 0], axis=-1),
            best,
            ops.take_along_axis(mean, best[:, None], axis=-1)[:, 0],
        )


class CaptionCondition:
    """A sentence of an image captioning network.

    Args:
        network: makes the image features.
        layer: where they are, before their ReLU.
        captioner: see `reproductions.ppgn.lrcn`, for sentences of this length.
        sentence: numbers of the words, with the 0 of its end.

    Attributes:
        features: what is taken out of the network.

    Raises:
        UserError: no such layer, its features do not fit the captioner's, or this is built in
            another way.
    """

    def __init__(
        self, network: keras.Model, layer: str, captioner: keras.Model, sentence: list[int]
    ):
        self.network, self.layer, self.prepare = network, layer, FORMATS["caffe"]
        self.features = before_activation(network, layer)
        image = captioner.get_layer("image_features").output
        if tuple(self.features.shape[1:]) != tuple(image.shape[1:]):
            raise UserError(
                f"the layer {layer} makes features of the shape {tuple(self.features.shape[1:])}, "
                f"the captioner takes {tuple(image.shape[1:])}"
            )
        self._sentence = ops.convert_to_tensor(sentence, "int32")
        before = [0, *sentence[:-1]]
        words = ops.convert_to_tensor(before, "float32")[:, None]
        cont = ops.convert_to_tensor([float(word > 0) for word in before])[:, None]
        self._cont = cont
        # No image takes part in the first half, which is computed once for all steps.
        language = captioner.get_layer("lstm1").output
        inputs = {one.name.split(":")[0]: one for one in captioner.inputs}
        try:
            first = keras.Model([inputs["cont_sentence"], inputs["input_sentence"]], language)
            self._language = ops.convert_to_numpy(first([cont, words]))
            self._second = keras.Model(
                [language, inputs["cont_sentence"], inputs["image_features"]],
                captioner.get_layer("predict").output,
            )
            if len(self._second.output.shape) != 3:
                raise ValueError("its scores must be of words, images and the vocabulary")
        except (KeyError, ValueError):
            raise UserError(
                f"the captioner {captioner.name} is not built like LRCN: cont_sentence and "
                "input_sentence to lstm1, and with image_features to predict"
            ) from None

    def climb(self, features, units) -> Climb:
        """The gradients of all words' log p, each given the words before it, are summed.

        The probability is the mean of the words'.

        Args:
            features: shape (n, features).
            units: not used.
        """
        scores = self._second([ops.convert_to_tensor(self._language), self._cont, features])
        log = ops.log_softmax(scores, axis=-1)
        log = ops.take_along_axis(log, self._sentence[:, None, None], axis=-1)[..., 0]
        probability = ops.mean(ops.exp(log), axis=0)
        nothing = ops.zeros_like(probability)
        return Climb(ops.sum(log), probability, ops.cast(nothing, "int32"), nothing)
