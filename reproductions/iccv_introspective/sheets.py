"""The contact sheet of a run: the texture, then a synthesis as it was after some of the rounds."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.images import contact_sheet, read_picture, save_picture
from reproductions.iccv_introspective.classes import cut_back
from reproductions.iccv_introspective.collection import synthesis_names

SHEET = "sheet.png"


def chosen_rounds(last: int, most: int) -> list[int]:
    """At most `most` rounds from 0 to `last`, evenly spaced, both ends included."""
    return np.unique(np.linspace(0, last, min(most, last + 1)).round().astype(int)).tolist()


def save_sheet(
    run: Path,
    sources: Sequence[np.ndarray],
    last: int,
    snapshot: Callable[[int], np.ndarray | None],
    columns: int = 6,
    rows: int = 3,
) -> None:
    """Writes `sheet.png`.

    Args:
        run: the run's folder.
        sources: pictures to compare with, uint8, (height, width, 3).
        last: number of the last round.
        snapshot: from the number of a round to its picture; None if it has none.
        columns: pictures in a row.
        rows: at most.

    Raises:
        UserError: the file cannot be written.
    """
    sources = sources[: columns * rows // 2]
    room = columns * rows - len(sources)
    later = [snapshot(number) for number in chosen_rounds(last, room)]
    pictures = [*sources, *(picture for picture in later if picture is not None)]
    lines = [contact_sheet(pictures[i : i + columns]) for i in range(0, len(pictures), columns)]
    height = max(line.shape[0] for line in lines)
    width = max(line.shape[1] for line in lines)
    sheet = np.full((height * len(lines), width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        sheet[i * height : i * height + line.shape[0], : line.shape[1]] = line
    save_picture(sheet, run / SHEET)


def snapshot_reader(folder: Path, patch: int) -> Callable[[int], np.ndarray | None]:
    """Gives a function from the number of a round to its first snapshot, cut back; None: none."""

    def read(number: int) -> np.ndarray | None:
        path = folder / f"{synthesis_names(1, number)[0]}.png"
        return cut_back(np.asarray(read_picture(path)), patch) if path.is_file() else None

    return read
