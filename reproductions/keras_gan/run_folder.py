"""The folder of a training run: settings, state, samples of its stages."""

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from common.errors import UserError
from common.files import written_whole
from common.images import contact_sheet, read_picture, save_gif, save_picture
from common.pictures import titled
from common.runs import (
    SETTINGS,
    command_line,
    new_folder,
    read_settings,
    save_state,
    versions,
    write_settings,
)
from reproductions.keras_gan.options import own_flags

SAMPLES, PROGRESS, ANIMATION = "samples", "progress.png", "progress.gif"
GENERATOR = "generator.keras"

#: Stages that the progress picture and the animation show at most.
_STAGES, _FRAMES = 8, 100


class RunFolder:
    """A new folder in `--results_dir`, or that of `--resume`.

    Args:
        flags: of the script.
        name: of the data.
        facts: more entries for `run.json`; what a run that goes on must have in common.

    Attributes:
        path: the folder.

    Raises:
        UserError: it cannot be made or written to, or the run to go on with had other data.
    """

    def __init__(self, flags: argparse.Namespace, name: str, facts: Mapping[str, object]):
        self._interval, self._saved = flags.checkpoint_interval, time.monotonic()
        command = command_line()
        settings = {"script": "train.py", "flags": own_flags(flags), "versions": versions()}
        if flags.resume is None:
            self.path = new_folder(flags.results_dir, f"{name}-{flags.architecture}")
            settings["command"] = command
        else:
            self.path = flags.resume
            before = read_settings(self.path)
            check_facts(self.path, facts)
            resumed = before.get("resumed", [])
            if not isinstance(resumed, list):
                raise UserError(f"{self.path / SETTINGS} is damaged: resumed is {resumed!r}")
            settings = {**before, **settings, "resumed": [*resumed, command]}
        write_settings(self.path, {**settings, **facts})
        try:
            (self.path / SAMPLES).mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from None

    def due(self) -> bool:
        """Whether it is time to save the state."""
        return time.monotonic() - self._saved >= self._interval

    def save(self, state: Mapping[str, np.ndarray]) -> None:
        """Saves the state.

        Raises:
            UserError: it has values that are not numbers, or the file cannot be written; the last
                state stays.
        """
        if not all(np.isfinite(array).all() for array in state.values()):
            raise UserError(
                "the weights are not numbers any more; try a smaller --learning_rate in a new run"
            )
        save_state(self.path, **state)
        self._saved = time.monotonic()

    def generator(self, model: keras.Model) -> None:
        """Writes `generator.keras`, which Keras alone can read.

        Raises:
            UserError: the file cannot be written.
        """
        with written_whole(self.path / GENERATOR) as temporary:
            model.save(temporary)

    def samples(self, epoch: int, sheet: np.ndarray) -> None:
        """Writes a grid of samples, uint8, (height, width, 3).

        Raises:
            UserError: the file cannot be written.
        """
        save_picture(sheet, self.path / SAMPLES / f"epoch_{epoch:04d}.png")

    def progress(self) -> None:
        """Draws the stages side by side, and as an animation.

        Raises:
            UserError: a file cannot be written.
        """
        found = sorted(
            (int(name[1]), path)
            for path in (self.path / SAMPLES).iterdir()
            if (name := re.fullmatch(r"epoch_(\d+)\.png", path.name))
        )
        if not found:  # somebody has moved them
            return
        sheet = [
            titled(np.asarray(read_picture(path)), f"epoch {epoch}")
            for epoch, path in _some(found, _STAGES)
        ]
        save_picture(contact_sheet(sheet), self.path / PROGRESS)
        frames = [np.asarray(read_picture(path)) for _, path in _some(found, _FRAMES)]
        frames = [frame for frame in frames if frame.shape == frames[-1].shape]
        # The end is looked at for a while.
        save_gif([*frames, *[frames[-1]] * 8], self.path / ANIMATION, milliseconds=150)


def check_facts(run: Path, facts: Mapping[str, object]) -> None:
    """Refuses data that a run was not trained on.

    Args:
        run: its folder.
        facts: what its `run.json` should say of the data.

    Raises:
        UserError: it says otherwise.
    """
    before = read_settings(run)
    for fact, value in facts.items():
        if before.get(fact) != value:
            raise UserError(
                f"{run} was trained on other pictures: its {fact} is {before.get(fact)}, here it "
                f"is {value}"
            )


def _some(stages: Sequence, most: int) -> list:
    """At most so many, from the first to the last."""
    shown = np.linspace(0, len(stages) - 1, min(most, len(stages))).round().astype(int)
    return [stages[number] for number in shown]
