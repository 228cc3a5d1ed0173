"""Run folders: everything needed to know a run, to repeat it and to go on with it."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import written_whole

SETTINGS, STATE = "run.json", "state.npz"
_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "pillow")


def new_folder(parent: str | Path, name: str) -> Path:
    """Makes `parent/name`, or `name.0`, `name.1`, ... if there is one already.

    Args:
        parent: made as well if it is missing.
        name: of the run, without a folder.

    Raises:
        UserError: the folder cannot be made.
    """
    if Path(name).name != name:
        raise UserError(f"the name of a run folder must not contain folders, got {name}")
    number = -1
    try:
        Path(parent).mkdir(parents=True, exist_ok=True)
        while True:
            folder = Path(parent, name if number < 0 else f"{name}.{number}")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        raise UserError(f"cannot make a folder in {parent}: {error.strerror}") from None


def check_writable(folder: str | Path) -> None:
    """Refuses a folder that cannot be written to, or that could not be made; makes nothing.

    Raises:
        UserError: it is not a folder, or there is no permission.
    """
    existing = os.path.abspath(folder)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UserError(f"cannot write to {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}: no permission in {existing}")


def command_line() -> str:
    """The command that this process was started with, as a shell takes it."""
    return shlex.join(sys.argv)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_settings(folder: Path, settings: Mapping[str, object]) -> None:
    """Writes `run.json`; `settings` are plain values.

    Raises:
        UserError: the file cannot be written.
    """
    with written_whole(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def read_settings(folder: str | Path) -> dict:
    """Reads `run.json` of a run folder.

    Raises:
        UserError: no such folder, not a run folder, or the file is damaged.
    """
    path = Path(folder, SETTINGS)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{folder} is no run folder: {path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"{path} is damaged") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path} is damaged")
    return settings


def save_state(folder: Path, **arrays) -> None:
    """Writes the state of a run, from which it can go on.

    Args:
        folder: the run folder.
        **arrays: NumPy arrays and numbers by name.

    Raises:
        UserError: the file cannot be written; the last state stays.
    """
    with written_whole(folder / STATE) as temporary:
        np.savez(temporary, **arrays)


def load_state(
    folder: str | Path, names: tuple[str, ...] | None = None
) -> dict[str, np.ndarray] | None:
    """Reads the state of a run.

    Args:
        folder: the run folder.
        names: the arrays that it must have; None: give all there are.

    Returns:
        Arrays by name; None if none was saved yet.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(folder, STATE)
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in (file.files if names is None else names)}
    except Exception as error:
        # NumPy and zipfile raise nearly anything on damaged files.
        raise UserError(f"{path} is damaged: {error}") from None
