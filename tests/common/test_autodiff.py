import keras
import numpy as np
import pytest
from keras import ops

from common.autodiff import compile_images, loss_and_gradient

pytestmark = pytest.mark.reference

SHAPE = (2, 3, 4, 3)


def smooth(images):
    return ops.sum(ops.sin(images) * ops.square(images)) + ops.sum(images[0] * images[1])


def test_gradient_against_finite_differences():
    pixels = np.random.RandomState(0).uniform(-2, 2, int(np.prod(SHAPE)))
    evaluate = loss_and_gradient(smooth, SHAPE)
    value, gradient = evaluate(pixels)
    assert isinstance(value, float)
    assert gradient.dtype == np.float64 and gradient.shape == pixels.shape

    def exact(x):
        images = x.reshape(SHAPE)
        return np.sum(np.sin(images) * images**2) + np.sum(images[0] * images[1])

    assert value == pytest.approx(exact(pixels), rel=1e-5)
    step = 1e-5
    for i in range(0, pixels.size, 5):
        offset = step * np.eye(pixels.size)[i]
        expected = (exact(pixels + offset) - exact(pixels - offset)) / (2 * step)
        assert gradient[i] == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.skipif(keras.config.backend() == "torch", reason="PyTorch compiles nothing")
def test_a_loss_is_traced_once():
    traces = []

    def loss(images):
        traces.append(images.shape)
        return ops.sum(ops.square(images))

    evaluate = loss_and_gradient(loss, SHAPE)
    for seed in range(4):
        evaluate(np.random.RandomState(seed).standard_normal(int(np.prod(SHAPE))))
    assert traces == [SHAPE]


def test_pixels_stay_as_they_are():
    pixels = np.ones(int(np.prod(SHAPE)))
    loss_and_gradient(smooth, SHAPE)(pixels)
    assert (pixels == 1).all()


def test_a_function_of_images_of_all_sizes():
    def function(images):
        return [ops.mean(images, axis=(1, 2)), images * 2]

    fast = compile_images(function)
    for shape in ((1, 4, 5, 3), (2, 8, 3, 3), (3, 1, 1, 3)):
        images = np.random.RandomState(0).uniform(size=shape).astype(np.float32)
        means, doubled = fast(images)
        np.testing.assert_allclose(means, images.mean((1, 2)), rtol=1e-5)
        np.testing.assert_allclose(doubled, 2 * images)
