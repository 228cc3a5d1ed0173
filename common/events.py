"""What TensorBoard shows of a run: an event file, written without TensorFlow."""

import contextlib
import io
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from common.errors import UserError


class Events:
    """Writes an event file.

    Args:
        folder: of the run.

    Raises:
        UserError: the file cannot be written, from here or any of the methods.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        now = time.time()
        # Two writers of one process may begin within a second.
        own = f"{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns() % 10**9}"
        with self._writing():
            path = folder / f"events.out.tfevents.{int(now)}.{own}.v2"
            self._file = open(path, "wb")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=now, file_version="brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Notes numbers by name."""
        # TensorBoard takes neither parentheses nor spaces.
        names = [name.replace("(", "_").replace(")", "").replace(" ", "_") for name in values]
        found = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in zip(names, values.values(), strict=True)
        ]
        self._add(step, found)

    def images(self, step: int, name: str, images: np.ndarray) -> None:
        """Notes pictures.

        Args:
            step: of the run.
            name: of them all.
            images: uint8, shape (pictures, height, width, 1 or 3).
        """
        found = []
        for number, image in enumerate(images):
            png = io.BytesIO()
            Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(png, "PNG")
            height, width, colors = image.shape
            found.append(
                Summary.Value(
                    tag=name if len(images) == 1 else f"{name}/{number}",
                    image=Summary.Image(
                        height=height,
                        width=width,
                        colorspace=colors,
                        encoded_image_string=png.getvalue(),
                    ),
                )
            )
        self._add(step, found)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f"cannot write events to {self._folder}: {error.strerror}") from None

    def _add(self, step: int, values: list) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        with self._writing():
            self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Brings the file up to date."""
        with self._writing():
            self._records.flush()

    def close(self) -> None:
        """Ends the file."""
        with self._writing():
            self._records.close()
