"""Random numbers of a run: the noise, and a stream of its own for every purpose and place."""

import itertools
import math

import numpy as np
import pytest

from reproductions.iccv_introspective.draws import Draw, generator, noise

#: How many numbers a place has: nothing, (round, epoch), (round, epoch, batch), ...
PLACES = {
    Draw.NEGATIVES: 0,
    Draw.SYNTHESES: 0,
    Draw.LEARNING_SET: 2,
    Draw.LEARNING_PATCHES: 4,
    Draw.EVALUATION_SET: 2,
    Draw.EVALUATION_PATCHES: 3,
    Draw.SYNTHESIS_PATCHES: 3,
}

MILLION = (10, 200, 250, 2)


def clipped_deviation(deviation):
    """Standard deviation of clip(Normal(0, deviation), -1, 1), from the integral of x^2."""
    edge = 1 / deviation
    density = math.exp(-edge * edge / 2) / math.sqrt(2 * math.pi)
    outside = math.erfc(edge / math.sqrt(2))
    return math.sqrt(deviation**2 * (1 - outside - 2 * edge * density) + outside)


def first_numbers(seed, purpose, place):
    return tuple(generator(seed, purpose, *place).integers(2**63, size=3).tolist())


@pytest.mark.parametrize("deviation", [0.3, 1.0])
def test_noise_is_a_clipped_normal_distribution(deviation):
    values = noise(generator(3, Draw.NEGATIVES), MILLION, deviation)
    assert values.shape == MILLION and values.dtype == np.float32
    wide = values.astype(np.float64)
    # A mean of 10^6 values is off by deviation / 1000, their deviation by deviation / 1414.
    assert abs(wide.mean()) < 4.5e-3 * deviation
    assert wide.std() == pytest.approx(clipped_deviation(deviation), abs=3.2e-3 * deviation)
    quartile = 0.6744897501960817 * deviation
    assert np.mean(wide < -quartile) == pytest.approx(0.25, abs=2.2e-3)
    assert np.mean(wide < quartile) == pytest.approx(0.75, abs=2.2e-3)


@pytest.mark.parametrize("deviation", [0.3, 1.0])
def test_noise_is_cut_at_one_and_not_scaled(deviation):
    values = noise(generator(4, Draw.SYNTHESES), MILLION, deviation)
    assert values.min() == -1 and values.max() == 1
    beyond = math.erfc(1 / deviation / math.sqrt(2))
    at_the_edge = np.mean(np.abs(values) == 1)
    assert at_the_edge == pytest.approx(beyond, abs=4.5 * math.sqrt(beyond / values.size))


def test_noise_differs_from_pixel_to_pixel():
    values = noise(generator(0, Draw.NEGATIVES), (2, 40, 40, 3), 0.3)
    inside = values[np.abs(values) < 1]
    # Float32 has few enough values for some of 9600 to meet.
    assert len(np.unique(inside)) > 0.99 * len(inside)
    for axis in range(4):
        ahead, behind = np.split(np.moveaxis(values, axis, 0)[: values.shape[axis] // 2 * 2], 2)
        assert abs(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]) < 0.08


@pytest.mark.parametrize("purpose", list(Draw))
def test_the_same_seed_and_place_give_the_same_numbers(purpose):
    place = range(5, 5 + PLACES[purpose])
    assert first_numbers(7, purpose, place) == first_numbers(7, purpose, place)
    again = [noise(generator(7, purpose, *place), (1, 5, 6, 3), 0.3) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_every_purpose_is_listed_here():
    assert set(PLACES) == set(Draw)


def test_every_purpose_and_place_has_its_own_stream():
    drawn = [
        first_numbers(seed, purpose, place)
        for seed in (0, 1, 2)
        for purpose in Draw
        for place in itertools.product(range(4), repeat=PLACES[purpose])
    ]
    assert len(drawn) == 3 * (2 + 2 * 16 + 256 + 2 * 64)
    assert len(set(drawn)) == len(drawn)
