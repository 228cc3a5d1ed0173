"""What `common.backend` promises, on whichever backend is in use, against NumPy."""

import ast
import gc
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from common.errors import UserError
from common.machine import REQUIREMENTS
from tests.backends import gradient

pytestmark = pytest.mark.reference

FOLDER = Path(backend.__file__).parent


def tree_of(name):
    return ast.parse((FOLDER / f"{name}.py").read_text())


def defined(name):
    """What a file defines or imports -> the names of its arguments, if it is a function."""
    found = {}
    for node in tree_of(name).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [one.arg for one in node.args.args]
        elif isinstance(node, ast.ClassDef):
            found[node.name] = None
        elif isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: None for one in node.names}
        elif isinstance(node, ast.Assign):
            found |= {one.id: None for one in node.targets if isinstance(one, ast.Name)}
    return found


def test_each_backend_has_all_names():
    handed_on = {
        node.attr
        for node in ast.walk(tree_of("__init__"))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "_chosen"
    }
    assert {"compile", "vjp", "Devices", "is_out_of_memory"} <= handed_on
    reference, plain = defined("tensorflow"), defined("plain")
    for name in REQUIREMENTS:
        here = defined(name)
        assert not handed_on - set(here), name
        for each in handed_on:
            arguments = here[each] or plain.get(each)
            assert arguments is None or reference[each] in (None, arguments), (name, each)


# Compiling.


def test_a_compiled_function_of_changing_shapes():
    compiled = backend.compile(lambda x, y: (ops.sum(x) * y, {"twice": 2 * x}))
    for n in (2, 5, 2):
        x = np.arange(n, dtype=np.float32)
        product, rest = compiled(x, np.float32(3))
        assert float(product) == 3 * x.sum()
        np.testing.assert_array_equal(rest["twice"], 2 * x)


def test_a_compiled_function_of_given_shapes():
    arguments = [((None, 2), "float32"), [((), "int32"), ((None,), "uint8")]]
    compiled = backend.compile(
        lambda x, others: (
            x * ops.cast(others[0], "float32") + ops.cast(others[1], "float32")[:, None]
        ),
        arguments=arguments,
    )
    for n in (1, 4):
        x, y = np.ones((n, 2), np.float32), np.arange(n, dtype=np.uint8)
        np.testing.assert_array_equal(compiled(x, [np.int32(5), y]), 5 + y[:, None] + 0 * x)


def test_variables_change_within_and_between_calls():
    count = keras.Variable(0, dtype="int32", trainable=False)
    weight = keras.Variable(np.float32([1, 2]))

    def function(x):
        count.assign_add(1)
        weight.assign(weight * x)
        return weight + ops.cast(count, "float32")

    compiled = backend.compile(function, [count, weight])
    np.testing.assert_array_equal(compiled(np.float32(3)), [4, 7])
    np.testing.assert_array_equal(compiled(np.float32(2)), [8, 14])
    weight.assign([5, 7])
    np.testing.assert_array_equal(compiled(np.float32(1)), [8, 10])
    assert int(count) == 3
    np.testing.assert_array_equal(weight, [5, 7])


def test_a_fused_part_is_the_same_function():
    part = backend.fuse(lambda x: ops.tanh(x) * 2)
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    np.testing.assert_allclose(backend.compile(lambda x: part(x) + 1)(x), 2 * np.tanh(x) + 1, 1e-6)


@pytest.mark.parametrize("kind", [tuple, list])
def test_repeat(kind):
    total = keras.Variable(np.float32(0))

    def body(number, state):
        x, y = state
        total.assign_add(x)
        return kind((x + ops.cast(number, "float32"), 2 * y))

    compiled = backend.compile(
        lambda count, x, y: backend.repeat(count, body, (x, y), [total]), [total]
    )
    for count, wanted, so_far in ((4, (1 + 6, 16), 1 + 1 + 2 + 4), (0, (1, 1), 8)):
        x, y = compiled(np.int32(count), np.float32(1), np.ones(3, np.float32))
        assert float(x) == wanted[0] and float(total) == so_far
        np.testing.assert_array_equal(y, np.full(3, wanted[1]))


def test_constants():
    array = np.arange(3, dtype=np.float32)
    compiled = backend.compile(lambda x: backend.constant(array) * x + backend.constant(array))
    np.testing.assert_array_equal(compiled(np.float32(2)), 3 * array)
    np.testing.assert_array_equal(backend.constant(array), array)
    np.testing.assert_array_equal(backend.to_tensor(array), array)


# Gradients.

X = np.float32([[1, 2], [3, 4], [-5, 0.5]])


@pytest.mark.parametrize("compiled", [False, True])
def test_vjp(compiled):
    a, b = keras.Variable(np.float32([1, -2])), keras.Variable(np.float32([[3]]))
    unused = keras.Variable(np.float32([7, 8]))

    def products(x, first, second):
        def function():
            return [ops.matmul(x, a), ops.sum(a * a) * b], {"sum": ops.sum(x)}

        targets, rest, pull_back = backend.vjp(function, [a, b, unused])
        return targets, rest, pull_back(first, second)

    run = backend.compile(products, [a, b]) if compiled else products
    first, second = np.float32([1, 2, 4]), np.float32([[10]])
    targets, rest, slopes = run(*map(backend.to_tensor, (X, first, second)))
    np.testing.assert_allclose(targets[0], X @ [1, -2])
    np.testing.assert_allclose(targets[1], [[15]])
    assert float(rest["sum"]) == X.sum()
    np.testing.assert_allclose(slopes[0], X.T @ first + 2 * np.float32([1, -2]) * 3 * 10)
    np.testing.assert_allclose(slopes[1], [[5 * 10]])
    np.testing.assert_array_equal(slopes[2], [0, 0])


def test_steps_with_batch_normalization():
    """A compiled step changes weights by its gradients, and the moving averages."""
    norm = keras.layers.BatchNormalization(momentum=0.75, epsilon=0.5)
    norm.build((None, 2))
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build(norm.trainable_variables)
    weights = np.float32([[1, 0], [2, -1], [0, 3]])

    def step(x):
        def loss():
            y = norm(x, training=True)
            return ops.sum(ops.multiply(y, weights)), y

        value, y, slopes = backend.weight_gradients(loss, norm.trainable_variables)
        backend.apply(optimizer, slopes, norm.trainable_variables)
        return value, y

    compiled = backend.compile(step, [*norm.variables, *optimizer.variables])
    gamma, beta, mean, variance = np.ones(2), np.zeros(2), np.zeros(2), np.ones(2)
    for x in (X, 2 * X + 1):
        value, y = compiled(x)
        normal = (x - x.mean(0)) / np.sqrt(x.var(0) + 0.5)
        np.testing.assert_allclose(y, gamma * normal + beta, rtol=1e-5, atol=1e-6)
        assert float(value) == pytest.approx(((gamma * normal + beta) * weights).sum(), rel=1e-5)
        gamma = gamma - 0.5 * (weights * normal).sum(0)
        beta = beta - 0.5 * weights.sum(0)
        mean, variance = 0.75 * mean + 0.25 * x.mean(0), 0.75 * variance + 0.25 * x.var(0)
        for found, wanted in zip(norm.variables, (gamma, beta, mean, variance), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=found.path)
    assert int(optimizer.iterations) == 2


def test_vjp_without_compiling_changes_variables():
    count, a = keras.Variable(np.float32(2), trainable=False), keras.Variable(np.float32(3))

    def function():
        count.assign(count * 2 + a)
        return [a * a * count], ()

    (value,), _, pull_back = backend.vjp(function, [a])
    assert float(value) == 9 * 7 and float(count) == 7
    # What is assigned counts as a constant.
    assert float(pull_back(ops.ones(()))[0]) == 6 * 7
    count.assign(0)
    assert float(count) == 0


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_two_scalars(compiled):
    calls, seen = keras.Variable(0, dtype="int32", trainable=False), []

    def function(x):
        calls.assign_add(1)
        seen.append(1)
        return [ops.sum(x * x), ops.sum(x[0] * x[1] * x[2])], x + 1

    def slopes(x):
        return backend.gradients(function, x)

    run = backend.compile(slopes, [calls]) if compiled else slopes
    (first, second), scalars, rest = run(backend.to_tensor(X))
    np.testing.assert_allclose(first, 2 * X)
    np.testing.assert_allclose(second, [X[1] * X[2], X[0] * X[2], X[0] * X[1]])
    np.testing.assert_allclose([float(one) for one in scalars], [(X * X).sum(), X.prod(0).sum()])
    np.testing.assert_array_equal(rest, X + 1)
    # A second call could draw other random numbers.
    assert int(calls) == 1 and len(seen) == 1


def test_gradients_within_vjp():
    """As in a step in which a loss is asked for the gradient at images, with weights around."""
    a = keras.Variable(np.float32([2, 3]))

    def step(x):
        targets, _, pull_back = backend.vjp(lambda: ([x * a], ()), [a])
        (pull,), (value,), _ = backend.gradients(
            lambda made: ([ops.sum(made * made * a)], ()), ops.stop_gradient(targets[0])
        )
        return value, pull, pull_back(pull)[0]

    value, pull, slope = backend.compile(step, [a])(X)
    assert float(value) == pytest.approx((X**2 * [8, 27]).sum())
    np.testing.assert_allclose(pull, 2 * X * [4, 9])
    np.testing.assert_allclose(slope, (2 * X * X * [4, 9]).sum(0))


@pytest.mark.parametrize("compiled", [True, False])
def test_custom_gradient(compiled):
    """One that is wrong, so that it is known to be used; of one argument, and of two."""

    def square(x):
        return x * x, lambda upstream: 3 * upstream

    def product(x, y):
        return x * y, lambda upstream: (5 * upstream, 7 * upstream)

    def scalars(x):
        squares = backend.custom_gradient(square)(x)
        products = backend.custom_gradient(product)(x, 2 * x)
        return [2 * ops.sum(squares), ops.sum(products)], (squares, products)

    def function(x):
        return backend.gradients(scalars, x)

    function = backend.compile(function) if compiled else function
    x = np.float32([1, -2, 3])
    (first, second), _, (squares, products) = function(backend.to_tensor(x))
    np.testing.assert_array_equal(squares, x * x)
    np.testing.assert_array_equal(products, 2 * x * x)
    np.testing.assert_array_equal(first, [6, 6, 6])
    np.testing.assert_array_equal(second, 3 * [5 + 2 * 7])


def test_nothing_is_kept_of_custom_gradients():
    """With PyTorch what a gradient holds stayed until Python's collector came by: gigabytes."""
    kept = []

    def square(x):
        output = x * x
        kept.append(weakref.ref(output))
        return output, lambda upstream: upstream * output

    def function(x):
        return [ops.sum(backend.custom_gradient(square)(x))], ()

    gc.collect()
    gc.disable()
    try:
        (found,), *_ = backend.gradients(function, backend.to_tensor(np.float32([2])))
        assert ops.convert_to_numpy(found).tolist() == [4]
        assert kept
        assert [one() for one in kept] == len(kept) * [None]
    finally:
        gc.enable()


def test_control_c_within_a_function_with_a_gradient_of_its_own():
    calls = []

    def broken_off(x):
        calls.append(x)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backend.gradients(
            lambda x: ([ops.sum(backend.custom_gradient(broken_off)(x))], ()),
            backend.to_tensor(np.float32([2])),
        )
    assert len(calls) == 1


# Random numbers.

DRAWS = {"uniform": (backend.uniform, 0.5, 12**-0.5), "normal": (backend.normal, 0.0, 1.0)}


@pytest.mark.parametrize("name", DRAWS)
def test_distributions(name):
    draw, mean, deviation = DRAWS[name]
    found = np.asarray(draw((40, 50, 50), (3, 4)))
    assert found.shape == (40, 50, 50) and found.dtype == np.float32
    # Of n numbers a mean is known to deviation / sqrt(n), the deviation to less: five times that.
    off = 5 * deviation / found.size**0.5
    assert found.mean() == pytest.approx(mean, abs=off)
    assert found.std() == pytest.approx(deviation, abs=off)
    if name == "uniform":
        assert found.min() >= 0 and found.max() < 1
    else:
        assert 4 < np.abs(found).max() < 7
    assert np.unique(found).size > 0.98 * found.size
    # Neighbours have nothing in common.
    assert abs(np.corrcoef(found[:-1].flat, found[1:].flat)[0, 1]) < 5 / found.size**0.5


@pytest.mark.parametrize("name", DRAWS)
def test_seeds(name):
    draw = DRAWS[name][0]
    seeds = [(3, 4), (4, 3), (3, 5), (-3, 4), (2**31 - 1, 4), (3, -(2**31)), (0, 0)]
    found = [np.asarray(draw((5, 2), seed)) for seed in seeds]
    compiled = backend.compile(lambda first, second: draw((5, 2), (first, second)))
    for seed, one in zip(seeds, found, strict=True):
        np.testing.assert_array_equal(draw((5, 2), seed), one)
        np.testing.assert_array_equal(compiled(*map(np.int32, seed)), one)
    for i, one in enumerate(found):
        assert all((one != other).all() for other in found[:i])


# What TensorFlow has operations for.


def cut(images, boxes, image, size, outside):
    """Pixel by pixel."""
    found = np.full((len(boxes), size, size, images.shape[-1]), outside, np.float64)
    for n, (top, left, bottom, right) in enumerate(np.float64(boxes)):
        one = images[image[n]]
        height, width = (side - 1 for side in one.shape[:2])
        for i in range(size):
            for j in range(size):
                down, across = (i / (size - 1), j / (size - 1)) if size > 1 else (0.5, 0.5)
                y = (top + (bottom - top) * down) * height
                x = (left + (right - left) * across) * width
                if 0 <= y <= height and 0 <= x <= width:
                    y0, x0 = int(y), int(x)
                    y1, x1 = min(y0 + 1, height), min(x0 + 1, width)
                    above = one[y0, x0] + (float(x) - x0) * (one[y0, x1] - one[y0, x0])
                    below = one[y1, x0] + (float(x) - x0) * (one[y1, x1] - one[y1, x0])
                    found[n, i, j] = above + (y - y0) * (below - above)
    return found


#: Whole, turned, within, leaving on all sides, at a border, a point, and outside. All places are
#: exact in binary, so that rounding decides nothing.
BOXES = np.float32(
    [
        [0, 0, 1, 1],
        [1, 1, 0, 0],
        [0.125, 0.25, 0.875, 0.5],
        [-0.25, -0.5, 1.25, 1.5],
        [0.5, 0.5, 1, 1],
        [1, 0, 1, 0],
        [1.5, 0, 2, 1],
    ]
)
IMAGE = np.int32([0, 1, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("size", [5, 2, 1])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_crop_and_resize(size, kind):
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(kind)
    wanted = cut(np.float64(images), BOXES, IMAGE, size, -9)
    assert (wanted == -9).any() and (wanted != -9).any()

    def function(images, boxes, image):
        return backend.crop_and_resize(images, boxes, image, size, -9.0)

    for run in (function, backend.compile(function)):
        found = run(*map(backend.to_tensor, (images, BOXES, IMAGE)))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_gradient_of_crop_and_resize():
    random = np.random.default_rng(1)
    images = np.float32(random.normal(size=(2, 5, 7, 3)))
    upstream = np.float32(random.normal(size=(len(BOXES), 5, 5, 3)))
    boxes, image = map(backend.to_tensor, (BOXES, IMAGE))
    found, slope = gradient(
        lambda images: backend.crop_and_resize(images, boxes, image, 5, 0.0), images, upstream
    )
    # It is linear: its gradient is the transposed map.
    assert np.vdot(images, slope) == pytest.approx(np.vdot(found, upstream), rel=1e-5)
    other = np.float32(random.normal(size=images.shape))
    cropped = cut(np.float64(other), BOXES, IMAGE, 5, 0)
    assert np.vdot(other, slope) == pytest.approx(np.vdot(cropped, upstream), rel=1e-5)


@pytest.mark.parametrize("block", [2, 3])
def test_depth_to_space(block):
    images = np.arange(2 * 4 * 3 * 2 * block**2, dtype=np.float32).reshape(2, 4, 3, -1)
    found = np.asarray(backend.depth_to_space(backend.to_tensor(images), block))
    assert found.shape == (2, 4 * block, 3 * block, 2)
    for i in range(block):
        for j in range(block):
            first = 2 * (block * i + j)
            np.testing.assert_array_equal(
                found[:, i::block, j::block], images[..., first : first + 2]
            )


def test_leaky_relu_gradient():
    upstream, output = np.float32([1, 2, 3, -4]), np.float32([5, -1, 0, 1e-30])
    found = backend.leaky_relu_gradient(*map(backend.to_tensor, (upstream, output)), 0.25)
    np.testing.assert_array_equal(found, [1, 0.5, 0.75, -4])


def test_normalize():
    random = np.random.default_rng(2)
    x = np.float32(random.normal(3, 2, (2, 4, 5, 6)))
    mean, gamma, beta = np.float32(random.normal(size=(3, 6)))
    variance = np.float32(random.uniform(0.01, 4, 6))
    given = list(map(backend.to_tensor, (mean, variance, gamma, beta)))
    upstream = np.float32(random.normal(size=x.shape))
    found, slope = gradient(lambda x: backend.normalize(x, *given, 1e-2), x, upstream)
    scale = gamma / np.sqrt(np.float64(variance) + 1e-2)
    np.testing.assert_allclose(found, (x - mean) * scale + beta, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope, upstream * scale, rtol=1e-5, atol=1e-6)


# Devices.


def test_one_device():
    devices = backend.Devices()
    assert (devices.is_chief, devices.count, devices.part(6)) == (True, 1, slice(0, 6))
    assert devices.agree("whatever")
    with devices.scope():
        total = keras.Variable(np.float32(0))

    def step(arrays, number):
        replica = backend.replica()
        mean = replica.mean(ops.mean(arrays[0]))
        total.assign_add(mean * ops.cast(number, "float32"))
        one = 1.0 * ops.cast(replica.count - replica.number, "float32")
        return replica.sum([ops.sum(arrays[0]), ops.sum(arrays[1])]), one

    compiled = devices.compile(step, [total])
    for number in (1, 2):
        sums, one = compiled([X, np.int32([[4], [5], [6]])], np.int32(number))
        assert [float(x) for x in sums] == [X.sum(), 15] and float(one) == 1
    assert float(total) == pytest.approx(3 * X.mean())


# Mistakes.


def test_too_little_memory():
    with (
        pytest.raises(UserError, match="not enough memory; try less"),
        backend.memory_needed("try less"),
    ):
        # More than a process can address.
        ops.convert_to_numpy(ops.zeros((2**24, 2**24)))


@pytest.mark.parametrize("context", [backend.memory_needed, backend.workers_needed])
def test_other_mistakes_are_shown(context):
    with pytest.raises(RuntimeError, match="broken"), context("nothing"):
        raise RuntimeError("broken")
    with pytest.raises(Exception) as raised, context("nothing"):
        ops.matmul(backend.to_tensor(X), backend.to_tensor(X))
    assert not isinstance(raised.value, UserError)
