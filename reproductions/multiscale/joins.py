"""Joining the Gram matrices of several sources into one target."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg

#: Added to the diagonal by the modes on the manifold of positive definite matrices.
RIDGE = 0.05


def _of_symmetric(matrix: np.ndarray, function: Callable) -> np.ndarray:
    """A function of a symmetric matrix, by its eigenvalues."""
    values, vectors = scipy.linalg.eigh(matrix)
    return (vectors * function(values)) @ vectors.T


def _made_positive(eigenvalues: np.ndarray) -> np.ndarray:
    # The rounding of large float32 matrices may leave values too negative for a logarithm.
    return np.maximum(eigenvalues + RIDGE, 1e-3 * RIDGE)


def _regularised(grams: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [_of_symmetric(np.asarray(g, np.float64), _made_positive) for g in grams]


def average(grams: Sequence[np.ndarray]) -> np.ndarray:
    """The mean."""
    return np.mean(grams, axis=0)


def maximum(grams: Sequence[np.ndarray]) -> np.ndarray:
    """The largest of each entry."""
    return np.max(grams, axis=0)


def log_euclidean(grams: Sequence[np.ndarray]) -> np.ndarray:
    """The exponential of the mean logarithm (Arsigny et al., "Log-Euclidean metrics", 2006)."""
    logs = [_of_symmetric(g, np.log) for g in _regularised(grams)]
    return _of_symmetric(np.mean(logs, axis=0), np.exp)


def riemann(grams: Sequence[np.ndarray]) -> np.ndarray:
    """The middle of the geodesic between the first two: A^1/2 (A^-1/2 B A^-1/2)^1/2 A^1/2."""
    first, *others = _regularised(grams)
    if not others:
        return first
    root = _of_symmetric(first, np.sqrt)
    inverse = _of_symmetric(first, lambda values: 1 / np.sqrt(values))
    return root @ _of_symmetric(inverse @ others[0] @ inverse, np.sqrt) @ root


def affine_invariant(
    grams: Sequence[np.ndarray], tolerance: float = 1e-10, max_iter: int = 100
) -> np.ndarray:
    """The Karcher mean: nearest to all in the affine-invariant metric (Pennec et al., 2006).

    Args:
        grams: matrices, each (channels, channels).
        tolerance: the mean logarithm, relative to the size of the matrix, at which it has
            converged.
        max_iter: steps at most; the step that fails to approach is halved.
    """
    matrices = _regularised(grams)
    # For two matrices the middle of their geodesic is the mean already.
    mean = riemann(grams) if len(grams) <= 2 else log_euclidean(grams)
    step, last = 1.0, np.inf
    for _ in range(max_iter):
        root = _of_symmetric(mean, np.sqrt)
        inverse = _of_symmetric(mean, lambda values: 1 / np.sqrt(values))
        logs = [_of_symmetric(inverse @ m @ inverse, np.log) for m in matrices]
        tangent = np.mean(logs, axis=0)
        size = np.linalg.norm(tangent) / np.sqrt(len(mean))
        if size < tolerance or step < 1e-3:
            break
        if size > last:
            step /= 2
        last = size
        mean = root @ _of_symmetric(step * tangent, np.exp) @ root
    return mean


MODES: dict[str, Callable] = {
    "average": average,
    "max": maximum,
    "log_euclidean": log_euclidean,
    "affine_invariant": affine_invariant,
    "riemann": riemann,
}
