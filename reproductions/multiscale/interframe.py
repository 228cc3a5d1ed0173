"""The loss that ties the frames of an animation to each other."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from common.backend import to_tensor
from reproductions.multiscale.pyramid import gaussian_pyramid, laplacian_pyramid


def _frames_apart(images, step: int):
    """Every frame's cyclic successor `step` frames on."""
    return ops.roll(images, -step, axis=0)


def _root(values):
    """Square root whose gradient at 0 is 0 instead of infinite: equal frames are no accident."""
    positive = values > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, values, 1.0)), 0.0)


def l2_distances(levels: Sequence, step: int) -> list:
    """Root mean square difference of frames `step` apart, at each level.

    Args:
        levels: of a Gaussian pyramid, each (frames, height, width, 3).
        step: how many frames apart, cyclically.

    Returns:
        For each level the distances, shape (frames,).
    """
    return [
        _root(ops.mean(ops.square(level - _frames_apart(level, step)), axis=(1, 2, 3)))
        for level in levels
    ]


def lap1_distances(levels: Sequence, step: int) -> list:
    """Mean absolute difference of frames `step` apart over all levels together.

    Level i, counted from 0, weighs 2^(1 - i).

    Args:
        levels: of a Laplacian pyramid, each (frames, height, width, 3).
        step: how many frames apart, cyclically.

    Returns:
        One array of distances, shape (frames,), in a list.
    """
    differences = []
    for i, level in enumerate(levels):
        difference = ops.abs(2.0 ** (1 - i) * (level - _frames_apart(level, step)))
        differences.append(ops.reshape(difference, (difference.shape[0], -1)))
    return [ops.mean(ops.concatenate(differences, axis=1), axis=1)]


def frame_distances(kind: str, octaves: int, pyramid_octaves: int) -> Callable:
    """The distance that the flags ask for.

    Args:
        kind: `l2` or `lap1`.
        octaves: at how many scales `l2` compares; `lap1` uses all.
        pyramid_octaves: levels of the whole pyramid.

    Returns:
        A function from images and steps to a list for each step, of arrays (frames,).
    """

    def distances(images, steps: Sequence[int]) -> list[list]:
        if kind == "lap1":
            levels = laplacian_pyramid(images, pyramid_octaves)
            return [lap1_distances(levels, step) for step in steps]
        levels = gaussian_pyramid(images, octaves) if octaves else []
        return [l2_distances(levels, step) for step in steps]

    return distances


def shift_distances(distances: Callable, source: np.ndarray, shift: float) -> np.ndarray:
    """How far a shift of the source by some pixels moves it: the distance wanted of neighbours.

    It is the mean over a shift of the rows and a shift of the columns. Between whole numbers of
    pixels it is interpolated.

    Args:
        distances: see `frame_distances`; compiled or not.
        source: the first source, shape (1, height, width, 3).
        shift: pixels, may be negative.

    Returns:
        One distance for each that `distances` gives.
    """

    def of_whole_shift(pixels: int) -> np.ndarray:
        rows = np.roll(source, pixels, axis=1)
        shifted = np.concatenate([source, rows, np.roll(rows, pixels, axis=2)])
        [found] = distances(to_tensor(shifted), [1])
        return np.array([np.mean(ops.convert_to_numpy(d)[:2]) for d in found], np.float32)

    whole = int(np.floor(shift))
    part = shift - whole
    if part == 0:
        return of_whole_shift(whole)
    return of_whole_shift(whole) * (1 - part) + of_whole_shift(whole + 1) * part


def interframe_loss(distances: Callable, targets: Sequence[float], order: int) -> Callable:
    """Squared difference between the frames' distances and those wanted.

    Args:
        distances: see `frame_distances`.
        targets: the distance wanted of neighbouring frames, see `shift_distances`; frames s apart
            should be s times as far.
        order: frames up to this far apart are tied.

    Returns:
        A function from images to the sum over steps and scales of the mean over frames, a scalar.
    """

    def loss(images):
        steps = range(1, order + 1)
        terms = [
            ops.mean(ops.square(found - step * wanted))
            for step, scales in zip(steps, distances(images, steps), strict=True)
            for found, wanted in zip(scales, targets, strict=True)
        ]
        return ops.sum(ops.stack(terms)) if terms else ops.zeros(())

    return loss
