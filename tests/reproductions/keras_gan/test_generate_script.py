"""Pictures by a trained run, from the command line."""

import json
import math
import shutil

import numpy as np
import pytest

from tests.leftovers import pixels, state
from tests.reproductions.keras_gan.commands import RESULTS, copied, frames, samples_in

GROWN = "--epochs 3 --save_interval 3 --grow"


@pytest.fixture
def generate(run, folder, script):
    """From flags to the pictures and the folder that they are in."""

    def generate(flags="", made="made"):
        ended = script("generate", f"--output_dir {made} {flags}")
        assert (ended.status, ended.err) == (0, "")
        return np.stack([pixels(path) for path in samples_in(folder / made)]), folder / made

    return generate


def test_a_hundred_pictures_in_the_folder_of_the_run(run, script):
    ended = script("generate")
    grid = RESULTS / run.name / "generated/grid.png"
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"100 pictures by {RESULTS / run.name}: {grid}\n"
    samples = samples_in(run / "generated")
    assert [path.name for path in samples] == [f"sample_{n:04d}.png" for n in range(1, 101)]
    assert {pixels(path).shape for path in samples} == {(8, 8, 3)}
    # Ten columns of ten pixels, enlarged.
    assert pixels(grid).shape == (200, 200, 3)


def test_the_grid_shows_the_samples(generate):
    found, made = generate("--sample_size 12")
    assert len(found) == 12
    sheet = pixels(made / "grid.png")
    times = sheet.shape[1] // 100
    assert sheet.shape == (20 * times, 100 * times, 3)
    cells = sheet[::times, ::times].reshape(2, 10, 10, 10, 3).swapaxes(1, 2).reshape(20, 10, 10, 3)
    np.testing.assert_array_equal(cells[:12, 1:-1, 1:-1], found)
    # What is not filled is grey.
    assert (cells[12:] == 128).all()


def test_the_same_seed_gives_the_same_and_more_begin_with_it(generate):
    one, _ = generate("--sample_size 3", "one")
    again, _ = generate("--sample_size 3", "again")
    more, _ = generate("--sample_size 130", "more")
    other, _ = generate("--sample_size 3 --seed 43", "other")
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one, more[:3])
    assert all((a != b).any() for a, b in zip(one, other, strict=True))


def test_walks_go_from_sample_to_sample(generate):
    found, made = generate("--sample_size 2 --interpolate 3 --steps 5")
    ends, _ = generate("--sample_size 4", "ends")
    assert len(found) == 2
    sheet = pixels(made / "interpolation.png")
    times = sheet.shape[1] // 50
    cells = sheet[::times, ::times].reshape(3, 10, 5, 10, 3).swapaxes(1, 2)[:, :, 1:-1, 1:-1]
    np.testing.assert_array_equal(cells[:, 0], ends[:3])
    np.testing.assert_array_equal(cells[:, -1], ends[1:])
    for walk in cells:
        assert all((walk[i] != walk[i + 1]).any() for i in range(4))
    assert frames(made / "interpolation.gif") == 15


def test_without_walks_there_are_no_files_of_them(generate):
    _, made = generate("--sample_size 1")
    assert {path.name for path in made.iterdir()} == {"sample_0001.png", "grid.png"}


def test_a_run_by_name_by_path_and_the_latest(folder, script, trained):
    one = copied(trained()[0], folder)
    other = copied(trained("--seed 1")[0], folder / "elsewhere")
    for flags, found in (
        ("", RESULTS / one.name),
        ("--run latest", RESULTS / one.name),
        (f"--run {one.name}", RESULTS / one.name),
        (f"--run {other}", other),
        ("--run elsewhere/results/keras_gan/digits-dcgan", other.relative_to(folder)),
        ("--results_dir elsewhere/results/keras_gan", other.relative_to(folder)),
    ):
        ended = script("generate", f"--sample_size 1 {flags}")
        assert ended.out == f"1 pictures by {found}: {found / 'generated/grid.png'}\n"
    assert (one / "generated/sample_0001.png").read_bytes() != (
        other / "generated/sample_0001.png"
    ).read_bytes()


def test_a_generator_that_grew(folder, script, trained):
    run = copied(trained(GROWN)[0], folder)
    assert script("generate", "--sample_size 25").status == 0
    sheet = pixels(run / "samples/epoch_0003.png")
    times = sheet.shape[0] // 50
    cells = sheet[::times, ::times].reshape(5, 10, 5, 10, 3).swapaxes(1, 2)[:, :, 1:-1, 1:-1]
    found = [pixels(path) for path in samples_in(run / "generated")]
    np.testing.assert_array_equal(cells.reshape(25, 8, 8, 3), found)


def test_a_generator_in_the_midst_of_growth(folder, script, trained):
    """The last stage has not begun: its layers are there, and not used."""
    run = copied(trained(GROWN)[0], folder)
    assert script("generate", "--sample_size 1 --output_dir whole").status == 0
    np.savez(run / "state.npz", **(state(run) | {"stage": 0}))
    assert script("generate", "--sample_size 1 --output_dir part").status == 0
    names = (folder / name / "sample_0001.png" for name in ("whole", "part"))
    assert (pixels(next(names)) != pixels(next(names))).any()


def test_before_training(folder, script):
    ended = script("generate")
    assert (ended.status, ended.out) == (1, "")
    assert ended.error == (
        "error: no GAN has been trained in results/keras_gan; `python reproductions/keras_gan/"
        "train.py` trains one, in Python `GAN().train()`"
    )
    assert not list(folder.iterdir())


def test_a_run_that_was_killed_before_its_first_state(run, script):
    (run / "state.npz").unlink()
    ended = script("generate", f"--run {run.name}")
    assert ended.status == 1
    advice = f"train.py --resume {run.name} goes on"
    assert ended.error == f"error: {RESULTS / run.name} has not been trained yet: {advice}"


@pytest.mark.parametrize("name", ["nowhere", "empty", "a.txt"])
def test_no_such_run(folder, run, script, name):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no run")
    ended = script("generate", f"--run {name}")
    assert ended.status == 1 and f"error: no run {name} in {RESULTS}" in ended.error


def check_damaged(script, run):
    """It is refused, in one line, and nothing is written."""
    ended = script("generate", "--sample_size 1")
    assert (ended.status, ended.out) == (1, "")
    assert ended.error.startswith(f"error: {RESULTS / run.name}")
    assert not (run / "generated").exists()


def change_settings(run, change):
    """Changes `run.json`: entries, or flags if they are not of the first level."""
    saved = json.loads((run / "run.json").read_text())
    for name, value in change.items():
        place = saved if name in saved else saved["flags"]
        if value is KeyError:
            del place[name]
        else:
            place[name] = value
    (run / "run.json").write_text(json.dumps(saved))


@pytest.mark.parametrize("name", ["script", "flags", "shape", "latent", "filters"])
@pytest.mark.parametrize("value", [KeyError, None, "x", {}, -1, math.inf], ids=str)
def test_damaged_settings(run, script, name, value):
    change_settings(run, {name: value})
    check_damaged(script, run)


@pytest.mark.parametrize(
    "change",
    [
        {"grow": "all"},
        {"shape": [8, 8, 3]},
        {"shape": [8, 8, 1, 1]},
        {"shape": [0, 8, 1]},
        {"shape": [8, -8, 1]},
        {"shape": [8, math.nan, 1]},
        {"latent": 7},
        {"latent": 0},
        {"filters": 0},
        {"filters": 3},
        {"architecture": "mlp"},
        {"architecture": "cube"},
        {"architecture": None},
        {"architecture": KeyError},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_state(run, script, change):
    change_settings(run, change)
    check_damaged(script, run)


@pytest.mark.parametrize("name", ["versions", "command", "data"])
def test_settings_that_are_not_needed(run, script, name):
    change_settings(run, {name: KeyError})
    assert script("generate", "--sample_size 1").status == 0


@pytest.mark.parametrize("part", ["empty", "half", "garbage", "folder"])
@pytest.mark.parametrize("name", ["state.npz", "run.json"])
def test_damaged_files(run, script, name, part):
    path = run / name
    content = path.read_bytes()
    path.unlink()
    if part == "folder":
        path.mkdir()
        ended = script("generate", f"--run {run.name}")
        assert ended.status == 1 and ended.error.startswith("error: ")
        return
    changed = {"empty": b"", "half": content[: len(content) // 2], "garbage": b"\xff" * 999}
    path.write_bytes(changed[part])
    check_damaged(script, run)


def test_every_array_of_the_generator_is_needed(run, script):
    arrays = state(run)
    needed = [name for name in arrays if name.startswith("generator") or name == "stage"]
    assert len(needed) > 5
    for name in needed:
        np.savez(run / "state.npz", **{key: arrays[key] for key in arrays if key != name})
        check_damaged(script, run)


@pytest.mark.parametrize("value", [-1, 1, [0, 0], "x", math.nan, math.inf, 10**12], ids=str)
def test_a_stage_that_cannot_be(run, script, value):
    np.savez(run / "state.npz", **(state(run) | {"stage": value}))
    check_damaged(script, run)


@pytest.mark.parametrize("value", [math.nan, "x", 1j], ids=str)
def test_weights_that_are_not_numbers(run, script, value):
    arrays = state(run)
    arrays["generator0"] = np.full(arrays["generator0"].shape, value)
    np.savez(run / "state.npz", **arrays)
    check_damaged(script, run)


def test_an_output_folder_that_is_a_file(folder, run, script):
    (folder / "a.txt").write_text("no folder")
    for name in ("a.txt", "a.txt/made"):
        ended = script("generate", f"--output_dir {name}")
        assert ended.status == 1
        assert ended.error.startswith(f"error: cannot write to the folder {name}: ")


def test_the_adam_of_a_run_is_not_needed(run, script):
    """A state without what only training needs."""
    kept = {name: array for name, array in state(run).items() if not name.startswith("adam")}
    np.savez(run / "state.npz", **kept)
    shutil.rmtree(run / "samples")
    assert script("generate", "--sample_size 1").status == 0
