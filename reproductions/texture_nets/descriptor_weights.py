"""Which weights the descriptor has."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.images import pictures_in
from common.originals import REPOSITORY
from common.vgg19_weights import Weights, load_weights, read_weights
from reproductions.texture_nets.layer_names import deepest
from reproductions.texture_nets.options import MODEL_FILE
from reproductions.texture_nets.pictures import for_descriptor, load_picture

_TEXTURES = REPOSITORY / "datasets" / "textures"


def descriptor_weights(
    flags: argparse.Namespace, layers: Sequence[str], texture: np.ndarray | None = None
) -> tuple[Weights, str]:
    """Loads what `--weights` or `-model_file` names.

    Args:
        flags: with `weights` and `model_file`.
        layers: of the descriptor.
        texture: a picture for it, on which random weights are normalised; None: the textures of
            `datasets/`, so that two scripts have the same weights.

    Returns:
        The weights, and a line that says which they are.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    upto, file = deepest(layers), Path(flags.model_file)
    if flags.weights is None and file.exists():
        return read_weights(file, upto), f"weights from {file}"
    if flags.weights is None and flags.model_file != MODEL_FILE:
        raise UserError(f"there is no file {file}")
    textures = [texture]
    if texture is None and flags.weights == "random":
        textures = [for_descriptor(load_picture(path)) for path in pictures_in(_TEXTURES)]
    folders = [file.parent] if file.parent.is_dir() else []
    return load_weights(flags.weights or "caffe", upto, textures, folders, pooling="max")
