"""What a run has to show: the exhibit that a package makes of a run's folder for the gallery.

Each package has `exhibit.py` with `exhibit(run, settings)`: from the folder and its `run.json` to
an `Exhibit`, quickly: Keras is not imported. It shows what there is: of a run
that was broken off, or whose files were partly removed, the rest.
"""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A picture file.

    Args:
        path: of a file that there is; JPEG, PNG or GIF.
        caption: what it shows, in words: `pebbles.png`, `after 20 iterations`.
        border: pixels at each side that are not worth showing.
    """

    path: Path
    caption: str
    border: int = 0


@dataclass(frozen=True)
class Curve:
    """What was measured as a run went on.

    Args:
        name: `loss`, `D(x)`.
        x: iterations, epochs, rounds or steps, ascending.
        y: the values, as many.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Exhibit:
    """A run, as the gallery shows it.

    Args:
        title: what was made, in words: `pebbles, synthesised`.
        sources: what it was made from, if there is a picture of it.
        growth: how the result grew, oldest first.
        results: what came out.
        axis: what the curves are drawn over: `iteration`, `epoch`, `round`, `step`.
        curves: what was measured on the way.
        seconds: of work, over all parts of the run; None if it is not known.
        figures: what was measured at the end, by name.
    """

    title: str
    sources: Sequence[Picture] = ()
    growth: Sequence[Picture] = ()
    results: Sequence[Picture] = ()
    axis: str = "iteration"
    curves: Sequence[Curve] = ()
    seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


def numbered(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    """The files of a folder whose names hold a number, by that number.

    Args:
        folder: which need not be there.
        pattern: a regular expression of whole names; its first group is the number.
    """
    if not folder.is_dir():
        return []
    names = ((re.fullmatch(pattern, path.name), path) for path in folder.iterdir())
    return sorted((int(name[1]), path) for name, path in names if name and path.is_file())


def existing(*pictures: Picture) -> list[Picture]:
    """Those whose files there are."""
    return [picture for picture in pictures if picture.path.is_file()]


def read_columns(path: Path) -> dict[str, list[str]]:
    """Reads a table with a head, up to the first row that is not whole.

    Returns:
        The texts of each column by its name; empty if there is no such file.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            head, *rows = list(csv.reader(file)) or [[]]
    except (OSError, csv.Error):
        return {}
    whole = []
    for row in rows:
        if len(row) != len(head):
            break
        whole.append(row)
    return {name: [row[place] for row in whole] for place, name in enumerate(head)}


def numbers(texts: Sequence[str]) -> list[float]:
    """Texts as numbers; what is none becomes nan."""
    return [_number(text) for text in texts]


def curves(table: Mapping[str, Sequence[str]], axis: str, *, without: Sequence[str]) -> list[Curve]:
    """A curve of every column of a table over one of them.

    Args:
        table: see `read_columns`.
        axis: the column of what they are drawn over.
        without: columns that are none.
    """
    x = numbers(table.get(axis, ()))
    return [Curve(name, x, numbers(texts)) for name, texts in table.items() if name not in without]


def seconds_of(table: Mapping[str, Sequence[str]]) -> float | None:
    """The last of the column `seconds`, which counts from the beginning; None if there is none."""
    seconds = numbers(table.get("seconds", ()))
    return seconds[-1] if seconds and math.isfinite(seconds[-1]) else None


def read_figures(path: Path) -> dict[str, float]:
    """Reads what was measured at the end, a finite number for each name; empty if nothing was."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = found if isinstance(found, dict) else {}
    return {name: value for name, value in found.items() if _is_finite(value)}


def _is_finite(value: object) -> bool:
    # Beyond 1e300 a whole number may be no float.
    return type(value) in (int, float) and -1e300 < value < 1e300


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
