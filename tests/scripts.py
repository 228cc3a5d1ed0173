"""Running an entry script: inside the test's process, which is quicker, or in one of its own."""

import importlib
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from common import flags

ROOT = Path(flags.__file__).parents[1]


class Ended(NamedTuple):
    """What a script leaves on the terminal."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error."""
        assert self.err.count("\n") == 1 and self.err.endswith("\n"), self.err
        return self.err[:-1]


def run_script(package: str, script: str, parse: Callable, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script of a package with these words after its name."""
    main = importlib.import_module(f"reproductions.{package}.{script}").main
    return run_main(script, parse, main, argv, monkeypatch, capfd)


def run_main(script: str, parse: Callable, main: Callable, argv: list, monkeypatch, capfd) -> Ended:
    """Runs what a script calls, with these words after its name."""
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, argv)])
    # Many runs in one process look like needless retracing.
    monkeypatch.setattr(logging.getLogger("tensorflow"), "disabled", True)
    capfd.readouterr()
    # Outside of pytest a warning would be two more lines on standard error.
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        flags.run(parse, main)
    return Ended(ended.value.code or 0, *capfd.readouterr())


def words(line: str) -> list[str]:
    """The arguments of a command line."""
    return line.split()


def start(command: list, folder: Path, **options) -> subprocess.Popen:
    """Starts Python with these arguments in a folder; nobody answers what it asks."""
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    options = {"stdin": subprocess.DEVNULL, **pipes, "text": True, **options}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, **options)


def start_code(code: str, folder: Path, *argv, **options) -> subprocess.Popen:
    """Starts Python code that can import the suite."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return start(["-c", code, *argv], folder, env=env, **options)


def finish(process: subprocess.Popen, seconds: float = 180) -> Ended:
    """Waits for it."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def wait_until(process: subprocess.Popen, reached, seconds: float = 120) -> None:
    """Until something is true of a running script."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if reached():
            return
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    raise AssertionError(process.communicate())


def error(ended: Ended) -> str:
    """The one line on standard error that is no warning."""
    assert ended.err.endswith("\n"), ended.err
    lines = [one for one in ended.err[:-1].split("\n") if not one.startswith("warning: ")]
    assert len(lines) == 1, ended.err
    return lines[0]
