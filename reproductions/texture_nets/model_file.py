"""Generators in files: `.keras`, as this suite saves them, and Torch7's `.t7`."""

import json
import math
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from common.errors import UserError
from common.files import written_whole
from reproductions.texture_nets.blocks import NORMALIZATIONS
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.import_torch7 import import_torch7
from reproductions.texture_nets.networks import MOST_NOISE, NETWORKS

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"

#: No file of a generator is larger, unpacked.
_LARGEST = 2**27


def save_generator(generator: Generator, path: str | Path) -> None:
    """Writes a `.keras` file, whole or not at all; `keras.saving.load_model` reads it, too.

    Raises:
        UserError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        generator.save(temporary)


def load_generator(path: str | Path) -> Generator:
    """Reads a model.

    Args:
        path: a `.keras` or `.t7` file. Where there is no `model.t7` but a `model.keras`, that is
            taken: the original's commands name the former.

    Raises:
        UserError: there is no such file, or it is damaged, or no generator of this package.
    """
    path = Path(path).expanduser()
    if not path.exists() and path.suffix == ".t7" and path.with_suffix(".keras").exists():
        path = path.with_suffix(".keras")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a model")
    if not path.exists():
        raise UserError(
            f"there is no model {path}; `python datasets/download.py texture_nets` gets the "
            "published ones"
        )
    if _starts_like_zip(path):
        return _load_keras(path)
    return import_torch7(path)


def _starts_like_zip(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"PK"
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def _load_keras(path: Path) -> Generator:
    """Builds the generator that the file names; nothing else that a file may name is built."""
    try:
        with zipfile.ZipFile(path) as file, tempfile.TemporaryDirectory() as folder:
            if sum(item.file_size for item in file.infolist()) > _LARGEST:
                raise UserError(f"{path} is too large for a generator")
            generator = _generator_of(path, json.loads(file.read(_CONFIG)))
            weights = Path(folder, _WEIGHTS)
            weights.write_bytes(file.read(_WEIGHTS))
            _check_weights(weights)
            with warnings.catch_warnings():
                # What Keras remarks about files that it then refuses.
                warnings.simplefilter("ignore")
                generator.load_weights(weights)
    except UserError:
        raise
    except Exception as error:
        # zipfile, h5py and Keras raise nearly anything on damaged files.
        reason = str(error).strip().split("\n")[0][:200]
        raise UserError(f"{path} is damaged, or no model of this package: {reason}") from None
    if not all(np.isfinite(v).all() for v in generator.get_weights()):
        raise UserError(f"{path} has weights that are not numbers")
    return generator


def _generator_of(path: Path, config) -> Generator:
    known = isinstance(config, dict) and config.get("registered_name") == "texture_nets>Generator"
    arguments = config.get("config") if known else None
    if not isinstance(arguments, dict):
        raise UserError(f"{path} is a Keras model, but none of this package")
    for name, allowed in _ARGUMENTS.items():
        if not allowed(arguments.get(name)):
            raise UserError(f"{path} is damaged: its {name} is {arguments.get(name)!r:.40}")
    if set(arguments) != set(_ARGUMENTS):
        raise UserError(f"{path} is damaged: its description has other entries than a generator's")
    return Generator(**arguments)


#: What the arguments of a generator may be.
_ARGUMENTS: dict[str, Callable[[object], bool]] = {
    "network": lambda value: isinstance(value, str) and value in NETWORKS,
    "noise_depth": lambda value: type(value) is int and 0 <= value <= MOST_NOISE,
    "stylization": lambda value: isinstance(value, bool),
    "circular": lambda value: isinstance(value, bool),
    "normalization": lambda value: isinstance(value, str) and value in NORMALIZATIONS,
    "dtype": lambda value: value in ("float32", "float64"),
}


def _check_weights(path: Path) -> None:
    """Refuses a file of weights that claims more than a generator has, or points elsewhere."""
    claimed = visited = 0

    def visit(group: h5py.Group) -> None:
        nonlocal claimed, visited
        for name in group:
            visited += 1
            if visited > 10_000:
                raise ValueError("it has too many entries")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError("its weights lie elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item)
                continue
            if item.dtype.kind not in "fiub":
                raise ValueError("its weights are no numbers")
            claimed += item.size * item.dtype.itemsize
            if claimed > _LARGEST or item.external or item.is_virtual:
                raise ValueError("its weights are too large, or lie elsewhere")

    with h5py.File(path, "r") as file:
        visit(file)


def sizes_for(generator: Generator, height: int, width: int) -> tuple[int, int]:
    """The next larger height and width that the generator can make.

    Raises:
        UserError: they are below its smallest.
    """
    if min(height, width) < generator.smallest:
        raise UserError(
            f"{width}x{height} is too small: this generator makes "
            f"{generator.smallest}x{generator.smallest} and more"
        )
    multiple = generator.multiple
    return math.ceil(height / multiple) * multiple, math.ceil(width / multiple) * multiple
