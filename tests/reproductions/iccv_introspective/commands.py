"""Calling the scripts as a user does, and looking at what their runs leave."""

import atexit
import csv
import functools
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from PIL import Image

from reproductions.iccv_introspective import options
from tests.leftovers import pixels
from tests.scripts import ROOT, Ended, finish, run_script, start, words

PARSERS = {"learn_texture": options.parse_learning, "synthesize_texture": options.parse_synthesis}

PATCH, IMAGES, BATCH, EPOCHS, STEPS = 16, 5, 3, 7, 12

#: The smallest run that has all parts, with batches that do not fill up.
SMALL = (
    f"--patch_size {PATCH} --filters 2 --images {IMAGES} --batch_size {BATCH} --patches 8"
    f" --epochs {EPOCHS} --synthesis_steps {STEPS}"
).split()

#: Size of the texture `a.png`, and that at which it is learned.
WIDTH, HEIGHT = 24, 28
PICTURE = (HEIGHT + PATCH, WIDTH + PATCH, 3)


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("iccv_introspective", script, PARSERS[script], argv, monkeypatch, capfd)


def script_path(script: str) -> Path:
    return ROOT / "reproductions" / "iccv_introspective" / f"{script}.py"


def write_texture(path: Path, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> Path:
    """Writes a random pattern, smooth over blocks of pixels."""
    random = np.random.RandomState(seed)
    pixels = random.randint(0, 256, (height // 4 + 1, width // 4 + 1, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def only_run(folder: Path, kind: str = "learn", texture: str = "a") -> Path:
    """The one run of a kind below a folder's `results`."""
    [run] = (folder / "results" / f"{kind}_{texture}_texture").iterdir()
    return run


def copied(run: Path, folder: Path, date: str = "07032017_130203") -> Path:
    """Copies a run into the `results` of another folder, with another date."""
    target = folder / "results" / run.parent.name / date
    shutil.copytree(run, target)
    return target


def rows(run: Path) -> list[list[str]]:
    """The rows of `losses.csv` but for their seconds."""
    with open(run / "losses.csv", newline="") as file:
        head, *lines = csv.reader(file)
    assert head[-1] == "seconds"
    seconds = [float(line[-1]) for line in lines]
    assert seconds == sorted(seconds)
    return [line[:-1] for line in lines]


def datasets(path: Path) -> dict[str, object]:
    """All datasets and attributes of an HDF5 file; links to other files are not followed."""
    found = {}

    def look(name, item):
        # Keras numbers the models of a process.
        attributes = {key: value for key, value in item.attrs.items() if name != "vars"}
        found.update({f"{name}@{key}": value for key, value in attributes.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        look("", file)
        file.visititems(look)
    return found


def contents(run: Path, rounds: int, learning: bool = True) -> dict[str, object]:
    """All that the first rounds of a run made, by name."""
    found = {}
    for number in range(rounds):
        files = [f"data/round_{number}.h5"]
        files += [f"checkpoints/round_{number}.weights.h5"] * learning
        for file in files:
            found |= {f"{file}/{name}": value for name, value in datasets(run / file).items()}
    if not learning:
        found |= {path.name: pixels(path) for path in (run / "syntheses").iterdir()}
    # A file that was being written when the process was killed has a hidden name.
    for path in sorted((run / "snapshots").glob("[!.]*")):
        if "@" not in path.name or int(path.stem.split("@round")[1]) < rounds:
            found[f"snapshots/{path.name}"] = pixels(path)
    index = datasets(run / "data" / "index.h5")
    stored = IMAGES * (2 + rounds) if learning else 0
    found["images"], found["names"] = (index[f"store/{n}"][:stored] for n in ("images", "names"))
    assert len(found["names"]) == len(found["images"]) == stored
    found["paths"] = index["round/paths"][:rounds]
    found["rows"] = [row for row in rows(run) if int(row[0]) < rounds]
    return found


def has_row(run_of, row: str):
    """Whether a run's table has a row that begins so; `run_of` gives the run, once there is one."""

    def reached() -> bool:
        try:
            return f"\n{row}," in (run_of() / "losses.csv").read_text()
        except (OSError, ValueError):
            return False

    return reached


class Watched(NamedTuple):
    """A whole run, and what a reader saw while it was made.

    Attributes:
        folder: in which the script was called; `a.png` is in it.
        run: the run's folder.
        ended: how the script ended.
        locks: files `running.*` that were seen.
        pid: of the script.
        stored: pictures in the store of the index, each time it was read.
        steps: learning steps of epoch 0 of round 1, each time its file was read.
    """

    folder: Path
    run: Path
    ended: Ended
    locks: set[str]
    pid: int
    stored: list[int]
    steps: list[int]


@functools.cache
def unbroken() -> Watched:
    """A run of three rounds, by the script in a process of its own; do not change its files."""
    folder = Path(tempfile.mkdtemp(prefix="unbroken-")).resolve()
    atexit.register(shutil.rmtree, folder)
    write_texture(folder / "a.png")
    argv = [script_path("learn_texture"), "a.png", *SMALL, "--rounds", 3, "--comment", "tiny"]
    process = start(argv, folder)
    locks, stored, steps = set(), [], []
    while process.poll() is None:
        for run in folder.glob("results/*/*"):
            locks |= {path.name for path in run.glob("running.*")}
            stored += _length(run / "data" / "index.h5", "store/names")
            steps += _length(run / "data" / "round_1.h5", "1/learning/training_stats/step")
        time.sleep(0.01)
    return Watched(folder, only_run(folder), finish(process), locks, process.pid, stored, steps)


def _length(path: Path, name: str) -> list[int]:
    """Reads how long a dataset is while it is written; empty while the file is being made."""
    try:
        with h5py.File(path, "r", libver="latest", swmr=True) as file:
            return [len(file[name])]
    except (OSError, KeyError):
        return []


#: A synthesis with batches that do not fill up.
SYNTHESIS = words("--width 20 --height 30 --number_to_synthesize 3 --batch_size 2")
SYNTHESIS += ["--synthesis_steps", str(STEPS)]


class Synthesized(NamedTuple):
    """A synthesis run, made from a copy of the unbroken run.

    Attributes:
        folder: in which the script was called.
        learned: folder of the learning run.
        run: the run's folder.
        ended: how the script ended.
        locks: files `running.*` that were seen.
        pid: of the script.
    """

    folder: Path
    learned: Path
    run: Path
    ended: Ended
    locks: set[str]
    pid: int


@functools.cache
def synthesized() -> Synthesized:
    """Syntheses by the script in a process of its own; do not change its files."""
    folder = Path(tempfile.mkdtemp(prefix="synthesized-")).resolve()
    atexit.register(shutil.rmtree, folder)
    learned = copied(unbroken().run, folder)
    argv = [script_path("synthesize_texture"), "a.png", *SYNTHESIS]
    # Nobody answers, and nobody says that nobody will.
    process = start(argv, folder, stdin=subprocess.PIPE)
    locks = set()
    while process.poll() is None:
        locks |= {path.name for path in folder.glob("results/synthesize*/*/running.*")}
        time.sleep(0.01)
    ended = Ended(process.returncode, process.stdout.read(), process.stderr.read())
    process.communicate()
    run = only_run(folder, "synthesize")
    return Synthesized(folder, learned, run, ended, locks, process.pid)
