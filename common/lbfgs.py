"""SciPy's L-BFGS-B on the pixels of images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds
from scipy.optimize import minimize as scipy_minimize

from common.autodiff import Evaluate
from common.errors import UserError


class Outcome(NamedTuple):
    """How an optimisation ended.

    Attributes:
        pixels: the last accepted pixels, flat, float64.
        loss: there.
        iterations: how many were made, those before a resumption included.
        message: why it ended.
        interrupted: whether by Ctrl-C.
    """

    pixels: np.ndarray
    loss: float
    iterations: int
    message: str
    interrupted: bool


def minimize(
    evaluate: Evaluate,
    start: np.ndarray,
    max_iter: int,
    tol: float,
    on_iteration: Callable[[int, np.ndarray, float, int], None],
    first: int = 0,
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
) -> Outcome:
    """Minimises a loss over all pixels; Ctrl-C ends it with what it has.

    SciPy keeps no L-BFGS memory between calls: one that goes on from `first` begins with an empty
    memory and takes a few iterations to gather it again.

    Args:
        evaluate: from flat pixels to loss and gradient, see `common.autodiff`.
        start: flat pixels.
        max_iter: iterations, those before `first` included.
        tol: as SciPy's, both the relative reduction of the loss and the largest gradient at which
            to stop.
        on_iteration: called after each with its number (0 is the first), the pixels, the loss and
            the evaluations so far.
        first: number of the first iteration.
        bounds: the least and the most that each pixel may be; None: anything.

    Raises:
        UserError: the loss is not a number.
    """
    pixels, loss, iteration, evaluations, unit = start, np.nan, first, 0, 1.0

    def counted(x):
        nonlocal evaluations, loss, unit
        evaluations += 1
        value, gradient = evaluate(x)
        if evaluations == 1:
            loss = value
        if evaluations == 1 and not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise UserError(
                "the loss of the start or its gradient is not a number; "
                "try a smaller --mul or other weights"
            )
        if evaluations == 1 and bounds is not None:
            # Within bounds the first step is the gradient itself: let it be of one grey level.
            unit = float(np.sqrt(np.mean(np.square(gradient)))) or 1.0
        return value / unit, gradient / unit

    # SciPy hands over an OptimizeResult only if the argument bears this name.
    def callback(intermediate_result):
        nonlocal pixels, loss, iteration
        if not np.isfinite(intermediate_result.fun):
            raise UserError(f"the loss is not a number after iteration {iteration}")
        pixels, loss = intermediate_result.x.copy(), float(intermediate_result.fun) * unit
        iteration += 1
        on_iteration(iteration - 1, pixels, loss, evaluations)

    try:
        result = scipy_minimize(
            counted,
            start,
            jac=True,
            method="L-BFGS-B",
            tol=tol,
            bounds=None if bounds is None else Bounds(*bounds),
            callback=callback,
            options={"maxiter": max_iter - first},
        )
    except KeyboardInterrupt:
        return Outcome(pixels, loss, iteration, "interrupted", True)
    return Outcome(pixels, loss, iteration, str(result.message), False)
