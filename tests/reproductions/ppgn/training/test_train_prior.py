"""Training priors, from the command line."""

import re

import keras
import numpy as np
import pytest

from reproductions.ppgn.start import MEAN_COLOUR
from tests.leftovers import files_below, losses, pixels, rows, state
from tests.reproductions.ppgn.training.commands import (
    NETWORKS,
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

KINDS = ("prior_h", "prior_x")


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_run(trained, kind):
    """Only of pixels there is something to see."""
    run, _ = trained(kind)
    assert run.name == f"digits-{kind}"
    files = {re.sub(r"tfevents.*", "tfevents", name) for name in files_below(run)}
    samples = {f"samples/iteration_{n:07d}.png" for n in (0, 10, 20, 25) if kind == "prior_x"}
    assert files == samples | {
        *("samples", "run.json", "losses.csv", "loss.png", "events.out.tfevents"),
        *("state.npz", "report.json", *NETWORKS[kind]),
    }
    assert is_drawn(run)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_and_losses(trained, kind):
    run, _ = trained(kind)
    saved = settings(run)
    assert saved["script"] == "train_prior.py"
    assert saved["flags"]["of"] == kind[-1]
    assert saved["weights"] == (["encoder.keras"] if kind == "prior_h" else [])
    table = rows(run)
    assert tuple(table[0]) == ("iteration", "error", "error_of_input", "seconds")
    assert [row["iteration"] for row in table] == ["20", "25"]
    found = curves(run)
    assert found.pop("samples", None) == ([0, 10, 20, 25] if kind == "prior_x" else None)
    assert found == {"error": [20, 25], "error_of_input": [20, 25]}
    if kind == "prior_x":
        # Standard deviation 0.1 of the range of codes, 30; 80 pictures of 784 pixels each.
        assert float(table[0]["error_of_input"]) == pytest.approx(9, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_printed(trained, kind):
    run, ended = trained(kind)
    assert (ended.status, ended.err) == (0, "")
    first, place, row, *figures, last = ended.out.splitlines()
    assert first == "57 pictures, 28x28x1, of digits"
    assert place == f"the run is in {RESULTS / run.name}"
    assert re.fullmatch(r"iteration 25 of 25, error \S+, error_of_input \S+, 0 s left", row)
    assert figures == [f"  {k.replace('_', ' ')}: {v:.6g}" for k, v in report(run).items()]
    assert list(report(run)) == ["iterations", "error", "error_of_input"]
    assert last == f"25 of 25 iterations are done: {RESULTS / run.name}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_prior(trained, kind):
    """Of plain layers, from codes to codes, with the weights of the state."""
    run, _ = trained(kind)
    model = keras.models.load_model(run / "prior.keras")
    code = 6 if kind == "prior_h" else 28 * 28
    assert model.input_shape == model.output_shape == (None, code)
    assert all(type(one).__module__.startswith("keras.") for one in model.layers)
    saved = state(run)
    for number, one in enumerate(model.variables):
        np.testing.assert_array_equal(np.asarray(one), saved[f"prior{number}"])


def test_the_networks_beside_a_prior_of_pixels(trained):
    """G and E do nothing but change the range, and undo it."""
    run, _ = trained("prior_x")
    generator = keras.models.load_model(run / "generator.keras")
    encoder = keras.models.load_model(run / "encoder.keras")
    codes = np.linspace(0, 30, 784, dtype=np.float32)[None]
    images = np.asarray(generator(codes))
    assert images.shape == (1, 28, 28, 1)
    mean = np.mean(MEAN_COLOUR)
    # float32 of numbers up to 255.
    np.testing.assert_allclose(images.ravel() + mean, codes[0] * 8.5, rtol=0, atol=1e-4)
    found = keras.Model(encoder.inputs, encoder.get_layer("fc6").output)(images)
    np.testing.assert_allclose(np.asarray(found), codes, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_seed(train, trained, folder, kind):
    run, _ = trained(kind)
    assert train(kind, TWO_ROWS).status == 0
    again = folder / only(folder)
    results = weights(run / "prior.keras")
    for one, other in zip(results, weights(again / "prior.keras"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert losses(again) == losses(run)
    assert train(kind, f"{TWO_ROWS} --seed 4294967295").status == 0
    assert_differ(results, weights(RESULTS / f"digits-{kind}.0" / "prior.keras"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(train, folder, kind):
    assert train(kind, "--iterations 300 --learning_rate 1e-2").status == 0
    table = rows(only(folder))
    assert float(table[-1]["error"]) < 0.5 * float(table[0]["error"])


def test_how_much_noise(train, folder):
    """The error of what goes in is the square of the level, of the range of codes."""
    assert train("prior_x", "--iterations 1 --noise 0.2").status == 0
    # 4 pictures of 784 pixels.
    assert float(rows(only(folder))[0]["error_of_input"]) == pytest.approx(36, rel=0.1)


def test_coloured_pictures(script, folder):
    write_pictures(folder / "pics")
    argv = "--of x --dataset pics --image_size 8 --filters 2 --batch_size 4 --iterations 2"
    ended = script("train_prior", f"{argv} --mirror")
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    assert keras.models.load_model(run / "prior.keras").input_shape == (None, 8 * 8 * 3)
    assert keras.models.load_model(run / "generator.keras").output_shape == (None, 8, 8, 3)
    assert settings(run)["shape"] == [8, 8, 3]


def test_the_sampler_takes_a_prior_of_codes(sampled, trained):
    """Instead of the way through image and encoder."""
    prior = trained("prior_h")[0] / "prior.keras"
    [path] = sampled("--units 3")
    without = pixels(path)
    assert sampled(f"--units 3 --prior_definition {prior} --epsilon1 1") != [path]
    [other] = set(sampled(f"--units 3 --prior_definition {prior} --epsilon1 1")) - {path}
    assert (pixels(other) != without).any()


def test_the_sampler_takes_a_prior_of_pixels(sampled, trained):
    """PPGN-x: the codes are pixels."""
    run, _ = trained("prior_x")
    networks = f"--generator_definition {run}/generator.keras"
    networks += f" --encoder_definition {run}/encoder.keras"
    networks += f" --prior_definition {run}/prior.keras"
    [path] = sampled("--units 3_4", networks)
    picture = pixels(path)
    assert picture.shape == (28, 28, 3) and picture.std() > 0
