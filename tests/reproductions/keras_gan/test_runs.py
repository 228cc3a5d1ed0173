"""Seeds, and finding runs again."""

import os

import numpy as np
import pytest

from common.errors import UserError
from reproductions.keras_gan.runs import find_run
from tests.leftovers import assert_same, rows
from tests.reproductions.keras_gan.commands import SMALL, only, results

#: Everything that is random takes part.
RANDOM = "--augment on --k 2"


def test_the_same_seed_gives_the_same_files(folder, script, trained):
    whole = trained(RANDOM)[0]
    assert script("train", " ".join([*SMALL, RANDOM])).status == 0
    assert_same(results(only(folder)), results(whole))


def test_another_seed_gives_others(trained):
    one, other = (results(trained(text)[0]) for text in (RANDOM, f"{RANDOM} --seed 43"))
    assert one.keys() == other.keys()
    # Batch normalisation's first weights are the same for every seed, but not the trained ones.
    counts = [name for name in one if name.startswith("state") and np.size(one[name]) == 1]
    for name in one.keys() - set(counts):
        same = one[name] == other[name]
        assert not np.all(same), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    ["--loss minimax", "--k 2", "--augment on", "--learning_rate 0.001", "--beta1 0.9", "--grow"],
)
def test_every_flag_matters(trained, flags):
    one, other = (rows(trained(text)[0])[-1] for text in ("", flags))
    assert one["generator"] != other["generator"]


@pytest.fixture
def runs(tmp_path):
    """Three runs, of which the last was never saved."""
    for number, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
        if name != "c":
            (tmp_path / name / "state.npz").write_text("")
            os.utime(tmp_path / name / "state.npz", (number, number))
    return tmp_path


def test_latest_is_the_run_whose_state_was_saved_last(runs):
    assert find_run(str(runs)) == runs / "b"
    os.utime(runs / "a" / "state.npz")
    assert find_run(str(runs), "latest") == runs / "a"


def test_a_run_by_name_or_path(runs, monkeypatch):
    monkeypatch.chdir(runs / "a")
    assert find_run(str(runs), "c") == runs / "c"
    assert find_run("nowhere", "../b").resolve() == runs / "b"
    assert find_run("nowhere", str(runs / "b")) == runs / "b"
    # A run of the results comes before a folder of that name.
    (runs / "a" / "c").mkdir()
    (runs / "a" / "c" / "run.json").write_text("{}")
    assert find_run(str(runs), "c") == runs / "c"


@pytest.mark.parametrize("name", ["d", "latest", "..", ""])
def test_no_such_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match="no GAN has been trained in" if name == "latest" else "no run"
    ):
        find_run("nowhere", name)
