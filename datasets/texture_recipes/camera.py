"""From light to a picture: exposure, film curve, size, sharpness, grain."""

import numpy as np
from PIL import Image
from scipy import ndimage

from datasets.texture_recipes.noise import SCALE, SIZE

PAD = 16  # pixels of the neighbouring tile that the filters may look at


def develop(
    light: np.ndarray,
    rng: np.random.RandomState,
    exposure: float = 1.0,
    saturation: float = 0.88,
    grain: float = 0.7,
) -> np.ndarray:
    """Makes the finished picture.

    Args:
        light: [FINE, FINE, 3], at least 0, linear, in any unit.
        rng: the source of the film grain.
        exposure: brightness relative to the automatic one, which brings the brightest hundredth
            of the picture near white.
        saturation: 1 leaves colours, less makes them greyer.
        grain: standard deviation of the grain, in levels of 255.

    Returns:
        [SIZE, SIZE, 3], uint8. It still tiles.
    """
    luminance = light @ np.array([0.2126, 0.7152, 0.0722])
    light = luminance[..., None] + saturation * (light - luminance[..., None])
    light = np.clip(light, 0.0, None) * (0.55 * exposure / np.percentile(luminance, 98.5))
    # Narkowicz's fit of the ACES film curve: soft shoulder, deep blacks.
    film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    picture = _halved(np.clip(film, 0.0, 1.0) ** (1 / 2.2))
    # What a camera does to its pictures, too: some sharpness back after the averaging.
    picture += 0.2 * (picture - ndimage.gaussian_filter(picture, (0.9, 0.9, 0), mode="wrap"))
    specks = rng.standard_normal((SIZE, SIZE, 1))
    middle = np.clip(picture.mean(axis=-1, keepdims=True), 0, 1)
    picture = 255.0 * picture + grain * specks * (0.4 + 2.4 * middle * (1 - middle))
    # Even levels only: nobody sees it beneath the grain, and the files are a sixth smaller.
    return (2 * np.clip(np.rint(picture / 2), 0, 127)).astype(np.uint8)


def _halved(picture: np.ndarray) -> np.ndarray:
    """Shrinks [FINE, FINE, 3] to [SIZE, SIZE, 3] with Lanczos' filter, over the seam."""
    pad = PAD * SCALE
    wide = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="wrap").astype(np.float32)
    side = SIZE + 2 * PAD
    planes = [
        Image.fromarray(wide[..., c]).resize((side, side), Image.Resampling.LANCZOS)
        for c in range(3)
    ]
    small = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    return np.clip(small[PAD:-PAD, PAD:-PAD].astype(np.float64), 0.0, 1.0)
