"""Calling the scripts as a user does: in this process, which is quicker, or in one of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from reproductions.multiscale import options
from tests.scripts import Ended, run_script

ROOT = Path(options.__file__).parents[2]
PARSERS = {"synthesize": options.parse_synthesis, "novelty": options.parse_novelty}


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("multiscale", script, PARSERS[script], argv, monkeypatch, capfd)


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
