import keras
import numpy as np
import pytest
from keras import ops

from common.autodiff import compile_gradients
from common.layers import FrozenConv2D, pad_images
from tests.backends import gradient as value_and_gradient

pytestmark = pytest.mark.reference

PADDINGS = ["valid", "same", "wrap"]
SIZES = [(8, 6), (7, 9), (3, 3), (1, 1)]


@pytest.fixture
def random():
    return np.random.RandomState(0)


def plain_convolution(images, kernel, bias, padding):
    """The same layer by plain means; circular borders are a sum over rolled images."""
    if padding == "wrap":
        values = sum(
            ops.matmul(ops.roll(images, (1 - row, 1 - column), axis=(1, 2)), kernel[row, column])
            for row in range(3)
            for column in range(3)
        )
    else:
        values = ops.conv(images, kernel, padding=padding)
    return ops.relu(ops.add(values, bias))


@pytest.mark.parametrize(
    ("padding", "size"),
    # A `valid` convolution leaves nothing of sides below 3.
    [(p, size) for p in PADDINGS for size in SIZES if p != "valid" or min(size) >= 3],
)
@pytest.mark.long_to_compile
def test_frozen_convolution_equals_plain_one(random, padding, size):
    images = random.standard_normal((2, *size, 4)).astype(np.float32)
    kernel = random.standard_normal((3, 3, 4, 5)).astype(np.float32)
    bias = random.standard_normal(5).astype(np.float32)
    layer = FrozenConv2D(kernel, bias, padding)
    shape = layer.compute_output_shape(images.shape)
    upstream = random.standard_normal(shape).astype(np.float32)
    output, gradient = value_and_gradient(layer, images, upstream)
    expected, expected_gradient = value_and_gradient(
        lambda x: plain_convolution(x, kernel, bias, padding), images, upstream
    )
    assert output.shape == shape
    assert (output == 0).any() and (output > 0).any()
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.long_to_compile
def test_gradient_in_a_compiled_function_of_unknown_size(random, padding):
    kernel = random.standard_normal((3, 3, 3, 5)).astype(np.float32)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, FrozenConv2D(kernel, np.zeros(5), padding)(inputs))

    gradient = compile_gradients(
        lambda images: ([ops.sum(ops.square(model(images)))], ()),
        ((None, None, None, 3), "float32"),
    )
    for size in ((5, 7), (8, 4)):
        images = random.standard_normal((1, *size, 3)).astype(np.float32)
        output = np.asarray(plain_convolution(images, kernel, 0.0, padding))
        _, expected = value_and_gradient(
            lambda x: plain_convolution(x, kernel, 0.0, padding), images, 2 * output
        )
        (found,), _ = gradient(images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_circular_padding_commutes_with_rolling(random):
    kernel = random.standard_normal((3, 3, 3, 6)).astype(np.float32)
    layer = FrozenConv2D(kernel, np.zeros(6), "wrap")
    images = random.standard_normal((1, 7, 10, 3)).astype(np.float32)
    for shift in ((1, 0), (0, 3), (4, -5)):
        rolled = np.asarray(layer(np.roll(images, shift, axis=(1, 2))))
        expected = np.roll(np.asarray(layer(images)), shift, axis=(1, 2))
        np.testing.assert_allclose(rolled, expected, rtol=1e-5, atol=1e-5)


def test_there_is_nothing_to_train(random):
    layer = FrozenConv2D(random.standard_normal((3, 3, 3, 2)), np.zeros(2))
    layer(np.zeros((1, 4, 4, 3), np.float32))
    assert layer.weights == []


def test_refusals():
    with pytest.raises(ValueError, match="square, of odd sides, got 3x5"):
        FrozenConv2D(np.zeros((3, 5, 3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="square, of odd sides, got 4x4"):
        FrozenConv2D(np.zeros((4, 4, 3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match=r"valid, same, wrap or reflect, got 'mirror'"):
        FrozenConv2D(np.zeros((3, 3, 3, 2)), np.zeros(2), "mirror")
    with pytest.raises(ValueError, match="same needs stride 1"):
        FrozenConv2D(np.zeros((3, 3, 3, 2)), np.zeros(2), "same", stride=2)
    with pytest.raises(ValueError, match="takes 3 channels, got 4"):
        FrozenConv2D(np.zeros((3, 3, 3, 2)), np.zeros(2))(np.zeros((1, 5, 5, 4), np.float32))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 1), (2, 2), (0, 1), (2, 0)])
@pytest.mark.parametrize("wrap", [False, True])
def test_padding_equals_that_of_numpy(random, before, after, wrap):
    images = random.standard_normal((2, 4, 5, 3)).astype(np.float32)
    widths = ((0, 0), (before, after), (before, after), (0, 0))
    expected = np.pad(images, widths, mode="wrap" if wrap else "constant")
    np.testing.assert_array_equal(pad_images(images, before, after, wrap), expected)
