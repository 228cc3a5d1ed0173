"""The folder of a run: what is written at its start, on the way and at its end."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import written_whole
from common.images import contact_sheet, save_gif, save_picture
from common.runs import command_line, load_state, new_folder, record, save_state
from common.vgg19_pixels import deprocess
from reproductions.multiscale.levels import enlarged, shape_at
from reproductions.multiscale.naming import iteration_file, source_file, start_file
from reproductions.multiscale.options import own_flags

#: Sources that are shown, of many.
_SOURCES = 4


class RunFolder:
    """A run's folder, made anew or, with `--resume`, gone on with.

    Args:
        flags: of the script.
        name: of a new run folder.
        start: the images that the run starts from, float64, (frames, height, width, 3), BGR
            minus the mean.
        facts: more entries for `run.json`.
        sources: uint8 pictures, RGB, to be shown beside the result.

    Attributes:
        path: the folder.
        first: number of the first iteration to make.
        saved: iterations whose result has been saved.
        level: of coarse to fine that the run is at, see `levels`; whoever goes on sets it.
        pixels: to go on from, flat, float64, of the size of that level.

    Raises:
        UserError: the folder cannot be made, or the state in it is damaged.
    """

    def __init__(
        self,
        flags: argparse.Namespace,
        name: str,
        start: np.ndarray,
        facts: dict,
        sources: Sequence[np.ndarray],
    ):
        self._flags, self._start, self._sources = flags, start, sources[:_SOURCES]
        self.first, self.level, self.pixels = 0, flags.coarse_to_fine, start.ravel()
        if flags.resume:
            self.path = Path(flags.resume)
            self._read_state()
        else:
            self.path = new_folder(flags.output_dir, name)
            # Before the settings, which make the folder a run to go on with.
            self._write_start()
        self._copy_sources()
        record(self.path, flags.script, own_flags(flags), facts, bool(flags.resume))
        self.saved = self.first

    def _read_state(self) -> None:
        state = load_state(self.path, ("pixels", "iterations"))
        if state is None:
            return
        first, pixels = state["iterations"], state["pixels"]
        sizes = [int(np.prod(shape_at(self._flags, level))) for level in range(self.level + 1)]
        if (
            first.shape
            or pixels.shape not in [(n,) for n in sizes]
            or not np.isfinite(pixels).all()
        ):
            raise UserError(f"the state of {self.path} is damaged or of a run with other flags")
        self.first, self.level, self.pixels = int(first), sizes.index(pixels.size), pixels

    def _write_start(self) -> None:
        with written_whole(self.path / "Acommand.txt") as temporary:
            # File names may hold bytes that are no text.
            temporary.write_text(command_line(), encoding="utf-8", errors="surrogateescape")
        for frame, picture in enumerate(self._pictures(self._start)):
            save_picture(picture, self.path / start_file(frame))

    def _copy_sources(self) -> None:
        for number, picture in enumerate(self._sources):
            path = self.path / source_file(number)
            if not path.exists():
                save_picture(picture, path)

    def _pictures(self, images: np.ndarray) -> np.ndarray:
        """Pictures of the full size, also of a coarser level."""
        return deprocess(enlarged(images, shape_at(self._flags, 0), self._flags.tileable))

    def _of_level(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.reshape(shape_at(self._flags, self.level))

    def last_picture(self) -> Path:
        """The first frame of what was saved last."""
        return self.path / iteration_file(self.saved - 1, 0)

    def save(self, iteration: int, pixels: np.ndarray) -> np.ndarray:
        """Writes the pictures after an iteration, and the state to resume from.

        Args:
            iteration: its number, from 0.
            pixels: flat.

        Returns:
            The pictures, uint8, (frames, height, width, 3), RGB.
        """
        pictures = self._pictures(self._of_level(pixels))
        for frame, picture in enumerate(pictures):
            save_picture(picture, self.path / iteration_file(iteration, frame))
        save_state(self.path, pixels=pixels, iterations=iteration + 1)
        self.saved = iteration + 1
        return pictures

    def save_summary(self, pixels: np.ndarray) -> None:
        """Writes the pictures that only the end can make.

        Args:
            pixels: the result, flat.
        """
        start, result = map(self._pictures, (self._start, self._of_level(pixels)))
        save_picture(
            contact_sheet([*self._sources, start[0], *result[:4]]), self.path / "sheet.png"
        )
        if len(result) > 1:
            save_gif(result, self.path / "animation.gif")
        if self._flags.tileable:
            save_picture(np.tile(result[0], (2, 2, 1)), self.path / "tiled.png")
