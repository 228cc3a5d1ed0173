"""What a training run tells: a line for every iteration, as the original's."""

from collections.abc import Sequence
from pathlib import Path

from common import reporting
from common.curves import saved_figure, scale_of
from common.table import Row
from reproductions.texture_nets.objective import Losses


class Report(reporting.Report):
    """Follows a run; see `common.reporting.Report`.

    Args:
        folder: of the run.
        total: iterations of the whole run.
        done: iterations that were made before.
        batch_size: losses are divided by it, as the original prints them.

    Raises:
        UserError: the folder cannot be written to.
    """

    tag = "train"

    def __init__(self, folder: Path, total: int, done: int, batch_size: int):
        super().__init__(folder, ("loss", "texture", "content"), total, done)
        self._batch_size = batch_size

    def step(self, iteration: int, losses: Losses) -> None:
        """Notes an iteration: its number from 1, and the losses of the batch.

        Raises:
            UserError: the table cannot be written.
        """
        texture, content = (value / self._batch_size for value in losses)
        self.add(iteration, (texture + content, texture, content))

    def losses(self, values: Sequence[float]) -> str:
        """The loss, for the bar."""
        return f"loss {values[0]:.4g}"

    def tell(self, iteration: int, values: Sequence[float]) -> None:
        """Prints the loss, and the time left where no bar shows it."""
        untold = not self._bar.disable or self.compiling
        left = "" if untold else f"\t{self.seconds_left():.0f} s left"
        self._bar.write(f"{iteration}\t{values[0]:.6g}{left}")

    def draw(self, path: Path) -> None:
        """Draws the loss, and its parts if there are two."""
        draw_curve(path, self.rows)


def draw_curve(path: Path, rows: Sequence[Row]) -> None:
    """Draws the loss, and its parts if there are two, as a PNG."""
    iterations, losses, textures, contents, _ = zip(*rows, strict=True)
    with saved_figure(path, 6, 4) as figure:
        axes = figure.subplots()
        if any(contents):
            axes.plot(iterations, textures, label="style", alpha=0.7)
            axes.plot(iterations, contents, label="content", alpha=0.7)
        axes.plot(iterations, losses, label="loss", color="black", linewidth=0.8)
        if any(contents):
            axes.legend()
        axes.set(xlabel="iteration", ylabel="loss / batch size", yscale=scale_of(losses))
        axes.grid(alpha=0.3)
