"""The original's Python interface."""

import json
import os

import numpy as np
import pytest

from common.errors import UserError
from reproductions.keras_gan import GAN
from tests.leftovers import losses, pixels, state
from tests.reproductions.keras_gan.commands import RESULTS, TINY, copied, only, samples_in
from tests.scripts import finish, start_code

#: `SMALL` in Python.
FLAGS = {
    "dataset": "digits",
    "images": 40,
    "batch_size": 5,
    "epochs": 2,
    "architecture": "dcgan",
    "filters": 2,
    "latent": 6,
    "image_size": 8,
}


def test_training_is_that_of_the_script(folder, trained):
    """Flags of the constructor and of the call go together; the call's win."""
    gan = GAN(**{**FLAGS, "epochs": 9, "results_dir": "made"})
    found = gan.train(epochs=2, k=1, save_interval=5)
    assert found.resolve() == folder / "made" / "digits-dcgan"
    whole = trained()[0]
    assert losses(found) == losses(whole)
    ours, theirs = state(found), state(whole)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    pictures = gan.generate(sample_size=2)
    assert pictures.shape == (2, 8, 8, 1)
    assert len(samples_in(found / "generated")) == 2


def test_it_grows_and_is_generated_by_what_was_trained(folder, monkeypatch):
    """Also if another run was trained later, and the current folder is another."""
    gan = GAN(**FLAGS)
    found = gan.train(epochs=1, grow=True)
    assert json.loads((found / "run.json").read_text())["flags"]["grow"] == "all"
    copy = copied(found, folder / "other").rename(folder / RESULTS / "later")
    os.utime(copy / "state.npz")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    gan.generate(sample_size=1)
    assert (folder / found / "generated/grid.png").exists()
    assert not (copy / "generated").exists()


def test_going_on(run, trained):
    found = GAN().train(resume="latest", epochs=3)
    assert found.resolve() == run
    assert losses(run)[:2] == losses(trained()[0])
    assert int(state(run)["iteration"]) == 24


def test_generating_in_a_new_process(folder, run, script):
    """Importing the package imports no TensorFlow; what comes is what the script makes."""
    code = """
import sys
from reproductions.keras_gan import GAN, r_format
assert not {"tensorflow", "keras"} & set(sys.modules)
import numpy
numpy.save("found.npy", GAN().generate(sample_size=7))
"""
    ended = finish(start_code(code, folder))
    assert (ended.status, ended.err) == (0, "")
    found = np.load(folder / "found.npy")
    assert (found.shape, found.dtype) == ((7, 8, 8, 1), np.uint8)
    files = samples_in(run / "generated")
    assert [path.name for path in files] == [f"sample_000{number}.png" for number in range(1, 8)]
    np.testing.assert_array_equal(found.repeat(3, axis=3), [pixels(path) for path in files])
    # Seven pictures of ten pixels with their borders, enlarged.
    assert pixels(run / "generated/grid.png").shape == (280, 1960, 3)
    assert script("generate", "--sample_size 7 --output_dir made").status == 0
    for path in files:
        assert path.read_bytes() == (folder / "made" / path.name).read_bytes()


def test_the_seed_of_the_constructor(run):
    one, same = GAN(seed=3).generate(sample_size=2), GAN().generate(sample_size=2, seed=3)
    np.testing.assert_array_equal(one, same)
    assert (one != GAN().generate(sample_size=2)).any()


def test_flags_of_training_do_not_disturb_generating(run):
    assert len(GAN(**FLAGS).generate(sample_size=1, interpolate=1, steps=3)) == 1
    assert (run / "generated/interpolation.png").exists()


@pytest.mark.parametrize(
    ("method", "flags", "message"),
    [
        ("train", {"epochs": 0}, "--epochs: must be 1 or more, got 0"),
        ("train", {"epochs": "many"}, "must be a whole number, got 'many'"),
        ("train", {"k": 1.5}, "--k: must be a whole number, got '1.5'"),
        ("train", {"batch_size": True}, "--batch_size: expected one argument"),
        ("train", {"loss": "hinge"}, "invalid choice: 'hinge'"),
        ("train", {"no_such_flag": 1}, "unrecognized arguments: --no_such_flag=1"),
        ("train", {"resume": "nowhere"}, "no run nowhere in results/keras_gan"),
        ("train", {"dataset": "nowhere"}, "no dataset "),
        ("train", {"dataset": "digits", "images": 4}, "--batch_size 5 is more than the data"),
        ("train", {"seed": -1}, "must be a whole number from 0 to 4294967295, got '-1'"),
        ("train", {"preset": "slow"}, "invalid choice: 'slow'"),
        ("train", {"learning_rate": float("nan")}, "must be a finite 32-bit number"),
        ("generate", {"sample_size": 0}, "--sample_size: must be 1 or more, got 0"),
        ("generate", {"steps": 1}, "--steps: must be 2 or more, got 1"),
        ("generate", {"epochs": 1}, "unrecognized arguments: --epochs=1"),
        ("generate", {}, "no GAN has been trained in results/keras_gan"),
        ("generate", {"run": "nowhere"}, "no run nowhere in results/keras_gan"),
    ],
)
def test_wrong_flags(folder, capfd, method, flags, message):
    """An exception of one line; Python goes on, and nothing is printed or written."""
    with pytest.raises(UserError) as raised:
        getattr(GAN(), method)(**flags)
    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
    assert not list(folder.iterdir())


def test_flags_that_cannot_change(run):
    with pytest.raises(UserError, match="--k cannot change in a resumed run; only --epochs"):
        GAN().train(resume=run, k=2)


def test_none_and_false_are_flags_not_given(folder):
    argv = dict(zip(TINY[::2], TINY[1::2], strict=True))
    flags = {name.removeprefix("--"): value for name, value in argv.items()}
    GAN(dataset="digits", images=10, epochs=1, **flags).train(grow=False, augment=None)
    saved = json.loads((only(folder) / "run.json").read_text())["flags"]
    assert (saved["grow"], saved["augment"]) == (None, None)
