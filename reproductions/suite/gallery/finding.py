"""Finds runs, and asks their packages what they have to show."""

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError, warn
from common.exhibit import Exhibit
from common.runs import SETTINGS, read_settings
from reproductions.suite.gallery.papers import paper_of
from reproductions.suite.papers import PAPERS, Paper


@dataclass(frozen=True)
class Run:
    """A run that can be shown.

    Args:
        folder: of the run, absolute.
        paper: that it is of.
        settings: what `run.json` says.
        exhibit: what there is to show.
        modified: when `run.json` was written, in seconds of the epoch.
    """

    folder: Path
    paper: Paper
    settings: dict
    exhibit: Exhibit
    modified: float


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Finds all runs of some folders; says in a line each what cannot be shown.

    Args:
        folders: searched with their subfolders; links to folders are not followed.

    Returns:
        By paper, as these are listed, the newest first; a run in two of the folders once.

    Raises:
        UserError: there is no such folder.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise UserError(f"no such folder: {folder}")
    found = {path: None for folder in folders for path in _run_folders(folder)}
    runs = [run for path in found if (run := _read_run(path)) is not None]
    return sorted(runs, key=lambda run: (PAPERS.index(run.paper), -run.modified, run.folder))


def _run_folders(root: str | Path) -> Iterator[Path]:
    for folder, below, files in os.walk(os.path.realpath(root)):
        below.sort()
        if SETTINGS in files:
            yield Path(folder)


def _read_run(folder: Path) -> Run | None:
    try:
        modified = (folder / SETTINGS).stat().st_mtime
        settings = read_settings(folder)
        script = settings.get("script")
        paper = paper_of(script) if isinstance(script, str) else None
        if paper is None:
            raise UserError(f"no paper here has a script {script!r}")
    except (UserError, OSError, RecursionError) as error:
        warn(f"{folder} is not shown: {_line(error)}")
        return None
    return Run(folder, paper, settings, _exhibit(folder, paper.package, settings), modified)


def _exhibit(folder: Path, package: str, settings: dict) -> Exhibit:
    """What the package shows of a run; only its name, if the package cannot."""
    try:
        module = importlib.import_module(f"reproductions.{package}.exhibit")
        return module.exhibit(folder, settings)
    except Exception as error:
        # Whatever is odd about one run, by another version or by hand, must not hide the others.
        warn(f"of {folder} only the settings are shown: {_line(error)}")
        return Exhibit(title=folder.name)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"
