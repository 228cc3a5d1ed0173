"""Colours: written as on the web, computed with as amounts of light."""

import numpy as np


def light_of(*colours: str) -> np.ndarray:
    """Turns web colours into amounts of red, green and blue light.

    Args:
        *colours: such as "#a0522d".

    Returns:
        [len(colours), 3], in [0, 1], linear.
    """
    values = [[int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)] for colour in colours]
    return np.asarray(values) ** 2.2


def ramp(value: np.ndarray, *colours: str) -> np.ndarray:
    """Runs through evenly spaced colours.

    Args:
        value: any shape; 0 gives the first colour, 1 the last, beyond is clipped.
        *colours: two or more web colours.

    Returns:
        value's shape + [3], linear.
    """
    stops = light_of(*colours)
    at = np.linspace(0.0, 1.0, len(colours))
    return np.stack([np.interp(value, at, stops[:, c]) for c in range(3)], axis=-1)


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Lays `second` over `first`.

    Args:
        first: [..., 3].
        second: [..., 3] or [3].
        amount: [...], in [0, 1]; 1 shows only `second`.

    Returns:
        [..., 3].
    """
    amount = np.asarray(amount)[..., None]
    return first + (second - first) * amount
