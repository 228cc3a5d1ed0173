"""Looking at the files that runs leave."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def snapshot(folder: Path) -> dict[str, object]:
    """Every file with the time of its last change."""
    paths = {name: folder / name for name in files_below(folder)}
    return {n: path.is_dir() or path.stat().st_mtime_ns for n, path in paths.items()}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def rows(run: Path, name: str = "losses.csv") -> list[dict[str, str]]:
    """The rows of a run's table."""
    with (run / name).open(newline="") as file:
        return list(csv.DictReader(file))


def losses(run: Path) -> list[tuple[str, ...]]:
    """The rows of `losses.csv` without the seconds."""
    return [tuple(row.values())[:-1] for row in rows(run)]


def state(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "state.npz") as file:
        return dict(file)


def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
    """Checks that two runs made the same, to the bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        strict = isinstance(value, np.ndarray)
        np.testing.assert_array_equal(value, other[name], err_msg=name, strict=strict)
