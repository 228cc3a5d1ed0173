"""Random numbers that depend on where in a run they are drawn, and on nothing else."""

import enum

import numpy as np


class Draw(enum.IntEnum):
    """What random numbers are for; each purpose has a stream of its own."""

    NEGATIVES = 0
    SYNTHESES = 1
    LEARNING_SET = 2
    LEARNING_PATCHES = 3
    EVALUATION_SET = 4
    EVALUATION_PATCHES = 5
    SYNTHESIS_PATCHES = 6


def generator(seed: int, purpose: Draw, *place: int) -> np.random.Generator:
    """The random numbers of one place in a run.

    A run that is continued draws what an unbroken one would have drawn, without a generator's
    state having to be saved.

    Args:
        seed: of the run, 0 or more.
        purpose: what they are for.
        *place: round, epoch, batch, step, ...; as many as the purpose has.
    """
    return np.random.default_rng([seed, purpose, *place])


def noise(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Draws pictures of clip(Normal(0, deviation), -1, 1): first negatives and first syntheses.

    Args:
        random: the generator.
        shape: (pictures, height, width, channels).
        deviation: standard deviation of the noise.

    Returns:
        float32 of that shape.
    """
    values = random.standard_normal(shape, np.float32)
    values *= np.float32(deviation)
    return np.clip(values, -1, 1, out=values)
