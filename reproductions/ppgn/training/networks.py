"""What training needs of the networks that do not learn."""

import argparse

import keras

from common.errors import UserError, warn
from reproductions.ppgn.commands import weights_for
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.networks import Loader, check_takes_images

#: The encoder's side -> that of the generator's images.
_LARGER = {227: 256}


def load_encoder(flags: argparse.Namespace) -> tuple[keras.Model, list[str]]:
    """Loads E.

    Args:
        flags: of a script with the encoder's flags.

    Returns:
        The network, and what was loaded, in words.

    Raises:
        UserError: see `Loader.load`; its images are not square, or its codes no vectors.
    """
    loader = Loader(random=flags.weights == "random")
    if flags.weights == "random":
        warn("random networks, made on the spot: little can be learned from their codes")
    definition = flags.encoder_definition
    encoder = loader.load(definition, weights_for(definition, flags.encoder_weights))
    check_takes_images(encoder, "encoder")
    height, width = encoder.input_shape[1:3]
    if height != width:
        raise UserError(f"the encoder takes images of {height}x{width}; square ones are wanted")
    code = after_activation(encoder, flags.code_layer)
    if len(code.shape) != 2:
        raise UserError(
            f"the layer {flags.code_layer} has the shape {tuple(code.shape[1:])}: codes must be "
            "vectors"
        )
    encoder.trainable = False
    return encoder, loader.used


def feature_layer(encoder: keras.Model, code_layer: str, asked: str | None) -> str:
    """The layer h_1: that asked for; pool5; or the last with maps before the codes.

    Raises:
        UserError: there is none.
    """
    if asked is not None:
        after_activation(encoder, asked)
        return asked
    names = [layer.name for layer in encoder.layers]
    if "pool5" in names:
        return "pool5"
    before = encoder.layers[: names.index(code_layer) if code_layer in names else None]
    maps = [one.name for one in before if len(getattr(one.output, "shape", ())) == 4]
    if len(maps) < 2:
        raise UserError(
            f"the encoder {encoder.name} has no layer with maps before {code_layer}; "
            "--feature_layer names another"
        )
    return maps[-1]


def side_of_images(encoder: keras.Model, asked: int | None) -> int:
    """The side of G's images: that asked for, 256 for E's 227, else E's own.

    Raises:
        UserError: E's images would be larger than G's.
    """
    own = encoder.input_shape[1]
    side = asked or _LARGER.get(own, own)
    if side < own:
        raise UserError(f"--image_size {side} is smaller than the encoder's images, {own}")
    return side
