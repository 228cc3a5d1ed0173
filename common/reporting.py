"""What a long run tells: a progress bar or lines, a table, TensorBoard, curves."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.curves import draw_columns
from common.events import Events
from common.table import Table

LOSSES, CURVE = "losses.csv", "loss.png"

#: Seconds between lines where there is no bar.
_LINES = 5.0


class Report:
    """Follows a run, in its folder and on the terminal.

    A package says in a subclass what is its own: what the bar shows, how a line reads, what is
    drawn.

    Args:
        folder: of the run; `losses.csv` in it is continued.
        columns: what is measured, the names between `iteration` and `seconds`.
        total: iterations of the whole run.
        done: iterations that were made before; later rows of the table are dropped.
        shown: which columns the bar shows.

    Attributes:
        rows: of the table: iteration, a value for each column, seconds.

    Raises:
        UserError: the folder cannot be written to.
    """

    #: Number of a run's first iteration.
    first = 1

    #: What TensorBoard calls pictures.
    tag = "samples"

    def __init__(
        self,
        folder: Path,
        columns: Sequence[str],
        total: int,
        done: int = 0,
        shown: Sequence[str] = (),
    ):
        self._folder, self._columns, self._shown = folder, columns, shown
        # Numbers of iterations: of the last one noted, of the last of the run.
        self._last, self._end = self.first + done - 1, self.first + total - 1
        names = ("iteration", *columns, "seconds")
        self._table = Table(folder / LOSSES, names, lambda row: row[0] <= self._last)
        self.rows = self._table.rows
        self._spent = self.rows[-1][-1] if self.rows else 0.0
        now = time.perf_counter()
        self._begin = self._told = now
        self._start, self._compiled = (self._last, now), (self._last, now)
        self._events = Events(folder)
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(total=total, initial=done, unit="it", disable=None, dynamic_ncols=True)

    def add(self, iteration: int, values: Sequence[float]) -> None:
        """Notes the iterations since the last call.

        Args:
            iteration: number of the last.
            values: their means, a number for each column.

        Raises:
            UserError: the table cannot be written.
        """
        now = time.perf_counter()
        self._table.add((iteration, *values, round(self._spent + now - self._begin, 3)))
        self._events.scalars(iteration, self.scalars(values))
        self._bar.set_postfix_str(self.place(iteration) + self.losses(values), refresh=False)
        self._bar.update(iteration - self._last)
        if self._compiled == self._start:
            self._compiled = iteration, now
        self._last = iteration
        self.tell(iteration, values)

    @property
    def compiling(self) -> bool:
        """Whether nothing was noted but what the first call did, which compiles."""
        return self._compiled[0] == self._last

    def seconds_left(self) -> float:
        """How long the rest will take, going by what is done; without the first call if it can."""
        number, moment = self._start if self.compiling else self._compiled
        each = (time.perf_counter() - moment) / max(self._last - number, 1)
        return each * max(self._end - self._last, 0)

    def scalars(self, values: Sequence[float]) -> dict[str, float]:
        """What TensorBoard shows."""
        return dict(zip(self._columns, values, strict=True))

    def place(self, iteration: int) -> str:
        """What bar and line begin with."""
        return ""

    def losses(self, values: Sequence[float]) -> str:
        """The values that bar and line show."""
        named = dict(zip(self._columns, values, strict=True))
        return ", ".join(f"{name} {named[name]:.3g}" for name in self._shown)

    def tell(self, iteration: int, values: Sequence[float]) -> None:
        """Prints a line now and then, where there is no bar."""
        now, last = time.perf_counter(), iteration == self._end
        if self._bar.disable and not self.compiling and (now - self._told > _LINES or last):
            self._told = now
            self.print_line(iteration, values)

    def print_line(self, iteration: int, values: Sequence[float]) -> None:
        """Prints where the run has come to; iterations are counted from 1."""
        done, total = iteration - self.first + 1, self._end - self.first + 1
        place, left = self.place(iteration), f"{self.seconds_left():.0f} s left"
        print(f"{place}iteration {done} of {total}, {self.losses(values)}, {left}", flush=True)

    def show(self, iteration: int, images: np.ndarray | None) -> None:
        """Brings TensorBoard up to date, with pictures if there are any; see `pictures`."""
        if images is not None:
            self._events.images(iteration, self.tag, images[:4])
        self._events.flush()

    def pictures(self, iteration: int, images: np.ndarray | None) -> None:
        """Shows pictures, and draws the curves.

        Args:
            iteration: its number.
            images: uint8, (pictures, height, width, 3), RGB; None: there are none.

        Raises:
            UserError: the curves cannot be written.
        """
        self.show(iteration, images)
        self._draw()

    def close(self) -> None:
        """Ends the bar and draws the curves."""
        self._bar.close()
        self._table.close()
        self._events.close()
        self._draw()

    def _draw(self) -> None:
        if self.rows:
            self.draw(self._folder / CURVE)

    def draw(self, path: Path) -> None:
        """Draws the curves as a PNG."""
        draw_columns(path, self._columns, self.rows)
