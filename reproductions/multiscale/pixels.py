"""The optimisation of the pixels."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.autodiff import loss_and_gradient
from common.lbfgs import minimize
from reproductions.multiscale.report import Report
from reproductions.multiscale.run_folder import RunFolder


def optimise_pixels(
    flags: argparse.Namespace,
    name: str,
    loss: Callable,
    start: np.ndarray,
    facts: dict,
    sources: Sequence[np.ndarray] = (),
) -> Path:
    """Minimises a loss of images and fills the run folder; goes on with one if asked to.

    Args:
        flags: of the script.
        name: of a new run folder.
        loss: from images (frames, height, width, 3) to a scalar.
        start: the images to start from, float64, BGR minus the mean.
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
        outcome = minimize(
            loss_and_gradient(loss, start.shape),
            run.pixels,
            flags.max_iter,
            flags.tol,
            on_iteration,
            run.first,
        )
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
