"""The update of a code: Eq. 11 of the paper."""

from typing import NamedTuple

import numpy as np

#: Codes are kept within what real images give.
LOWEST, HIGHEST = 0, 30


class Epsilons(NamedTuple):
    """The weights of the terms of Eq. 11; only their ratios count.

    Attributes:
        prior: epsilon1.
        condition: epsilon2.
        noise: epsilon3, the standard deviation of the noise.
        context: epsilon4, for inpainting.
    """

    prior: float
    condition: float
    noise: float
    context: float = 0.0


def step_size(lr: float, lr_end: float, i: int, n_iters: int) -> float:
    """The mean change of a code's numbers at step i: from lr at 0 to lr_end at n_iters.

    In a chain of several conditions i goes on, and the size beyond lr_end, as in the original.
    """
    return lr + ((lr_end - lr) * i) / n_iters


def direction(
    d_prior: np.ndarray,
    d_condition: np.ndarray,
    noise: np.ndarray,
    epsilons: Epsilons,
    d_context: np.ndarray | float = 0.0,
) -> np.ndarray:
    """d_h of Eq. 11, and the term of the context when inpainting.

    Args:
        d_prior: E(G(h)) - h, an estimate of d log p(h) / dh (Alain and Bengio, 2014).
        d_condition: d log p(y | h) / dh.
        noise: drawn from N(0, epsilon3).
        epsilons: the weights.
        d_context: see `reproductions.ppgn.step.Terms`.
    """
    d_h = epsilons.prior * d_prior + epsilons.condition * d_condition + noise
    return d_h + epsilons.context * d_context


def move(h: np.ndarray, d_h: np.ndarray, size: float) -> np.ndarray:
    """Moves a code by `size` on average, and clips it.

    Args:
        h: float64, or float32 where a chain began with an image; it stays so.
        d_h: the direction; where it is 0 everywhere, h stays.
        size: mean change of a number.
    """
    h, mean = h.copy(), float(np.abs(d_h).mean())
    if mean > 0:
        # In place, which rounds a float32 code back to float32.
        h += size / mean * d_h
    return np.clip(h, LOWEST, HIGHEST)
