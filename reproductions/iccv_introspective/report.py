"""What a run tells as it goes on: bars, a line per round, a table, TensorBoard, curves."""

import csv
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.events import Events
from common.files import written_whole
from reproductions.iccv_introspective.curves import draw_curves

LOSSES, CURVES = "losses.csv", "curves.png"
#: Short rounds end faster than curves are drawn.
_DRAW_SECONDS = 20


class Row(NamedTuple):
    """A row of `losses.csv`: an epoch, an evaluation, or a batch of syntheses.

    Attributes:
        round: from 0.
        phase: `learning`, `evaluation` or `synthesis`.
        number: of the epoch or of the batch.
        steps: made in it.
        first_loss: of the first step; of an evaluation: the mean.
        loss: of the last step of a synthesis; the mean over the steps otherwise.
        accuracy: mean over the steps; nan for a synthesis.
        seconds: since the run began.
    """

    round: int
    phase: str
    number: int
    steps: int
    first_loss: float
    loss: float
    accuracy: float
    seconds: float


class Report:
    """Follows a run, in its folder and on the terminal.

    Args:
        folder: of the run. Rows of `losses.csv` from round `first` on are dropped: a run that
            goes on tells the round that it was in anew.
        first: number of the first round told.
        rounds: of the whole run; None if it is endless.

    Raises:
        UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, first: int, rounds: int | None):
        self._folder, self._first, self._rounds = folder, first, rounds
        told = read_losses(folder)
        rows = [row for row in told if row.round < first]
        # What the dropped rows tell of was done, and is not done again but replayed.
        self._spent = told[-1].seconds if told else 0.0
        self._begin = self._drawn = time.perf_counter()
        with written_whole(folder / LOSSES) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows([Row._fields, *rows])
        self._events = Events(folder)
        self._bar = tqdm(disable=True)
        self._losses: list[float] = []
        self._told: list[Row] = []

    def _seconds(self) -> float:
        return self._spent + time.perf_counter() - self._begin

    def begin(self, number: int, phase: str, total: int) -> None:
        """Begins the learning or the synthesis of a round, of `total` steps at most."""
        self._bar.close()
        of = "" if self._rounds is None else f"/{self._rounds - 1}"
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(
            desc=f"round {number}{of} {phase}",
            total=total,
            unit="step",
            leave=False,
            disable=None,
            dynamic_ncols=True,
        )

    def step(self, loss: float) -> None:
        """Notes the loss of a step of learning or synthesis."""
        self._losses.append(loss)
        self._bar.set_postfix_str(f"loss {loss:.3g}", refresh=False)
        self._bar.update()

    def epoch(self, number: int, epoch: int, accuracy: float) -> None:
        """Ends an epoch; its loss is the mean over its steps."""
        self._add(number, "learning", epoch, float(np.mean(self._losses)), accuracy)

    def evaluation(self, number: int, epoch: int, loss: float, accuracy: float) -> None:
        """Notes an evaluation."""
        self._losses = [loss]
        self._add(number, "evaluation", epoch, loss, accuracy)

    def batch(self, number: int, batch: int) -> None:
        """Ends a batch of syntheses; its loss is the last step's."""
        self._add(number, "synthesis", batch, self._losses[-1], float("nan"))

    def _add(self, number: int, phase: str, place: int, loss: float, accuracy: float) -> None:
        steps, first_loss, self._losses = len(self._losses), self._losses[0], []
        seconds = round(self._seconds(), 3)
        row = Row(number, phase, place, steps, first_loss, loss, accuracy, seconds)
        self._told.append(row)
        try:
            with open(self._folder / LOSSES, "a", newline="") as file:
                csv.writer(file).writerow(row)
        except OSError as error:
            raise UserError(f"cannot write {self._folder / LOSSES}: {error.strerror}") from None

    def end_round(self, number: int, pictures: np.ndarray) -> None:
        """Ends a round: prints a line, shows the first syntheses, draws the curves now and then.

        Args:
            number: of the round.
            pictures: uint8, (count, height, width, 3).
        """
        self._bar.close()
        tqdm.write(self._line(number))
        for phase in dict.fromkeys(row.phase for row in self._told):
            last = [row for row in self._told if row.phase == phase][-1]
            second = "first_loss" if phase == "synthesis" else "accuracy"
            steps = sum(row.steps for row in self._told if row.phase == phase)
            values = {"loss": last.loss, second: getattr(last, second), "steps": steps}
            self._events.scalars(number, {f"{phase}/{name}": v for name, v in values.items()})
        if len(pictures):
            self._events.images(number, "syntheses", pictures)
        self._events.flush()
        self._told = []
        if time.perf_counter() - self._drawn > _DRAW_SECONDS:
            self._draw()

    def _draw(self) -> None:
        rows = read_losses(self._folder)
        if rows:
            draw_curves(self._folder / CURVES, rows)
        self._drawn = time.perf_counter()

    def _line(self, number: int) -> str:
        words = [f"round {number}:"]
        learned = [row for row in self._told if row.phase == "learning"]
        evaluated = [row for row in self._told if row.phase == "evaluation"]
        if learned:
            steps = sum(row.steps for row in learned)
            words.append(f"{steps} learning steps, loss {learned[-1].loss:.3g},")
            words.append(f"accuracy {learned[-1].accuracy:.3f}")
            if evaluated:
                words.append(f"(evaluated: {evaluated[-1].loss:.3g}, {evaluated[-1].accuracy:.3f})")
            words[-1] += ";"
        made = [row for row in self._told if row.phase == "synthesis"]
        steps = "+".join(str(row.steps) for row in made[:8]) + ("+..." if len(made) > 8 else "")
        first, last = (np.mean([getattr(row, n) for row in made]) for n in ("first_loss", "loss"))
        words.append(f"{steps} synthesis steps, loss {first:.3g} -> {last:.3g};")
        words.append(f"{self._seconds():.0f} s")
        if self._rounds is not None:
            here = time.perf_counter() - self._begin
            left = here / (number + 1 - self._first) * (self._rounds - number - 1)
            words.append(f"so far, {left:.0f} s left")
        return " ".join(words)

    def close(self) -> None:
        """Ends bar and events, and draws the curves."""
        self._bar.close()
        self._events.close()
        self._draw()


def read_losses(folder: str | Path) -> list[Row]:
    """Reads `losses.csv` of a run folder, up to the first line that is not whole."""
    path = Path(folder, LOSSES)
    rows: list[Row] = []
    if not path.is_file():
        return rows
    kinds = Row.__annotations__.values()
    for line in path.read_text(errors="replace").splitlines()[1:]:
        try:
            words = zip(kinds, line.split(","), strict=True)
            rows.append(Row(*(kind(word) for kind, word in words)))
        except ValueError:
            break
    return rows
