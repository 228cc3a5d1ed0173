"""Which weights the descriptor has."""

import argparse
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.images import pictures_in
from common.originals import REPOSITORY
from common.vgg19_weights import read_weights
from reproductions.texture_nets.options import DEFAULT, MODEL_FILE
from reproductions.texture_nets.pictures import for_descriptor, load_picture

_TEXTURES = REPOSITORY / "datasets" / "textures"


def descriptor_weights(
    flags: argparse.Namespace, upto: str, texture: np.ndarray | None = None
) -> tuple[dict, str]:
    """Loads what `--weights` or `-model_file` names.

    Args:
        flags: with `weights`, `network` and `model_file`.
        upto: the deepest layer needed, as the network calls it.
        texture: a picture for it, on which weights are normalised that are to be; None: the
            textures of `datasets/`, so that two scripts have the same weights.

    Returns:
        The weights, and a line that says which they are.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    file = Path(flags.model_file)
    if flags.weights is None and file.exists():
        return read_weights(file, upto), f"weights from {file}"
    if flags.weights is None and flags.model_file != MODEL_FILE:
        raise UserError(f"there is no file {file}")
    textures = [texture]
    if texture is None:
        textures = [for_descriptor(load_picture(path)) for path in pictures_in(_TEXTURES)]
    folders = [file.parent] if file.parent.is_dir() else []
    return flags.network.load(flags.weights or DEFAULT, upto, textures, folders, pooling="max")
