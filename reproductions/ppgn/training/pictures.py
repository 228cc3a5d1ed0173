"""The pictures that networks learn from: held in memory, or read as they are needed."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from common.errors import UserError, warn
from common.pictures import class_of, picture_paths, read_scaled
from datasets.load import is_folder, load_data

#: Sets of more bytes than this are read as they are needed.
IN_MEMORY = 2**31

#: Part of the pictures that is not learned from, and how many at most.
_HELD_OUT, _MOST_HELD_OUT = 0.05, 1000


_NO_CLASSES = "{} has no classes: no labels, or no subfolders"


class Pictures:
    """A set of pictures, in random order, batch by batch.

    Args:
        name: of the set.
        shape: of a picture: height, width, channels.
        images: uint8, (pictures, *shape); or None:
        paths: of the pictures, which are read when they are needed.
        labels: class of each picture, if there are any.
        classes: their names.
        seed: of the order, and of which pictures are held out.

    Attributes:
        name: see above.
        shape: see above.
        classes: see above.
        count: of those to learn from.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int],
        images: np.ndarray | None,
        paths: list[Path] | None = None,
        labels: np.ndarray | None = None,
        classes: list[str] | None = None,
        seed: int = 0,
    ):
        self.name, self.shape, self.classes = name, shape, classes or []
        self._images, self._paths, self._labels, self._seed = images, paths, labels, seed
        total = len(images if images is not None else paths)
        order = np.random.default_rng((seed, total)).permutation(total)
        apart = min(max(1, round(_HELD_OUT * total)), _MOST_HELD_OUT)
        self._held_out, self._learned = order[:apart], order[apart:]
        self.count = len(self._learned)
        self._epoch, self._order = -1, None
        self._readers = ThreadPoolExecutor(os.cpu_count() or 1)
        self._unreadable: set[int] = set()

    @property
    def facts(self) -> dict[str, object]:
        """What tells this set from others, for `run.json`; of files that are read later, names."""
        digest = hashlib.sha256()
        if self._images is not None:
            digest.update(np.ascontiguousarray(self._images).data)
        else:
            digest.update("\n".join(map(str, self._paths)).encode("utf-8", "surrogateescape"))
        if self._labels is not None:
            digest.update(np.asarray(self._labels, np.int64).tobytes())
        return {
            "data": digest.hexdigest()[:16],
            "shape": list(self.shape),
            "pictures": self.count,
            "held_out": len(self._held_out),
        }

    def held_out(self, most: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Pictures that are not learned from, uint8, and their labels."""
        numbers = self._held_out[:most]
        return self._read(numbers), self._labels_of(numbers)

    def all(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Every picture, uint8, and their labels, in random order."""
        numbers = np.concatenate([self._held_out, self._learned])
        return self._read(numbers), self._labels_of(numbers)

    def mean(self, most: int = 2000) -> np.ndarray:
        """The mean of pictures that are learned from, float64, of a picture's shape."""
        numbers = self._learned[:most]
        parts = [self._read(numbers[k : k + 100]) for k in range(0, len(numbers), 100)]
        return sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(numbers)

    def batches(
        self, first: int, end: int, batch: int, part: slice = slice(None)
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Gives batches, the next of which is read while one is used.

        Args:
            first: number of the first batch, from 0.
            end: number after the last.
            batch: pictures in each; those of an epoch that do not fill one are left out.
            part: which of these are wanted here.

        Yields:
            Pictures, uint8, and labels, (pictures,), or None if there are no classes.
        """
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for number in range(first, end):
                waiting = waiting or ahead.submit(self._batch, number, batch, part)
                found = waiting.result()
                waiting = None
                if number + 1 < end:
                    waiting = ahead.submit(self._batch, number + 1, batch, part)
                yield found

    def _batch(self, number: int, batch: int, part: slice):
        each = max(1, self.count // batch)
        epoch, place = divmod(number, each)
        if epoch != self._epoch:
            order = np.random.default_rng((self._seed, 1 + epoch)).permutation(self._learned)
            # There may be fewer pictures than a batch has.
            self._order = np.resize(order, max(len(order), batch))
            self._epoch = epoch
        numbers = self._order[place * batch : (place + 1) * batch][part]
        return self._read(numbers), self._labels_of(numbers)

    def _labels_of(self, numbers: np.ndarray) -> np.ndarray | None:
        return None if self._labels is None else self._labels[numbers]

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        if self._images is not None:
            return self._images[numbers]
        return np.stack(list(self._readers.map(self._read_one, map(int, numbers))))

    def _read_one(self, number: int) -> np.ndarray:
        """A picture, or if it cannot be read the next one that can."""
        if number not in self._unreadable:
            try:
                return self._decoded(number)
            except UserError as error:
                self._unreadable.add(number)
                warn(f"{error}; another picture takes its place")
        # Of the same kind: what is held out must stay so.
        apart = number in self._held_out
        others = self._held_out if apart else self._learned
        for other in np.roll(others, -int(np.flatnonzero(others == number)[0]))[1:]:
            with contextlib.suppress(UserError):
                return self._decoded(int(other))
        raise UserError(f"no picture of {self.name} can be read")

    def _decoded(self, number: int) -> np.ndarray:
        height, width, channels = self.shape
        color = "grey" if channels == 1 else "rgb"
        return read_scaled(self._paths[number], height, width, color)


def load_pictures(
    dataset: str, images: int | None, side: int, color: str | None, seed: int, classes: bool
) -> Pictures:
    """Reads or draws pictures, or finds them where they are too many to be held.

    Args:
        dataset: see `datasets.load.load_data`.
        images: how many at most; None: all.
        side: that they are stretched to.
        color: `grey`, `rgb`, or None: see `datasets.load.load_data`.
        seed: of their order.
        classes: whether there must be classes.

    Raises:
        UserError: there are none, they cannot be read, or they have no classes.
    """
    if is_folder(dataset):
        paths = picture_paths(dataset)
        channels = 1 if color == "grey" else 3
        few = len(paths) if images is None else min(images, len(paths))
        if few * side * side * channels > IN_MEMORY:
            paths = [paths[number * len(paths) // few] for number in range(few)]
            names = [class_of(path, dataset) for path in paths]
            known = sorted(set(names))
            labels = np.array([known.index(name) for name in names])
            if classes and len(known) < 2:
                raise UserError(_NO_CLASSES.format(dataset))
            shape = (side, side, channels)
            return Pictures(Path(dataset).name, shape, None, paths, labels, known, seed)
    _, data = load_data(dataset, images, (side, side), color)
    if classes and data.labels is None:
        raise UserError(_NO_CLASSES.format(dataset))
    shape = data.images.shape[1:]
    return Pictures(
        data.name, shape, data.images, labels=data.labels, classes=data.classes, seed=seed
    )
