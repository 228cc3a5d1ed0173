"""What a training run tells: lines, a progress bar, a table, curves, TensorBoard."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common.files import written_whole
from common.table import Row, Table
from reproductions.texture_nets.objective import Losses

LOSSES, CURVE = "losses.csv", "loss.png"
_COLUMNS = ("iteration", "loss", "texture", "content", "seconds")


class Report:
    """Follows a run, in its folder and on the terminal.

    Args:
        folder: of the run; `losses.csv` in it is continued.
        total: iterations of the whole run.
        done: iterations that were made before; later rows of the table are dropped.
        batch_size: losses are divided by it, as the original prints them.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, total: int, done: int, batch_size: int):
        self._folder, self._total, self._batch_size = Path(folder), total, batch_size
        self._table = Table(folder / LOSSES, _COLUMNS, lambda row: row[0] <= done)
        self.rows = self._table.rows
        self._spent = self.rows[-1][-1] if self.rows else 0.0
        self._done, self._begin, self._compiled = done, time.perf_counter(), 0.0
        self._events = tf.summary.create_file_writer(str(self._folder))
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(total=total, initial=done, unit="it", disable=None, dynamic_ncols=True)

    def step(self, iteration: int, losses: Losses) -> None:
        """Notes an iteration: its number from 1, and the losses of the batch.

        Raises:
            UserError: the table cannot be written.
        """
        texture, content = (value / self._batch_size for value in losses)
        seconds = self._spent + time.perf_counter() - self._begin
        row = (iteration, texture + content, texture, content, round(seconds, 3))
        self._table.add(row)
        with self._events.as_default(step=iteration):
            for name, value in zip(_COLUMNS[1:4], row[1:4], strict=True):
                tf.summary.scalar(name, value)
        self._bar.write(f"{iteration}\t{row[1]:.6g}{self._left(iteration, seconds)}")
        self._bar.set_postfix_str(f"loss {row[1]:.4g}", refresh=False)
        self._bar.update()

    def _left(self, iteration: int, seconds: float) -> str:
        """The time left, where no bar shows it and the first iteration, which compiles, is over."""
        if iteration == self._done + 1:
            self._compiled = seconds
        if not self._bar.disable or iteration == self._done + 1:
            return ""
        each = (seconds - self._compiled) / (iteration - self._done - 1)
        return f"\t{each * (self._total - iteration):.0f} s left"

    def pictures(self, iteration: int, images: np.ndarray) -> None:
        """Shows a batch, uint8, (images, height, width, 3), RGB, and draws the curve.

        Raises:
            UserError: the curve cannot be written.
        """
        with self._events.as_default(step=iteration):
            tf.summary.image("train", images, max_outputs=4)
        self._events.flush()
        draw_curve(self._folder / CURVE, self.rows)

    def close(self) -> None:
        """Ends the bar and draws the curve."""
        self._bar.close()
        self._table.close()
        self._events.close()
        if self.rows:
            draw_curve(self._folder / CURVE, self.rows)


def draw_curve(path: Path, rows: Sequence[Row]) -> None:
    """Draws the loss, and its parts if there are two, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    iterations, losses, textures, contents, _ = zip(*rows, strict=True)
    if any(contents):
        axes.plot(iterations, textures, label="style", alpha=0.7)
        axes.plot(iterations, contents, label="content", alpha=0.7)
    axes.plot(iterations, losses, label="loss", color="black", linewidth=0.8)
    if any(contents):
        axes.legend()
    scale = "log" if min(losses) > 0 else "linear"
    axes.set(xlabel="iteration", ylabel="loss / batch size", yscale=scale)
    axes.grid(alpha=0.3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
