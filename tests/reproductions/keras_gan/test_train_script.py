"""What a training run leaves in its folder, and on the terminal."""

import contextlib
import fcntl
import itertools
import json
import math
import os
import pty
import struct
import termios
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.errors import UserError
from common.runs import versions
from datasets import load
from tests.leftovers import pixels, rows, snapshot, state
from tests.reproductions.keras_gan.commands import (
    RESULTS,
    ROWS,
    SMALL,
    frames,
    only,
    samples_in,
    script_path,
    write_pictures,
)
from tests.scripts import finish, start, start_code

FIVE = "--epochs 5 --save_interval 2"


@pytest.fixture
def five(trained):
    """A run of five epochs, and how it ended."""
    return trained(FIVE)


def test_files_have_the_promised_names(five):
    run, _ = five
    assert run.name == "digits-dcgan"
    names = {path.name for path in run.iterdir() if not path.name.startswith("events.out.")}
    tables = {"run.json", "state.npz", "losses.csv", "loss.png", "generator.keras"}
    assert names == tables | {"samples", "data.png", "progress.png", "progress.gif"}


def test_settings_tell_everything_about_the_run(five):
    saved = json.loads((five[0] / "run.json").read_text())
    assert saved["script"] == "train.py"
    assert saved["command"].startswith("train.py --dataset digits --images 40 --batch_size 5 ")
    assert saved["versions"] == versions()
    assert saved["shape"] == [8, 8, 1]
    assert saved["data"] == load.load_data("digits", 40, (8, 8))[1].digest
    given = {"epochs": 5, "save_interval": 2, "batch_size": 5, "filters": 2, "latent": 6, "k": 1}
    assert saved["flags"].items() >= {**given, "seed": 42, "loss": "non-saturating"}.items()
    assert not saved["flags"].keys() & {"resume", "results_dir", "preset"}


def test_the_table_has_finite_numbers_for_every_epoch(five):
    table = rows(five[0])
    assert ",".join(table[0]) == "iteration,discriminator,generator,D(x),D(G(z)),seconds"
    assert [row["iteration"] for row in table] == ["8", "16", "24", "32", "40"]
    for row in table:
        assert all(math.isfinite(float(value)) for value in row.values())
        assert 0 < float(row["D(x)"]) < 1 and 0 < float(row["D(G(z))"]) < 1
        assert float(row["discriminator"]) > 0 and float(row["generator"]) > 0
    seconds = [float(row["seconds"]) for row in table]
    assert seconds == sorted(seconds) and seconds[0] > 0


@pytest.mark.slow
def test_rows_are_of_twenty_iterations_at_most(trained):
    run, _ = trained("--images 45 --batch_size 2 --epochs 1")
    assert [row["iteration"] for row in rows(run)] == ["20", "22"]


def test_an_epoch_has_fewer_iterations_if_k_is_larger(trained):
    """Eight batches, three for each iteration."""
    run, _ = trained("--k 3")
    assert [row["iteration"] for row in rows(run)] == ["3", "6"]


def test_samples_of_the_first_the_last_and_every_save_interval(five):
    samples = sorted((five[0] / "samples").iterdir())
    assert [path.name for path in samples] == [f"epoch_000{epoch}.png" for epoch in (0, 2, 4, 5)]
    sheets = [pixels(path) for path in samples]
    # Five rows of pictures of eight pixels, with a border of one pixel, enlarged.
    assert {sheet.shape for sheet in sheets} == {(250, 250, 3)}
    assert all((one != other).any() for one, other in itertools.pairwise(sheets))


def test_the_last_samples_are_by_the_saved_generator(five, script):
    run, _ = five
    ended = script("generate", "--sample_size 25 --output_dir made --run", run)
    assert ended.status == 0, ended.err
    sheet = pixels(run / "samples/epoch_0005.png")
    cells = sheet.reshape(5, 50, 5, 50, 3).swapaxes(1, 2).reshape(25, 50, 50, 3)
    # Within the border, one pixel of each block of five.
    found = cells[:, 5:-5:5, 5:-5:5]
    np.testing.assert_array_equal(found, [pixels(path) for path in samples_in(Path("made"))])


def test_the_progress_shows_all_stages(five):
    run, _ = five
    assert frames(run / "progress.gif") == 4 + 8
    height, width, _ = pixels(run / "progress.png").shape
    assert height >= 250 and width >= 250
    with Image.open(run / "loss.png") as curves:
        assert curves.size == (600, 600)
        assert len(np.unique(np.asarray(curves.convert("RGB")).reshape(-1, 3), axis=0)) > 4


def test_the_terminal_tells_where_the_run_is_and_how_far(five):
    ended = five[1]
    assert ended.err == ""
    first, second, *progress, last = ended.out.splitlines()
    assert first == "40 pictures, 8 x 8 x 1, of digits"
    assert second == f"the run is in {RESULTS}/digits-dcgan"
    assert last == "5 of 5 epochs are done; generate.py makes pictures"
    assert progress[-1].startswith("epoch 5/5, iteration 40 of 40, D ")
    assert progress[-1].endswith(", 0 s left")
    values = rows(five[0])[-1]
    told = f"D {float(values['discriminator']):.3f}, G {float(values['generator']):.3f}"
    assert told in progress[-1]


def test_tensorboard_has_the_losses_and_the_samples(five):
    run, _ = five
    events = EventAccumulator(str(run), {"scalars": 0, "images": 0})
    events.Reload()
    names = {"discriminator": "discriminator", "generator": "generator"}
    names |= {"D_x": "D(x)", "D_G_z": "D(G(z))"}
    tags = events.Tags()
    assert (set(tags["scalars"]), tags["images"]) == (set(names), ["samples"])
    for tag, column in names.items():
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in found] == [8, 16, 24, 32, 40]
        expected = [float(row[column]) for row in rows(run)]
        np.testing.assert_allclose([value for _, value in found], expected, rtol=1e-6)
    images = events.Images("samples")
    assert [event.step for event in images] == [0, 16, 32, 40]
    for event, epoch in zip(images, (0, 2, 4, 5), strict=True):
        encoded = BytesIO(event.encoded_image_string)
        expected = pixels(run / f"samples/epoch_{epoch:04d}.png")
        np.testing.assert_array_equal(np.asarray(Image.open(encoded)), expected)


def test_the_state_has_both_players_and_both_optimisers(five):
    saved = state(five[0])
    assert (int(saved["iteration"]), int(saved["stage"])) == (40, 0)
    parts = {name.rstrip("0123456789") for name in saved}
    assert parts == {"iteration", "stage", "generator", "discriminator", "adam"}
    assert all(np.isfinite(array).all() for array in saved.values())


def test_runs_do_not_replace_each_other(run, folder, script):
    before = snapshot(run)
    for names in (
        ["digits-dcgan", "digits-dcgan.0"],
        ["digits-dcgan", "digits-dcgan.0", "digits-dcgan.1"],
    ):
        assert script("train", " ".join([*SMALL, "--epochs 1"])).status == 0
        assert sorted(path.name for path in RESULTS.iterdir()) == names
    assert snapshot(run) == before


def test_without_mnist_digits_are_drawn_with_a_warning(script, monkeypatch):
    def no_network():
        raise UserError("MNIST cannot be had: no network")

    monkeypatch.setattr(load, "download_mnist", no_network)
    ended = script("train", " ".join(SMALL[2:]))
    assert ended.status == 0
    assert ended.error.startswith("warning: MNIST cannot be had: no network; learning from digits")
    saved = json.loads((only(Path.cwd()) / "run.json").read_text())
    assert saved["flags"]["dataset"] == "digits"


@pytest.mark.parametrize(
    ("flags", "shape"),
    [("", [28, 28, 3]), ("--color grey --image_size 10x6 --augment off", [6, 10, 1])],
    ids=["as it is", "grey and small"],
)
def test_a_folder_of_pictures(folder, script, flags, shape):
    write_pictures(folder / "pics")
    ended = script("train", f"--dataset pics --epochs 1 --filters 2 --architecture dcgan {flags}")
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    assert run.name == "pics-dcgan"
    saved = json.loads((run / "run.json").read_text())
    assert saved["shape"] == shape
    # So that it is found from another folder.
    assert saved["flags"]["dataset"] == str(folder / "pics")


def test_keras_alone_reads_the_generator(five, script, folder):
    """A process that knows nothing of this suite makes the same pictures."""
    run, _ = five
    assert script("generate", "--sample_size 7 --output_dir made --run", run).status == 0
    code = """
import sys
import keras, numpy
model = keras.models.load_model(sys.argv[1])
latents = numpy.random.default_rng(42).standard_normal((7, 6), numpy.float32)
numpy.save("alone.npy", keras.ops.convert_to_numpy(model(latents, training=False)))
assert not any(name.startswith("reproductions") for name in sys.modules)
"""
    ended = finish(start(["-c", code, run / "generator.keras"], folder))
    assert ended.status == 0, ended.err
    pictures = np.load(folder / "alone.npy")
    expected = [pixels(path) for path in samples_in(folder / "made")]
    np.testing.assert_array_equal(
        np.clip((pictures + 1) * 127.5, 0, 255).round().repeat(3, axis=3), expected
    )


@pytest.mark.slow
def test_the_script_as_a_process(folder):
    """From another folder, with the perceptrons and XLA."""
    ended = finish(start([script_path("train"), *ROWS], folder))
    assert (ended.status, ended.err) == (0, "")
    assert only(folder).name == "digits-mlp"
    assert [row["iteration"] for row in rows(folder / only(folder))] == ["8", "16"]


@pytest.mark.slow
def test_a_bar_on_a_terminal(folder):
    """Instead of lines."""
    terminal, side = pty.openpty()
    # A new one has no columns, and a bar none to be drawn in.
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    code = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    process = start_code(code, folder, script_path("train"), *SMALL, stderr=side)
    os.close(side)
    ended = finish(process)
    assert ended.status == 0
    assert "iteration" not in ended.out
    shown = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while part := os.read(terminal, 1 << 16):
            shown += part
    os.close(terminal)
    assert b"epoch 2/2" in shown
