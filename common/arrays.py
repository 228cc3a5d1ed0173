"""Remembering what was made of NumPy arrays that do not change."""

import weakref
from collections.abc import Callable

import numpy as np


class ArrayCache:
    """A function of an array that is called once for each.

    Args:
        make: the function; what it makes is kept as long as the array lives.
    """

    def __init__(self, make: Callable):
        self._make = make
        self._made: dict[int, object] = {}

    def __call__(self, array: np.ndarray):
        """What is made of an array, which must not change any more."""
        key = id(array)
        if key not in self._made:
            self._made[key] = self._make(array)
            weakref.finalize(array, self._made.pop, key, None)
        return self._made[key]
