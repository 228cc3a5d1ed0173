"""Constants of compiled functions."""

import numpy as np
import tensorflow as tf

_LARGE = 2**24  # bytes


def constant(array: np.ndarray) -> tf.Tensor:
    """A tensor of an array; within one compiled function the same array gives the same tensor.

    A network that is applied at several scales would otherwise hold its weights several times.
    Large arrays are not written into the graph, which would take long to optimise.

    Args:
        array: kept alive, and not to be changed, as long as the compiled function lives.
    """
    if tf.executing_eagerly():
        return tf.convert_to_tensor(array)
    graph = tf.compat.v1.get_default_graph()
    # Kept by the graph itself, so that they go with it; graphs in each other share collections.
    known = graph.get_collection_ref("constants_of_arrays")
    for owner, known_array, tensor in known:
        if owner is graph and known_array is array:
            return tensor
    if array.nbytes > _LARGE:
        with tf.init_scope():
            tensor = tf.convert_to_tensor(array)
    else:
        tensor = tf.convert_to_tensor(array)
    known.append((graph, array, tensor))
    return tensor
