"""The folder of a training run: settings, state, samples of its stages."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from common import runs
from common.errors import UserError
from common.files import written_whole
from common.images import contact_sheet, read_picture, save_gif, save_picture
from common.pictures import titled
from reproductions.keras_gan.options import own_flags

SAMPLES, PROGRESS, ANIMATION = "samples", "progress.png", "progress.gif"
DATA = "data.png"
GENERATOR = "generator.keras"

_REMEDY = "try a smaller --learning_rate in a new run"

#: Stages that the progress picture and the animation show at most.
_STAGES, _FRAMES = 8, 100


class RunFolder(runs.TrainingFolder):
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
        path, resumed = flags.resume, flags.resume is not None
        if resumed:
            check_facts(path, facts)
        else:
            path = runs.new_folder(flags.results_dir, f"{name}-{flags.architecture}")
        super().__init__(path, flags.checkpoint_interval, _REMEDY)
        runs.record(path, "train.py", own_flags(flags), facts, resumed)
        try:
            (self.path / SAMPLES).mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from None

    def data(self, sheet: np.ndarray) -> None:
        """Writes a grid of pictures that are learned from, uint8, (height, width, 3).

        Raises:
            UserError: the file cannot be written.
        """
        save_picture(sheet, self.path / DATA)

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
    runs.check_facts(run, facts, "was trained on other pictures")


def _some(stages: Sequence, most: int) -> list:
    """At most so many, from the first to the last."""
    shown = np.linspace(0, len(stages) - 1, min(most, len(stages))).round().astype(int)
    return [stages[number] for number in shown]
