"""Recipes that go on with a run: its own names and labels, and refusals of other runs."""

import json

import pytest

from reproductions.ppgn import recipe_pictures
from tests.leftovers import files_below
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    NETWORKS,
    assert_only_warnings,
    call,
    only,
    prepare,
    results,
)
from tests.scripts import error, words

ALL = "--save_every 1 --threshold -1 --lr 0.1 --lr_end 0.1"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def recipe(monkeypatch, capfd):
    """Calls the recipes."""

    def recipe(*argv):
        return call("recipes", [*argv], monkeypatch, capfd)

    return recipe


@pytest.fixture
def begin(recipe):
    """Runs a recipe with small networks."""

    def begin(number, argument, more):
        small = CAPTIONED if number == 5 else NETWORKS
        ended = recipe(number, argument, *small, *words(more))
        assert_only_warnings(ended)
        return ended

    return begin


def made_again(folder, recipe, number, argument):
    """Removes all pictures but samples, goes on with the only run, and compares."""
    run = only(folder, "output/**/*.run")
    before = {name: one for name, one in results(folder / "output").items() if "run/" not in name}
    for name in before:
        if "samples/" not in name:
            (folder / "output" / name).unlink()
    ended = recipe(number, argument, "--resume", run)
    assert_only_warnings(ended)
    after = {name: one for name, one in results(folder / "output").items() if "run/" not in name}
    assert after == before
    return before


def test_a_sweep(folder, begin, recipe):
    begin(1, 3, f"--n_iters 2 {ALL} --sweep epsilon1=1e-5,1")
    names = made_again(folder, recipe, 1, 3)
    chains = [name for name in names if "/chain_fc8_0003" in name]
    assert len(chains) == 2 and not any("hx_" in name for name in names)


def test_a_batch_of_units(folder, begin, recipe):
    begin(1, "3_5", f"--n_iters 2 {ALL} --batch_units")
    names = made_again(folder, recipe, 1, "3_5")
    assert len([name for name in names if "/chain_fc8_000" in name]) == 2


def test_a_number_as_it_was_written(folder, begin, recipe):
    begin(1, 3, f"--n_iters 2 {ALL} --epsilon1 1e-1")
    names = made_again(folder, recipe, 1, 3)
    out = "fc8_chain_3_eps1_1e-1_eps3_1e-17"
    assert f"{out}/fc8_chain_3_hx_1e-1_noise_1e-17__0.jpg" in names
    assert files_below(folder / "output") >= {out}
    assert len(list((folder / "output").iterdir())) == 1


def test_the_argument_of_recipe_2(folder, begin, recipe):
    begin(2, "1e-3", f"--units 3_5 --n_iters 2 {ALL}")
    names = made_again(folder, recipe, 2, "1e-3")
    assert any(name.endswith("/fc8_chain_3_5_hx_1e-3_noise_1e-17__0.jpg.gif") for name in names)


@pytest.mark.parametrize("sentence", ["a_dog_barks", "a dog barks"])
def test_the_sentence_of_recipe_5(folder, begin, recipe, monkeypatch, sentence):
    labels, whole = [], recipe_pictures.with_label

    def with_label(pixels, label, *more):
        labels.append(label)
        return whole(pixels, label, *more)

    monkeypatch.setattr(recipe_pictures, "with_label", with_label)
    begin(5, sentence, "--n_iters 1")
    names = made_again(folder, recipe, 5, sentence)
    assert labels == ["a dog barks"] * 2
    assert any(name.endswith("/a_dog_barks/a_dog_barks.jpg") for name in names)


def test_other_blanks_in_a_sentence_are_the_same_sentence(folder, begin, recipe):
    begin(5, "a dog  barks", "--n_iters 1 --batch 1")
    made_again(folder, recipe, 5, "a_dog_barks")


def test_what_a_run_knows_of_its_recipe(folder, begin):
    begin(1, 3, f"--n_iters 2 {ALL} --epsilon1 1e-1")
    saved = json.loads((only(folder, "output/*/*.run") / "run.json").read_text())
    assert (saved["recipe"]["number"], saved["recipe"]["argument"]) == (1, "3")
    texts = saved["recipe"]["texts"]
    assert (texts["epsilon1"], texts["epsilon3"], texts["units"]) == ("1e-1", "1e-17", "3")
    assert "recipe" not in saved["flags"]


@pytest.mark.parametrize(("number", "argument"), [(2, "3"), (3, "3"), (1, "4"), (1, "03")])
def test_another_recipe_or_argument(folder, begin, recipe, number, argument):
    begin(1, 3, f"--n_iters 1 {ALL}")
    run, before = only(folder, "output/*/*.run"), results(folder)
    settings = (run / "run.json").read_bytes()
    ended = recipe(number, argument, "--resume", run)
    assert ended.status == 1
    assert error(ended) == f"error: {run} is a run of recipe 1 for 3"
    assert results(folder) == before and (run / "run.json").read_bytes() == settings


def test_a_run_of_the_script_itself(folder, recipe, monkeypatch, capfd):
    argv = [*NETWORKS, *words("--units 3 --n_iters 1 --lr 0.1")]
    assert_only_warnings(call("sampling_class", argv, monkeypatch, capfd))
    run, before = only(folder, "*.run"), results(folder)
    ended = recipe(1, 3, "--resume", run)
    assert ended.status == 1
    assert f"{run} is no run of a recipe: the script itself goes on" in error(ended)
    assert results(folder) == before
    ended = recipe(5, "a_dog", "--resume", run)
    assert ended.status == 1 and f"{run} is no run of sampling_caption.py" in error(ended)


def test_the_script_goes_on_with_a_run_of_a_recipe(folder, begin, recipe, monkeypatch, capfd):
    """And the recipe can go on with it after that."""
    begin(1, 3, f"--n_iters 1 {ALL} --epsilon1 1e-1")
    run = only(folder, "output/*/*.run")
    assert_only_warnings(call("sampling_class", ["--resume", run], monkeypatch, capfd))
    made_again(folder, recipe, 1, 3)


def test_no_sample_above_the_threshold_leaves_those_of_an_earlier_run(folder, begin):
    argv = "--n_iters 2 --save_every 1 --output_dir out --threshold"
    begin(1, 3, f"{argv} -1")
    samples = {path: path.read_bytes() for path in folder.glob("out/samples/*.jpg")}
    assert len(samples) == 3
    ended = begin(1, 3, f"{argv} 1 --seed 1")
    assert "no sample of seed 1 was above the threshold" in ended.err
    assert {path: path.read_bytes() for path in folder.glob("out/samples/*.jpg")} == samples
