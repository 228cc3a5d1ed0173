"""Folders of runs: their names, finding one, and the lock that says that one is at work."""

import contextlib
import datetime
import fcntl
import glob
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError
from common.runs import SETTINGS, new_folder

DATA, CHECKPOINTS, SNAPSHOTS, SYNTHESES = "data", "checkpoints", "snapshots", "syntheses"
_STAMP = "%m%d%Y_%H%M%S"


def experiment(kind: str, texture: str) -> str:
    """The folder of all runs of a kind, `learn` or `synthesize`, on a texture."""
    return f"{kind}_{texture}_texture"


def new_run(results: str | Path, kind: str, texture: str) -> Path:
    """Makes `{results}/{kind}_{texture}_texture/{MMDDYYYY_HHMMSS}`.

    Raises:
        UserError: the folder cannot be made.
    """
    parent = Path(results, experiment(kind, texture))
    return new_folder(parent, datetime.datetime.now().strftime(_STAMP))


def make_folders(run: Path, *names: str) -> None:
    """Makes folders inside a run's folder; those there are stay.

    Raises:
        UserError: they cannot be made.
    """
    try:
        for name in names:
            (run / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make folders in {run}: {error.strerror}") from None


def _date(run: Path) -> tuple[datetime.datetime, int]:
    stamp, _, number = run.name.partition(".")
    return datetime.datetime.strptime(stamp, _STAMP), int(number) + 1 if number else 0


def title(run: Path) -> str:
    """What a run is called in the menu, e.g. `July 03 2017 at 01:02:03 PM`."""
    date, number = _date(run)
    return date.strftime("%B %d %Y at %I:%M:%S %p") + (f" ({number + 1})" if number else "")


def runs_of(results: str | Path, kind: str, texture: str) -> list[Path]:
    """All runs of a kind on a texture (`*`: on any), oldest first."""
    found = []
    name = experiment(kind, texture if texture == "*" else glob.escape(texture))
    for settings in Path(results).glob(f"{name}/*/{SETTINGS}"):
        with contextlib.suppress(ValueError):
            found.append((*_date(settings.parent), settings.parent))
    return [run for *_, run in sorted(found)]


def find_run(results: str | Path, kind: str, texture: str, name: str) -> Path:
    """Finds a run.

    Args:
        results: where all runs are.
        kind: `learn` or `synthesize`.
        texture: its name; `*` for any.
        name: the name of the run's folder, `latest`, or a path.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    runs = runs_of(results, kind, texture)
    if name == "latest" and runs:
        return runs[-1]
    for run in reversed(runs):
        if run.name == name:
            return run
    path = Path(name).expanduser()
    if (path / SETTINGS).is_file():
        return path.absolute()
    there = f"there are {', '.join(run.name for run in runs)}" if runs else "there is none"
    where = Path(results, experiment(kind, texture))
    raise UserError(f"no run {name} in {where}: {there} (a folder's path works too)")


def is_running(run: Path) -> bool:
    """Whether a process is at work on a run."""
    return any(_held(lock) for lock in run.glob("running.*"))


def _held(lock: Path) -> bool:
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def running(run: Path) -> Iterator[None]:
    """Keeps the file `running.{pid}` in a run's folder while the block runs.

    What a killed process left behind is not locked, and is removed.

    Raises:
        UserError: a process is at work on the run, or the file cannot be written.
    """
    path = run / f"running.{os.getpid()}"
    try:
        file = open(path, "w")  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"process {os.getpid()} is at work on the run {run}") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    try:
        # Only now, or two processes that begin together would not see each other.
        for lock in set(run.glob("running.*")) - {path}:
            if _held(lock):
                raise UserError(f"process {lock.suffix[1:]} is at work on the run {run}")
            lock.unlink(missing_ok=True)
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()
