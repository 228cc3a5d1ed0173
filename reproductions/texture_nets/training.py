"""The training step: noise, generator, losses, gradient and Adam, compiled as one."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from common import backend
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
        variables: all that a step changes.
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
        self.averages = [_copy(v) for v in generator.variables] if settings.ema else []
        self.variables = [*generator.variables, *self._adam.variables, *self.averages]
        self._compiled = backend.compile(self._draw_and_step, self.variables)

    def step(self, iteration: int, *batch: np.ndarray) -> tuple[Losses, np.ndarray]:
        """Makes an iteration.

        Args:
            iteration: its number, from 0; it seeds the noise.
            *batch: for stylisation the images, (images, height, width, 3), RGB in 0..1, and the
                features that the content layer should have.

        Returns:
            The losses before the step, and the images that they are of, BGR minus the mean.
        """
        losses, images = self._compiled(np.int32(iteration), *batch)
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

        def play():
            images = self._generator(inputs, training=True)
            losses = self._objective(images, content)
            return losses.texture + losses.content, (losses, images)

        _, (losses, images), gradients = backend.weight_gradients(play, variables)
        self._adam.apply(gradients, variables)
        self._average()
        return losses, images

    def _average(self) -> None:
        if self.averages:
            done = ops.cast(self._adam.iterations, "float32")
            # The first iterations' weights are forgotten sooner.
            keep = ops.minimum(self._settings.ema, done / (done + 10))
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
        return {"iteration": np.asarray(self.iterations), **arrays_of({"variable": self.variables})}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets everything that changes.

        Raises:
            ValueError: it is damaged, or the state of another run.
        """
        restore({"variable": self.variables}, state)
        if not np.array_equal(state.get("iteration"), self.iterations):
            raise ValueError("its iteration is not Adam's")


def _copy(variable: keras.Variable) -> keras.Variable:
    # Of an array of its own: a variable made of another's value would be that variable.
    value = np.array(ops.convert_to_numpy(variable))
    return keras.Variable(value, trainable=False, dtype=variable.dtype)
