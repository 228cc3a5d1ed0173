import gc
import weakref

import numpy as np
import tensorflow as tf

from common.constants import constant


def test_one_constant_for_each_array_of_a_function():
    first, second = np.ones(3, np.float32), np.ones(3, np.float32)

    @tf.function
    def add():
        assert constant(first) is constant(first)
        assert constant(first) is not constant(second)
        return constant(first) + constant(second)

    np.testing.assert_array_equal(add(), [2, 2, 2])
    constants = [n for n in add.get_concrete_function().graph.get_operations() if n.type == "Const"]
    assert len(constants) == 2


def test_functions_within_functions():
    array = np.arange(3, dtype=np.float32)

    @tf.function
    def inner(x):
        return x + constant(array)

    @tf.function
    def outer(x):
        return inner(x) + constant(array)

    np.testing.assert_array_equal(outer(tf.zeros(3)), 2 * array)


def test_without_a_function():
    np.testing.assert_array_equal(constant(np.ones(2, np.float32)), [1, 1])


def test_a_function_takes_its_constants_with_it():
    array = np.ones(3, np.float32)

    def use():
        function = tf.function(lambda: constant(array) + 1)
        function()
        return weakref.ref(function.get_concrete_function().graph)

    graph = use()
    gc.collect()
    assert graph() is None
