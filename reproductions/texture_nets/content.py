"""The pictures that a stylising generator is trained on, and their content features."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
from keras import ops

from common.errors import UserError, warn
from common.images import pictures_in
from reproductions.texture_nets.pictures import for_descriptor, load_square

#: A picture, (side, side, 3), RGB in 0..1, and its features, (height, width, channels).
Example = tuple[np.ndarray, np.ndarray]

#: What h5py raises on damaged files.
_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)

#: Features of so many bytes are kept instead of computed anew.
_KEPT = 2**29


class FromHDF5:
    """Examples of the file that `extract4_2.py` wrote.

    Args:
        path: the file.
        folder: only the pictures of this folder, in its order; None: all of the file.
        shape: of the features that the content layer has, (height, width, channels).
        side: of the pictures.
        weights: a line that says which the descriptor's are.

    Attributes:
        names: of the pictures.

    Raises:
        UserError: the file cannot be read or holds none of the pictures.
    """

    def __init__(
        self,
        path: str | Path,
        folder: str | Path | None,
        shape: tuple[int, int, int],
        side: int,
        weights: str,
    ):
        self._path = path
        height, width, channels = shape
        self._shapes = (3, side, side), (channels, height, width)
        try:
            self._file = h5py.File(path, "r")
            made_with = self._file.attrs.get("weights", weights)
            inside = [key.removesuffix("_content") for key in self._file if _is_content(key)]
            self.names = sorted(name for name in inside if f"{name}_image" in self._file)
        except _DAMAGED:
            reason = "no such file" if not Path(path).exists() else "no HDF5 file, or damaged"
            raise UserError(f"cannot read {path}: {reason}") from None
        # Which weights they are, not where they lay.
        if str(made_with).partition(" from ")[0] != weights.partition(" from ")[0]:
            warn(f"the features in {path} were made with {made_with}")
        if folder is not None:
            known = set(self.names)
            listing = [file.name for file in pictures_in(folder)]
            self.names = [name for name in listing if name in known]
            if self.names and len(self.names) < len(listing):
                warn(f"{len(listing) - len(self.names)} pictures of {folder} are not in {path}")
        if not self.names:
            if folder is None or not inside:
                raise UserError(f"{path} has no features NAME_content; extract4_2.py makes them")
            raise UserError(
                f"{path} has no features of the pictures in {folder}; -train_images_path names "
                "another folder, and -train_hdf5 none does without the file"
            )

    def example(self, number: int) -> Example:
        """Reads one.

        Raises:
            UserError: it is damaged, or its size is not what the descriptor gives.
        """
        name = self.names[number]
        try:
            image, features = (self._file[f"{name}_{kind}"] for kind in ("image", "content"))
            if (found := (image.shape, features.shape)) != self._shapes:
                raise UserError(
                    f"{name} in {self._path} has an image and features of {_sizes(found)}, not "
                    f"{_sizes(self._shapes)}; extract4_2.py must have had -image_size as "
                    "-resize_to, and the same -vgg_no_pad and content layer"
                )
            image, features = image[()], features[()]
            return tuple(np.float32(a.transpose(1, 2, 0)) for a in (image, features))
        except _DAMAGED as error:
            raise UserError(f"{self._path} is damaged: {name}: {error}") from None


def _sizes(shapes: tuple) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)


def _is_content(key: str) -> bool:
    return key.endswith("_content")


class FromFolder:
    """Examples of a folder of pictures, their features computed when they are needed.

    A picture that cannot be read is replaced by the next one that can, with a warning.

    Args:
        folder: of the pictures.
        side: of the squares that pictures are stretched to.
        features: from pictures for the descriptor, (1, side, side, 3), to features.

    Attributes:
        names: of the pictures.

    Raises:
        UserError: there are no pictures.
    """

    def __init__(self, folder: str | Path, side: int, features: Callable):
        self._side, self._features = side, features
        self._kept: dict[int, Example] = {}
        self._bad: set[int] = set()
        self._paths = pictures_in(folder)
        self.names = [path.name for path in self._paths]

    def example(self, number: int) -> Example:
        """Reads one and computes its features.

        Raises:
            UserError: no picture can be read.
        """
        if number in self._kept:
            return self._kept[number]
        image = self._image(number)
        example = image, ops.convert_to_numpy(self._features(for_descriptor(image)))[0]
        if (len(self._kept) + 1) * sum(a.nbytes for a in example) <= _KEPT:
            self._kept[number] = example
        return example

    def _image(self, number: int) -> np.ndarray:
        count = len(self._paths)
        for candidate in range(number, number + count):
            candidate %= count
            if candidate not in self._bad:
                try:
                    return load_square(self._paths[candidate], self._side)
                except UserError as error:
                    self._bad.add(candidate)
                    warn(f"{error}; left out ({len(self._bad)} of {count} so far)")
        raise UserError(f"none of the {count} pictures can be read, such as {self._paths[0]}")


def order(pictures: int, batch_size: int, fix_batch: bool) -> Iterator[list[int]]:
    """The numbers of the pictures of each batch, without end.

    One batch after another in the order of the names; from the start again when a batch would take
    the last picture, which the original leaves out unless there is just one batch.

    Args:
        pictures: how many there are.
        batch_size: not more than that.
        fix_batch: always the first batch.
    """
    first = 0
    while True:
        if first + batch_size > pictures - 1 or fix_batch:
            first = 0
        yield list(range(first, first + batch_size))
        first += batch_size


def batches(
    source: FromHDF5 | FromFolder, batch_size: int, fix_batch: bool, skip: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of pictures and features; the next one is read while the last is worked on.

    Args:
        source: of the examples.
        batch_size: examples in each.
        fix_batch: always the same batch.
        skip: leaves out so many batches.

    Yields:
        Pictures, (batch_size, side, side, 3), and features, (batch_size, height, width, channels).

    Raises:
        UserError: there are fewer pictures than a batch has, or one cannot be read.
    """
    pictures = len(source.names)
    if pictures < batch_size:
        raise UserError(f"{pictures} pictures are too few for -batch_size {batch_size}")

    def load(numbers: list[int]):
        images, features = zip(*map(source.example, numbers), strict=True)
        if len({f.shape for f in features}) > 1:
            raise UserError("the pictures' features differ in shape")
        return np.stack(images), np.stack(features)

    numbers = order(pictures, batch_size, fix_batch)
    for _ in range(skip):
        next(numbers)
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(load, next(numbers))
        while True:
            batch, following = following.result(), reader.submit(load, next(numbers))
            yield batch
