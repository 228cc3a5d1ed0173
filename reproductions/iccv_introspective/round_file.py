"""`data/round_{r}.h5`: what happened in a round, readable while it happens."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from common.files import written_whole
from reproductions.iccv_introspective.hdf5 import writing

_STATS = {"step": np.int64, "loss": np.float64, "accuracy": np.float64}
_SET = {"identifiers": np.int64, "labels": np.int64}


def text_type(longest: int) -> np.dtype:
    """Strings of a fixed length in bytes: others cannot be written while a reader is watching."""
    return h5py.string_dtype("utf-8", max(longest, 1))


def round_path(number: int) -> str:
    """The file name of a round."""
    return f"round_{number}.h5"


class RoundFile:
    """The file of one round, in HDF5's single-writer-multiple-reader mode.

    In that mode nothing can be created, so the file begins with a place for all that may come.
    `finish` leaves what did come, in a file that takes the place of the first one whole.

    Args:
        path: the file; one that is there is overwritten.
        number: of the round.
        epochs: learning epochs, at most; 0 where nothing is learned.
        evaluations: of the learning, at most.
        batches: of the synthesis.
        picture: shape of a picture, (height, width, 3).
        longest_name: of a picture, in bytes.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        number: int,
        epochs: int,
        evaluations: int,
        batches: int,
        picture: tuple[int, int, int],
        longest_name: int,
    ):
        self.path = path
        names = {"names": text_type(longest_name)}
        with writing(path):
            self._file = h5py.File(path, "w", libver="latest")
            self._root = self._file.create_group(str(number))
            if epochs:
                ages = {"age_counts": np.int64}
                for kind, count in (("epoch", epochs), ("evaluation", evaluations)):
                    for each in range(count):
                        self._make(f"learning/{kind}/{each}/stats", _STATS)
                        self._make(f"learning/{kind}/{each}/batch", {**_SET, **names})
                        self._make(f"learning/{kind}/{each}", ages)
                self._make("learning/training_stats", _STATS)
                self._make("learning/evaluation_stats", _STATS)
            for each in range(batches):
                batch = f"synthesis/batch/{each}"
                self._make(f"{batch}/stats", {k: _STATS[k] for k in ("step", "loss")})
                self._make(f"{batch}/synthesized", {"labels": np.int64, **names})
                self._make(f"{batch}/synthesized", {"images": np.uint8}, picture)
            self._file.swmr_mode = True

    def _make(self, group: str, columns: Mapping[str, np.dtype], shape: tuple = ()) -> None:
        for name, kind in columns.items():
            self._root.require_group(group).create_dataset(
                name,
                (0, *shape),
                kind,
                maxshape=(None, *shape),
                chunks=(1, *shape) if shape else (64,),
                compression="gzip" if shape else None,
            )

    def add(self, group: str, **columns: Sequence) -> None:
        """Adds rows to the datasets of a group, for readers to see at once.

        Raises:
            UserError: the file cannot be written.
        """
        with writing(self.path):
            for name, rows in columns.items():
                dataset = self._root[f"{group}/{name}"]
                rows = np.asarray(rows, dataset.dtype)
                dataset.resize(len(dataset) + len(rows), axis=0)
                dataset[len(dataset) - len(rows) :] = rows
                dataset.flush()

    def finish(self, attributes: Mapping[str, Mapping[str, float]]) -> None:
        """Leaves the final file: what is empty goes, attributes come.

        Args:
            attributes: group -> name -> value.

        Raises:
            UserError: the file cannot be written.
        """
        root = self._root.name
        # HDF5 cannot copy out of a file of hundreds of epochs while it is being written.
        self.close()
        with (
            written_whole(self.path) as temporary,
            writing(self.path),
            h5py.File(self.path) as written,
            h5py.File(temporary, "w", libver="latest") as final,
        ):
            written[root].visititems(lambda _, item: _copy(item, final))
            for group, values in attributes.items():
                final.require_group(f"{root}/{group}").attrs.update(values)

    def close(self) -> None:
        """Closes the file as it is.

        Raises:
            UserError: the file cannot be written.
        """
        with writing(self.path):
            self._file.close()


def _copy(item: h5py.HLObject, final: h5py.File) -> None:
    if isinstance(item, h5py.Dataset) and len(item):
        final.require_group(item.parent.name)
        # Compressed pictures are taken over as they are.
        item.parent.copy(item, final[item.parent.name])
