"""What the optimisation of the pixels tells: its loss and evaluations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import reporting
from common.curves import saved_figure, scale_of
from common.reporting import LOSSES
from common.table import Row, read_table

_COLUMNS = ("evaluations", "loss")


class Report(reporting.Report):
    """Follows an optimisation, whose iterations are numbered from 0; see `common.reporting.Report`.

    Args:
        folder: the run folder.
        total: iterations of the whole run.
        first: number of the first iteration of this part of it.

    Raises:
        UserError: the folder cannot be written to.
    """

    first, tag = 0, "frames"

    def __init__(self, folder: Path, total: int, first: int = 0):
        super().__init__(Path(folder), _COLUMNS, total, first)
        self._evaluations = self.rows[-1][1] if self.rows else 0

    def step(self, iteration: int, loss: float, evaluations: int) -> None:
        """Notes an iteration: its number from 0, the loss, the evaluations of this part so far."""
        self.add(iteration, (self._evaluations + evaluations, float(loss)))

    def scalars(self, values: Sequence[float]) -> dict[str, float]:
        """The loss."""
        return {"loss": values[1]}

    def losses(self, values: Sequence[float]) -> str:
        """The loss."""
        return f"loss {values[1]:.4g}"

    def tell(self, iteration: int, values: Sequence[float]) -> None:
        """Says nothing: a line comes with every picture."""

    def pictures(self, iteration: int, images: np.ndarray) -> None:
        """Shows the pictures as they are; where there is no bar, prints a line instead.

        Args:
            iteration: its number, from 0.
            images: uint8, shape (frames, height, width, 3), RGB.
        """
        self.show(iteration, images)
        if self._bar.disable and self.rows:
            self.print_line(iteration, self.rows[-1][1:-1])

    def draw(self, path: Path) -> None:
        """Draws the loss."""
        draw_curve(path, self.rows)


def read_losses(folder: str | Path) -> list[Row]:
    """Reads `losses.csv` of a run folder: rows of iteration, evaluations, loss, seconds."""
    return read_table(Path(folder, LOSSES), len(_COLUMNS) + 2)


def draw_curve(path: Path, rows: Sequence[Row]) -> None:
    """Draws the loss over the iterations, logarithmically, as a PNG.

    Args:
        path: the file.
        rows: iteration, evaluations, loss, seconds.
    """
    iterations, _, losses, _ = zip(*rows, strict=True)
    with saved_figure(path, 6, 4) as figure:
        axes = figure.subplots()
        axes.plot([i + 1 for i in iterations], losses)
        axes.set(xlabel="iteration", ylabel="loss", yscale=scale_of(losses))
        axes.grid(alpha=0.3)
