"""The training step: noise, generator, losses, gradient and Adam, compiled as one."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from common.state import arrays_of, restore
from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.objective import Losses, Objective
from reproductions.texture_nets.settings import TrainingSettings


class Training:
    """A generator, its objective, and Adam as Torch7's `optim` has it.

    Args:
        generator: is trained in place.
        objective: of its output.
        settings: of the run.

    Attributes:
        averages: the mean of the last iterations' weights; empty without `ema`.
    """

    def __init__(self, generator: Generator, objective: Objective, settings: TrainingSettings):
        self._generator, self._objective, self._settings = generator, objective, settings
        schedule = keras.optimizers.schedules.ExponentialDecay(
            settings.learning_rate,
            settings.learning_rate_every,
            settings.learning_rate_factor,
            staircase=True,
        )
        self._adam = keras.optimizers.Adam(schedule, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
        self._adam.build(generator.trainable_variables)
        self.averages = [tf.Variable(v) for v in generator.variables] if settings.ema else []
        self._compiled = tf.function(self._draw_and_step, autograph=False)

    def step(self, iteration: int, *batch: np.ndarray) -> tuple[Losses, tf.Tensor]:
        """Makes an iteration.

        Args:
            iteration: its number, from 0; it seeds the noise.
            *batch: for stylisation the images, (images, height, width, 3), RGB in 0..1, and the
                features that the content layer should have.

        Returns:
            The losses before the step, and the images that they are of, BGR minus the mean.
        """
        losses, images = self._compiled(tf.constant(iteration), *map(tf.convert_to_tensor, batch))
        return Losses(*map(float, losses)), images

    def _draw_and_step(self, iteration, *batch):
        settings = self._settings
        size = (settings.batch_size, settings.image_size, settings.image_size)
        noise = draw_noise(self._generator.noise, *size, settings.seed, iteration)
        return self.step_with(noise, *batch)

    def step_with(self, noise: Sequence, image=None, content=None):
        """Makes an iteration with given noise, as tensors; see `step`."""
        inputs = list(noise) if image is None else [image, *noise]
        variables = self._generator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            images = self._generator(inputs, training=True)
            losses = self._objective(images, content)
            total = losses.texture + losses.content
        gradients = tape.gradient(
            total, [v.value for v in variables], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        self._adam.apply(gradients, variables)
        self._average()
        return losses, images

    def _average(self) -> None:
        if self.averages:
            done = tf.cast(self._adam.iterations, tf.float32)
            # The first iterations' weights are forgotten sooner.
            keep = tf.minimum(self._settings.ema, done / (done + 10))
            for average, variable in zip(self.averages, self._generator.variables, strict=True):
                average.assign(average * keep + variable.value * (1 - keep))

    def averaged(self) -> Generator:
        """The generator to keep: one with the averaged weights if there are any."""
        if not self.averages:
            return self._generator
        generator = Generator(**self._generator.get_config())
        for variable, average in zip(generator.variables, self.averages, strict=True):
            variable.assign(average)
        return generator

    @property
    def iterations(self) -> int:
        """How many were made."""
        return int(self._adam.iterations)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that changes, as arrays by name."""
        return {"iteration": np.asarray(self.iterations), **arrays_of(self._variables())}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets everything that changes.

        Raises:
            ValueError: it is damaged, or the state of another run.
        """
        restore(self._variables(), state)
        if not np.array_equal(state.get("iteration"), self.iterations):
            raise ValueError("its iteration is not Adam's")

    def _variables(self) -> dict[str, list]:
        variables = [*self._generator.variables, *self._adam.variables, *self.averages]
        return {"variable": variables}
