"""All pictures of a run: positives in memory once, negatives on disk."""

from collections.abc import Sequence

import numpy as np

from reproductions.iccv_introspective.classes import ImageClass
from reproductions.iccv_introspective.generations import TrainingSet, draw_set
from reproductions.iccv_introspective.index import Index


class Collection:
    """The pictures that a run learns from.

    Args:
        index: of the run; its store keeps every picture.
        classes: the classes.
        images: positives of a round; each class has as many, though its pictures may be fewer.

    Attributes:
        negatives: how many there are so far.
    """

    def __init__(self, index: Index, classes: Sequence[ImageClass], images: int):
        self._index = index
        self._priors = [each.prior for each in classes]
        self._positives: list[np.ndarray] = []
        self._generations: list[np.ndarray] = []
        self._in_memory: dict[int, tuple[tuple[int, int], np.ndarray]] = {}
        self.negatives = 0
        for label, each in enumerate(classes, start=1):
            count = max(images, len(each.images))
            pictures = [each.images[i % len(each.images)] for i in range(count)]
            numbers = index.add_images(pictures, positive_names(each, count))
            self._positives.append(numbers)
            for i, number in enumerate(numbers):
                # Equal pictures share a key, so that a batch holds them once.
                key = (label, i % len(each.images))
                self._in_memory[int(number)] = key, pictures[i]

    def add_generation(self, images, names: Sequence[str]) -> None:
        """Adds a generation of negatives, uint8 pictures, (height, width, 3) each."""
        self._generations.append(self._index.add_images(images, names))
        self.negatives += len(names)

    def draw(self, random: np.random.Generator, size: int) -> TrainingSet:
        """Draws a set from all positives and negatives, see `draw_set`."""
        return draw_set(random, size, self._positives, self._priors, self._generations)

    def names(self, numbers: np.ndarray) -> np.ndarray:
        """Names of pictures, as bytes."""
        return self._index.names(numbers)

    def load(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loads the pictures of a batch, each once.

        Args:
            numbers: of the pictures, (batch,).

        Returns:
            The pictures, uint8, (different pictures, height, width, 3), and the place of each of
            the batch among them, int32, (batch,).
        """
        places: dict[object, int] = {}
        pictures: list[np.ndarray] = []
        slots = np.empty(len(numbers), np.int32)
        for i, number in enumerate(map(int, numbers)):
            key, picture = self._in_memory.get(number, (number, None))
            if key not in places:
                places[key] = len(pictures)
                pictures.append(self._index.image(number) if picture is None else picture)
            slots[i] = places[key]
        return np.stack(pictures), slots


def positive_names(each: ImageClass, count: int) -> list[str]:
    """`NAME-0`, `NAME-1`, ..."""
    return [f"{each.name}-{i}" for i in range(count)]


def negative_names(count: int) -> list[str]:
    """Names of the noise that round 0 learns from: `neg0`, `neg1`, ..."""
    return [f"neg{i}" for i in range(count)]


def synthesis_names(count: int, number: int) -> list[str]:
    """Names of syntheses as they enter a round: `syn0`, later `syn0@round3`."""
    return [f"syn{i}" if number == 0 else f"syn{i}@round{number}" for i in range(count)]


def longest_name(classes: Sequence[ImageClass], images: int, rounds: int = 10**6) -> int:
    """Bytes of the longest name that a picture of a run can have."""
    names = [f"{each.name}-{max(images, len(each.images))}" for each in classes]
    return max(len(name.encode()) for name in [*names, f"syn{images}@round{rounds}"])
