"""MNIST: 70,000 handwritten digits of 28x28 pixels, through Keras or from its own files."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np

from common.errors import UserError
from datasets.idx import read_idx

_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


def download_mnist() -> tuple[np.ndarray, np.ndarray]:
    """The 60,000 training digits, as Keras has or downloads them.

    Returns:
        Pictures, uint8, (60000, 28, 28), and labels, uint8, (60000,).

    Raises:
        UserError: they are not there and cannot be downloaded.
    """
    import keras

    try:
        # Keras' progress bar is for a terminal.
        hidden = contextlib.redirect_stdout(io.StringIO())
        with contextlib.nullcontext() if sys.stdout.isatty() else hidden:
            (images, labels), _ = keras.datasets.mnist.load_data()
    except Exception as error:
        # Keras raises a plain Exception where there is no network; NumPy nearly anything on a
        # damaged file.
        reason = str(error).split("\n")[0] or type(error).__name__
        raise UserError(f"MNIST cannot be had: {reason}") from None
    return images, labels


def is_idx(path: str | Path) -> bool:
    """Whether this is one of MNIST's files of pictures, or a folder that has one."""
    path = Path(path)
    return _IMAGES in path.name if path.is_file() else bool(_files(path))


def read_mnist(path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads digits from MNIST's own files, packed or not.

    Args:
        path: a file such as `train-images-idx3-ubyte.gz`, or a folder with one; of several the
            training digits are taken.

    Returns:
        Pictures, uint8, (digits, height, width), and labels, uint8, (digits,), from the file with
        labels beside it; None where there is none.

    Raises:
        UserError: a file cannot be read, or they do not fit together.
    """
    path = Path(path)
    if path.is_dir():
        files = _files(path)
        if not files:
            raise UserError(f"no *{_IMAGES} file in {path}")
        # "train" comes after "t10k".
        path = files[-1]
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim != 3:
        raise UserError(f"{path} holds no pictures: {images.dtype}, shape {images.shape}")
    beside = path.with_name(path.name.replace(_IMAGES, _LABELS))
    other = beside.with_suffix("") if beside.suffix == ".gz" else Path(f"{beside}.gz")
    beside = next((file for file in (beside, other) if file != path and file.exists()), None)
    if beside is None:
        return images, None
    labels = read_idx(beside)
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise UserError(f"{beside} does not fit {path.name}: {len(images)} pictures")
    return images, labels


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if _IMAGES in p.name and p.is_file())
    except OSError:
        return []
