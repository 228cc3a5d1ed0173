"""What a training run tells: a progress bar, a table, curves, TensorBoard."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common.files import written_whole
from common.table import Row, Table

LOSSES, CURVES = "losses.csv", "loss.png"

#: Seconds between lines where there is no bar.
_LINES = 5.0


class Report:
    """Follows a run, in its folder and on the terminal.

    Args:
        folder: of the run; `losses.csv` in it is continued.
        columns: what is measured.
        shown: which of these the bar shows.
        total: iterations of the whole run.
        done: iterations that were made before; later rows of the table are dropped.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(
        self, folder: Path, columns: Sequence[str], shown: Sequence[str], total: int, done: int
    ):
        self._folder, self._columns, self._shown = folder, columns, shown
        self._total, self._done = total, done
        names = ("iteration", *columns, "seconds")
        self._table = Table(folder / LOSSES, names, lambda row: row[0] <= done)
        self._spent = self._table.rows[-1][-1] if self._table.rows else 0.0
        self._begin = self._told = time.perf_counter()
        self._compiled: tuple[int, float] | None = None
        self._events = tf.summary.create_file_writer(str(folder))
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(total=total, initial=done, unit="it", disable=None, dynamic_ncols=True)

    def steps(self, iteration: int, values: Sequence[float]) -> None:
        """Notes the iterations since the last call.

        Args:
            iteration: number of the last, from 1.
            values: their means, a number for each column.

        Raises:
            UserError: the table cannot be written.
        """
        now = time.perf_counter()
        self._table.add((iteration, *values, round(self._spent + now - self._begin, 3)))
        named = dict(zip(self._columns, values, strict=True))
        with self._events.as_default(step=iteration):
            for name, value in named.items():
                tf.summary.scalar(name.replace(" ", "_"), value)
        losses = ", ".join(f"{name} {named[name]:.3g}" for name in self._shown)
        self._bar.set_postfix_str(losses, refresh=False)
        self._bar.update(iteration - self._done)
        self._done = iteration
        if self._compiled is None:
            self._compiled = iteration, now
        elif self._bar.disable and (now - self._told > _LINES or iteration == self._total):
            self._told = now
            each = (now - self._compiled[1]) / (iteration - self._compiled[0])
            left = f"{each * (self._total - iteration):.0f} s left"
            print(f"iteration {iteration} of {self._total}, {losses}, {left}", flush=True)

    def pictures(self, iteration: int, sheet: np.ndarray | None) -> None:
        """Shows a sheet, uint8, (height, width, 3), if there is one, and draws the curves.

        Raises:
            UserError: the curves cannot be written.
        """
        if sheet is not None:
            with self._events.as_default(step=iteration):
                tf.summary.image("samples", sheet[None])
        self._events.flush()
        self._draw()

    def close(self) -> None:
        """Ends the bar and draws the curves."""
        self._bar.close()
        self._table.close()
        self._events.close()
        self._draw()

    def _draw(self) -> None:
        if self._table.rows:
            draw_curves(self._folder / CURVES, self._columns, self._table.rows)


def draw_curves(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Draws every column of `losses.csv` over the iterations, as a PNG.

    Args:
        path: the file.
        columns: their names.
        rows: iteration, a value for each column, seconds.
    """
    from matplotlib.figure import Figure

    table = np.array(rows)
    # A mean over a hundredth of the run, or the curves would be a cloud.
    width = max(1, len(table) // 100)
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    figure = Figure(figsize=(3 * across + 1, 2.5 * down + 0.5), layout="constrained")
    for axes, name, column in zip(
        figure.subplots(down, across, squeeze=False).flat, columns, table.T[1:-1], strict=False
    ):
        smooth = np.convolve(column, np.full(width, 1 / width), mode="valid")
        axes.plot(table[:, 0], column, alpha=0.3, linewidth=0.5)
        axes.plot(table[width - 1 :, 0], smooth, color="C0")
        positive = column.min() > 0
        axes.set(title=name, xlabel="iteration", yscale="log" if positive else "linear")
        axes.grid(alpha=0.3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
