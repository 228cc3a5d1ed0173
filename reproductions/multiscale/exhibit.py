"""A synthesis in the gallery."""

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

#: Frames of an animation, or textures without a source, that are shown at most.
_FRAMES = 4


def exhibit(run: Path, settings: Mapping[str, object]) -> Exhibit:
    """What a run has to show.

    Args:
        run: its folder.
        settings: its `run.json`.
    """
    table = read_columns(run / "losses.csv")
    # Iterations are counted from 0 in files, from 1 for people.
    made = [str(int(number) + 1) for number in numbers(table.get("iteration", ())) if number >= 0]
    table = {**table, "iteration": made}
    return Exhibit(
        title=_title(settings),
        sources=[
            Picture(path, _name(settings, number))
            for number, path in numbered(run, r"source_(\d+)\.png")
        ],
        growth=[
            *existing(Picture(run / "Aseed_F0000.png", "the start")),
            *(
                Picture(path, f"after iteration {number + 1}")
                for number, path in numbered(run, r"I(\d+)_F0000\.png")
            ),
        ],
        results=_results(run),
        curves=curves(table, "iteration", without=("iteration", "evaluations", "seconds")),
        seconds=seconds_of(table),
    )


def _title(settings: Mapping[str, object]) -> str:
    names = [Path(str(source)).stem for source in settings.get("sources") or ()]
    if not names:
        return "textures of no source"
    return f"{' and '.join(names[:3])}{' and more' if len(names) > 3 else ''}, synthesised"


def _name(settings: Mapping[str, object], number: int) -> str:
    sources = settings.get("sources") or ()
    return Path(str(sources[number])).name if number < len(sources) else "a picture"


def _results(run: Path) -> list[Picture]:
    iterations = numbered(run, r"I(\d+)_F0000\.png")
    last = f"I{iterations[-1][0]:04d}" if iterations else "none"
    frames = numbered(run, last + r"_F(\d+)\.png")
    pictures = [
        Picture(path, f"result, frame {frame + 1}" if len(frames) > 1 else "result")
        for frame, path in frames[:_FRAMES]
    ]
    return pictures + existing(
        Picture(run / "animation.gif", "all frames"),
        Picture(run / "tiled.png", "result, tiled twice by twice"),
    )
