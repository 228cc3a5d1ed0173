"""The original's numbers, and the measures that compare with them."""

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from common.originals import originals_dir
from reproductions.ppgn.options import parse_caption, parse_class
from reproductions.ppgn.start import MEAN_FILE

FOLDER = Path(__file__).parents[2] / "references" / "ppgn"

#: Runs of `sampling_class.py`; those of the last two start from the original's picture.
RUNS = ("run1", "run2", "run3", "run4", "run6", "run7s0")
OF_PICTURES = ("run6", "run7s0")
CAPTION = "run5"

#: Forward passes, as a part of the largest value; both sides are float32.
FORWARD = 1e-5
#: Gradients, as a part of the L2 norm.
GRADIENT = 5e-5


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


@functools.cache
def read_json(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def texts(run: str) -> dict:
    """The lines, names and command line of a run."""
    return read_json("runs")[run]


def flags_of(run: str):
    """What the command line of a run means here."""
    return (parse_caption if run == CAPTION else parse_class)(texts(run)["argv"])


def rows(run: str) -> dict[str, np.ndarray]:
    """The arrays of a run, a row for each step, with the codes `h_in` that they are of.

    A code is what the step before made of it, unless that one ended in a reset.
    """
    found = dict(arrays("caption_run5" if run == CAPTION else f"sampler_{run}"))
    random = np.random.RandomState(0)
    start = found["start_code"] if run in OF_PICTURES else random.normal(0, 1, (1, 4096))
    h_in = np.concatenate([start, found["h_out"][:-1]])
    for row in found.get("reset_rows", ()):
        for _ in range(row + 1):
            random.normal(0, 1, (1, 4096))  # the noise of the steps before
        h_in[row + 1] = random.normal(0, 1, 4096)
    return {**found, "h_in": h_in}


def from_caffe(images: np.ndarray) -> np.ndarray:
    """(n, channels, height, width) to (n, height, width, channels)."""
    return np.asarray(images).transpose(0, 2, 3, 1)


def to_caffe(blob) -> np.ndarray:
    """The other way; blobs that are not of four dimensions stay."""
    blob = np.asarray(blob)
    return blob.transpose(0, 3, 1, 2) if blob.ndim == 4 else blob


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """The L2 norm of the difference as a part of the L2 norm of what is wanted."""
    wanted = np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    return float(np.linalg.norm((found - wanted).ravel()) / np.linalg.norm(wanted.ravel()))


def error_of_maximum(found: np.ndarray, wanted: np.ndarray, largest: float | None = None) -> float:
    """The largest difference as a part of the largest value, of the whole blob if given."""
    wanted = np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / (largest or np.abs(wanted).max()))


def error_of_sums(found: np.ndarray, stats: np.ndarray) -> float:
    """The largest error of sum, sum of absolutes, mean and L2 norm of a whole blob.

    Sum and mean are taken as parts of the absolutes', as they may cancel.
    """
    values = np.asarray(found, np.float64)
    sums = [values.sum(), np.abs(values).sum(), values.mean(), np.linalg.norm(values.ravel())]
    scales = [stats[1], stats[1], stats[1] / values.size, stats[3]]
    return float(np.max(np.abs(np.array(sums) - stats) / scales))


def strided(references: dict[str, np.ndarray], name: str) -> Iterator[tuple[str, int]]:
    """The keys of a blob of which every n-th row and column is kept, and n; 1 if all are."""
    if name in references:
        yield name, 1
    for key in references:
        head, _, stride = key.rpartition("_s")
        if head == name and stride.isdecimal():
            yield key, int(stride)


def digest(array: np.ndarray) -> str:
    """The first 16 digits of SHA-256 of an array's float32 values."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()[:16]


def original(name: str) -> Path:
    """A file of the original that is no part of the repository; skips the test without it."""
    path = originals_dir() / "ppgn" / name
    if not path.is_file():
        pytest.skip(f"needs {path} (ORIGINALS_DIR, or python datasets/download.py ppgn)")
    return path


def need_picture() -> None:
    """Skips the test without the original's picture and mean image."""
    original("volcano.jpg")
    original(MEAN_FILE)


def pictures(name: str) -> dict[str, np.ndarray]:
    """Arrays made from the original's picture, which lie beside it; skips without them."""
    path = originals_dir().parent / "goldens" / "ppgn" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"needs {path}: arrays made from the original's picture are not kept here")
    with np.load(path) as file:
        return dict(file)
