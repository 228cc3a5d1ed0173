"""The table of a run's steps, and its curve."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.curves import saved_figure
from common.files import written_whole

STEPS, CURVE = "steps.csv", "probability.png"
_COLUMNS = (
    "chain",
    "step",
    "condition",
    "probability",
    "best_unit",
    "best_probability",
    "norm_d_condition",
    "seconds",
)


def write_steps(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Writes `steps.csv`.

    Args:
        folder: of the run.
        rows: chain, step, condition, its probability, the best unit and its probability, the norm
            of d_condition, seconds of work on the run so far.

    Raises:
        UserError: it cannot be written.
    """
    with (
        written_whole(folder / STEPS) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([_COLUMNS, *rows])


def read_steps(folder: Path) -> list[list[str]]:
    """The rows of `steps.csv`, without the head; none if there is no such file.

    Rows of a table without seconds, as they once were, get empty ones.
    """
    path = Path(folder, STEPS)
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        try:
            rows = list(csv.reader(file))[1:]
        except csv.Error:  # a damaged table has nothing to tell
            rows = []
    rows = [[*row, ""] if len(row) == len(_COLUMNS) - 1 else row for row in rows]
    return [row for row in rows if len(row) == len(_COLUMNS) and _is_sound(row)]


def _is_sound(row: list[str]) -> bool:
    try:
        return row[1].isdecimal() and np.isfinite([float(row[3]), float(row[-1] or 0)]).all()
    except ValueError:
        return False


def draw_probabilities(
    path: Path, rows: Sequence[Sequence[str]], labels: Mapping[str, str]
) -> None:
    """Draws the probability of the condition over the steps, a line for each chain, as a PNG.

    Args:
        path: the file.
        rows: of `steps.csv`.
        labels: chain -> what tells it from the others.
    """
    with saved_figure(path, 7, 4) as figure:
        axes = figure.subplots()
        for name, label in labels.items():
            own = [row for row in rows if row[0] == name]
            steps, values = [int(row[1]) for row in own], [float(row[3]) for row in own]
            axes.plot(steps, values, label=label)
        axes.set(xlabel="step", ylabel="probability of the condition")
        axes.set_ylim(0, min(1, axes.get_ylim()[1]))
        axes.grid(alpha=0.3)
        if len(labels) <= 12:
            axes.legend(fontsize="small")
