"""What training needs of the networks that do not learn."""

import argparse
import hashlib
from pathlib import Path

import keras

from common.errors import UserError, warn
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.networks import Loader, check_takes_images
from reproductions.ppgn.sampling_run import weights_for

#: The encoder's side -> that of the generator's images.
_LARGER = {227: 256}


def load_encoder(flags: argparse.Namespace) -> tuple[keras.Model, dict[str, object]]:
    """Loads E.

    Args:
        flags: of a script with the encoder's flags.

    Returns:
        The network; and for `run.json` what was loaded, in words, and what tells its file from
        others.

    Raises:
        UserError: see `Loader.load`; its images are not square, or its codes no vectors.
    """
    loader = Loader(random=flags.weights == "random")
    definition = flags.encoder_definition
    encoder = loader.load(definition, weights_for(definition, flags.encoder_weights))
    if not loader.files:
        warn("random networks, made on the spot: little can be learned from their codes")
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
    return encoder, {"weights": [Path(one).name for one in loader.used], "encoder": _digest(loader)}


def _digest(loader: Loader) -> str:
    """Of the files that were read; random weights are told by their seed."""
    digest = hashlib.sha256()
    if not loader.files:
        digest.update("\n".join(loader.used).encode("utf-8", "surrogateescape"))
    for path in loader.files:
        with open(path, "rb") as file:
            while part := file.read(2**24):
                digest.update(part)
    return digest.hexdigest()[:16]


def feature_layer(encoder: keras.Model, code_layer: str, asked: str | None) -> str:
    """The layer h_1: that asked for; pool5; or the last with maps before the codes.

    Raises:
        UserError: there is none, or codes are not made of it alone.
    """
    if asked is not None:
        _check_way(encoder, asked, code_layer)
        return asked
    names = [layer.name for layer in encoder.layers]
    if "pool5" in names:
        _check_way(encoder, "pool5", code_layer)
        return "pool5"
    before = encoder.layers[: names.index(code_layer) if code_layer in names else None]
    # Not what comes before any weights, such as a change of scale.
    learned = [number for number, one in enumerate(before) if one.weights]
    before = before[learned[0] :] if learned else []
    maps = [one.name for one in before if _makes_maps(one)]
    if not maps:
        raise UserError(
            f"the encoder {encoder.name} has no layer with maps before {code_layer}; "
            "--feature_layer names one of its layers, such as a lower vector"
        )
    _check_way(encoder, maps[-1], code_layer)
    return maps[-1]


def _makes_maps(layer: keras.layers.Layer) -> bool:
    network = isinstance(layer, keras.Model)
    return not network and len(getattr(layer.output, "shape", ())) == 4


def _check_way(encoder: keras.Model, feature_layer: str, code_layer: str) -> None:
    """Refuses a lower layer that is not all that the codes are made of."""
    features = after_activation(encoder, feature_layer)
    try:
        keras.Model(features, after_activation(encoder, code_layer))
    except ValueError:
        raise UserError(
            f"the codes, {code_layer}, are not made of the layer {feature_layer} alone; "
            "--feature_layer names another"
        ) from None


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
