"""What the measurements of this suite share."""

from pathlib import Path

import tensorflow as tf

from benchmarks.machine import matrix_product_rate

#: The texture that they learn from.
TEXTURE = Path(__file__).resolve().parents[1] / "datasets" / "textures" / "pebbles.png"


def product_rate(seconds: float = 1) -> float:
    """The rate of TensorFlow's matrix product, GFLOP/s; see `matrix_product_rate`."""

    def product(size: int):
        a, b = tf.random.normal((2, size, size))
        multiply = tf.function(lambda: tf.matmul(a, b))
        return lambda: multiply().numpy()

    return matrix_product_rate(product, seconds)
