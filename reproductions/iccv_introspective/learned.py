"""`run.json`: what makes a run what it is."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import UserError
from common.runs import SETTINGS, check_writable, read_settings, versions, write_settings
from reproductions.iccv_introspective.classes import ImageClass
from reproductions.iccv_introspective.settings import LearningSettings
from reproductions.iccv_introspective.stages import stages
from reproductions.iccv_introspective.textures import texture_name


def note_run(run: Path, own: Mapping[str, object], facts: Mapping[str, object]) -> None:
    """Writes `run.json`, or checks that a run that goes on is what it was.

    Args:
        run: the run's folder.
        own: what makes the run what it is: plain values that must not change.
        facts: more entries, e.g. the command.

    Raises:
        UserError: something changed; the file is damaged or cannot be written.
    """
    before = read_settings(run) if (run / SETTINGS).exists() else {}
    for name, value in own.items():
        if before.get(name, value) != value:
            raise UserError(
                f"the run {run} was begun with other {name}: {_first(before[name], value)}"
            )
    write_settings(run, {**before, **facts, **own, "versions": versions()})


def _first(before: object, now: object) -> str:
    """Tells the first difference between two values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in now:
            if before.get(name) != now[name]:
                return f"{name} was {before.get(name)}, is {now[name]}"
    return f"{before}, not {now}"


def note_learning(
    run: Path,
    settings: LearningSettings,
    classes: Sequence[ImageClass],
    facts: Mapping[str, object],
) -> None:
    """Notes what a learning run learns, see `note_run`."""
    own = {
        "settings": dataclasses.asdict(settings),
        "classes": [{"name": each.name, "prior": each.prior} for each in classes],
    }
    note_run(run, own, facts)


def read_learning(run: Path) -> tuple[LearningSettings, list[float]]:
    """Reads the constants of a learning run, and the priors of its classes.

    Raises:
        UserError: it is no learning run, or the file is damaged.
    """
    saved = read_settings(run)
    try:
        settings = LearningSettings(**saved["settings"])
        for field in dataclasses.fields(settings):
            kinds = (int, float) if type(field.default) is float else type(field.default)
            if not isinstance(getattr(settings, field.name), kinds):
                raise TypeError(field.name)
        return settings, [float(each["prior"]) for each in saved["classes"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run / SETTINGS} is damaged or of no learning run: {error}") from None


def check_learned(flags: argparse.Namespace) -> None:
    """Refuses a learning run that nothing can be synthesised from.

    Args:
        flags: `run`, its folder; `last_round`, the last stage to use, or None; `results_dir`.

    Raises:
        UserError: it is no learning run, damaged, or has not so many stages; results cannot be
            written.
    """
    texture_name(flags.run)
    read_learning(flags.run)
    stages(flags.run, flags.last_round)
    check_writable(flags.results_dir)
