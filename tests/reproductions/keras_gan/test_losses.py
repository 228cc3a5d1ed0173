"""The losses against the paper's formulas, in float64."""

import numpy as np
import pytest
from keras import ops

from reproductions.keras_gan.losses import GENERATOR_LOSSES, discriminator_loss
from tests.backends import float64, gradient

pytestmark = pytest.mark.reference

#: Beyond these float64 cannot write 1 - D as the paper does.
MODERATE = np.linspace(-20, 20, 41)[:, None]

#: Here softplus is either the logit or nothing, to float64's accuracy.
EXTREME = np.array([[-80.0], [80.0], [-80.0], [-80.0]])


def probability(logits: np.ndarray) -> np.ndarray:
    """D: the sigmoid of its logit."""
    return 1 / (1 + np.exp(-logits))


#: What each loss is, and its gradient with respect to the logits.
FORMULAS = {
    "non-saturating": (
        lambda d: -np.log(d).mean(),
        lambda d: -(1 - d) / d.size,
    ),
    "minimax": (
        lambda d: np.log(1 - d).mean(),
        lambda d: -d / d.size,
    ),
}

each_loss = pytest.mark.parametrize("name", list(FORMULAS))
both_types = pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-5), ("float64", 1e-7)])


def loss_and_gradients(loss, *logits, dtype="float32"):
    """A loss and its gradient with respect to each of its arguments."""

    def of(number):
        return lambda x: loss(*arrays[:number], x, *arrays[number + 1 :])

    arrays = [np.asarray(each, dtype) for each in logits]
    with float64(dtype == "float64"):
        found = [gradient(of(number), array) for number, array in enumerate(arrays)]
    return found[0][0], [gradient for _, gradient in found]


def test_names():
    """The flag's choices are the paper's two."""
    assert set(GENERATOR_LOSSES) == set(FORMULAS)


@both_types
@each_loss
def test_generator(name, dtype, limit):
    """- log D(G(z)), or log(1 - D(G(z))), and the gradient."""
    value, gradient = FORMULAS[name]
    found, (found_gradient,) = loss_and_gradients(GENERATOR_LOSSES[name], MODERATE, dtype=dtype)
    assert found.dtype == dtype
    assert found == pytest.approx(value(probability(MODERATE)), rel=limit)
    np.testing.assert_allclose(found_gradient, gradient(probability(MODERATE)), rtol=10 * limit)


@both_types
def test_discriminator(dtype, limit):
    """- log D(x) - log(1 - D(G(z))), each the mean of its batch, and the gradients."""
    real, fake = MODERATE, MODERATE[3:20] / 3
    found, gradients = loss_and_gradients(discriminator_loss, real, fake, dtype=dtype)
    d_real, d_fake = probability(real), probability(fake)
    wanted = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
    assert found == pytest.approx(wanted, rel=limit)
    np.testing.assert_allclose(gradients[0], -(1 - d_real) / d_real.size, rtol=10 * limit)
    np.testing.assert_allclose(gradients[1], d_fake / d_fake.size, rtol=10 * limit)


def test_at_equilibrium():
    """Where D knows nothing, its loss is log 4 and G's are log 2 and - log 2."""
    nothing = ops.zeros((5, 1))
    assert float(discriminator_loss(nothing, nothing)) == pytest.approx(np.log(4), rel=1e-6)
    assert float(GENERATOR_LOSSES["non-saturating"](nothing)) == pytest.approx(np.log(2), rel=1e-6)
    assert float(GENERATOR_LOSSES["minimax"](nothing)) == pytest.approx(-np.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "slopes"),
    [
        # One of four logits is 80: D is sure that the others are generated.
        ("non-saturating", 3 * 80 / 4, [-0.25, 0, -0.25, -0.25]),
        ("minimax", -80 / 4, [0, -0.25, 0, 0]),
    ],
)
def test_generator_is_finite(name, value, slopes):
    """Where a probability is 0 or 1 in float32, loss and gradient are what they tend to."""
    found, (gradient,) = loss_and_gradients(GENERATOR_LOSSES[name], EXTREME)
    assert found == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(gradient[:, 0], slopes, rtol=1e-6, atol=1e-30)


def test_discriminator_is_finite():
    """As the generator's."""
    found, (real, fake) = loss_and_gradients(discriminator_loss, EXTREME, EXTREME)
    assert found == pytest.approx(3 * 80 / 4 + 80 / 4, rel=1e-6)
    np.testing.assert_allclose(real[:, 0], [-0.25, 0, -0.25, -0.25], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(fake[:, 0], [0, 0.25, 0, 0], rtol=1e-6, atol=1e-30)


def test_minimax_saturates():
    """Where D sees through G, minimax hardly has a gradient and the other a full one."""
    slopes = {}
    for name, loss in GENERATOR_LOSSES.items():
        _, (gradient,) = loss_and_gradients(loss, np.full((4, 1), -12.0))
        slopes[name] = abs(gradient.sum())
    assert slopes["minimax"] < 1e-5
    assert slopes["non-saturating"] == pytest.approx(1, abs=1e-5)
