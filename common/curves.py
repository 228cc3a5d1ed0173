"""Curves as pictures: what figures of all packages have in common."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from common.files import written_whole
from common.table import Row


@contextlib.contextmanager
def saved_figure(path: Path, width: float, height: float) -> Iterator:
    """Gives an empty figure to draw on; writes it as a PNG when the block ends.

    Args:
        path: the file.
        width: in hundreds of pixels.
        height: likewise.

    Raises:
        UserError: the file cannot be written.
    """
    # Half a second that a script without curves need not wait.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    yield figure
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def plot_smoothed(axes, x: np.ndarray, y: np.ndarray, label: str | None = None) -> None:
    """Plots a mean over a hundredth of the run, and faintly what it is the mean of.

    Args:
        axes: of Matplotlib.
        x: shape (points,).
        y: likewise; without the mean many curves would be clouds.
        label: of the mean.
    """
    width = max(1, len(y) // 100)
    smooth = np.convolve(y, np.full(width, 1 / width), mode="valid")
    (line,) = axes.plot(x[width - 1 :], smooth, label=label)
    axes.plot(x, y, color=line.get_color(), alpha=0.2, linewidth=0.5)


def scale_of(values: Sequence[float]) -> str:
    """The scale of an axis for these values: logarithmic if all are above 0."""
    return "log" if min(values) > 0 else "linear"


def draw_columns(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Draws every column of a table over the iterations, each in its own axes, as a PNG.

    Args:
        path: the file.
        columns: their names.
        rows: iteration, a value for each column, seconds.

    Raises:
        UserError: the file cannot be written.
    """
    table = np.array(rows)
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    with saved_figure(path, 3 * across + 1, 2.5 * down + 0.5) as figure:
        grid = figure.subplots(down, across, squeeze=False).flat
        for axes, name, column in zip(grid, columns, table.T[1:-1], strict=False):
            plot_smoothed(axes, table[:, 0], column)
            axes.set(title=name, xlabel="iteration", yscale=scale_of(column))
            axes.grid(alpha=0.3)
