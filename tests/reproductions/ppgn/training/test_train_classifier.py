"""Training classifiers, from the command line."""

import re

import keras
import numpy as np
import pytest

from tests.leftovers import files_below, losses, rows, state
from tests.reproductions.ppgn.training.commands import (
    RESULTS,
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


def test_the_files_of_a_run(trained):
    run, _ = trained("classifier")
    files = {re.sub(r"tfevents.*", "tfevents", name) for name in files_below(run)}
    assert files == {
        *("samples", "run.json", "losses.csv", "loss.png", "events.out.tfevents"),
        *("state.npz", "classifier.keras", "classes.txt", "report.json"),
    }
    assert (run / "classes.txt").read_text() == "".join(f"{digit}\n" for digit in range(10))
    assert is_drawn(run)


def test_settings_and_losses(trained):
    run, _ = trained("classifier")
    saved = settings(run)
    assert saved["script"] == "train_classifier.py"
    assert saved["flags"].items() >= {"dataset": "digits", "code": 6, "filters": 2}.items()
    assert (saved["shape"], saved["pictures"], saved["held_out"]) == ([28, 28, 1], 57, 3)
    table = rows(run)
    assert tuple(table[0]) == ("iteration", "loss", "accuracy", "seconds")
    assert [row["iteration"] for row in table] == ["20", "25"]
    assert all(0 <= float(row["accuracy"]) <= 1 for row in table)
    # At the beginning all ten classes are about as likely; first weights of so small a network give
    # 2.3 to 3.0.
    assert float(table[0]["loss"]) == pytest.approx(np.log(10), rel=0.3)
    assert curves(run) == {"loss": [20, 25], "accuracy": [20, 25]}


def test_what_is_printed(trained):
    run, ended = trained("classifier")
    assert (ended.status, ended.err) == (0, "")
    first, place, row, *figures, last = ended.out.splitlines()
    assert first == "57 pictures, 28x28x1, of digits"
    assert place == f"the run is in {RESULTS / run.name}"
    assert re.fullmatch(r"iteration 25 of 25, loss \S+, accuracy \S+, 0 s left", row)
    assert figures == [f"  {k.replace('_', ' ')}: {v:.6g}" for k, v in report(run).items()]
    assert list(report(run)) == ["iterations", "held_out_pictures", "accuracy"]
    assert last == f"25 of 25 iterations are done: {RESULTS / run.name}"


def test_the_network(trained):
    """Of plain layers, to probabilities, with the weights of the state."""
    run, _ = trained("classifier")
    model = keras.models.load_model(run / "classifier.keras")
    assert (model.input_shape, model.output_shape) == ((None, 28, 28, 1), (None, 10))
    assert all(type(one).__module__.startswith("keras.") for one in model.layers)
    images = np.random.default_rng(0).uniform(-100, 100, (3, 28, 28, 1)).astype(np.float32)
    # Sums of ten float32.
    np.testing.assert_allclose(np.asarray(model(images)).sum(axis=1), 1, rtol=1e-6)
    trained_weights = [state(run)[f"classifier{number}"] for number in range(4)]
    for one, other in zip(model.get_weights(), trained_weights, strict=False):
        np.testing.assert_array_equal(one, other)


def test_a_seed(train, trained, folder):
    run, _ = trained("classifier")
    assert train("classifier", TWO_ROWS).status == 0
    again = folder / only(folder)
    results = weights(run / "classifier.keras")
    for one, other in zip(results, weights(again / "classifier.keras"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert losses(again) == losses(run)
    assert train("classifier", f"{TWO_ROWS} --seed 4294967295").status == 0
    assert_differ(results, weights(RESULTS / "digits-classifier.0" / "classifier.keras"))


@pytest.mark.slow
def test_it_learns(script, folder):
    """Digits that it has not seen are told apart."""
    argv = "--images 2000 --filters 8 --code 32 --batch_size 64 --iterations 150"
    assert script("train_classifier", argv).status == 0
    assert report(only(folder))["held_out_pictures"] == 100
    # A tenth by chance.
    assert report(only(folder))["accuracy"] > 0.6


def test_colours_are_told_apart(script, folder):
    """And pictures of one's own are stretched to 64x64."""
    write_pictures(folder / "pics", ("red", "green", "blue"), each=10)
    argv = "--dataset pics --filters 8 --code 32 --batch_size 9 --iterations 60 --mirror"
    ended = script("train_classifier", f"{argv} --learning_rate 3e-3")
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    assert settings(run)["shape"] == [64, 64, 3]
    assert (run / "classes.txt").read_text() == "blue\ngreen\nred\n"
    assert float(rows(run)[-1]["accuracy"]) > 0.8


def test_grey_pictures(script, folder):
    write_pictures(folder / "pics")
    argv = "--dataset pics --color grey --image_size 8 --filters 2 --iterations 1"
    ended = script("train_classifier", argv)
    assert (ended.status, ended.err) == (0, "")
    model = keras.models.load_model(only(folder) / "classifier.keras")
    assert (model.input_shape, model.output_shape) == ((None, 8, 8, 1), (None, 2))
