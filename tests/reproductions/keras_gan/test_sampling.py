"""Making pictures with a generator: from its output to bytes."""

import numpy as np
import pytest

from reproductions.keras_gan.sampling import as_bytes


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_bytes_again(kind):
    """Each of the 256 values is what it was before training scaled it to -1..1."""
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    scaled = values.astype(kind) / kind(127.5) - 1
    assert scaled.dtype == kind and scaled.min() == -1 and scaled.max() == 1
    found = as_bytes(scaled)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)
    # Nor does a little less or more change it.
    for more in (-0.003, 0.003):
        np.testing.assert_array_equal(as_bytes(scaled + kind(more)), values)


def test_beyond_black_and_white():
    """What is out of range is black or white."""
    assert as_bytes(np.array([-1e30, -1.5, -1.001, 1.001, 7])).tolist() == [0, 0, 0, 255, 255]
