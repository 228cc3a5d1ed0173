"""What a round learns from: how many pictures, of which age, drawn how."""

import numpy as np
import pytest

from reproductions.iccv_introspective.generations import (
    age_probabilities,
    draw_set,
    learning_set_size,
    shares,
)


def random(seed=0):
    return np.random.default_rng(seed)


def pools(count, each=200, first=1000):
    """Numbers of the pictures of several generations, far from those of positives."""
    return [np.arange(each) + first + 1000 * i for i in range(count)]


def by_generation(drawn, generations):
    """The negatives of each generation among those drawn."""
    negatives = drawn.pictures[drawn.labels == 0]
    parts = [negatives[np.isin(negatives, pool)] for pool in generations]
    assert sum(map(len, parts)) == len(negatives)
    return parts


@pytest.mark.parametrize("count", [1, 2, 5, 35])
def test_every_generation_is_twice_as_likely_as_the_one_before(count):
    found = age_probabilities(count)
    assert found.shape == (count,)
    # 0.5^(n - i) over the sum of 0.5^k, k = 1 .. n, both times 2^n.
    wanted = [2**i / (2**count - 1) for i in range(count)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert found.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(("round_", "size"), [(0, 400), (1, 800), (7, 3000), (20, 3000)])
def test_sizes_of_the_originals_training_sets(round_, size):
    assert learning_set_size(100, 30, 200 * (round_ + 1)) == size


def test_the_size_is_cut_where_the_batches_end():
    assert learning_set_size(100, 30, 1499) == 2998
    assert learning_set_size(100, 30, 1500) == learning_set_size(100, 30, 1501) == 3000
    assert learning_set_size(7, 3, 10) == 20
    assert learning_set_size(7, 3, 11) == 21


@pytest.mark.parametrize(
    ("count", "priors", "wanted"),
    [
        (200, [1.0], [200]),
        (200, [0.5, 0.5], [100, 100]),
        (200, [0.25, 0.75], [50, 150]),
        (10, [0.1, 0.2, 0.7], [1, 2, 7]),
        (10, [0.15, 0.26, 0.59], [1, 3, 6]),
        (10, [0.04, 0.48, 0.48], [0, 5, 5]),
        (3, [0.25, 0.25, 0.25, 0.25], [1, 1, 1, 0]),
        (100, [1 / 3, 1 / 3, 1 / 3], [34, 33, 33]),
        (0, [0.3, 0.7], [0, 0]),
        (9, [0.0, 1.0], [0, 9]),
    ],
)
def test_classes_share_by_their_priors(count, priors, wanted):
    assert shares(count, priors) == wanted


def test_shares_always_sum_to_the_count_and_are_off_by_less_than_one():
    for seed in range(200):
        priors = random(seed).dirichlet(np.ones(1 + seed % 6))
        found = shares(seed, priors)
        assert sum(found) == seed
        assert np.abs(found - priors * seed).max() < 1


@pytest.mark.parametrize("generations", [1, 2, 8])
def test_a_set_is_half_positive_and_half_negative(generations):
    negatives = pools(generations)
    drawn = draw_set(random(), 400, [np.arange(200)], [1.0], negatives)
    assert len(drawn.pictures) == len(drawn.labels) == 400
    assert drawn.labels.dtype == np.int32 and drawn.pictures.dtype == np.int64
    assert np.bincount(drawn.labels).tolist() == [200, 200]
    assert (drawn.pictures[drawn.labels == 1] < 200).all()
    assert drawn.age_counts.sum() == 200
    found = by_generation(drawn, negatives)
    assert [len(each) for each in found] == drawn.age_counts.tolist()


def test_ages_follow_their_probabilities():
    negatives = pools(4)
    draws = 400
    counts = np.sum(
        [
            draw_set(random(i), 200, [np.arange(200)], [1.0], negatives).age_counts
            for i in range(draws)
        ],
        axis=0,
    )
    wanted = np.array([1, 2, 4, 8]) / 15
    sigma = np.sqrt(100 * draws * wanted * (1 - wanted))
    assert (np.abs(counts - 100 * draws * wanted) < 4 * sigma).all()


def test_the_number_of_each_age_is_drawn_and_not_fixed():
    counts = [
        draw_set(random(i), 200, [np.arange(200)], [1.0], pools(2)).age_counts[1]
        for i in range(400)
    ]
    # The deviation of a binomial with 100 draws at 2/3, which 400 values give to 3.5 %.
    assert np.std(counts) == pytest.approx(np.sqrt(100 * 2 / 9), rel=0.15)


def test_a_generation_is_drawn_without_replacement_while_it_lasts():
    negatives = pools(3)
    some_whole = 0
    for seed in range(40):
        drawn = draw_set(random(seed), 600, [np.arange(1000)], [1.0], negatives)
        for part, count in zip(by_generation(drawn, negatives), drawn.age_counts, strict=True):
            if count <= 200:
                assert len(np.unique(part)) == count
                some_whole += count > 150
    assert some_whole > 20


def test_all_of_a_generation_is_drawn_when_as_many_are_asked_for():
    drawn = draw_set(random(), 400, [np.arange(200)], [1.0], pools(1))
    assert sorted(drawn.pictures[drawn.labels == 0]) == list(range(1000, 1200))
    assert sorted(drawn.pictures[drawn.labels == 1]) == list(range(200))


def test_a_generation_is_drawn_with_replacement_when_more_are_asked_for():
    negatives, different = pools(1, each=20), []
    for seed in range(200):
        drawn = draw_set(random(seed), 42, [np.arange(100)], [1.0], negatives)
        assert drawn.age_counts.tolist() == [21]
        different.append(len(np.unique(by_generation(drawn, negatives)[0])))
    # Of 21 drawn from 20 with replacement, 20 * (1 - 0.95^21) = 13.19 are different.
    assert np.mean(different) == pytest.approx(13.19, abs=0.5)


def test_positives_are_drawn_without_replacement_while_they_last():
    drawn = draw_set(random(), 398, [np.arange(200)], [1.0], pools(1))
    assert len(np.unique(drawn.pictures[drawn.labels == 1])) == 199
    more = draw_set(random(), 402, [np.arange(200)], [1.0], pools(2))
    found = more.pictures[more.labels == 1]
    # 200 * (1 - 0.995^201) = 127 of them are different.
    assert len(found) == 201 and 110 < len(np.unique(found)) < 145


def test_every_picture_is_as_likely_as_the_others():
    counts = np.zeros(2000)
    for seed in range(1000):
        drawn = draw_set(random(seed), 40, [np.arange(50)], [1.0], pools(1, each=50))
        np.add.at(counts, drawn.pictures, 1)
    for found in (counts[:50], counts[1000:1050]):
        assert found.sum() == 20000
        # 400 each, with a deviation of sqrt(1000 * 0.4 * 0.6) = 15.5.
        assert np.abs(found - 400).max() < 4.5 * 15.5


def test_several_classes_share_the_positives_by_their_priors():
    classes = [np.arange(0, 100), np.arange(100, 150), np.arange(150, 250)]
    drawn = draw_set(random(), 200, classes, [0.2, 0.5, 0.3], pools(3))
    assert np.bincount(drawn.labels).tolist() == [100, 20, 50, 30]
    for label, pool in enumerate(classes, start=1):
        found = drawn.pictures[drawn.labels == label]
        assert np.isin(found, pool).all()
        assert len(np.unique(found)) == len(found)


def test_a_set_is_shuffled():
    places = np.zeros(40)
    firsts = []
    for seed in range(1000):
        drawn = draw_set(random(seed), 40, [np.arange(20)], [1.0], pools(1, each=20))
        places += drawn.labels
        firsts.append(drawn.pictures[0])
    # At every place half of the pictures are positive: 500, deviation 15.8.
    assert np.abs(places - 500).max() < 4.5 * 15.8
    assert len(np.unique(firsts)) == 40


def test_equal_generators_draw_equal_sets():
    first, again, other = (
        draw_set(random(seed), 100, [np.arange(70)], [1.0], pools(3)) for seed in (5, 5, 6)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.pictures != other.pictures).any()
