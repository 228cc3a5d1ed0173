"""The optimisation of the pixels."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.autodiff import loss_and_gradient
from common.lbfgs import Outcome, minimize
from common.vgg19_layers import MEAN_BGR
from reproductions.multiscale.levels import end_of, enlarged, shape_at
from reproductions.multiscale.report import Report
from reproductions.multiscale.run_folder import RunFolder


def optimise_pixels(
    flags: argparse.Namespace,
    name: str,
    loss_at: Callable[[int], Callable],
    start: np.ndarray,
    facts: dict,
    sources: Sequence[np.ndarray] = (),
) -> Path:
    """Minimises a loss of images and fills the run folder; goes on with one if asked to.

    Args:
        flags: of the script.
        name: of a new run folder.
        loss_at: from the number of a level, see `levels`, to a function from images of its size,
            (frames, height, width, 3), to a scalar.
        start: the images to start from, float64, BGR minus the mean, at the coarsest level.
        facts: more entries for `run.json`.
        sources: uint8 pictures, RGB, to be shown beside the result.

    Returns:
        The run folder.

    Raises:
        UserError: something cannot be written, or the loss is not a number.
    """
    run = RunFolder(flags, name, start, facts, sources)
    if run.first and run.first >= flags.max_iter:
        print(f"{run.path} has its {run.first} iterations; go on with a larger --max-iter")
        # It may have been killed just before these.
        run.save_summary(run.pixels)
        return run.path
    print(f"run folder: {run.path}")
    report = Report(run.path, flags.max_iter, run.first)

    def save(iteration: int, pixels: np.ndarray) -> None:
        report.pictures(iteration, run.save(iteration, pixels))

    def on_iteration(iteration: int, pixels: np.ndarray, value: float, evaluations: int) -> None:
        report.step(iteration, value, evaluations)
        if iteration % flags.save_every == 0:
            save(iteration, pixels)

    try:
        outcome = _coarse_to_fine(flags, run, loss_at, on_iteration)
        # Ctrl-C may have come in the middle of saving.
        if outcome.iterations > run.saved:
            save(outcome.iterations - 1, outcome.pixels)
    finally:
        report.close()
    if outcome.iterations:
        run.save_summary(outcome.pixels)
        print(f"{outcome.message}; {outcome.iterations} iterations, loss {outcome.loss:.6g}")
        print(f"result: {run.last_picture()}")
    else:
        print(f"{outcome.message} before the first iteration was done")
    if outcome.interrupted:
        print(f"go on with: --resume {run.path}")
    return run.path


def _coarse_to_fine(
    flags: argparse.Namespace, run: RunFolder, loss_at: Callable, on_iteration: Callable
) -> Outcome:
    """Minimises at the run's level, and at each finer one, begun from the result of the last."""
    outcome = Outcome(run.pixels, np.nan, run.first, "", False)
    evaluations = 0
    for level in range(run.level, -1, -1):
        first, before, shape = outcome.iterations, evaluations, shape_at(flags, level)
        if level and end_of(flags, level) <= first:
            continue

        def on_step(iteration, pixels, value, count, before=before):
            nonlocal evaluations
            evaluations = before + count
            on_iteration(iteration, pixels, value, evaluations)

        try:
            last = outcome.pixels.reshape(shape_at(flags, run.level))
            start = enlarged(last, shape, flags.tileable).reshape(-1)
            bounds = _bounds(shape) if flags.bounded else None
            if bounds is not None:
                start = np.clip(start, *bounds)
            evaluate = loss_and_gradient(loss_at(level), shape)
        except KeyboardInterrupt:
            return outcome._replace(message="interrupted", interrupted=True)
        run.level = level
        outcome = minimize(evaluate, start, end_of(flags, level), flags.tol, on_step, first, bounds)
        if outcome.interrupted:
            break
    return outcome


def _bounds(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of each pixel, flat: those of a picture."""
    least = np.broadcast_to(-np.asarray(MEAN_BGR), shape).reshape(-1)
    return least, least + 255
