"""Figures of what a sampler makes, against formulas."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy import linalg

from common.classifier import Judge
from reproductions.ppgn.figures import (
    diversity,
    feature_model,
    frechet,
    hits,
    mean_distance,
    realism,
)


def plain(*values, channels=3):
    """Pictures of one grey each."""
    return np.broadcast_to(
        np.array(values, np.uint8)[:, None, None, None], (len(values), 4, 5, channels)
    )


def by_pairs(pictures):
    """The mean distance, pair by pair."""
    flat = pictures.reshape(len(pictures), -1).astype(float)
    return np.mean([np.linalg.norm(a - b) for i, a in enumerate(flat) for b in flat[:i]])


def judge_of(model):
    return Judge(model, 1.0, 1.0, 1, 1)


def test_mean_distance_of_plain_pictures():
    """Of two pictures: the difference, times the root of how many numbers a picture has."""
    assert mean_distance(plain(10, 17)) == pytest.approx(7 * np.sqrt(60), rel=1e-12)
    # Black and white: a difference that uint8 could not hold.
    assert mean_distance(plain(0, 255, channels=1)) == pytest.approx(255 * np.sqrt(20), rel=1e-12)
    assert mean_distance(plain(0, 1, 3)) == pytest.approx(2 * np.sqrt(60), rel=1e-12)
    assert mean_distance(plain(5, 5, 5)) == 0


def test_mean_distance():
    pictures = np.random.default_rng(0).integers(0, 256, (9, 6, 7, 3)).astype(np.uint8)
    assert mean_distance(pictures) == pytest.approx(by_pairs(pictures), rel=1e-12)


def test_mean_distance_of_pictures_that_hardly_differ():
    """Squares of 10^7 are subtracted, and a difference of 1 is left."""
    pictures = np.full((2, 28, 28, 3), 200, np.uint8)
    pictures[1, 3, 4, 1] = 201
    assert mean_distance(pictures) == pytest.approx(1, rel=1e-9)


def test_diversity():
    random = np.random.default_rng(0)
    real = random.integers(0, 256, (12, 4, 4, 1)).astype(np.uint8)
    real_classes = np.arange(12) % 4
    made = random.integers(100, 130, (7, 4, 4, 1)).astype(np.uint8)
    # Of class 2 there is one picture only, of class 7 none that is real.
    classes = np.array([0, 3, 0, 2, 3, 7, 7])
    found = diversity(made, classes, real, real_classes)
    assert set(found) == {0, 3}
    for one, ratio in found.items():
        wanted = by_pairs(made[classes == one]) / by_pairs(real[real_classes == one])
        assert ratio == pytest.approx(wanted, rel=1e-12)


def test_diversity_of_real_pictures_and_of_one():
    """Pictures that are real have that of real ones; a picture over and over has none."""
    real = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3)).astype(np.uint8)
    classes = np.arange(8) % 2
    assert diversity(real, classes, real, classes) == {0: 1.0, 1: 1.0}
    alike = np.stack([real[0]] * 3)
    assert diversity(alike, np.zeros(3, int), real, classes) == {0: 0.0}


def correlated(random, count, size):
    return random.normal(0, 1, (count, size)) @ random.normal(0, 1, (size, size)) + random.normal(
        0, 3, size
    )


@pytest.mark.parametrize("size", [2, 5, 20])
def test_frechet_by_a_matrix_root(size):
    random = np.random.default_rng(size)
    a, b = correlated(random, 100, size), correlated(random, 70, size)
    of_a, of_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(of_a @ of_b).real
    wanted = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(of_a + of_b - 2 * root)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-8)
    assert frechet(b, a) == pytest.approx(wanted, rel=1e-8)


def test_frechet_of_a_set_and_itself():
    a = correlated(np.random.default_rng(0), 100, 10)
    assert frechet(a, a) == pytest.approx(0, abs=1e-8 * np.trace(np.cov(a, rowvar=False)))


def test_frechet_of_moved_and_scaled_features():
    """A move by d: |d|². Twice as wide: the trace of the covariance."""
    a = correlated(np.random.default_rng(0), 200, 4)
    move = np.array([3.0, 0.0, -4.0, 1.0])
    assert frechet(a, a + move) == pytest.approx(26, rel=1e-8)
    middle = a.mean(0)
    trace = np.trace(np.cov(a, rowvar=False))
    assert frechet(a, middle + 2 * (a - middle)) == pytest.approx(trace, rel=1e-8)


def test_frechet_where_features_never_vary():
    """As dead ReLUs' do: the covariances have no full rank, of fewer pictures than features too."""
    a = correlated(np.random.default_rng(0), 30, 40)
    a[:, 5:9] = 0
    b = a + 2.0
    # A root of rounding, 1e-16 of the trace, is 1e-8 of it; there are forty.
    rounding = 40 * 1e-8 * np.trace(np.cov(a, rowvar=False))
    assert frechet(a, b) == pytest.approx(160, abs=rounding)
    assert frechet(a, a) == pytest.approx(0, abs=rounding)


def test_realism():
    random = np.random.default_rng(0)
    samples, real, others = (random.normal(m, 1, (n, 3)) for m, n in ((1, 20), (0, 50), (0, 30)))

    def to_nearest(a):
        return np.mean([min(np.linalg.norm(one - other) for other in real) for one in a])

    found = realism(samples, real, others)
    assert found.nearest == pytest.approx(to_nearest(samples) / to_nearest(others), rel=1e-9)
    assert found.frechet == frechet(samples, real)


def test_realism_of_real_pictures():
    """Others that are real have 1; copies of those that are known have 0."""
    real, others = np.random.default_rng(0).normal(0, 1, (2, 40, 3))
    assert realism(others, real, others).nearest == 1
    # Roots of the rounding of squares.
    assert realism(real[:9], real, others).nearest == pytest.approx(0, abs=1e-6)


def stub():
    """Finds the class whose third of the range the mean pixel is in."""
    model = keras.Sequential(
        [
            keras.Input((4, 5, 1)),
            layers.Flatten(),
            layers.Dense(4, name="features"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    first, second = np.zeros((20, 4)), np.zeros((4, 3))
    first[:, 1] = 1 / 20
    second[1] = (-10, 0, 10)
    model.set_weights([first, np.array([5.0, 0, 0, 0]), second, np.array([0, 10 / 3, 0.0])])
    return judge_of(model)


def test_hits():
    """Pixels of 0..255 are -1..1 to the judge."""
    pictures = plain(0, 83, 90, 127, 165, 172, 255, channels=1)
    classes = np.array([0, 0, 1, 1, 1, 2, 2])
    assert hits(stub(), pictures, classes).tolist() == [True] * 7
    for other in (1, 2):
        assert hits(stub(), pictures, (classes + other) % 3).tolist() == [False] * 7
    wanted = np.array([0, 2, 1, 0, 1, 1, 2])
    assert hits(stub(), pictures, wanted).tolist() == (wanted == classes).tolist()


def test_hits_of_many_pictures():
    """More than go through the judge at once."""
    random = np.random.default_rng(0)
    classes, wanted = random.integers(0, 3, (2, 1203))
    pictures = plain(*(classes * 110), channels=1)
    assert hits(stub(), pictures, wanted).tolist() == (wanted == classes).tolist()


def test_features_are_those_before_the_scores():
    model = feature_model(stub())
    pictures = np.stack([np.full((4, 5, 1), 0.5), np.full((4, 5, 1), -1.0)]).astype(np.float32)
    found = np.asarray(model(pictures))
    # Sums of twenty float32.
    np.testing.assert_allclose(found, [[5, 0.5, 0, 0], [5, -1, 0, 0]], atol=1e-6)
