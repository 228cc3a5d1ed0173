"""Algorithm 1 of the paper: k steps of the discriminator, then one of the generator."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import ops

from common import backend
from reproductions.keras_gan.losses import GENERATOR_LOSSES, discriminator_loss
from reproductions.keras_gan.networks import stages


class Values(NamedTuple):
    """What an iteration measures: each a number, or a scalar tensor in compiled code.

    Attributes:
        discriminator: its loss at its last step.
        generator: its loss.
        real: D(x), the mean over the last real pictures.
        fake: D(G(z)), the mean over the pictures that G was trained on.
    """

    discriminator: float
    generator: float
    real: float
    fake: float


class Algorithm1:
    """Both players with their optimisers.

    Args:
        generators: G, or one for each stage of growth; see `networks.generators`.
        discriminator: D.
        loss: of the generator: `non-saturating` or `minimax`.
        learning_rate: of Adam.
        beta1: likewise.
        train_all: while G grows, train its earlier layers, too. If not, what batch normalisation
            in them keeps, means and variances, follows nevertheless.
    """

    def __init__(
        self,
        generators: Sequence[keras.Model],
        discriminator: keras.Model,
        loss: str = "non-saturating",
        learning_rate: float = 2e-4,
        beta1: float = 0.5,
        train_all: bool = True,
    ):
        self._generators, self._discriminator = generators, discriminator
        self._loss, self._train_all = GENERATOR_LOSSES[loss], train_all
        self._added = stages(generators)

        def adam(variables: list) -> keras.optimizers.Adam:
            optimizer = keras.optimizers.Adam(learning_rate, beta_1=beta1)
            optimizer.build(variables)
            return optimizer

        self._adam_of_d = adam(discriminator.trainable_variables)
        # Each stage of growth has its own: Adam's correction of its first steps begins with it.
        self._adams_of_g = [adam(variables) for variables in self._added]

    def iterate(self, stage: int, reals, latents):
        """Makes an iteration.

        Args:
            stage: of growth, from 0.
            reals: the pictures of each of k steps, (k, batch, height, width, channels) in -1..1.
            latents: N(0, 1), (k + 1, batch, latent): the last are the generator's.

        Returns:
            `Values`, as tensors.
        """
        generator = self._generators[stage]
        for step in range(reals.shape[0]):
            fakes = generator(latents[step], training=True)
            loss, real = self.discriminator_step(reals[step], fakes)
        generator_loss, fake = self.generator_step(stage, latents[-1])
        return Values(loss, generator_loss, real, fake)

    def discriminator_step(self, reals, fakes):
        """Trains D on real and generated pictures; its loss and D(x)."""
        variables = self._discriminator.trainable_variables

        def play():
            # Not together: batch normalisation has each kind's own statistics.
            real = self._discriminator(reals, training=True)
            fake = self._discriminator(fakes, training=True)
            return discriminator_loss(real, fake), real

        loss, real, gradients = backend.weight_gradients(play, variables)
        self._adam_of_d.apply(gradients, variables)
        return loss, ops.mean(ops.sigmoid(real))

    def generator_step(self, stage: int, latents):
        """Trains G; its loss and D(G(z))."""
        trained = range(0 if self._train_all else stage, stage + 1)
        variables = [variable for number in trained for variable in self._added[number]]

        def play():
            pictures = self._generators[stage](latents, training=True)
            fake = self._discriminator(pictures, training=True)
            return self._loss(fake), fake

        loss, fake, gradients = backend.weight_gradients(play, variables)
        gradients = iter(gradients)
        for number in trained:
            added = self._added[number]
            self._adams_of_g[number].apply([next(gradients) for _ in added], added)
        return loss, ops.mean(ops.sigmoid(fake))

    @property
    def variables(self) -> dict[str, list]:
        """Everything that changes, by part."""
        adams = [self._adam_of_d, *self._adams_of_g]
        return {
            "generator": self._generators[-1].variables,
            "discriminator": self._discriminator.variables,
            "adam": [v for adam in adams for v in adam.variables],
        }
