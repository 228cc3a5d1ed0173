"""What a round learns from: positives, and negatives of all generations so far."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class TrainingSet(NamedTuple):
    """The pictures of one epoch, shuffled.

    Attributes:
        pictures: numbers of the pictures, int64, (size,).
        labels: 0 for negatives, 1, 2, ... for the classes, int32, (size,).
        age_counts: how many negatives came from each generation, oldest first.
    """

    pictures: np.ndarray
    labels: np.ndarray
    age_counts: np.ndarray


def age_probabilities(generations: int) -> np.ndarray:
    """How likely a negative comes from each generation, oldest first; the youngest most.

    Proportional to 0.5^n, 0.5^(n-1), ..., 0.5^1 for n generations.
    """
    weights = np.logspace(generations, 1, num=generations, base=0.5)
    return weights / weights.sum()


def learning_set_size(batch_size: int, most_batches: int, negatives: int) -> int:
    """Pictures of an epoch: two for every negative so far, up to the most batches."""
    return min(batch_size * most_batches, 2 * negatives)


def shares(count: int, priors: Sequence[float]) -> list[int]:
    """Splits `count` by the priors of the classes into whole numbers, by largest remainders."""
    exact = np.asarray(priors, np.float64) * count
    whole = np.floor(exact + 1e-9).astype(int)
    rest = np.argsort(whole - exact, kind="stable")[: count - whole.sum()]
    whole[rest] += 1
    return whole.tolist()


def _choose(random: np.random.Generator, count: int, pool: np.ndarray) -> np.ndarray:
    """Draws from a pool; with replacement only if more are asked for than it has."""
    return random.choice(pool, count, replace=count > len(pool))


def draw_set(
    random: np.random.Generator,
    size: int,
    positives: Sequence[np.ndarray],
    priors: Sequence[float],
    generations: Sequence[np.ndarray],
) -> TrainingSet:
    """Draws a set, half positive and half negative, and shuffles it.

    Args:
        random: the generator.
        size: of the set.
        positives: numbers of the pictures of each class.
        priors: the share of each class among the positives; they sum to 1.
        generations: numbers of the negatives of each generation, oldest first.
    """
    half = size // 2
    pictures, labels = [], []
    for label, (count, pool) in enumerate(
        zip(shares(half, priors), positives, strict=True), start=1
    ):
        pictures.append(_choose(random, count, pool))
        labels.append(np.full(count, label, np.int32))
    age_counts = random.multinomial(half, age_probabilities(len(generations)))
    for count, pool in zip(age_counts, generations, strict=True):
        pictures.append(_choose(random, count, pool))
    labels.append(np.zeros(half, np.int32))
    order = random.permutation(2 * half)
    return TrainingSet(np.concatenate(pictures)[order], np.concatenate(labels)[order], age_counts)
