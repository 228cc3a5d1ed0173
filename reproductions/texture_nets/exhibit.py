"""A training run in the gallery."""

from collections.abc import Mapping
from pathlib import Path

from common.exhibit import (
    Exhibit,
    Picture,
    curves,
    existing,
    numbered,
    numbers,
    read_columns,
    seconds_of,
)

#: Pictures of the last batch, and samples, that are shown at most.
_BATCH, _SAMPLES = 4, 8


def exhibit(run: Path, settings: Mapping[str, object]) -> Exhibit:
    """What a run has to show.

    Args:
        run: its folder.
        settings: its `run.json`.
    """
    flags = settings.get("flags")
    flags = flags if isinstance(flags, Mapping) else {}
    stylises = "style_image" in flags
    target = Path(str(flags.get("style_image" if stylises else "texture", "a picture")))
    table = read_columns(run / "losses.csv")
    parts = any(numbers(table.get("content", ())))
    pictures = [
        (number, path)
        for number, path in numbered(run, r"train1_(\d+)\.png")
        if number in set(numbers(table.get("iteration", ()))) and _is_of_run(path, run)
    ]
    return Exhibit(
        title=f"{target.stem}, {'painting in it' if stylises else 'a generator of it'}",
        sources=existing(
            Picture(run / "target.png", f"the {'style' if stylises else 'texture'}: {target.name}")
        ),
        growth=[Picture(path, f"after iteration {number}") for number, path in pictures],
        results=[*_last_batch(run, pictures), *_samples(run)],
        curves=curves(
            table,
            "iteration",
            without=("iteration", "seconds", *(() if parts else ("texture", "content"))),
        ),
        seconds=seconds_of(table),
    )


def _is_of_run(path: Path, run: Path) -> bool:
    """Not of an earlier run in the same folder: the copy of the texture is written first."""
    target = run / "target.png"
    return not target.exists() or path.stat().st_mtime >= target.stat().st_mtime


def _last_batch(run: Path, pictures: list[tuple[int, Path]]) -> list[Picture]:
    if not pictures:
        return []
    last = pictures[-1][0]
    return [
        Picture(path, f"picture {number} of the last batch")
        for number, path in numbered(run, rf"train(\d+)_{last}\.png")[:_BATCH]
    ]


def _samples(run: Path) -> list[Picture]:
    """What `texture_sample.py` or `stylization_process.py` put into a folder in the run's own."""
    folder = run / "samples"
    paths = sorted(folder.glob("*.png")) if folder.is_dir() else []
    own = [path for path in paths if _is_of_run(path, run)]
    return [Picture(path, f"sample {path.stem}") for path in own[:_SAMPLES]]
