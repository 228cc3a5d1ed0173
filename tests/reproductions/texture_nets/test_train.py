"""Training runs of textures: files, lines, schedule, seeds."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

from common import backend
from reproductions.texture_nets import descriptor_weights
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import load_generator
from tests.backends import quickest
from tests.leftovers import assert_same, losses, pixels, rows, snapshot
from tests.reproductions.texture_nets.commands import (
    TEXTURE,
    call,
    prepare,
    results,
    script_path,
    warnings_of,
    weights,
    write_picture,
)
from tests.scripts import finish, start, words

EVERY = words("-num_iterations 5 -pictures_every 2 -model_every 3")


def begin(seed=0, **options):
    """The generator that a run begins with."""
    keras.utils.set_random_seed(seed)
    return Generator("pyramid", **options)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """From arguments to the folder of a run that was made with them, once, and how it ended."""
    made = {}

    def run(monkeypatch, capfd, *argv):
        if argv not in made:
            folder = tmp_path_factory.mktemp("run")
            with monkeypatch.context() as patched:
                prepare(folder, patched)
                ended = call("texture_train", [*TEXTURE, *argv], patched, capfd)
            assert ended.status == 0, ended.err
            made[argv] = folder / "out", ended
        return made[argv]

    return run


@pytest.fixture
def run(runs, folder, monkeypatch, capfd):
    return lambda text: runs(monkeypatch, capfd, *words(text))


@pytest.fixture
def plain(runs, folder, monkeypatch, capfd):
    """A run of five iterations, and how it ended."""
    return runs(monkeypatch, capfd, *EVERY)


def test_files_have_the_names_of_the_original(plain):
    names = {path.name for path in plain[0].iterdir() if "events.out." not in path.name}
    pictures = {f"train{i}_{iteration}.png" for i in (1, 2) for iteration in (2, 4)}
    models = {"model3.keras", "model.keras"}
    assert names == {
        *pictures,
        *models,
        *("losses.csv", "loss.png", "run.json", "state.npz", "target.png"),
    }


def test_pictures_are_the_batch(plain):
    for number in (1, 2):
        for iteration in (2, 4):
            assert pixels(plain[0] / f"train{number}_{iteration}.png").shape == (32, 32, 3)
    one, other = (pixels(plain[0] / f"train{number}_4.png") for number in (1, 2))
    assert (one != other).mean() > 0.2
    np.testing.assert_array_equal(
        pixels(plain[0] / "target.png"), pixels(plain[0].parent / "a.png")
    )


def test_every_iteration_has_a_line_with_the_loss(plain):
    folder, ended = plain
    assert ended.err == ""
    lines = [line.split("\t") for line in ended.out.splitlines() if "\t" in line]
    assert [line[0] for line in lines] == ["1", "2", "3", "4", "5"]
    table = rows(folder)
    assert list(table[0]) == ["iteration", "loss", "texture", "content", "seconds"]
    for line, row in zip(lines, table, strict=True):
        assert row["iteration"] == line[0]
        assert f"{float(row['loss']):.6g}" == line[1]
        assert float(row["loss"]) == float(row["texture"]) > 0
        assert float(row["content"]) == 0
    # The first iteration compiles and says nothing of the others.
    assert len(lines[0]) == 2
    assert all(line[2].endswith(" s left") for line in lines[1:])
    seconds = [float(row["seconds"]) for row in table]
    assert seconds == sorted(seconds)
    assert lines[-1][2] == "0 s left"


def test_the_loss_is_multiplied_by_its_weight(run):
    one, _ = run("-num_iterations 1 -texture_weight 1e6")
    other, _ = run("-num_iterations 1 -texture_weight 6e6")
    first, second = (float(rows(folder)[0]["loss"]) for folder in (one, other))
    assert second == pytest.approx(6 * first, rel=1e-5)


def test_where_the_run_is_and_what_it_is_made_with_is_told(plain):
    folder, ended = plain
    out = ended.out.splitlines()
    assert out[1].startswith("random weights (")
    assert out[2] == "the run is in out"
    assert out[-1] == "the model after iteration 5 is out/model.keras"
    saved = json.loads((folder / "run.json").read_text())
    assert saved["script"] == "texture_train.py"
    assert saved["weights"] == out[1]
    assert saved["command"].startswith("texture_train.py -texture a.png ")
    assert saved["flags"]["num_iterations"] == 5
    assert saved["flags"]["circular_padding"] is True
    assert keras.config.backend() in saved["versions"]


def test_tensorboard_has_the_losses_and_the_pictures(plain):
    folder, _ = plain
    [path] = folder.glob("events.out.tfevents.*")
    found = []
    for event in EventFileLoader(str(path)).Load():
        found += [(value.tag, event.step, value.tensor) for value in event.summary.value]
    steps = {tag: [step for name, step, _ in found if name == tag] for tag, *_ in found}
    each, painted = [1, 2, 3, 4, 5], {"train/0": [2, 4], "train/1": [2, 4]}
    assert steps == {"loss": each, "texture": each, "content": each, **painted}
    values = [make_ndarray(tensor) for tag, _, tensor in found if tag == "loss"]
    np.testing.assert_allclose(values, [float(row["loss"]) for row in rows(folder)], rtol=1e-6)
    for tag, step, tensor in found:
        if tag.startswith("train/"):
            # Width and height come first.
            (folder / "of_event").write_bytes(tensor.string_val[2])
            saved = folder / f"train{int(tag[-1]) + 1}_{step}.png"
            np.testing.assert_array_equal(pixels(folder / "of_event"), pixels(saved))
            (folder / "of_event").unlink()


def test_the_same_seed_gives_the_same_files(plain, folder, script):
    ended = script("texture_train", [*TEXTURE, *EVERY])
    assert warnings_of(ended) == []
    assert_same(results(folder / "out"), results(plain[0]))


def test_another_seed_gives_others(plain, run):
    folder, _ = run(f"{' '.join(EVERY)} -random_seed 1")
    one, other = results(plain[0]), results(folder)
    assert one.keys() == other.keys()
    assert one["train1_2.png"] != other["train1_2.png"]
    assert one["losses.csv"] != other["losses.csv"]
    kernel, begun = weights(folder / "model.keras")[0], begin(1).get_weights()[0]
    assert 0.01 < np.abs(kernel - begun).max() <= 0.1 * 5.1


def test_the_model_of_the_last_iteration_is_the_one_saved(run):
    folder, _ = run("-num_iterations 3 -model_every 1 -learning_rate_every 2")
    for one, other in zip(
        *map(weights, [folder / "model3.keras", folder / "model.keras"]), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@functools.cache
def steps_of(folder):
    """How far the trained weights moved in each of three iterations."""
    begun = begin()
    kept = [begun.get_weights()]
    kept += [weights(folder / f"model{iteration}.keras") for iteration in (1, 2, 3)]
    trained = [v.trainable for v in begun.variables]
    moved = []
    for before, after in itertools.pairwise(kept):
        pairs = zip(before, after, trained, strict=True)
        moved.append(np.concatenate([(b - a).ravel() for b, a, train in pairs if train]))
    return moved


def test_the_learning_rate_is_multiplied_every_so_many_iterations(run):
    """After iterations 2, 4, ...; Adam's moments do not depend on it."""
    often, seldom = (
        steps_of(run(f"-num_iterations 3 -model_every 1 -learning_rate_every {every}")[0])
        for every in (2, 300)
    )
    for number in (0, 1):
        np.testing.assert_array_equal(often[number], seldom[number])
    # Weights of size 1 and their changes have the rounding of float32, 6e-8 each.
    np.testing.assert_allclose(often[2], 0.8 * seldom[2], rtol=0, atol=3e-7)
    assert np.abs(seldom[2]).max() > 0.05
    other, _ = run(
        "-num_iterations 3 -model_every 1 -learning_rate_every 2 -learning_rate_factor 0.25"
    )
    np.testing.assert_allclose(steps_of(other)[2], 0.25 * seldom[2], rtol=0, atol=3e-7)


def test_the_first_step_is_as_long_as_the_learning_rate(run):
    """Adam's first step is the rate times the gradient's sign, whatever the gradient."""
    first, *_ = steps_of(run("-num_iterations 3 -model_every 1 -learning_rate_every 300")[0])
    lengths = np.abs(first)
    # Weights of size 1 have the rounding of float32.
    assert lengths.max() == pytest.approx(0.1, rel=1e-5)
    moved = lengths > 0
    # All but the constants that have no effect, and a few with gradients near 1e-8, move.
    assert np.median(lengths[moved]) == pytest.approx(0.1, rel=1e-2)


def test_averaged_weights(run):
    """How much an iteration keeps of them grows to -ema: done / (done + 10), but not above."""
    argv = "-num_iterations 3 -model_every 1 -learning_rate_every 300"
    plain, averaged = (run(text)[0] for text in (argv, f"{argv} -ema 0.1"))
    assert losses(plain) == losses(averaged)
    expected = begin().get_weights()
    for done, keep in ((1, 1 / 11), (2, 0.1), (3, 0.1)):
        now, found = (weights(folder / f"model{done}.keras") for folder in (plain, averaged))
        expected = [
            average * keep + one * (1 - keep) for average, one in zip(expected, now, strict=True)
        ]
        for one, average in zip(expected, found, strict=True):
            # Rounding of float32 in values of size 1 to 10.
            np.testing.assert_allclose(average, one, rtol=1e-6, atol=1e-6)
        assert max(np.abs(a - o).max() for a, o in zip(found, now, strict=True)) > 1e-3


def test_the_loss_falls(run):
    folder, _ = run("-num_iterations 60 -learning_rate 0.2")
    values = [float(row["loss"]) for row in rows(folder)]
    assert np.mean(values[-5:]) < 0.7 * np.mean(values[:5])


def test_normalised_gradients_change_the_steps_but_not_the_first_loss(plain, run):
    folder, _ = run(f"{' '.join(EVERY)} -normalize_gradients")
    assert losses(folder)[0] == losses(plain[0])[0]
    assert losses(folder)[1] != losses(plain[0])[1]


def test_no_borders_in_the_descriptor_change_the_loss(plain, run):
    folder, _ = run("-num_iterations 1 -vgg_no_pad")
    assert losses(folder)[0] != losses(plain[0])[0]


def test_a_folder_that_was_used_before(folder, script):
    argv = [*TEXTURE, *words("-num_iterations 1 -pictures_every 1")]
    assert warnings_of(script("texture_train", argv)) == []
    before = snapshot(folder / "out")
    [warning] = warnings_of(script("texture_train", [*argv, "-random_seed", "1"]))
    assert warning == (
        "an earlier run in out is replaced, its pictures and models as new ones are made; "
        "see -tmp_path"
    )
    after = snapshot(folder / "out")
    events = {name for name in before if "events" in name}
    assert len(events) == 1 and not events & set(after)
    assert all(after[n] > before[n] for n in before if n in after)
    assert len(losses(folder / "out")) == 1


def test_pictures_of_other_shapes_and_depths(folder, script):
    """The longer side becomes -image_size."""
    write_picture(folder / "wide.png", (50, 20))
    argv = [*TEXTURE, "-texture", "wide.png", *words("-num_iterations 1 -noise_depth 5")]
    assert warnings_of(script("texture_train", argv)) == []
    assert load_generator(folder / "out" / "model.keras").noise_depth == 5
    assert pixels(folder / "out" / "target.png").shape == (20, 50, 3)


KINDS = {
    "pyramid": "-circular_padding false",
    "pyramid2": "-normalization instance",
    "skip": "",
    "skip_noise": "-circular_padding false -normalization instance",
}


@pytest.mark.parametrize(
    ("name", "compiled"),
    [
        ("pyramid", False),
        ("skip_noise", False),
        *[pytest.param(name, False, marks=pytest.mark.slow) for name in ("pyramid2", "skip")],
        *[pytest.param(name, True, marks=pytest.mark.slow) for name in KINDS],
    ],
)
def test_the_networks_as_they_are(name, compiled, tmp_path, monkeypatch, capfd):
    """Training, saving and sampling, at the smallest size; compiling takes longest."""
    prepare(tmp_path, monkeypatch, small=False)
    monkeypatch.setattr(descriptor_weights, "_TEXTURES", tmp_path / "textures")
    if not compiled:
        monkeypatch.setattr(backend, "compile", quickest)
    side = 64 if name == "pyramid2" else 32
    argv = [*TEXTURE, *words(f"-model_name {name} -image_size {side} -num_iterations 2")]
    argv += [*words("-pictures_every 3 -texture_layers relu1_1"), *words(KINDS[name])]
    assert warnings_of(call("texture_train", argv, monkeypatch, capfd)) == []
    table = losses(tmp_path / "out")
    assert len(table) == 2 and table[0] != table[1]
    generator = load_generator("out/model.keras")
    config = generator.get_config()
    assert (config["network"], config["stylization"]) == (name, False)
    assert config["circular"] == ("-circular_padding false" not in KINDS[name])
    assert config["normalization"] == ("instance" if "instance" in KINDS[name] else "batch")
    keras.utils.set_random_seed(0)
    begun = [v.numpy() for v in Generator(**config).parameters()]
    trained = [v.numpy() for v in generator.parameters()]
    moved = [np.abs(a - b).max() for a, b in zip(trained, begun, strict=True)]
    # Two steps of Adam, each about as long as the learning rate.
    assert 0.1 < max(moved) < 0.21
    argv = ["-model", "out/model.t7", "-sample_size", side]
    assert warnings_of(call("texture_sample", argv, monkeypatch, capfd)) == []
    assert pixels(tmp_path / "4.png").shape == (side, side, 3)


@pytest.mark.slow
def test_a_script_in_a_process_of_its_own(tmp_path, monkeypatch):
    prepare(tmp_path, monkeypatch, small=False)
    ended = finish(start([script_path("texture_train"), *TEXTURE, *EVERY], tmp_path))
    assert warnings_of(ended) == []
    assert len(losses(tmp_path / "out")) == 5
