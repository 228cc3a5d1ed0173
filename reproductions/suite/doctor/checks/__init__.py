"""The self-check: a quick comparison for each paper, with the originals' numbers where it has any.

The whole comparison is in `tests/`; this one takes seconds and says whether Keras' backend computes
on this machine what it computed on ours.
"""

from typing import NamedTuple


class Comparison(NamedTuple):
    """What was compared.

    Attributes:
        what: in words.
        error: relative, as found.
        allowed: the largest that is right.
    """

    what: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether it is right; an error that is not a number is not."""
        return bool(self.error <= self.allowed)


def relative_error(found, wanted) -> float:
    """The L2 norm of the difference as a part of the L2 norm of what is wanted.

    Args:
        found: an array, a tensor or numbers.
        wanted: an array of its shape.
    """
    import numpy as np  # here, so that the doctor can say that it is missing
    from keras import ops

    found = np.asarray(ops.convert_to_numpy(found), np.float64)
    wanted = np.asarray(wanted, np.float64)
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.linalg.norm((found - wanted).ravel()) / np.linalg.norm(wanted.ravel()))
