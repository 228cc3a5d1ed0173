"""The networks' part of a step: all that Eq. 11 needs of G, E and the condition network."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from common.autodiff import compile_gradients
from common.errors import UserError
from reproductions.ppgn.conditions import CaptionCondition, UnitCondition
from reproductions.ppgn.crops import view
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.formats import FORMATS
from reproductions.ppgn.inpainting import Context


class Terms(NamedTuple):
    """What the networks say of n codes; of float32, but for `best`.

    Attributes:
        code: E(G(h)), or R(h), shape (n, code).
        d_condition: d log p(y | h) / dh, shape (n, code).
        d_context: pulls what is around the mask towards the picture, or None.
        images: what the condition network saw, (n, height, width, channels); a tensor, which stays
            on the device until it is asked for.
        probability: of the condition, shape (n,).
        best: the most probable unit, shape (n,).
        best_probability: of that unit, shape (n,).
    """

    code: np.ndarray
    d_condition: np.ndarray
    d_context: np.ndarray | None
    images: Any
    probability: np.ndarray
    best: np.ndarray
    best_probability: np.ndarray

    def row(self, i: int) -> "Terms":
        """Those of one code, the first axis kept."""
        return Terms(*(None if array is None else array[i : i + 1] for array in self))


class Networks:
    """The plug-and-play parts: generator, encoder and condition, in one compiled call.

    G(h) is computed once; and where encoder and condition are the same network, as in most
    recipes, the image goes through it once.

    Args:
        generator: from codes to images.
        encoder: from images to codes, among others; with a prior of its own only its images'
            size counts.
        code_layer: the encoder's layer whose values, after their ReLU, are codes.
        condition: what to climb.
        inpainting: whether a part of each image is given.
        prior: R, from codes to codes, instead of E(G(h)): that of PPGN-h or PPGN-x.
        prepare: from images, BGR minus the mean, to the encoder's input.

    Raises:
        UserError: networks that do not fit each other.
    """

    def __init__(
        self,
        generator: keras.Model,
        encoder: keras.Model,
        code_layer: str,
        condition: UnitCondition | CaptionCondition,
        inpainting: bool = False,
        prior: keras.Model | None = None,
        prepare: Callable = FORMATS["caffe"],
    ):
        self._generator, self._condition, self._inpainting = generator, condition, inpainting
        self._prior, self._prepare = prior, prepare
        self.code_size = generator.input_shape[-1]
        seen = condition.network.input_shape
        self.image_size, self._seen_size = encoder.input_shape[1:3], seen[1:3]
        channels = {generator.output_shape[-1], encoder.input_shape[-1], seen[-1]}
        if len(channels) > 1:
            raise UserError(f"the networks' images differ in their channels: {sorted(channels)}")
        if inpainting and self._seen_size != self.image_size:
            raise UserError(
                "inpainting needs an encoder and a condition network for images of one size, "
                f"these take {self.image_size} and {self._seen_size}"
            )
        if prior is not None:
            _check_prior(prior, self.code_size)
        code = None if prior is not None else _code_of(encoder, code_layer, self.code_size)
        self._shared = (
            prior is None and encoder is condition.network and condition.prepare is prepare
        )
        if self._shared:
            self._both = keras.Model(encoder.inputs, [code, condition.features])
        else:
            if prior is None:
                self._encode = keras.Model(encoder.inputs, code)
            self._features = keras.Model(condition.network.inputs, condition.features)
        shapes = [((None, self.code_size), "float32"), ((None,), "int32")]
        if inpainting:
            image = (None, *self.image_size)
            shapes += [((*image, 1), "float32"), ((*image, seen[-1]), "float32")]
        self._compiled = compile_gradients(self._forward, *shapes)

    def __call__(self, h: np.ndarray, units: np.ndarray, context: Context | None = None) -> Terms:
        """Computes the terms of codes h, (n, code), and units, (n,).

        Args:
            h: any float type; the networks take float32.
            units: for a caption, not used.
            context: when inpainting: one mask and picture for each code.
        """
        given = (context.mask, context.picture) if self._inpainting else ()
        h, units = h.astype(np.float32), np.asarray(units, np.int32)
        (d_condition, *d_context), (code, images, climb) = self._compiled(h, units, *given)
        return Terms(
            ops.convert_to_numpy(code),
            ops.convert_to_numpy(d_condition),
            ops.convert_to_numpy(d_context[0]) if d_context else None,
            images,
            *(ops.convert_to_numpy(array) for array in climb),
        )

    def _code(self, h, images):
        """E(G(h)), or R(h)."""
        if self._prior is not None:
            return self._prior(h)
        return self._encode(self._prepare(images))

    def _forward(self, h, units, mask=None, picture=None):
        x = self._generator(h)
        images = crop = view(x, self._seen_size)
        encoded = view(x, self.image_size)
        if self._inpainting:
            images = crop * mask + picture
            encoded = encoded * mask + picture
        if self._shared:
            code, features = self._both(self._prepare(images))
        else:
            code = self._code(h, encoded)
            features = self._features(self._condition.prepare(images))
        climb = self._condition.climb(features, units)
        scalars = [climb.scalar]
        if self._inpainting:
            pull = ops.stop_gradient((picture - crop) * (1 - mask))
            scalars.append(ops.sum(pull * crop))
        return scalars, (code, images, tuple(climb)[1:])


def _code_of(encoder: keras.Model, layer: str, code_size: int):
    try:
        code = after_activation(encoder, layer)
    except UserError as error:
        raise UserError(f"{error} (the encoder's is that of --code_layer)") from None
    if tuple(code.shape[1:]) != (code_size,):
        raise UserError(
            f"the layer {layer} has the shape {tuple(code.shape[1:])}, the generator's codes "
            f"{(code_size,)}"
        )
    return code


def _check_prior(prior: keras.Model, code_size: int) -> None:
    shapes = [tuple(one.shape[1:]) for one in (*prior.inputs, *prior.outputs)]
    if shapes != [(code_size,)] * 2:
        raise UserError(
            f"the prior {prior.name} must take and make codes of the generator's shape, "
            f"{(code_size,)}; its shapes are {' and '.join(map(str, shapes))}"
        )
