"""From pictures to what VGG-19 takes, and back."""

import numpy as np

from common.vgg19_layers import MEAN_BGR


def preprocess(pixels: np.ndarray) -> np.ndarray:
    """RGB in 0..255 to BGR minus the mean.

    Args:
        pixels: shape (..., 3), any number type.

    Returns:
        The same shape, float32, or float64 if `pixels` are.
    """
    kind = np.float64 if np.asarray(pixels).dtype == np.float64 else np.float32
    bgr = np.asarray(pixels, kind)[..., ::-1]
    return bgr - np.asarray(MEAN_BGR, kind)


def deprocess(images: np.ndarray) -> np.ndarray:
    """BGR minus the mean to RGB in 0..255, cut to that range and truncated to whole numbers.

    Args:
        images: shape (..., 3), float.

    Returns:
        The same shape, uint8. What is not a number becomes 0.
    """
    rgb = (images + np.asarray(MEAN_BGR, images.dtype))[..., ::-1]
    return np.nan_to_num(np.clip(rgb, 0, 255), nan=0.0).astype(np.uint8)
