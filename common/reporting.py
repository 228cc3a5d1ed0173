"""What a long run tells: a progress bar, a table of losses, TensorBoard, a curve."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common.files import written_whole
from common.table import Row, Table, read_table

LOSSES, CURVE = "losses.csv", "loss.png"
_COLUMNS = ("iteration", "evaluations", "loss", "seconds")


class Report:
    """Follows a run, in its folder and on the terminal.

    Args:
        folder: the run folder. `losses.csv` in it is continued from iteration `first` on.
        total: iterations of the whole run.
        first: number of the first iteration of this part of it.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, total: int, first: int = 0):
        self._folder, self._total, self._first = Path(folder), total, first
        self._table = Table(self._folder / LOSSES, _COLUMNS, lambda row: row[0] < first)
        self._rows = self._table.rows
        self._spent = self._rows[-1][3] if self._rows else 0.0
        self._evaluations = self._rows[-1][1] if self._rows else 0
        self._begin = time.perf_counter()
        self._events = tf.summary.create_file_writer(str(self._folder))
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(total=total, initial=first, unit="it", disable=None, dynamic_ncols=True)

    def step(self, iteration: int, loss: float, evaluations: int) -> None:
        """Notes an iteration: its number from 0, the loss, the evaluations of this part so far."""
        seconds = self._spent + time.perf_counter() - self._begin
        evaluations += self._evaluations
        self._table.add((iteration, evaluations, float(loss), round(seconds, 3)))
        with self._events.as_default(step=iteration):
            tf.summary.scalar("loss", loss)
        self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update()

    def pictures(self, iteration: int, frames: np.ndarray) -> None:
        """Shows the pictures as they are; where there is no bar, prints a line instead.

        Args:
            iteration: its number, from 0.
            frames: uint8, shape (frames, height, width, 3), RGB.
        """
        with self._events.as_default(step=iteration):
            tf.summary.image("frames", frames, max_outputs=4)
        self._events.flush()
        if self._bar.disable and self._rows:
            done = iteration + 1 - self._first
            left = (time.perf_counter() - self._begin) / done * max(self._total - iteration - 1, 0)
            loss = self._rows[-1][2]
            print(
                f"iteration {iteration + 1} of {self._total}, loss {loss:.4g}, {left:.0f} s left",
                flush=True,
            )

    def close(self) -> None:
        """Ends the bar and draws the curve of all losses."""
        self._bar.close()
        self._table.close()
        self._events.close()
        if self._rows:
            draw_curve(self._folder / CURVE, self._rows)


def read_losses(folder: str | Path) -> list[Row]:
    """Reads `losses.csv` of a run folder: rows of iteration, evaluations, loss, seconds."""
    return read_table(Path(folder, LOSSES), len(_COLUMNS))


def draw_curve(path: Path, rows: Sequence[Row]) -> None:
    """Draws the loss over the iterations, logarithmically, as a PNG.

    Args:
        path: the file.
        rows: iteration, evaluations, loss, seconds.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    iterations, _, losses, _ = zip(*rows, strict=True)
    axes.plot([i + 1 for i in iterations], losses)
    axes.set(xlabel="iteration", ylabel="loss", yscale="log" if min(losses) > 0 else "linear")
    axes.grid(alpha=0.3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
