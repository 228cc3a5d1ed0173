"""Calling the scripts as a user does: in this process, which is quicker, or in one of their own."""

import importlib
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from common import flags
from reproductions.multiscale import options

ROOT = Path(options.__file__).parents[2]
PARSERS = {"synthesize": options.parse_synthesis, "novelty": options.parse_novelty}


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


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    main = importlib.import_module(f"reproductions.multiscale.{script}").main
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, argv)])
    # Many runs in one process look like needless retracing.
    monkeypatch.setattr(logging.getLogger("tensorflow"), "disabled", True)
    capfd.readouterr()
    # Outside of pytest a warning would be two more lines on standard error.
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        flags.run(PARSERS[script], main)
    return Ended(ended.value.code or 0, *capfd.readouterr())


def start(command: list, folder: Path, **options) -> subprocess.Popen:
    """Starts Python with these arguments, in a folder that also stands for the pretrained one."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "PRETRAINED_DIR": str(folder / "pretrained")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen, seconds: float = 120) -> Ended:
    """Waits for it."""
    out, err = process.communicate(timeout=seconds)
    return Ended(process.returncode, out, err)


def words(line: str) -> list[str]:
    """The arguments of a command line."""
    return line.split()


def script_path(script: str) -> Path:
    return ROOT / "reproductions" / "multiscale" / f"{script}.py"


def write_texture(
    path: Path, width: int = 64, height: int = 64, seed: int = 0, block: int = 4
) -> Path:
    """Writes a random pattern, smooth over blocks of pixels."""
    random = np.random.RandomState(seed)
    shape = (height // block + 1, width // block + 1, 3)
    pixels = random.randint(0, 256, shape).astype(np.uint8)
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
