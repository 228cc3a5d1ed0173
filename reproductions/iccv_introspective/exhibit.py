"""A learning run or a synthesis run in the gallery."""

from collections.abc import Mapping
from pathlib import Path

from common.errors import UserError
from common.exhibit import (
    Curve,
    Exhibit,
    Picture,
    existing,
    numbered,
    numbers,
    read_columns,
    seconds_of,
)
from common.runs import read_settings

#: The patch's side. Half a patch, where few patches reach, stays at each side of a snapshot.
_PATCH = 64

_SYNTHESES = 6


def exhibit(run: Path, settings: Mapping[str, object]) -> Exhibit:
    """What a run has to show.

    Args:
        run: its folder.
        settings: its `run.json`.
    """
    texture = settings.get("texture", "a texture")
    table = read_columns(run / "losses.csv")
    learned = Path(str(settings["learned"])) if settings.get("learned") else None
    border = _border(settings if learned is None else _settings(learned))
    snapshots = [
        (number, Picture(path, f"after round {number}", border))
        for number, path in numbered(run / "snapshots", r"syn0@round(\d+)\.png")
    ]
    start = existing(Picture(run / "snapshots" / "syn0.png", "after round 0", border))
    growth = [*start, *(picture for _, picture in snapshots)]
    if learned is not None:
        return Exhibit(
            title=f"{texture}, new pictures",
            sources=existing(Picture(learned / "texture.png", f"the texture: {texture}")),
            growth=growth,
            results=_syntheses(run),
            axis="round",
            curves=_curves(table),
            seconds=seconds_of(table),
        )
    last = snapshots[-1][0] if snapshots else None
    ending = "" if last is None else f"@round{last}"
    return Exhibit(
        title=f"{texture}, learned",
        sources=existing(Picture(run / "texture.png", f"the texture: {texture}")),
        growth=growth,
        results=existing(
            *(
                Picture(
                    run / "snapshots" / f"syn{number}{ending}.png",
                    f"synthesis {number + 1} after round {last or 0}",
                    border,
                )
                for number in range(3)
            )
        ),
        axis="round",
        curves=_curves(table),
        seconds=seconds_of(table),
    )


def _settings(run: Path) -> dict:
    try:
        return read_settings(run)
    except UserError:  # it has been removed
        return {}


def _border(settings: Mapping[str, object]) -> int:
    flags = settings.get("flags")
    patch = flags.get("patch_size", _PATCH) if isinstance(flags, Mapping) else _PATCH
    return patch // 2 if isinstance(patch, int) else _PATCH // 2


def _syntheses(run: Path) -> list[Picture]:
    found = numbered(run / "syntheses", r"class1_syn(\d+)\.png")
    return [Picture(path, f"synthesis {number + 1}") for number, path in found[:_SYNTHESES]]


def _curves(table: Mapping[str, list[str]]) -> list[Curve]:
    """The last value of each phase of each round."""
    phases, rounds = table.get("phase", []), numbers(table.get("round", ()))
    found = []
    for name, phase, column in (
        ("learning loss", "learning", "loss"),
        ("learning accuracy", "learning", "accuracy"),
        ("synthesis loss, first step", "synthesis", "first_loss"),
        ("synthesis loss, last step", "synthesis", "loss"),
    ):
        values = numbers(table.get(column, ()))
        last = {
            number: value
            for number, kind, value in zip(rounds, phases, values, strict=False)
            if kind == phase
        }
        if last:
            found.append(Curve(name, list(last), list(last.values())))
    return found
