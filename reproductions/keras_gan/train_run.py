"""A training run, from flags to a trained generator."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from common.backend import memory_needed
from common.errors import UserError, warn
from common.interrupts import interrupts_held
from common.pictures import grid
from common.runs import STATE, check_writable, load_state
from common.state import arrays_of, restore, whole_number
from datasets.load import Data, is_folder, load_data
from reproductions.keras_gan.algorithm import Algorithm1
from reproductions.keras_gan.augmentation import augmentation
from reproductions.keras_gan.networks import discriminator, generators
from reproductions.keras_gan.options import sides
from reproductions.keras_gan.report import Report
from reproductions.keras_gan.run_folder import RunFolder
from reproductions.keras_gan.sampling import latent_points, make
from reproductions.keras_gan.training import Training

#: Iterations of a compiled call: between two rows of the table.
BLOCK = 20

#: Rows and columns of a grid of samples.
_GRID = 5


def train(flags: argparse.Namespace) -> Path:
    """Trains a GAN.

    Args:
        flags: of `train.py`.

    Returns:
        The run's folder.

    Raises:
        UserError: the data cannot be had, does not fit the flags, or is not that of the run to go
            on with; a file cannot be written; or a loss ceases to be a number.
    """
    check_writable(flags.results_dir if flags.resume is None else flags.resume)
    size = sides(flags.image_size)
    flags.dataset, data = load_data(flags.dataset, flags.images, size, flags.color)
    if flags.batch_size > len(data.images):
        raise UserError(
            f"--batch_size {flags.batch_size} is more than the data: "
            f"{len(data.images)} pictures in {flags.dataset}"
        )
    with memory_needed("try a smaller --image_size, --filters or --batch_size"):
        return _Run(flags, data).train()


def _some(images: np.ndarray) -> np.ndarray:
    """Pictures from all over the data, whose classes may stand one after the other."""
    return images[np.linspace(0, len(images) - 1, _GRID**2).astype(int)]


class _Run:
    """One run: the players, their training, and where it has come to.

    `train` makes the folder and the report, when it is known that there is something to train.
    """

    def __init__(self, flags: argparse.Namespace, data: Data):
        self._flags, self._data = flags, data
        keras.utils.set_random_seed(flags.seed)
        shape = data.images.shape[1:]
        built = (flags.architecture, shape)
        self._generators = generators(*built, flags.latent, flags.filters, flags.grow is not None)
        self._algorithm = Algorithm1(
            self._generators,
            discriminator(*built, flags.discriminator_filters or flags.filters),
            flags.loss,
            flags.learning_rate,
            flags.beta1,
            flags.grow != "newest",
        )
        own = is_folder(flags.dataset) if flags.augment is None else flags.augment == "on"
        self._augmentation = augmentation(flags.seed) if own else None
        self._training = Training(
            self._algorithm,
            data.images,
            flags.batch_size,
            flags.k,
            flags.latent,
            flags.seed,
            self._augmentation,
            fuse=flags.architecture == "mlp",
        )
        self._length = self._training.epoch_length
        self._total = flags.epochs * self._length
        self._done = 0

    def train(self) -> Path:
        flags, data = self._flags, self._data
        self._restore()
        self._folder = RunFolder(flags, data.name, data.facts)
        sizes = " x ".join(map(str, data.images.shape[1:]))
        print(f"{len(data.images)} pictures, {sizes}, of {flags.dataset}")
        print(f"the run is in {self._folder.path}", flush=True)
        self._report = Report(self._folder.path, self._total, self._done, self._length)
        first = self._done
        try:
            if first == 0:
                self._folder.data(grid(_some(self._data.images), _GRID))
                self._show(0)
                # A run that is killed at once is a run, too.
                self._save()
            with interrupts_held() as interrupted:
                for _ in self._blocks():
                    if self._folder.due():
                        self._save()
                    if interrupted() and self._done < self._total:
                        print(f"interrupted; --resume {self._folder.path} goes on")
                        break
                if self._done > first:
                    self._save()
        finally:
            self._report.close()
        self._folder.generator(self._generators[self._stage(self._done - 1)])
        self._folder.progress()
        epochs = round(self._done / self._length, 2)
        print(f"{epochs:g} of {flags.epochs} epochs are done; generate.py makes pictures")
        return self._folder.path

    def _blocks(self) -> Iterator[None]:
        """Trains on; yields after every block."""
        while self._done < self._total:
            stage = self._stage(self._done)
            end = min(
                self._done + BLOCK,
                (self._done // self._length + 1) * self._length,
                self._begin_of(stage + 1),
            )
            count = end - self._done
            values = self._training.block(stage, self._done, count)
            self._done = end
            if not all(map(math.isfinite, values)):
                raise UserError(
                    f"a loss is not a number after iteration {end}; try a smaller --learning_rate "
                    "in a new run"
                )
            self._report.add(end, values)
            epoch, rest = divmod(end, self._length)
            if rest == 0 and (epoch % self._flags.save_interval == 0 or end == self._total):
                self._show(epoch)
            yield

    def _begin_of(self, stage: int) -> int:
        """The first iteration of a stage of growth: all take equally long."""
        return self._total * stage // len(self._generators)

    def _stage(self, iteration: int) -> int:
        """The stage of growth of an iteration."""
        stage = len(self._generators) - 1
        while self._begin_of(stage) > max(iteration, 0):
            stage -= 1
        return stage

    def _show(self, epoch: int) -> None:
        """Saves a grid of samples."""
        model = self._generators[self._stage(self._done - 1)]
        points = latent_points(_GRID**2, self._flags.latent, self._flags.seed)
        sheet = grid(make(model, points), _GRID)
        self._folder.samples(epoch, sheet)
        self._report.pictures(self._done, sheet[None])

    def _parts(self) -> dict[str, list]:
        parts = self._algorithm.variables
        if self._augmentation is not None:
            parts["augmentation"] = self._augmentation.variables
        return parts

    def _save(self) -> None:
        facts = {"iteration": self._done, "stage": self._stage(self._done - 1)}
        self._folder.save({**arrays_of(self._parts()), **facts})

    def _restore(self) -> None:
        """Takes up what `--resume` names."""
        if self._flags.resume is None or (state := load_state(self._flags.resume)) is None:
            return
        try:
            restore(self._parts(), state)
            self._done = whole_number(state, "iteration")
        except ValueError as error:
            path = self._flags.resume / STATE
            raise UserError(f"{path} is damaged, or of other flags: {error}") from None
        if self._done > self._total:
            done = -(-self._done // self._length)
            raise UserError(f"--epochs must be {done} or more: so many are done or begun")
        if self._done == self._total:
            warn("all epochs are done; more --epochs go on")
