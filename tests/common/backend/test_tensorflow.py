"""What is TensorFlow's own: constants of compiled functions, and functions of any shape."""

import gc
import weakref

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from keras import ops  # noqa: E402

from common.autodiff import compile_images  # noqa: E402
from common.backend.tensorflow import constant  # noqa: E402


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


LARGE = np.arange(2**22 + 1, dtype=np.float32)  # just above the size that a graph is to hold


def kinds(function) -> list[str]:
    return [node.type for node in function.get_concrete_function().graph.get_operations()]


def test_large_arrays_are_not_written_into_the_graph():
    @tf.function
    def use():
        assert constant(LARGE) is constant(LARGE)
        return constant(LARGE) + 1

    np.testing.assert_array_equal(use(), LARGE + 1)
    graph = use.get_concrete_function().graph
    assert graph.as_graph_def().ByteSize() < 10_000
    assert len(use.get_concrete_function().captured_inputs) == 1
    small = tf.function(lambda: constant(LARGE[:-1]) + 1)
    assert small.get_concrete_function().graph.as_graph_def().ByteSize() > LARGE.nbytes / 2
    assert kinds(use).count("Placeholder") == 1 and kinds(small).count("Placeholder") == 0


def test_large_arrays_in_functions_within_functions():
    @tf.function
    def inner(x):
        return x + constant(LARGE)

    @tf.function
    def outer(x):
        return inner(x) + constant(LARGE) + inner(x)

    np.testing.assert_array_equal(outer(tf.zeros(len(LARGE))), 3 * LARGE)


def test_arrays_in_loops_and_branches():
    small = np.arange(3, dtype=np.float32)

    @tf.function
    def use(n):
        total = constant(small)
        for _ in tf.range(n):
            total += constant(small) + constant(LARGE)[:3]
        if n > 2:
            total *= constant(small)
        return total

    np.testing.assert_array_equal(use(tf.constant(2)), small + 2 * (small + LARGE[:3]))
    np.testing.assert_array_equal(use(tf.constant(3)), small * (small + 3 * (small + LARGE[:3])))


def test_gradients_pass_large_arrays():
    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x * constant(LARGE))
        return tape.gradient(y, x)

    np.testing.assert_array_equal(gradient(tf.ones(len(LARGE))), LARGE)


def test_a_function_takes_its_large_constants_with_it():
    array = LARGE.copy()

    def use():
        function = tf.function(lambda: constant(array) + 1)
        function()
        return weakref.ref(function.get_concrete_function().graph)

    graph = use()
    gc.collect()
    assert graph() is None


def test_a_function_is_traced_once_for_all_sizes():
    traces = []

    def function(images):
        traces.append(1)
        return ops.mean(images, axis=(1, 2))

    fast = compile_images(function)
    for shape in ((1, 4, 5, 3), (2, 8, 3, 3), (3, 1, 1, 3)):
        fast(np.ones(shape, np.float32))
    assert len(traces) == 1
