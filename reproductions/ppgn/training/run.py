"""A training run: its folder, its state, its pictures; what is trained is given."""

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from common.devices import Devices
from common.errors import UserError, warn
from common.files import written_whole
from common.images import save_picture
from common.interrupts import interrupts_held
from common.runs import (
    STATE,
    check_writable,
    command_line,
    load_state,
    new_folder,
    read_settings,
    save_state,
    versions,
    write_settings,
)
from common.state import arrays_of, restore
from reproductions.ppgn.training.options import own_flags
from reproductions.ppgn.training.pictures import Pictures
from reproductions.ppgn.training.report import Report

SAMPLES = "samples"

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
            or a loss is not a number any more.
    """
    done = _restore(flags, trainer)
    folder = None
    if devices.is_chief:
        folder = _folder(flags, name, {**pictures.facts, **facts})
        sizes = "x".join(map(str, pictures.shape))
        print(f"{pictures.count} pictures, {sizes}, of {flags.dataset}")
        print(f"the run is in {folder}", flush=True)
        report = Report(folder, trainer.columns, trainer.shown, flags.iterations, done)
    saved, rows = time.monotonic(), []
    part = devices.part(flags.batch_size)

    def save() -> None:
        nonlocal saved
        _save(folder, trainer, done)
        saved = time.monotonic()

    def show() -> None:
        sheet = trainer.sheet()
        if sheet is not None:
            save_picture(sheet, folder / SAMPLES / f"iteration_{done:07d}.png")
            report.pictures(done, sheet)

    begun = done
    try:
        if folder is not None and done == 0:
            show()
            save()
        with interrupts_held() as interrupted:
            for images, labels in pictures.batches(done, flags.iterations, flags.batch_size, part):
                values = trainer.step(done, _mirrored(flags, done, images, part), labels)
                done += 1
                if not all(map(math.isfinite, values)):
                    raise UserError(
                        f"a loss is not a number after iteration {done}; try a smaller "
                        "--learning_rate in a new run"
                    )
                rows.append(values)
                if folder is None:
                    continue
                if done % _ROW == 0 or done == flags.iterations:
                    report.steps(done, np.mean(rows, axis=0))
                    rows.clear()
                if done % flags.save_interval == 0 or done == flags.iterations:
                    show()
                if time.monotonic() - saved >= flags.checkpoint_interval:
                    save()
                if interrupted() and done < flags.iterations:
                    print(f"interrupted; --resume {folder} goes on")
                    break
            if folder is not None and done > begun:
                save()
    finally:
        if folder is not None:
            report.close()
    if folder is None:
        return None
    trainer.save(folder)
    _measure(folder, trainer, done)
    print(f"{done} of {flags.iterations} iterations are done: {folder}")
    return folder


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
    check_writable(flags.results_dir if flags.resume is None else flags.resume)


def _folder(flags: argparse.Namespace, name: str, facts: Mapping[str, object]) -> Path:
    command = command_line()
    settings = {"script": flags.script, "flags": own_flags(flags), "versions": versions()}
    if flags.resume is None:
        path = new_folder(flags.results_dir, name)
        settings["command"] = command
    else:
        path = flags.resume
        before = read_settings(path)
        for fact, value in facts.items():
            if before.get(fact) != value:
                raise UserError(
                    f"{path} has learned from something else: its {fact} is {before.get(fact)}, "
                    f"here it is {value}"
                )
        resumed = before.get("resumed", [])
        if not isinstance(resumed, list):
            raise UserError(f"the settings of {path} are damaged: resumed is {resumed!r}")
        settings = {**before, **settings, "resumed": [*resumed, command]}
    write_settings(path, {**settings, **facts})
    try:
        (path / SAMPLES).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from None
    return path


def _save(folder: Path, trainer: Trainer, done: int) -> None:
    arrays = arrays_of(trainer.variables())
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise UserError(
            "the weights are not numbers any more; try a smaller --learning_rate in a new run"
        )
    save_state(folder, **arrays, iteration=done, **trainer.place())


def _restore(flags: argparse.Namespace, trainer: Trainer) -> int:
    """Takes up what `--resume` names; how many iterations it has made."""
    if flags.resume is None or (state := load_state(flags.resume)) is None:
        return 0
    try:
        restore(trainer.variables(), state)
        done = _whole(state, "iteration")
        trainer.go_on({name: _whole(state, name) for name in trainer.place()})
    except ValueError as error:
        path = flags.resume / STATE
        raise UserError(f"{path} is damaged, or of other flags: {error}") from None
    if done > flags.iterations:
        raise UserError(f"--iterations must be {done} or more: so many are done")
    if done == flags.iterations:
        warn("all iterations are done; more --iterations go on")
    return done


def _whole(state: Mapping[str, np.ndarray], name: str) -> int:
    """A whole number of a state, 0 or more."""
    array = state.get(name)
    if array is None or array.shape or array.dtype.kind not in "iub" or array < 0:
        raise ValueError(f"it has no {name}")
    return int(array)


def _measure(folder: Path, trainer: Trainer, done: int) -> None:
    """Writes `report.json`, and prints it."""
    figures = {"iterations": done, **trainer.measure()}
    with written_whole(folder / "report.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for name, value in figures.items():
        print(f"  {name.replace('_', ' ')}: {value:.6g}")
