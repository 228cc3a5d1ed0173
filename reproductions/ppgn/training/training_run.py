"""A training run: its folder, its state, its pictures; what is trained is given."""

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from common.backend import Devices, memory_needed, workers_needed
from common.errors import UserError, warn
from common.files import written_whole
from common.images import save_picture
from common.interrupts import interrupts_held
from common.reporting import Report
from common.runs import (
    STATE,
    TrainingFolder,
    check_facts,
    check_writable,
    load_state,
    new_folder,
    record,
)
from common.state import arrays_of, restore, whole_number
from reproductions.ppgn.training.options import own_flags
from reproductions.ppgn.training.pictures import Pictures

SAMPLES, REPORT = "samples", "report.json"

_REMEDY = "try a smaller --learning_rate in a new run"

#: Iterations between two rows of the table.
_ROW = 20


class Trainer(Protocol):
    """What is trained.

    Attributes:
        columns: what a step measures.
        shown: which of these are shown while it runs.
    """

    columns: Sequence[str]
    shown: Sequence[str]

    def step(self, number: int, images: np.ndarray, labels: np.ndarray | None) -> Sequence[float]:
        """Makes a step on this process' part of a batch; a value for each column."""

    def variables(self) -> Mapping[str, list]:
        """Everything that changes, by part."""

    def place(self) -> Mapping[str, int]:
        """What else a run goes on from: small whole numbers by name."""

    def go_on(self, place: Mapping[str, int]) -> None:
        """Takes up what `place` gave."""

    def sheet(self) -> np.ndarray | None:
        """A picture of what was learned so far, uint8, (height, width, 3), if there is any."""

    def save(self, folder: Path) -> None:
        """Writes the networks."""

    def measure(self) -> Mapping[str, float]:
        """Figures at the end, for `report.json`."""


def train(
    flags: argparse.Namespace,
    name: str,
    trainer: Trainer,
    pictures: Pictures,
    devices: Devices,
    facts: Mapping[str, object],
) -> Path | None:
    """Trains, or trains on.

    Args:
        flags: of the script.
        name: of the run's folder.
        trainer: what is trained.
        pictures: what it learns from.
        devices: which share each batch.
        facts: more entries for `run.json`, of networks that were used.

    Returns:
        The run's folder; None in a worker that writes none.

    Raises:
        UserError: a file cannot be written, the run to go on with is damaged or of other pictures,
            a loss is not a number any more, memory does not suffice, or other workers are gone or
            have other pictures.
    """
    facts = {**pictures.facts, **facts}
    if not devices.agree(json.dumps(facts)):
        raise UserError("the workers differ in their pictures or networks, and must not")
    # In every worker, so that none waits for one that has ended.
    if flags.resume is not None:
        check_facts(flags.resume, facts, "has learned from something else")
    run = _Run(flags, trainer, pictures, devices)
    remedy = "try a smaller --batch_size or --filters"
    with memory_needed(remedy), workers_needed("--resume goes on from the last state"):
        if devices.is_chief:
            run.begin(name, facts)
        run.train()
    return run.folder


class _Run:
    """One run, and where it has come to.

    Attributes:
        folder: where it is written; None in a worker that writes nothing.
    """

    def __init__(
        self, flags: argparse.Namespace, trainer: Trainer, pictures: Pictures, devices: Devices
    ):
        self._flags, self._trainer, self._pictures = flags, trainer, pictures
        self._part = devices.part(flags.batch_size)
        self._done, self._rows = _restore(flags, trainer)
        self.folder: Path | None = None

    def begin(self, name: str, facts: Mapping[str, object]) -> None:
        """Makes the folder, and says what there is to learn from."""
        flags, trainer = self._flags, self._trainer
        self.folder = _folder(flags, name, facts)
        sizes = "x".join(map(str, self._pictures.shape))
        print(f"{self._pictures.count} pictures, {sizes}, of {flags.dataset}")
        print(f"the run is in {self.folder}", flush=True)
        if self._done:
            print(f"going on after iteration {self._done} of {flags.iterations}", flush=True)
        self._report = Report(
            self.folder, trainer.columns, flags.iterations, self._done, trainer.shown
        )

    def train(self) -> None:
        """Trains to the end, or to Ctrl-C."""
        if self.folder is None:
            for _ in self._steps():
                self._rows.clear()
            return
        first = self._done
        self._states = TrainingFolder(self.folder, self._flags.checkpoint_interval, _REMEDY)
        try:
            if first == 0:
                self._show()
                # A run that is killed at once is a run, too.
                self._save()
            with interrupts_held() as interrupted:
                for _ in self._steps():
                    self._note()
                    if interrupted() and self._done < self._flags.iterations:
                        print(f"interrupted; --resume {self.folder} goes on")
                        break
                if self._done > first:
                    self._save()
        finally:
            self._report.close()
        self._trainer.save(self.folder)
        _measure(self.folder, self._trainer, self._done)
        print(f"{self._done} of {self._flags.iterations} iterations are done: {self.folder}")

    def _steps(self) -> Iterator[None]:
        """Makes step after step, in every worker."""
        flags = self._flags
        batches = self._pictures.batches(self._done, flags.iterations, flags.batch_size, self._part)
        for images, labels in batches:
            images = _mirrored(flags, self._done, images, self._part)
            values = self._trainer.step(self._done, images, labels)
            self._done += 1
            if not all(map(math.isfinite, values)):
                raise UserError(
                    f"a loss is not a number after iteration {self._done}; try a smaller "
                    "--learning_rate in a new run"
                )
            self._rows.append(values)
            yield

    def _note(self) -> None:
        """Writes what is due after a step."""
        last = self._done == self._flags.iterations
        if last or self._done % _ROW == 0:
            self._report.add(self._done, np.mean(self._rows, axis=0))
            self._rows.clear()
        if last or self._done % self._flags.save_interval == 0:
            self._show()
        if self._states.due():
            self._save()

    def _save(self) -> None:
        trainer = self._trainer
        # What was measured since the last row of the table.
        pending = np.array(self._rows, np.float64).reshape(-1, len(trainer.columns))
        place = {"iteration": self._done, "pending": pending, **trainer.place()}
        self._states.save({**arrays_of(trainer.variables()), **place})

    def _show(self) -> None:
        sheet = self._trainer.sheet()
        if sheet is not None:
            save_picture(sheet, self.folder / SAMPLES / f"iteration_{self._done:07d}.png")
        self._report.pictures(self._done, None if sheet is None else sheet[None])


def _mirrored(
    flags: argparse.Namespace, number: int, images: np.ndarray, part: slice
) -> np.ndarray:
    """Mirrors about half of the pictures, if that is asked for."""
    if not flags.mirror:
        return images
    turned = np.random.default_rng((flags.seed, 7, number)).random(flags.batch_size)[part] < 0.5
    return np.where(turned[:, None, None, None], images[:, :, ::-1], images)


def check_batch(flags: argparse.Namespace, devices: Devices) -> None:
    """Refuses what cannot be run, before anything is made.

    Raises:
        UserError: the batch cannot be divided evenly, or the results have no place.
    """
    if flags.batch_size % devices.count:
        raise UserError(
            f"--batch_size {flags.batch_size} must be a multiple of the devices: {devices.count}"
        )
    if devices.is_chief:
        check_writable(flags.results_dir if flags.resume is None else flags.resume)


def _folder(flags: argparse.Namespace, name: str, facts: Mapping[str, object]) -> Path:
    resumed = flags.resume is not None
    path = flags.resume if resumed else new_folder(flags.results_dir, name)
    record(path, flags.script, own_flags(flags), facts, resumed)
    try:
        (path / SAMPLES).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from None
    return path


def _restore(flags: argparse.Namespace, trainer: Trainer) -> tuple[int, list]:
    """Takes up what `--resume` names.

    Returns:
        How many iterations it has made, and what they measured since the last row of the table.
    """
    if flags.resume is None or (state := load_state(flags.resume)) is None:
        return 0, []
    try:
        restore(trainer.variables(), state)
        done = whole_number(state, "iteration")
        trainer.go_on({name: whole_number(state, name) for name in trainer.place()})
        pending = state.get("pending", np.zeros(()))
        if pending.shape[1:] != (len(trainer.columns),) or not np.isfinite(pending).all():
            raise ValueError("what was measured last is missing")
    except ValueError as error:
        path = flags.resume / STATE
        raise UserError(f"{path} is damaged, or of other flags: {error}") from None
    if done > flags.iterations:
        raise UserError(f"--iterations must be {done} or more: so many are done")
    if done == flags.iterations:
        warn("all iterations are done; more --iterations go on")
    return done, [tuple(row) for row in pending]


def read_figures(folder: Path) -> dict[str, float]:
    """Reads `report.json` of a run that has ended."""
    return json.loads((folder / REPORT).read_text(encoding="utf-8"))


def _measure(folder: Path, trainer: Trainer, done: int) -> None:
    """Writes `report.json`, and prints it."""
    figures = {"iterations": done, **trainer.measure()}
    with written_whole(folder / REPORT) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for name, value in figures.items():
        print(f"  {name.replace('_', ' ')}: {value:.6g}")
