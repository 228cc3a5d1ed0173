"""A model's variables as arrays in a file, and back."""

from collections.abc import Mapping, Sequence

import numpy as np

#: Of float32.
_LARGEST = np.finfo(np.float32).max


def flat(parts: Mapping[str, Sequence]) -> list:
    """All variables of all parts."""
    return [variable for variables in parts.values() for variable in variables]


def arrays_of(parts: Mapping[str, Sequence]) -> dict[str, np.ndarray]:
    """The values of variables, by the name of their part and their number in it.

    Args:
        parts: Keras variables by part.
    """
    return {
        f"{part}{number}": np.asarray(variable)
        for part, variables in parts.items()
        for number, variable in enumerate(variables)
    }


def restore(parts: Mapping[str, Sequence], arrays: Mapping[str, np.ndarray]) -> None:
    """Gives variables the values that `arrays_of` gave.

    Raises:
        ValueError: a value is missing, has another shape, or is not a number. Some variables may
            have been restored by then.
    """
    for part, variables in parts.items():
        for number, variable in enumerate(variables):
            array = arrays.get(f"{part}{number}")
            if array is None or array.shape != tuple(variable.shape):
                raise ValueError(f"{part}{number} is missing, or of another shape")
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise ValueError("it holds values that are not numbers")
            if array.dtype.kind == "f" and np.abs(array).max(initial=0) > _LARGEST:
                raise ValueError("it holds values that are too large")
            variable.assign(array)


def whole_number(arrays: Mapping[str, np.ndarray], name: str) -> int:
    """A whole number of a state, 0 or more.

    Raises:
        ValueError: there is none of that name.
    """
    array = arrays.get(name)
    if array is None or array.shape or array.dtype.kind not in "iub" or array < 0:
        raise ValueError(f"it has no {name}")
    return int(array)
