"""How far the patches of one picture are from those of another."""

import numpy as np


def patches_of(
    picture: np.ndarray, side: int, count: int, random: np.random.Generator
) -> np.ndarray:
    """Draws patches of a picture, each at a place of its own, uniform.

    Args:
        picture: uint8, (height, width, 3).
        side: of a patch.
        count: how many.
        random: the generator.

    Returns:
        float32, 0..255, (count, side * side * 3).
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    rows = random.integers(windows.shape[0], size=count)
    columns = random.integers(windows.shape[1], size=count)
    return windows[rows, columns].reshape(count, -1).astype(np.float32)


def sliced_wasserstein(
    one: np.ndarray,
    other: np.ndarray,
    side: int = 7,
    count: int = 20000,
    directions: int = 256,
    seed: int = 0,
) -> float:
    """The sliced Wasserstein-1 distance between the patches of two pictures.

    Along each of many random directions (unit vectors) the projections of both sets of patches
    are sorted and compared; the distance is the mean difference (Rabin et al., "Wasserstein
    barycenter and its application to texture mixing", 2011).

    Args:
        one: uint8, (height, width, 3).
        other: the like, of any size.
        side: of a patch, in pixels.
        count: patches drawn from each picture.
        directions: how many.
        seed: of patches and directions.

    Returns:
        The distance, in grey levels of 0..255.
    """
    random = np.random.default_rng(seed)
    unit = random.standard_normal((side * side * 3, directions)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=0)
    first, second = (
        np.sort(patches_of(picture, side, count, random) @ unit, axis=0) for picture in (one, other)
    )
    return float(np.abs(first - second).mean())
