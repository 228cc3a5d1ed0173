"""What a training run tells, by epochs."""

from pathlib import Path

import numpy as np

from common import reporting
from common.curves import plot_smoothed, saved_figure
from common.table import Row
from reproductions.keras_gan.algorithm import Values

COLUMNS = ("discriminator", "generator", "D(x)", "D(G(z))")


class Report(reporting.Report):
    """Follows a run; see `common.reporting.Report`.

    Args:
        folder: of the run.
        total: iterations of the whole run.
        done: iterations that were made before.
        epoch_length: iterations of an epoch.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, total: int, done: int, epoch_length: int):
        super().__init__(folder, COLUMNS, total, done)
        self._epoch_length, self._epochs = epoch_length, total // epoch_length

    def place(self, iteration: int) -> str:
        """The epoch."""
        return f"epoch {-(-iteration // self._epoch_length)}/{self._epochs}, "

    def losses(self, values: Values) -> str:
        """Both players' losses."""
        return f"D {values.discriminator:.3f}, G {values.generator:.3f}"

    def draw(self, path: Path) -> None:
        """Draws the curves over the epochs."""
        draw_curves(path, self.rows, self._epoch_length)


def draw_curves(path: Path, rows: list[Row], epoch_length: int) -> None:
    """Draws both players' losses, and what D says of real and of generated pictures, as a PNG.

    Args:
        path: the file.
        rows: of `losses.csv`.
        epoch_length: iterations of an epoch.
    """
    epochs, *curves, _ = np.array(rows).T
    with saved_figure(path, 6, 6) as figure:
        above, below = figure.subplots(2, sharex=True)
        for axes, name, curve in zip((above, above, below, below), COLUMNS, curves, strict=True):
            plot_smoothed(axes, epochs / epoch_length, curve, name)
        for axes in (above, below):
            axes.legend()
            axes.grid(alpha=0.3)
        above.set(ylabel="loss")
        below.set(xlabel="epoch", ylabel="D says real", ylim=(0, 1))
