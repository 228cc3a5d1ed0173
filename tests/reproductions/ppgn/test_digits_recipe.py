"""The recipe of the suite's own networks, from begin to end."""

import shlex

import numpy as np
import pytest
from PIL import Image

from reproductions.ppgn import digits_recipe
from reproductions.ppgn.options import parse_class
from tests.leftovers import pixels, snapshot
from tests.reproductions.ppgn.training import commands

folder, script, trained = commands.folder, commands.script, commands.trained

PARTS = ("classes", "many", "hidden", "start", "holes")


@pytest.fixture
def fewer_steps(monkeypatch):
    """Chains of four steps: what they reach is measured elsewhere."""
    for flags in (digits_recipe.DIGITS, digits_recipe.HOLES):
        monkeypatch.setitem(flags, "n_iters", 4)


def test_the_recipe(folder, script, fewer_steps):
    ended = script("recipes", "digits --each 1")
    assert (ended.status, ended.err) == (0, "")
    home = folder / "output" / "digits"
    *commands_of, last = ended.out.splitlines()
    assert last == str(home / "digits.png")
    assert {path.name for path in home.iterdir()} == {*PARTS, "start.png", "digits.png"}
    # What is printed can be called.
    assert len(commands_of) == 5
    for line, part in zip(commands_of, PARTS, strict=True):
        name, *argv = shlex.split(line)
        assert name == "sampling_class.py"
        flags = parse_class(argv)
        assert flags.output_dir == f"output/digits/{part}"
        assert (flags.net_definition, flags.generator_definition) == (
            "digits_encoder",
            "digits_generator",
        )
        assert (flags.epsilon4 > 0) == (part == "holes")
    count = {part: len(list((home / part).glob("fc8*.jpg"))) for part in PARTS}
    assert count == {"classes": 10, "many": 1, "hidden": 0, "start": 1, "holes": 10}
    assert len(list((home / "hidden").glob("conv2*.jpg"))) == 10
    assert len(list((home / "many" / "samples").glob("*.jpg"))) > 0
    with Image.open(home / "digits.png") as image:
        sheet = np.asarray(image)
    # As wide as ten digits of three times their size, and as high as five rows with titles.
    assert 850 <= sheet.shape[1] <= 900 and sheet.shape[0] > 5 * (84 + 16)
    assert sheet.std() > 50
    assert pixels(home / "start.png").shape == (28, 28, 3)


@pytest.mark.slow
def test_chains_and_folders(folder, script, fewer_steps):
    """Several chains for each digit, other random numbers, another folder."""
    ended = script("recipes", "digits --each 2 --seed 5 --output_dir here")
    assert (ended.status, ended.err) == (0, "")
    assert len(list((folder / "here" / "classes").glob("fc8*__[56].jpg"))) == 20
    assert not (folder / "output").exists()


@pytest.mark.slow
def test_training_first(folder, script, trained, fewer_steps, monkeypatch):
    """With --train, or where the networks are not there; the training itself is made short."""
    # Ten units of conv2 are shown.
    classifier = trained("classifier", "--iterations 1 --filters 5")[0]
    generator = trained("generator")[0]
    asked = []

    def short(run):
        def train(flags):
            asked.append(flags)
            return run

        return train

    monkeypatch.setattr(digits_recipe, "train_classifier", short(classifier))
    monkeypatch.setattr(digits_recipe, "train_generator", short(generator))
    asked_for = {"iterations": 10_000}
    monkeypatch.setattr(digits_recipe, "read_figures", lambda folder: asked_for)
    ended = script("recipes", "digits --each 1 --train")
    assert (ended.status, ended.err) == (0, "")
    assert f"--generator_definition={generator / 'generator.keras'}" in ended.out
    assert ended.out.count(str(classifier / "classifier.keras")) == 10
    assert [one.script for one in asked] == ["train_classifier.py", "train_generator.py"]
    assert asked[1].encoder_definition == str(classifier / "classifier.keras")
    assert asked[1].iterations == 4000
    monkeypatch.setitem(digits_recipe.KEPT, "digits_generator", "nowhere.keras")
    assert digits_recipe._networks(False)["generator_definition"].endswith("generator.keras")
    assert len(asked) == 4


@pytest.mark.parametrize(
    "flags",
    [
        *("--each 0", "--each x", "--seed -1", "--seed 4294967290", "--train=1", "--units 3"),
        *("extra", "--n_iters 3"),
    ],
)
def test_wrong_flags(folder, script, flags):
    before = snapshot(folder)
    ended = script("recipes", f"digits {flags}")
    assert ended.status == 2
    assert ended.error.startswith("recipes.py digits: error: ")
    assert flags.split()[0].split("=")[0] in ended.error
    assert snapshot(folder) == before


def test_a_folder_that_is_none(folder, script):
    (folder / "a.txt").write_text("no folder")
    before = snapshot(folder)
    for name in ("a.txt", "a.txt/digits"):
        ended = script("recipes", f"digits --each 1 --output_dir {name}")
        assert ended.status == 1
        assert ended.error.startswith("error: ") and "a.txt" in ended.error
    assert snapshot(folder) == before


def test_other_recipes_are_as_they_were(folder, script):
    ended = script("recipes", "digit")
    assert ended.status == 2
    expected = "there is no recipe digit, there are 1 to 7 and digits (-h lists the recipes)"
    assert ended.error == f"recipes.py: error: {expected}"
