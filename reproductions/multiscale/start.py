"""The images that the optimisation starts from."""

import argparse

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from common.images import read_picture
from common.vgg19_layers import MEAN_BGR
from common.vgg19_pixels import preprocess
from reproductions.multiscale.levels import shape_at


def random_start(
    random: np.random.RandomState, shape: tuple[int, ...], mean: float = 10, sigma: float = 1
) -> np.ndarray:
    """Noise; the original's is nearly black.

    Args:
        random: the source of the noise.
        shape: (frames, height, width, 3).
        mean: its value, of 0..255.
        sigma: its standard deviation.

    Returns:
        float64, BGR minus the mean.
    """
    return sigma * random.standard_normal(shape) + (mean - np.asarray(MEAN_BGR))


def symmetric_start(
    random: np.random.RandomState, shape: tuple[int, ...], blur: float
) -> np.ndarray:
    """Smooth noise, mirrored left to right and top to bottom, with fine noise upon it.

    The blur also runs across frames, as the original's.

    Args:
        random: the source of the noise.
        shape: (frames, height, width, 3).
        blur: sigma, pixels.

    Returns:
        float64, BGR minus the mean.
    """
    images = random.standard_normal(shape)
    images = images + images[:, ::-1]
    images = images + images[:, :, ::-1]
    for channel in range(shape[3]):
        images[..., channel] = blur * 50 * gaussian_filter(images[..., channel], blur)
    return images + random.standard_normal(shape) * 2


def start_from(
    random: np.random.RandomState, image: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Starts from a picture; with several frames each gets noise N(0, 1) of its own.

    Args:
        random: the source of the noise.
        image: shape (height, width, 3), BGR minus the mean.
        shape: (frames, height, width, 3).

    Returns:
        float64, BGR minus the mean.
    """
    images = np.broadcast_to(image.astype(np.float64), shape)
    return images + random.standard_normal(shape) if shape[0] > 1 else images.copy()


def make_start(flags: argparse.Namespace) -> np.ndarray:
    """The start that the flags ask for; draws the random seed if none is given.

    Args:
        flags: of the script; `random_seed` is set.

    Returns:
        float64, shape (count, height, width, 3), BGR minus the mean; of the coarsest level.
    """
    if flags.random_seed is None:
        flags.random_seed = int(np.random.SeedSequence().generate_state(1)[0])
    random = np.random.RandomState(flags.random_seed)
    shape = shape_at(flags, flags.coarse_to_fine)
    height, width = shape[1:3]
    if flags.init is not None:
        picture = read_picture(flags.init).resize((width, height), Image.Resampling.LANCZOS)
        return start_from(random, preprocess(np.asarray(picture)), shape)
    if flags.seed == "symmetric":
        return symmetric_start(random, shape, flags.blur / 2**flags.coarse_to_fine)
    return random_start(random, shape, flags.start_mean, flags.start_sigma)
