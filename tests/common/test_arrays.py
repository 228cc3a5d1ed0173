import gc

import numpy as np

from common.arrays import ArrayCache


def cache_of(asked):
    def make(array):
        asked.append(array.tolist())
        return {"sum": array.sum()}

    return ArrayCache(make)


def test_each_array_is_asked_for_once():
    asked = []
    cached = cache_of(asked)
    first, second = np.ones(2), np.ones(2)
    assert cached(first) is cached(first)
    assert cached(second) is not cached(first)
    assert asked == [[1, 1], [1, 1]]


def test_what_was_made_goes_with_its_array():
    asked = []
    cached = cache_of(asked)
    kept = np.zeros(1)
    cached(kept)
    for number in range(20):
        # Each is likely to come where the last one was.
        assert cached(np.full(2, number))["sum"] == 2 * number
    gc.collect()
    assert len(asked) == 21
    assert list(cached._made) == [id(kept)]
