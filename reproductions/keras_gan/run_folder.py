"""The folder of a training run: settings, state, samples of its stages."""

import argparse
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from common.errors import UserError
from common.files import written_whole
from common.images import contact_sheet, read_picture, save_gif, save_picture
from common.runs import SETTINGS, new_folder, read_settings, save_state, versions, write_settings
from reproductions.keras_gan.options import own_flags
from reproductions.keras_gan.pictures import titled

SAMPLES, PROGRESS, ANIMATION = "samples", "progress.png", "progress.gif"
GENERATOR = "generator.keras"

#: Stages that the progress picture shows at most.
_STAGES = 8


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
        command = " ".join(sys.argv)
        settings = {"script": "train.py", "flags": own_flags(flags), "versions": versions()}
        if flags.resume is None:
            self.path = new_folder(flags.results_dir, f"{name}-{flags.architecture}")
            settings["command"] = command
        else:
            self.path = flags.resume
            before = read_settings(self.path)
            for fact, value in facts.items():
                if before.get(fact) != value:
                    raise UserError(
                        f"{self.path} was trained on other pictures: its {fact} is "
                        f"{before.get(fact)}, here it is {value}"
                    )
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
        found = sorted((_epoch(path), path) for path in (self.path / SAMPLES).glob("epoch_*.png"))
        stages = [(epoch, np.asarray(read_picture(path))) for epoch, path in found]
        shown = np.unique(np.linspace(0, len(stages) - 1, _STAGES).round().astype(int))
        sheet = [titled(stages[i][1], f"epoch {stages[i][0]}") for i in shown]
        save_picture(contact_sheet(sheet), self.path / PROGRESS)
        frames = [picture for _, picture in stages]
        # The end is looked at for a while.
        save_gif([*frames, *[frames[-1]] * 8], self.path / ANIMATION, milliseconds=150)


def _epoch(path: Path) -> int:
    return int(re.sub(r"\D", "", path.stem))
