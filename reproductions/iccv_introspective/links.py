"""Links from a learning run to the synthesis runs made from it."""

import contextlib
import os
from pathlib import Path

import h5py

from common.errors import UserError
from common.runs import SETTINGS, read_settings
from reproductions.iccv_introspective.index import INDEX
from reproductions.iccv_introspective.run_folder import DATA, experiment, is_running


def synthesis_runs(learned: Path) -> list[Path]:
    """The synthesis runs beside a learning run that were made from it."""
    found = []
    for settings in sorted(
        learned.parent.parent.glob(f"{experiment('synthesize', '*')}/*/{SETTINGS}")
    ):
        with contextlib.suppress(UserError):
            source = read_settings(settings.parent).get("learned")
            if source and Path(source).resolve() == learned.resolve():
                found.append(settings.parent)
    return found


def link_syntheses(file: h5py.File, runs: list[Path]) -> None:
    """Puts external links `/syntheses/{run name}` into the index of a learning run."""
    here = Path(file.filename).parent.resolve()
    for run in runs:
        target = os.path.relpath(run.resolve() / DATA / INDEX, here)
        group = file.require_group("syntheses")
        if group.get(run.name, getlink=True) is None:
            group[run.name] = h5py.ExternalLink(target, "/")


def link_run(learned: Path, run: Path) -> None:
    """Links a synthesis run; while its learning run is at work, that run does it at its end."""
    if is_running(learned):
        return
    path = learned / DATA / INDEX
    with (
        contextlib.suppress(OSError, RuntimeError, KeyError),
        h5py.File(path, "r+", locking=False) as file,
    ):
        link_syntheses(file, [run])
