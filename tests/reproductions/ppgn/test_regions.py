"""Parts of a convolution's maps as the condition."""

import keras
import numpy as np
import pytest

from reproductions.ppgn.conditions import UnitCondition
from tests.reproductions.ppgn.commands import (
    SMALL,
    assert_only_warnings,
    call,
    only,
    prepare,
    rows,
)
from tests.scripts import words


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """The steps of a run on conv5."""
    folder = prepare(tmp_path, monkeypatch)

    def run(to, argv):
        flags = words(f"--units 3 --act_layer conv5 --n_iters 2 --output_dir {to} {argv}")
        assert_only_warnings(call("sampling_class", [*SMALL, *flags], monkeypatch, capfd))
        return rows(only(folder, f"{to}/*.run"))

    return run


def test_one_place_is_that_of_xy(run):
    by_xy, by_region = run("xy", "--xy 2"), run("region", "--region 2_2_3_3")
    assert by_xy == by_region
    assert run("other", "--xy 1")[0]["probability"] != by_xy[0]["probability"]
    assert run("row", "--region 2_3_3_4")[0]["probability"] != by_xy[0]["probability"]


def test_all_of_the_map(run):
    assert run("all", "--region all") == run("whole", "--region 0_0_5_5")


def test_a_region_is_the_mean_of_its_places(run):
    """Its probability and its best unit."""
    places = [run(f"at{x}", f"--region 1_{x}_2_{x + 1} --epsilon3 0")[0] for x in (2, 3)]
    row = run("both", "--region 1_2_2_4 --epsilon3 0")[0]
    mean = np.mean([float(place["probability"]) for place in places])
    np.testing.assert_allclose(float(row["probability"]), mean, rtol=1e-5)


def test_the_climb_of_a_region():
    """Against NumPy: (1 - p) at the unit and 0 elsewhere, averaged over the region."""
    image = keras.Input((4, 4, 3))
    network = keras.Model(image, keras.layers.Conv2D(5, 1, name="conv")(image))
    condition = UnitCondition(network, "conv", (1, 0, 3, 3))
    features = np.random.RandomState(0).normal(0, 1, (2, 4, 4, 5)).astype(np.float32)
    units = np.array([3, 1])
    climb = condition.climb(features, units)
    part = features[:, 1:3, 0:3].reshape(2, 6, 5).astype(np.float64)
    p = np.exp(part) / np.exp(part).sum(-1, keepdims=True)
    np.testing.assert_allclose(climb.probability, [p[0, :, 3].mean(), p[1, :, 1].mean()], rtol=1e-5)
    best = part.mean(1).argmax(-1)
    np.testing.assert_array_equal(climb.best, best)
    wanted = [p[i, :, unit].mean() for i, unit in enumerate(best)]
    np.testing.assert_allclose(climb.best_probability, wanted, rtol=1e-5)
    own = [(1 - p[i, :, unit]) * part[i, :, unit] for i, unit in enumerate(units)]
    np.testing.assert_allclose(climb.scalar, sum(one.mean() for one in own), rtol=1e-5)
