"""Calling the scripts as a user does: in this process, which is quicker, or in one of their own."""

import os
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from reproductions.multiscale import options
from tests import scripts
from tests.scripts import ROOT, Ended, run_script

PARSERS = {"synthesize": options.parse_synthesis, "novelty": options.parse_novelty}


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("multiscale", script, PARSERS[script], argv, monkeypatch, capfd)


def start(command: list, folder: Path, **options) -> subprocess.Popen:
    """Starts Python with these arguments, in a folder that also stands for the pretrained one."""
    env = {**os.environ, "PRETRAINED_DIR": str(folder / "pretrained")}
    return scripts.start(command, folder, env=env, **options)


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
