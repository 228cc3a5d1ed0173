"""Run folders: everything needed to know a run, to repeat it and to go on with it."""

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from common import machine
from common.errors import UserError, warn
from common.files import written_whole

SETTINGS, STATE = "run.json", "state.npz"
_PACKAGES = ("keras", "numpy", "scipy", "pillow")


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
    found = {"python": platform.python_version(), "computed": machine.where()}
    for package in (machine.chosen_backend(), *_PACKAGES):
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


def read_flags(folder: str | Path, script: str, name: str | None = None) -> dict[str, object]:
    """The flags that a run was made with.

    Args:
        folder: of the run.
        script: that it must be a run of.
        name: how a message calls that script; None: as it is.

    Raises:
        UserError: it is no run folder, or one of another script.
    """
    settings = read_settings(folder)
    if settings.get("script") != script or not isinstance(settings.get("flags"), dict):
        raise UserError(f"{folder} is no run of {name or script}")
    return settings["flags"]


def record(
    folder: Path,
    script: str,
    flags: Mapping[str, object],
    facts: Mapping[str, object],
    resumed: bool,
) -> None:
    """Writes what makes a run what it is: `run.json`, at its start and whenever it goes on.

    Warns if a run goes on with other weights than it began with.

    Args:
        folder: of the run.
        script: whose run it is.
        flags: that make it what it is: plain values.
        facts: more entries, e.g. the `weights` used.
        resumed: whether it goes on. The command is then added to those in `resumed`, and entries
            that are not written anew stay.

    Raises:
        UserError: the file is damaged, or cannot be written.
    """
    own = {"script": script, "flags": flags, "versions": versions()}
    own |= noted_command(folder, resumed)
    before = read_settings(folder) if resumed else {}
    weights = before.get("weights")
    if resumed and weights != facts.get("weights", weights):
        names = weights if isinstance(weights, list) else [weights]
        warn(f"the run began with {'; '.join(map(str, names))}")
    write_settings(folder, {**before, **own, **facts})


def noted_command(folder: Path, resumed: bool) -> dict[str, object]:
    """The entry of `run.json` that tells of this command.

    Args:
        folder: of the run.
        resumed: whether it goes on.

    Returns:
        `command`; or `resumed`, with all commands by which the run went on.

    Raises:
        UserError: the file is damaged.
    """
    if not resumed:
        return {"command": command_line()}
    commands = read_settings(folder).get("resumed", [])
    if not isinstance(commands, list):
        raise UserError(f"{folder / SETTINGS} is damaged: resumed is {commands!r}")
    return {"resumed": [*commands, command_line()]}


def check_facts(folder: Path, facts: Mapping[str, object], about: str) -> None:
    """Refuses to go on with a run that is of something else.

    Args:
        folder: of the run.
        facts: what its `run.json` should say.
        about: what is wrong if it does not, such as `was trained on other pictures`.

    Raises:
        UserError: it says otherwise.
    """
    before = read_settings(folder)
    for fact, value in facts.items():
        if before.get(fact) != value:
            raise UserError(
                f"{folder} {about}: its {fact} is {before.get(fact)}, here it is {value}"
            )


def find_run(
    results_dir: str | Path,
    name: str,
    missing: str,
    written: str = SETTINGS,
    script: str | None = None,
) -> Path:
    """Finds the folder of a run.

    Args:
        results_dir: the folder of all runs.
        name: `latest`, the name of its folder, or a path.
        missing: what is said if there is no latest one.
        written: the file whose last change says which is the latest.
        script: of which the latest one must be a run; None: of any.

    Raises:
        UserError: there is none.
    """
    if name == "latest":
        found = Path(results_dir).glob(f"*/{written}")
        runs = [(file.stat().st_mtime_ns, file.parent) for file in found]
        runs = [run for run in runs if script in (None, _script_of(run[1]))]
        if not runs:
            raise UserError(missing)
        return max(runs)[1]
    for folder in (Path(results_dir, name), Path(name)):
        if (folder / SETTINGS).is_file():
            return folder
    raise UserError(f"no run {name} in {results_dir}, and no run folder of that name")


def _script_of(run: Path) -> str | None:
    try:
        return read_settings(run).get("script")
    except UserError:
        return None


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


class TrainingFolder:
    """The folder of a training run, whose state is saved now and then.

    Args:
        path: the folder.
        interval: seconds between two saves.
        remedy: what is advised when the weights are not numbers any more.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, interval: float, remedy: str):
        self.path = path
        self._interval, self._remedy, self._saved = interval, remedy, time.monotonic()

    def due(self) -> bool:
        """Whether it is time to save the state."""
        return time.monotonic() - self._saved >= self._interval

    def save(self, state: Mapping[str, np.ndarray]) -> None:
        """Saves the state.

        Args:
            state: arrays and numbers by name.

        Raises:
            UserError: it has values that are not numbers, or the file cannot be written; the last
                state stays.
        """
        if not all(np.isfinite(array).all() for array in state.values()):
            raise UserError(f"the weights are not numbers any more; {self._remedy}")
        save_state(self.path, **state)
        self._saved = time.monotonic()
