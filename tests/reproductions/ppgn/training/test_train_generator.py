"""Training generators, from the command line."""

import itertools
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from common.runs import versions
from tests.leftovers import files_below, losses, pixels, rows, state
from tests.reproductions.ppgn.commands import script_path
from tests.reproductions.ppgn.training.commands import (
    RESULTS,
    SMALL,
    TWO_ROWS,
    assert_differ,
    curves,
    is_drawn,
    only,
    report,
    settings,
    weights,
    write_pictures,
)
from tests.scripts import finish, start, words

LEARNING_RATE = 1e-3
COLUMNS = ("image", "features", "code", "adversarial", "real", "fake")


def test_the_files_of_a_run(trained):
    run, _ = trained("generator")
    files = {re.sub(r"tfevents.*", "tfevents", name) for name in files_below(run)}
    samples = {f"samples/iteration_{number:07d}.png" for number in (0, 10, 20, 25)}
    assert files == samples | {
        *("samples", "run.json", "losses.csv", "loss.png", "events.out.tfevents"),
        *("state.npz", "generator.keras", "report.json"),
    }


def test_settings(trained):
    run, _ = trained("generator")
    saved = settings(run)
    assert saved["script"] == "train_generator.py" and saved["versions"] == versions()
    assert saved["command"] == f"train_generator.py {SMALL['generator']} {TWO_ROWS}"
    assert saved["flags"].items() >= {"filters": 2, "iterations": 25, "seed": 0, "noise": 0}.items()
    assert re.fullmatch("[0-9a-f]{16}", saved["data"])
    assert saved["weights"] == ["encoder.keras"]
    # A twentieth of 60 is held out.
    assert (saved["shape"], saved["pictures"], saved["held_out"]) == ([28, 28, 1], 57, 3)


def test_losses(trained):
    """A row after 20 iterations, one at the end; all losses of distributions are positive."""
    table = rows(trained("generator")[0])
    assert tuple(table[0]) == ("iteration", *COLUMNS, "seconds")
    assert [row["iteration"] for row in table] == ["20", "25"]
    assert all(float(row[name]) > 0 for row in table for name in COLUMNS)
    assert float(table[0]["seconds"]) < float(table[1]["seconds"])


def test_pictures(trained):
    """The three held-out digits, each with its reconstruction below, which change."""
    run, _ = trained("generator")
    sheets = [pixels(path) for path in sorted(run.glob("samples/*.png"))]
    times = sheets[0].shape[0] // 60
    assert all(sheet.shape == (60 * times, 90 * times, 3) for sheet in sheets)
    above = [sheet[: 30 * times] for sheet in sheets]
    below = [sheet[30 * times :] for sheet in sheets]
    assert all((one == above[0]).all() for one in above)
    assert all((a != b).any() for a, b in itertools.pairwise(below))
    assert is_drawn(run)


def test_tensorboard(trained):
    found = curves(trained("generator")[0])
    assert found.pop("samples") == [0, 10, 20, 25]
    assert found == {name: [20, 25] for name in COLUMNS}


def test_what_is_printed(trained):
    run, ended = trained("generator")
    assert (ended.status, ended.err) == (0, "")
    first, place, row, *figures, last = ended.out.splitlines()
    folder = RESULTS / run.name
    assert first == "57 pictures, 28x28x1, of digits"
    assert place == f"the run is in {folder}"
    shown = ", ".join(rf"{name} \S+" for name in ("image", "adversarial", "real", "fake"))
    assert re.fullmatch(rf"iteration 25 of 25, {shown}, 0 s left", row)
    assert figures == [f"  {k.replace('_', ' ')}: {v:.6g}" for k, v in report(run).items()]
    assert last == f"25 of 25 iterations are done: {folder}"


def test_the_report(trained):
    found = report(trained("generator")[0])
    assert (found["iterations"], found["held_out_pictures"]) == (25, 3)
    errors = found["error_of_reconstructions"], found["error_of_the_mean_picture"]
    assert found["ratio"] == errors[0] / errors[1]
    assert min(errors) > 0


def test_the_network(trained):
    """Of plain layers, with the weights of the state."""
    run, _ = trained("generator")
    model = keras.models.load_model(run / "generator.keras")
    assert (model.input_shape, model.output_shape) == ((None, 6), (None, 28, 28, 1))
    assert all(type(one).__module__.startswith("keras.") for one in model.layers)
    saved = state(run)
    assert saved["iteration"] == 25
    for number, one in enumerate(model.variables):
        np.testing.assert_array_equal(np.asarray(one), saved[f"generator{number}"])


@pytest.mark.slow
def test_a_seed(train, trained, folder):
    """The same one gives the same to the bit, another another."""
    run, _ = trained("generator")
    results = weights(run / "generator.keras")
    assert train("generator", TWO_ROWS).status == 0
    again = folder / only(folder)
    for one, other in zip(results, weights(again / "generator.keras"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert losses(again) == losses(run)
    assert train("generator", f"{TWO_ROWS} --seed 4294967295").status == 0
    assert_differ(results, weights(RESULTS / "digits-generator.0" / "generator.keras"))


@pytest.mark.slow
def test_it_learns(script, folder):
    """Without D: the distance of images falls."""
    small = SMALL["generator"].replace("--discriminator_filters 2", "--weight_adversarial 0")
    more = "--weight_image 1e-4 --weight_features 0 --weight_code 0"
    argv = f"{small} {more} --iterations 200 --learning_rate 1e-2"
    assert script("train_generator", argv).status == 0
    run = only(folder)
    table = rows(run)
    assert [float(table[0][name]) for name in ("adversarial", "real", "fake")] == [0, 0, 0]
    assert float(table[-1]["image"]) < 0.5 * float(table[0]["image"])
    # The mean picture is what comes first.
    assert report(run)["ratio"] < 1.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        "--noise 0.1 --tell_codes --mirror",
        "--feature_layer conv1 --code_layer fc8 --dense 3 --lr_steps 2 --images 3",
        "--image_size 32 --discriminator_learning_rate 1e-5 --beta1 0.5 --weight_decay 0",
    ],
    ids=["joint", "layers", "larger images"],
)
def test_other_runs(train, trained, folder, more):
    """Each flag changes what is learned; the batch may be larger than the set."""
    ended = train("generator", f"--iterations 3 {more}")
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    model = keras.models.load_model(run / "generator.keras")
    side = 32 if "image_size" in more else 28
    code = 10 if "fc8" in more else 6
    assert (model.input_shape, model.output_shape) == ((None, code), (None, side, side, 1))
    assert len(losses(run)) == 1


@pytest.mark.slow
def test_coloured_pictures(script, folder):
    """A folder of classes; E and G are of colours too."""
    write_pictures(folder / "pics")
    argv = "--dataset pics --iterations 2 --batch_size 4 --filters 2"
    ended = script("train_classifier", f"{argv} --image_size 32 --code 6")
    assert (ended.status, ended.err) == (0, "")
    encoder = RESULTS / "pics-classifier" / "classifier.keras"
    assert (encoder.parent / "classes.txt").read_text() == "green\nred\n"
    argv += f" --encoder_definition {encoder} --discriminator_filters 2"
    ended = script("train_generator", argv)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"11 pictures, 32x32x3, of {folder / 'pics'}\n")
    run = RESULTS / "pics-generator"
    assert keras.models.load_model(run / "generator.keras").output_shape == (None, 32, 32, 3)
    sheet = pixels(run / "samples" / "iteration_0000002.png")
    # A red or a green square, not one of blue or of grey.
    assert sheet.reshape(-1, 3).max(axis=0)[:2].max() > 200 > sheet[: len(sheet) // 2, ..., 2].max()
    ended = script(
        "sampling_class",
        f"--net_definition {encoder} --encoder_definition {encoder} --generator_definition"
        f" {run / 'generator.keras'} --units 1 --n_iters 2 --output_dir out",
        f"--labels {encoder.parent / 'classes.txt'} --write_labels --net_pixels caffe",
    )
    assert ended.status == 0, ended.err
    [picture] = (folder / "out").glob("fc8_*.jpg")
    assert pixels(picture).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("argv", "count"),
    [
        ("--units 3", 1),
        ("--units 3_8_0", 1),
        ("--units 1_2_3 --batch_units --batch 2", 7),
        ("--units 1 --act_layer conv2 --xy 7", 1),
        ("--units 9 --init_file digit.png", 1),
        ("--units 9 --init_file digit.png --epsilon4 1e-3 --patch 10 --batch 2", 3),
    ],
    ids=["class", "classes", "sheet", "hidden", "from a picture", "inpainting"],
)
def test_the_sampler_takes_it(sampled, folder, argv, count):
    """Without a word about pixels; with several chains there is a sheet besides."""
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    Image.fromarray(image).save(folder / "digit.png")
    pictures = sampled(argv)
    assert len(pictures) == count
    for path in pictures:
        if not path.name.startswith("sheet"):
            picture = pixels(path)
            # The picture with its hole stands beside what fills it.
            assert picture.shape == (28, 57 if "epsilon4" in argv else 28, 3)
            assert (picture == picture[..., :1]).all()
            assert picture.std() > 0


def test_a_hole(sampled, folder):
    """The picture with its hole is shown beside what fills it, on which epsilon4 tells."""
    Image.fromarray(np.full((28, 28, 3), 200, np.uint8)).save(folder / "digit.png")
    argv = "--units 9 --init_file digit.png --patch 10 --lr 3 --plain_pixels --epsilon4"
    [first] = sampled(f"{argv} 1e-9")
    [second] = set(sampled(f"{argv} 1e3")) - {first}
    shown, other = pixels(first), pixels(second)
    np.testing.assert_array_equal(shown[:, :28], other[:, :28])
    assert (shown[:, 29:] != other[:, 29:]).any()
    # JPEG's blocks at the hole's edges aside.
    assert 324 <= (abs(shown[:, :28].astype(int) - 200).max(axis=2) < 20).sum() < 784


def ports(count):
    """Ports of this machine that nothing listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


def started_together(folder, argv, name="train_generator"):
    """Two workers with a batch in common, running."""
    workers = [f"127.0.0.1:{port}" for port in ports(2)]
    started = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        env = {**os.environ, "TF_CONFIG": json.dumps(config)}
        command = [script_path(name), *words(f"{argv} --distribute multiworker")]
        started.append(start(command, folder, env=env))
    return started


def together(folder, argv, name="train_generator"):
    """What two workers print."""
    ended = [finish(one) for one in started_together(folder, argv, name)]
    assert [one.status for one in ended] == [0, 0], ended
    return [one.out for one in ended]


def assert_near(found, wanted):
    """Checks states for what several devices add up in another order.

    Within 1e-4 of each array's largest value; 1.4e-5 is what was found. A weight that began at 0
    may have come back there: then, within 1e-4 of a step of Adam.
    """
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        largest = np.abs(value).max(initial=0)
        if name.startswith(("generator", "discriminator")):
            largest = max(largest, LEARNING_RATE)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-4 * largest, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("resumed", [False, True])
def test_two_workers(script, folder, resumed):
    """They end where one process ends; only the first writes. So do they resumed."""
    # Of the smallest networks some gradients are nothing but rounding, which Adam makes steps of.
    wider = "--filters 8 --discriminator_filters 4"
    argv = f"{SMALL['generator']} {wider} --batch_size 8 --lr_steps --tell_codes --iterations"
    if resumed:
        first, second = together(folder, f"{argv} 4")
        run = only(folder)
        assert first.endswith(f"4 of 4 iterations are done: {run}\n") and second == ""
        assert state(run)["iteration"] == 4 and len(rows(run)) == 1
    first, second = together(folder, f"--resume {run} --iterations 6" if resumed else f"{argv} 6")
    run = only(folder)
    assert first.endswith(f"6 of 6 iterations are done: {run}\n") and second == ""
    assert only(folder) == run
    found = state(run)
    assert script("train_generator", f"{argv} 6 --results_dir alone").status == 0
    assert_near(found, state(folder / "alone" / run.name))


@pytest.mark.slow
def test_two_workers_and_a_prior(folder):
    """Only the first one measures it at the end."""
    argv = f"{SMALL['prior_h']} --batch_size 8 --iterations 3"
    first, second = together(folder, argv, "train_prior")
    assert "3 of 3 iterations are done" in first and second == ""
    assert report(only(folder))["error_of_input"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("dies", [0, 1])
def test_a_worker_that_is_killed(script, folder, dies):
    """The other one ends, too, and a process alone goes on with what was saved."""
    argv = f"{SMALL['generator']} --batch_size 8 --checkpoint_interval 0 --iterations"
    workers = started_together(folder, f"{argv} 100000")
    deadline = time.monotonic() + 120
    while not any(Path(folder).rglob("state.npz")):
        assert time.monotonic() < deadline and all(one.poll() is None for one in workers)
        time.sleep(0.5)
    workers[dies].kill()
    ended = [finish(one) for one in workers]
    if keras.config.backend() == "jax" and dies == 0:
        # JAX aborts all others as soon as the first one is gone.
        assert ended[1].status == -signal.SIGABRT, ended
    else:
        assert ended[1 - dies].status == 1, ended
        # TensorFlow's own lines come before it.
        *_, line = ended[1 - dies].err.splitlines()
        assert line.startswith("error: the other workers are gone; --resume goes on")
    run = only(folder)
    done = state(run)["iteration"]
    assert script("train_generator", f"--resume {run} --iterations {done + 2}").status == 0
    assert state(run)["iteration"] == done + 2
