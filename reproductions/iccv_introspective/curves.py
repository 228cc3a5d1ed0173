"""The curves of a run: loss, accuracy and synthesis over the rounds."""

from pathlib import Path
from typing import TYPE_CHECKING

from common.curves import saved_figure

if TYPE_CHECKING:
    from reproductions.iccv_introspective.report import Row


def draw_curves(path: Path, rows: "list[Row]") -> None:
    """Draws losses, accuracies and numbers of steps as a PNG; a round is 1 wide.

    Args:
        path: the file.
        rows: of `losses.csv`.
    """
    learned = [row for row in rows if row.phase == "learning"]
    evaluated = [row for row in rows if row.phase == "evaluation"]
    made = [row for row in rows if row.phase == "synthesis"]
    epochs = {r: 1 + max(w.number for w in learned if w.round == r) for r in _rounds(learned)}
    batches = {r: 1 + max(w.number for w in made if w.round == r) for r in _rounds(made)}

    def place(row: "Row", counts: dict[int, int]) -> float:
        return row.round + (row.number + 0.5) / counts[row.round]

    with saved_figure(path, 7, 8) as figure:
        loss, accuracy, synthesis, steps = figure.subplots(4, 1, sharex=True)
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            for some, colour, label in (
                (learned, "C0", "learning"),
                (evaluated, "C3", "evaluation"),
            ):
                x = [place(row, epochs) for row in some]
                y = [getattr(row, name) for row in some]
                axes.plot(x, y, ".-", color=colour, label=label, markersize=3, linewidth=0.7)
            axes.set(ylabel=name)
        loss.set(yscale="log")
        loss.legend(loc="upper right")
        x = [place(row, batches) for row in made]
        for name, label in (("first_loss", "first step"), ("loss", "last step")):
            synthesis.plot(x, [getattr(w, name) for w in made], ".-", label=label, markersize=3)
        synthesis.set(ylabel="synthesis loss", yscale="log")
        synthesis.legend(loc="upper right")
        steps.plot(x, [row.steps for row in made], "C2.-", markersize=3)
        steps.set(ylabel="synthesis steps", xlabel="round")
        for axes in figure.axes:
            axes.grid(alpha=0.3)


def _rounds(rows: "list[Row]") -> set[int]:
    return {row.round for row in rows}
