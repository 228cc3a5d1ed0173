"""`data/index.h5`: every training image once, and the way to the rounds."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from reproductions.iccv_introspective.hdf5 import writing
from reproductions.iccv_introspective.round_file import round_path, text_type

INDEX = "index.h5"


class Index:
    """The index of a run, in HDF5's single-writer-multiple-reader mode.

    It is written anew whenever a run begins or goes on: a killed process leaves it marked as
    being written. What is there already stays until `publish`.

    Args:
        folder: the run's `data`.
        attributes: `name`, `type` and `comment` of the run.
        picture: shape of a picture, (height, width, 3).
        longest_name: of a picture, in bytes.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        attributes: Mapping[str, str],
        picture: tuple[int, int, int],
        longest_name: int,
    ):
        self.path = folder / INDEX
        self._rounds = 0
        self._links = _links(self.path)
        self._new = folder / f"new_{INDEX}"
        with writing(self.path):
            # A file of its own, so that readers of the one before are left alone.
            self._file = h5py.File(self._new, "w", libver="latest")
            self._file.attrs.update(attributes)
            store = self._file.create_group("store")
            self._images = store.create_dataset(
                "images",
                (0, *picture),
                np.uint8,
                maxshape=(None, *picture),
                chunks=(1, *picture),
                compression="gzip",
            )
            self._names = store.create_dataset(
                "names", (0,), text_type(longest_name), maxshape=(None,), chunks=(64,)
            )
            self._paths = self._file.create_dataset(
                "round/paths", (0,), text_type(32), maxshape=(None,), chunks=(64,)
            )
            self._file.create_group("syntheses")
            self._file.swmr_mode = True

    def add_images(self, images: Iterable[np.ndarray], names: Sequence[str]) -> np.ndarray:
        """Adds pictures to the store.

        Args:
            images: uint8, each (height, width, 3), as many as names.
            names: of the pictures.

        Returns:
            Their numbers in the store, int64.

        Raises:
            UserError: the file cannot be written.
        """
        first, count = len(self._images), len(names)
        with writing(self.path):
            self._images.resize(first + count, axis=0)
            for number, image in enumerate(images, start=first):
                self._images[number] = image
            self._names.resize(first + count, axis=0)
            self._names[first:] = [name.encode() for name in names]
            self._images.flush()
            self._names.flush()
        return np.arange(first, first + count)

    def image(self, number: int) -> np.ndarray:
        """A picture of the store, uint8, (height, width, 3)."""
        return self._images[number]

    def names(self, numbers: np.ndarray) -> np.ndarray:
        """Names of pictures of the store, as bytes."""
        return self._names[:][numbers]

    def publish(self) -> None:
        """Puts the file in the place of the one that an earlier part of the run left.

        Raises:
            UserError: the file cannot be renamed.
        """
        with writing(self.path):
            self._new.replace(self.path)

    def discard(self) -> None:
        """Drops a file that was not published."""
        with writing(self.path):
            self._file.close()
            self._new.unlink(missing_ok=True)

    def begin_round(self) -> None:
        """Notes the file of the next round.

        Raises:
            UserError: the file cannot be written.
        """
        with writing(self.path):
            self._paths.resize(self._rounds + 1, axis=0)
            self._paths[self._rounds] = round_path(self._rounds).encode()
            self._paths.flush()
        self._rounds += 1

    def finish(self, finish: Callable[[h5py.File], None] = lambda file: None) -> None:
        """Ends the writing, and links the rounds.

        Args:
            finish: adds more to the file.

        Raises:
            UserError: the file cannot be written.
        """
        with writing(self.path):
            self._file.close()
            # Not locked: readers may still be watching.
            with h5py.File(self.path, "r+", libver="latest", locking=False) as file:
                for number in range(self._rounds):
                    link = h5py.ExternalLink(round_path(number), str(number))
                    file[f"round/{number}"] = link
                for name, link in self._links.items():
                    file["syntheses"][name] = link
                finish(file)


def _links(path: Path) -> dict[str, h5py.ExternalLink]:
    """The links to synthesis runs in the index of a run that goes on."""
    links = {}
    # The file may be missing, damaged or of a killed process; it is only a convenience here.
    with (
        contextlib.suppress(OSError, RuntimeError, KeyError),
        h5py.File(path, "r", libver="latest", swmr=True) as file,
    ):
        for name in file["syntheses"]:
            links[name] = file["syntheses"].get(name, getlink=True)
    return links
