"""The start of a chain: a random code, or that of a picture."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image
from scipy import io

from common.errors import UserError, warn
from common.images import read_picture
from common.originals import REPOSITORY, originals_dir
from reproductions.ppgn.crops import compute_topleft
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.options import VOLCANO

MEAN_FILE = "ilsvrc_2012_mean.mat"
#: The mean image's own mean, BGR.
MEAN_COLOUR = (104.00648498535156, 116.66902160644531, 122.67945861816406)


@functools.cache
def mean_of(channels: int) -> np.ndarray:
    """What networks that learned here subtract from pixels, float32, (channels,).

    Args:
        channels: 3: ImageNet's mean colour, BGR; 1: the mean of that.
    """
    return np.array(MEAN_COLOUR if channels == 3 else [np.mean(MEAN_COLOUR)], np.float32)


def find_image(path: str, stand_in: bool = False) -> Path:
    """Finds a picture; the original's own one also where `datasets/download.py` put it.

    Args:
        path: the picture.
        stand_in: whether a built-in texture may stand for the original's picture.

    Raises:
        UserError: it is not here.
    """
    if os.path.exists(path) or Path(path) != Path(VOLCANO):
        return Path(path)  # whatever is wrong with it, reading it will tell
    downloaded = originals_dir() / "ppgn" / Path(VOLCANO).name
    if downloaded.is_file():
        return downloaded
    get = "python datasets/download.py ppgn gets it"
    if stand_in:
        texture = REPOSITORY / "datasets" / "textures" / "pebbles.png"
        warn(f"the original's {VOLCANO} is not here ({get}): {texture.name} stands in for it")
        return texture
    raise UserError(
        f"the original's picture {VOLCANO} is not here: {get}, or --init_file names another"
    )


def random_code(random: np.random.RandomState, length: int) -> np.ndarray:
    """A code of N(0, 1), float64, (1, length); it is not clipped."""
    return random.normal(0, 1, (1, length))


def mean_image() -> np.ndarray:
    """ImageNet's mean image, float32, (256, 256, 3), BGR; its mean colour if it is not here.

    Raises:
        UserError: the file is damaged.
    """
    path = originals_dir() / "ppgn" / MEAN_FILE
    if not path.is_file():
        warn(
            "ImageNet's mean image is not here, its mean colour is taken: "
            "python datasets/download.py ppgn gets it"
        )
        return np.full((256, 256, 3), MEAN_COLOUR, np.float32)
    try:
        mean = np.asarray(io.loadmat(path)["image_mean"], np.float32)
    except Exception as error:
        # SciPy raises nearly anything on damaged files.
        raise UserError(f"cannot read {path}: {error}") from None
    if mean.ndim != 3 or mean.shape[2] != 3:
        raise UserError(f"{path} holds no mean image: its shape is {mean.shape}")
    return mean


def resized(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """A picture at height and width `size`, bilinearly, as SciPy's `imresize`; uint8."""
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def load_image(
    path: str | Path, size: tuple[int, int], channels: int = 3, of_imagenet: bool = True
) -> np.ndarray:
    """Reads a picture as the networks want it.

    Args:
        path: the picture.
        size: height and width of the networks' images.
        channels: of the networks' images: 3 or 1.
        of_imagenet: subtract ImageNet's mean image, as Caffe's networks want it; otherwise its
            mean colour, as those that learned here do.

    Returns:
        float32, (1, height, width, channels), BGR minus the centre of the mean image, or minus
        `mean_of` the channels.

    Raises:
        UserError: it is no picture.
    """
    picture = read_picture(path)
    if channels == 1:
        picture = picture.convert("L")
    pixels = resized(picture, size).reshape(*size, channels)[..., ::-1].astype(np.float32)
    if channels == 1 or not of_imagenet:
        return (pixels - mean_of(channels))[None]
    mean = mean_image()
    top, left = compute_topleft(size, mean.shape[:2])
    if top < 0 or left < 0:
        mean = np.broadcast_to(mean.mean((0, 1)), (*size, 3))
        top = left = 0
    return (pixels - mean[top : top + size[0], left : left + size[1]])[None]


def code_of(
    encoder: keras.Model,
    layer: str,
    length: int,
    prepare: Callable = lambda images: images,
) -> Callable[[np.ndarray], np.ndarray]:
    """Makes the function from an image to its code: the encoder's layer after its ReLU.

    Args:
        encoder: from images to the layer, among others.
        layer: its name.
        length: of the generator's codes.
        prepare: from images, BGR minus the mean, to the encoder's input.

    Returns:
        A function from float32, (1, height, width, channels), to float32, (1, length).

    Raises:
        UserError: there is no such layer, or its codes are of another length.
    """
    code = after_activation(encoder, layer)
    if tuple(code.shape[1:]) != (length,):
        raise UserError(
            f"the layer {layer} makes codes of the shape {tuple(code.shape[1:])}, the generator "
            f"takes {(length,)}"
        )
    model = keras.Model(encoder.inputs, code)
    return lambda image: ops.convert_to_numpy(model([prepare(image)]))
