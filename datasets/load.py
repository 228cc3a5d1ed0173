"""The pictures to learn from: MNIST, drawn digits, or a folder of one's own."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.errors import UserError, warn
from common.pictures import class_of, picture_paths, read_all, scaled
from datasets.digits import draw_digits
from datasets.mnist import download_mnist, is_idx, read_mnist

#: Digits that are drawn, as many as MNIST's for training, and with which seed.
DRAWN, _DRAWING_SEED = 60_000, 0

#: The size that the original scales pictures of one's own to.
_OWN_SIZE = (28, 28)


class Data(NamedTuple):
    """A set of pictures.

    Attributes:
        name: of the set; a dataset's name or the folder's.
        images: uint8, (pictures, height, width, 1 or 3).
        labels: of each its class, int, (pictures,); None if there are no classes.
        classes: their names.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    classes: list[str]

    @property
    def facts(self) -> dict[str, object]:
        """What tells this set from others, for `run.json`: digest and shape of the pictures."""
        return {"data": self.digest, "shape": list(self.images.shape[1:])}

    @property
    def digest(self) -> str:
        """Tells these pictures from others; labels are not learned from."""
        head = f"{self.images.shape}".encode()
        return hashlib.sha256(head + self.images.tobytes()).hexdigest()[:16]


def is_folder(dataset: str) -> bool:
    """Whether these are pictures of one's own: a folder, and not MNIST's."""
    return dataset not in ("mnist", "digits") and Path(dataset).is_dir() and not is_idx(dataset)


def load_data(
    dataset: str | None,
    images: int | None = None,
    size: tuple[int, int] | None = None,
    color: str | None = None,
) -> tuple[str, Data]:
    """Reads or draws pictures.

    Args:
        dataset: `mnist`, `digits` (drawn here), a folder of pictures with or without a subfolder
            for each class, or one of MNIST's files or a folder of them. None: `mnist`, or `digits`
            with a warning where MNIST cannot be had.
        images: how many at most: the first ones; of a folder, some of all its parts. None: all;
            of drawn digits, as many as MNIST has for training.
        size: height and width to stretch them to. None: 28x28 for a folder of pictures, the others
            as they are.
        color: `grey` or `rgb`. None: `rgb` for a folder of pictures, else `grey`.

    Returns:
        The dataset's name as given (if there was none `mnist` or `digits`), and the pictures.

    Raises:
        UserError: there are none, or only one.
    """
    if dataset is None:
        dataset = "mnist"
        try:
            read = download_mnist()
        except UserError as error:
            warn(f"{error}; learning from digits that are drawn here: --dataset digits")
            dataset = "digits"
            read = draw_digits(images or DRAWN, _DRAWING_SEED)
        data = _prepared(dataset, *read, images, size, color or "grey")
    elif is_folder(dataset):
        data = _own(Path(dataset), images, size, color or "rgb")
    else:
        read = _digits(dataset, images)
        name = Path(dataset).name.split("-")[0]
        data = _prepared(name, *read, images, size, color or "grey")
    if len(data.images) < 2:
        raise UserError(f"{dataset} has one picture only; two are needed, better hundreds")
    return dataset, data


def _own(folder: Path, most: int | None, size: tuple[int, int] | None, color: str) -> Data:
    paths = picture_paths(folder)
    if most is not None and most < len(paths):
        # Of all classes.
        paths = [paths[number * len(paths) // most] for number in range(most)]
    pictures, read = read_all(paths, *(size or _OWN_SIZE), color)
    names = [class_of(paths[number], folder) for number in read]
    classes = sorted(set(names))
    labels = np.array([classes.index(name) for name in names])
    return Data(folder.name, pictures, labels if len(classes) > 1 else None, classes)


def _digits(dataset: str, most: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures, uint8, (pictures, height, width), and labels if there are any."""
    if dataset == "digits":
        return draw_digits(most or DRAWN, _DRAWING_SEED)
    if dataset == "mnist":
        return download_mnist()
    if not Path(dataset).exists():
        raise UserError(f"no dataset {dataset}: there are mnist, digits, and folders of pictures")
    if is_idx(dataset):
        return read_mnist(dataset)
    raise UserError(f"{dataset} is neither a folder of pictures nor a file of MNIST's")


def _prepared(
    name: str,
    pictures: np.ndarray,
    labels: np.ndarray | None,
    most: int | None,
    size: tuple[int, int] | None,
    color: str,
) -> Data:
    pictures = pictures[:most]
    if size is not None and size != pictures.shape[1:]:
        pictures = np.stack([scaled(Image.fromarray(p), *size) for p in pictures])
    pictures = pictures.reshape(*pictures.shape[:3], 1)
    if color == "rgb":
        pictures = pictures.repeat(3, axis=3)
    if labels is None:
        return Data(name, pictures, None, [])
    # More than ten of letters.
    classes = [str(label) for label in range(max(10, int(labels.max()) + 1))]
    return Data(name, pictures, labels[:most].astype(int), classes)
