"""Figures of what a sampler makes, by a classifier that has no part in it."""

from typing import NamedTuple

import keras
import numpy as np
from scipy import linalg

from common.classifier import Judge, probabilities


class Realism(NamedTuple):
    """How like real pictures others are, in a judge's features.

    Attributes:
        frechet: the Fréchet distance between Gaussians fitted to both.
        nearest: mean distance to the nearest real picture, relative to that between real ones.
    """

    frechet: float
    nearest: float


def hits(judge: Judge, pictures: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Whether the judge finds the classes that were asked for.

    Args:
        judge: see `common.classifier`.
        pictures: uint8, (n, height, width, channels).
        wanted: classes, (n,).

    Returns:
        bool, (n,).
    """
    return probabilities(judge.model, pictures).argmax(axis=1) == wanted


def mean_distance(pictures: np.ndarray) -> float:
    """Mean Euclidean distance between two different pictures, in pixels of 0..255.

    Args:
        pictures: uint8, (n, height, width, channels), 2 or more.
    """
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    squared = squares[:, None] + squares - 2 * flat @ flat.T
    distances = np.sqrt(np.clip(squared, 0, None))
    return distances[~np.eye(len(flat), dtype=bool)].mean()


def diversity(
    pictures: np.ndarray, classes: np.ndarray, real: np.ndarray, real_classes: np.ndarray
) -> dict[int, float]:
    """Mean distance between pictures of a class, relative to that between real ones.

    Args:
        pictures: uint8, (n, height, width, channels).
        classes: of each, (n,).
        real: uint8, (m, height, width, channels).
        real_classes: of each, (m,).

    Returns:
        A ratio for each class of which there are two pictures.
    """
    found = {}
    for one in np.unique(classes):
        mine, theirs = pictures[classes == one], real[real_classes == one]
        if min(len(mine), len(theirs)) >= 2:
            found[int(one)] = mean_distance(mine) / mean_distance(theirs)
    return found


def feature_model(judge: Judge) -> keras.Model:
    """From pictures in -1..1 to the judge's last features before its scores."""
    dense = [one for one in judge.model.layers if isinstance(one, keras.layers.Dense)]
    return keras.Model(judge.model.inputs[0], dense[-2].output)


def realism(samples: np.ndarray, real: np.ndarray, others: np.ndarray) -> Realism:
    """Compares features of samples with those of real pictures.

    Args:
        samples: float, (n, features).
        real: likewise, of many real pictures.
        others: of real pictures that are not among these.
    """
    return Realism(frechet(samples, real), _to_nearest(samples, real) / _to_nearest(others, real))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|² + trace(C_a + C_b - 2 (C_a C_b)^½), of means m and covariances C.

    Heusel et al., arXiv 1706.08500, equation 6.

    Args:
        a: float, (n, features).
        b: likewise.
    """
    difference = a.mean(axis=0) - b.mean(axis=0)
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of the root is the sum of the roots of the product's eigenvalues, real and >= 0.
    eigenvalues = linalg.eigvals(covariances[0] @ covariances[1]).real
    roots = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    return float(difference @ difference + sum(map(np.trace, covariances)) - 2 * roots)


def _to_nearest(a: np.ndarray, b: np.ndarray) -> float:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return float(np.sqrt(np.clip(squared.min(axis=1), 0, None)).mean())
