"""What a training run tells: a progress bar, a table, curves, TensorBoard."""

import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common.files import written_whole
from common.table import Row, Table
from reproductions.keras_gan.algorithm import Values

LOSSES, CURVES = "losses.csv", "loss.png"
COLUMNS = ("iteration", "discriminator", "generator", "D(x)", "D(G(z))", "seconds")

#: Seconds between lines where there is no bar.
_LINES = 5.0


class Report:
    """Follows a run, in its folder and on the terminal.

    Args:
        folder: of the run; `losses.csv` in it is continued.
        total: iterations of the whole run.
        done: iterations that were made before; later rows of the table are dropped.
        epoch_length: iterations of an epoch.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, total: int, done: int, epoch_length: int):
        self._folder, self._total, self._epoch_length = folder, total, epoch_length
        self._table = Table(folder / LOSSES, COLUMNS, lambda row: row[0] <= done)
        self._spent = self._table.rows[-1][-1] if self._table.rows else 0.0
        self._begin = self._told = time.perf_counter()
        self._compiled: tuple[int, float] | None = None
        self._events = tf.summary.create_file_writer(str(folder))
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(total=total, initial=done, unit="it", disable=None, dynamic_ncols=True)

    def block(self, iteration: int, count: int, values: Values) -> None:
        """Notes iterations made in one call.

        Args:
            iteration: number of the last, from 1.
            count: how many.
            values: their means.

        Raises:
            UserError: the table cannot be written.
        """
        now = time.perf_counter()
        self._table.add((iteration, *values, round(self._spent + now - self._begin, 3)))
        with self._events.as_default(step=iteration):
            for name, value in zip(COLUMNS[1:-1], values, strict=True):
                # TensorBoard takes no parentheses.
                tf.summary.scalar(name.replace("(", "_").replace(")", ""), value)
        epoch = f"epoch {-(-iteration // self._epoch_length)}/{self._total // self._epoch_length}"
        losses = f"D {values.discriminator:.3f}, G {values.generator:.3f}"
        self._bar.set_postfix_str(f"{epoch}, {losses}", refresh=False)
        self._bar.update(count)
        if self._compiled is None:
            self._compiled = iteration, now
        elif self._bar.disable and (now - self._told > _LINES or iteration == self._total):
            self._told = now
            each = (now - self._compiled[1]) / (iteration - self._compiled[0])
            left = f"{each * (self._total - iteration):.0f} s left"
            print(f"{epoch}, iteration {iteration} of {self._total}, {losses}, {left}", flush=True)

    def pictures(self, iteration: int, sheet: np.ndarray) -> None:
        """Shows samples, uint8, (height, width, 3), and draws the curves.

        Raises:
            UserError: the curves cannot be written.
        """
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
            draw_curves(self._folder / CURVES, self._table.rows, self._epoch_length)


def draw_curves(path: Path, rows: list[Row], epoch_length: int) -> None:
    """Draws both players' losses, and what D says of real and of generated pictures, as a PNG.

    Args:
        path: the file.
        rows: of `losses.csv`.
        epoch_length: iterations of an epoch.
    """
    from matplotlib.figure import Figure

    table = np.array(rows)
    epochs = table[:, 0] / epoch_length
    # A mean over a hundredth of the run, or the curves would be a cloud.
    width = max(1, len(table) // 100)
    figure = Figure(figsize=(6, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    for axes, columns in ((above, (1, 2)), (below, (3, 4))):
        for column in columns:
            smooth = np.convolve(table[:, column], np.full(width, 1 / width), mode="valid")
            (line,) = axes.plot(epochs[width - 1 :], smooth, label=COLUMNS[column])
            axes.plot(epochs, table[:, column], color=line.get_color(), alpha=0.15, linewidth=0.5)
        axes.legend()
        axes.grid(alpha=0.3)
    above.set(ylabel="loss")
    below.set(xlabel="epoch", ylabel="D says real", ylim=(0, 1))
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
