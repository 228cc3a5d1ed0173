"""The folder of a training run: pictures and models by the original's names, state, settings."""

import argparse
from pathlib import Path

import numpy as np

from common.errors import UserError, warn
from common.images import save_picture
from common.reporting import LOSSES
from common.runs import SETTINGS, STATE, TrainingFolder, record
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import save_generator
from reproductions.texture_nets.options import own_flags

_REMEDY = "try a smaller -learning_rate in a new run"

#: The copy of the texture or style.
TARGET = "target.png"


class RunFolder(TrainingFolder):
    """The folder that `-tmp_path` or `--resume` names.

    Args:
        flags: of the script.
        picture: the texture or style, RGB in 0..1, shape (height, width, 3).
        facts: more entries for `run.json`.

    Attributes:
        path: the folder.

    Raises:
        UserError: it cannot be made or written to.
    """

    def __init__(self, flags: argparse.Namespace, picture: np.ndarray, facts: dict):
        super().__init__(Path(flags.tmp_path), flags.save_interval, _REMEDY)
        if flags.resume is None:
            self._begin()
            save_picture((picture * 255).round().astype(np.uint8), self.path / TARGET)
        resumed = flags.resume is not None
        record(self.path, flags.script, own_flags(flags), facts, resumed)

    def _begin(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / SETTINGS).exists():
                warn(
                    f"an earlier run in {self.path} is replaced, its pictures and models as new "
                    "ones are made; see -tmp_path"
                )
            for path in (self.path / STATE, self.path / LOSSES, *self.path.glob("events.out.*")):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to the folder {self.path}: {error.strerror}") from None

    def pictures(self, iteration: int, images: np.ndarray) -> None:
        """Writes a batch, uint8, (images, height, width, 3), RGB.

        Raises:
            UserError: a file cannot be written.
        """
        for number, image in enumerate(images, 1):
            save_picture(image, self.path / f"train{number}_{iteration}.png")

    def model(self, generator: Generator, iteration: int | None = None) -> Path:
        """Writes `model{iteration}.keras`, or `model.keras` at the end.

        Raises:
            UserError: the file cannot be written.
        """
        path = self.path / f"model{'' if iteration is None else iteration}.keras"
        save_generator(generator, path)
        return path
