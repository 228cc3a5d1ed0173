"""Running an entry script inside the test's process, which is quicker than one of its own."""

import importlib
import logging
import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest

from common import flags


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
