"""What the measurements of this suite share."""

from pathlib import Path

import numpy as np
from keras import ops

from benchmarks.machine import matrix_product_rate
from common import backend

#: The texture that they learn from.
TEXTURE = Path(__file__).resolve().parents[1] / "datasets" / "textures" / "pebbles.png"


def product_rate(seconds: float = 1) -> float:
    """The rate of the backend's matrix product, GFLOP/s; see `matrix_product_rate`."""

    def product(size: int):
        a, b = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
        a, b = backend.to_tensor(a), backend.to_tensor(b)
        multiply = backend.compile(ops.matmul)
        return lambda: ops.convert_to_numpy(multiply(a, b))

    return matrix_product_rate(product, seconds)
