"""GANs: an iteration of Algorithm 1 with linear players, as worked out by hand."""

from pathlib import Path

import numpy as np

from reproductions.suite.doctor.checks import Comparison, relative_error

BATCH, LATENT, SHAPE, RATE, BETA1 = 8, 5, (3, 4, 1), 0.01, 0.5
_EPSILON = 1e-7  # Adam's, of Keras


def check(references: Path) -> list[Comparison]:
    """Compares with NumPy in float64: there is no original whose numbers could be kept.

    Args:
        references: not needed.
    """
    import keras

    from reproductions.keras_gan.algorithm import Algorithm1

    random = np.random.default_rng(0)
    size = int(np.prod(SHAPE))
    painting = random.normal(0, 0.5, (LATENT, size)).astype(np.float32)
    judging = random.normal(0, 0.5, (size, 1)).astype(np.float32)
    latents = random.normal(size=(2, BATCH, LATENT)).astype(np.float32)
    reals = random.uniform(-1, 1, (1, BATCH, *SHAPE)).astype(np.float32)

    layers = keras.layers
    generator = keras.Sequential(
        [keras.Input((LATENT,)), layers.Dense(size, use_bias=False), layers.Reshape(SHAPE)]
    )
    discriminator = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(1, use_bias=False)]
    )
    generator.set_weights([painting])
    discriminator.set_weights([judging])
    values = Algorithm1([generator], discriminator, learning_rate=RATE, beta1=BETA1).iterate(
        0, reals, latents
    )

    g, d = painting.astype(np.float64), judging.astype(np.float64)
    x, (z, z_of_g) = reals.reshape(BATCH, size).astype(np.float64), latents.astype(np.float64)
    real, fake = _sigmoid(x @ d), _sigmoid(z @ g @ d)
    loss_of_d = -np.mean(np.log(real)) - np.mean(np.log(1 - fake))
    d = d - _first_step((x.T @ (real - 1) + (z @ g).T @ fake) / BATCH)
    fake = _sigmoid(z_of_g @ g @ d)
    g = g - _first_step(z_of_g.T @ (fake - 1) @ d.T / BATCH)
    losses = [loss_of_d, -np.mean(np.log(fake))]
    found = [float(values.discriminator), float(values.generator)]
    moved = relative_error(generator.get_weights()[0] - painting, g - painting)
    judged = relative_error(discriminator.get_weights()[0] - judging, d - judging)
    return [
        Comparison("both players' losses", relative_error(found, losses), 1e-5),
        Comparison("what D and G learn in a step", max(moved, judged), 1e-4),
    ]


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _first_step(gradient: np.ndarray) -> np.ndarray:
    """Adam's, whose averages are the gradient itself once they are corrected."""
    beta2 = 0.999
    mean, square = (1 - BETA1) * gradient, (1 - beta2) * gradient**2
    rate = RATE * np.sqrt(1 - beta2) / (1 - BETA1)
    return rate * mean / (np.sqrt(square) + _EPSILON)
