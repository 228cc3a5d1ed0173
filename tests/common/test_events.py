"""What TensorBoard reads of the files that runs write for it."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from common.errors import UserError
from common.events import Events
from common.originals import REPOSITORY


def read(folder):
    """All events of the only file."""
    [path] = folder.glob("events.out.tfevents.*")
    return [Event.FromString(record) for record in RawEventFileLoader(str(path)).Load()]


def values_of(folder):
    """All values, each with its step."""
    return [(event.step, value) for event in read(folder) for value in event.summary.value]


def test_numbers(tmp_path):
    events = Events(tmp_path)
    events.scalars(3, {"image loss": 0.5, "D(G(z))": -2})
    events.scalars(40, {"image loss": 0.25})
    events.close()
    found = [(step, value.tag, value.simple_value) for step, value in values_of(tmp_path)]
    # TensorBoard takes neither parentheses nor spaces.
    assert found == [(3, "image_loss", 0.5), (3, "D_G_z", -2), (40, "image_loss", 0.25)]
    first, *others = read(tmp_path)
    assert first.file_version == "brain.Event:2"
    assert all(0 <= event.wall_time - first.wall_time < 60 for event in others)


def decoded(value):
    with Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_pictures(tmp_path):
    random = np.random.default_rng(0)
    colour = random.integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
    grey = random.integers(0, 256, (1, 6, 2, 1)).astype(np.uint8)
    events = Events(tmp_path)
    events.images(7, "several", colour)
    events.images(8, "one", grey)
    events.close()
    found = values_of(tmp_path)
    tags = [(step, value.tag) for step, value in found]
    assert tags == [(7, "several/0"), (7, "several/1"), (7, "several/2"), (8, "one")]
    for (_, value), picture in zip(found, colour, strict=False):
        assert (value.image.height, value.image.width, value.image.colorspace) == (4, 5, 3)
        np.testing.assert_array_equal(decoded(value), picture)
    last = found[-1][1]
    assert (last.image.height, last.image.width, last.image.colorspace) == (6, 2, 1)
    np.testing.assert_array_equal(decoded(last), grey[0, :, :, 0])


def test_tensorboard_shows_them(tmp_path):
    """Also while the file is still being written, and of two writers of one second."""
    first, second = Events(tmp_path), Events(tmp_path)
    first.scalars(1, {"loss": 2.0})
    first.images(1, "samples", np.zeros((2, 3, 3, 3), np.uint8))
    first.flush()
    second.scalars(2, {"loss": 1.0})
    second.flush()
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2
    shown = EventAccumulator(str(tmp_path))
    shown.Reload()
    assert shown.Tags()["scalars"] == ["loss"]
    assert shown.Tags()["images"] == ["samples/0", "samples/1"]
    assert [(one.step, one.value) for one in shown.Scalars("loss")] == [(1, 2), (2, 1)]
    first.close()
    second.close()


def test_tensorflow_is_not_needed(tmp_path):
    code = f"""
import pathlib, sys
import numpy as np
from common.events import Events
events = Events(pathlib.Path({str(tmp_path)!r}))
events.scalars(1, {{"loss": 2.0}})
events.images(1, "samples", np.zeros((1, 3, 3, 3), np.uint8))
events.close()
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
    assert len(values_of(tmp_path)) == 2


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(UserError, match=r"cannot write events to .*gone: No such file"):
        Events(tmp_path / "gone")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk(tmp_path):
    events = Events(tmp_path)
    events.flush()
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), events._file.fileno())
    events.scalars(1, {"loss": 1.0})
    with pytest.raises(UserError, match=f"cannot write events to {tmp_path}: No space left"):
        events.flush()
    with pytest.raises(UserError):
        events.close()
