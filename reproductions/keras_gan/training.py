"""The training loop, compiled: many iterations of Algorithm 1 in one call."""

import functools
import math

import keras
import numpy as np
from keras import ops

from common import backend
from common.state import flat
from reproductions.keras_gan.algorithm import Algorithm1, Values


class Training:
    """Algorithm 1 on a set of pictures that lies on the device.

    Args:
        algorithm: the players.
        images: uint8, (images, height, width, channels).
        batch_size: pictures of one step, at most as many as there are.
        k: steps of the discriminator per step of the generator.
        latent: numbers that a picture is made of.
        seed: of the order of the pictures and of the latents.
        augmentation: changes batches of pictures, float32 in 0..255; or None.
        fuse: compile by XLA, which makes small dense networks faster.

    Attributes:
        epoch_length: iterations in which D sees every picture once (but for a remainder that does
            not fill a batch).
    """

    def __init__(
        self,
        algorithm: Algorithm1,
        images: np.ndarray,
        batch_size: int,
        k: int,
        latent: int,
        seed: int,
        augmentation: keras.Model | None = None,
        fuse: bool = False,
    ):
        self._algorithm, self._images = algorithm, backend.to_tensor(images)
        self._batch_size, self._k, self._latent, self._seed = batch_size, k, latent, seed
        # TensorFlow's seeds are signed.
        self._latents_seed = int(np.uint32(seed).view(np.int32))
        self._augmentation = augmentation
        self.epoch_length = math.ceil(len(images) // batch_size / k)
        self._shown = self.epoch_length * k * batch_size
        self._epoch, self._order = -1, None
        self._iterate = backend.fuse(algorithm.iterate) if fuse else algorithm.iterate
        self._variables = flat(algorithm.variables)
        if augmentation is not None:
            self._variables += augmentation.variables
        # One for each stage of growth.
        self._blocks = {}

    def block(self, stage: int, first: int, count: int) -> Values:
        """Makes iterations, all of one epoch, in one compiled call.

        Args:
            stage: of growth.
            first: number of the first iteration, from 0.
            count: how many.

        Returns:
            Their mean values.
        """
        epoch, done = divmod(first, self.epoch_length)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, backend.to_tensor(self._shuffled(epoch))
        if stage not in self._blocks:
            iterations = functools.partial(self._iterations, stage)
            self._blocks[stage] = backend.compile(iterations, self._variables)
        numbers = np.array([done, first, count], np.int32)
        sums = self._blocks[stage](self._images, self._order, *numbers)
        return Values(*(float(value) / count for value in sums))

    def _shuffled(self, epoch: int) -> np.ndarray:
        """Numbers of all pictures in random order; some again if k steps do not go up evenly."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._images))
        return np.resize(order, self._shown).astype(np.int32)

    def _iterations(self, stage: int, images, order, done, first, count):
        def iteration(number, sums):
            reals = self._reals(images, order, done + number)
            shape = (self._k + 1, self._batch_size, self._latent)
            latents = backend.normal(shape, (self._latents_seed, first + number))
            values = self._iterate(stage, reals, latents)
            return [total + value for total, value in zip(sums, values, strict=True)]

        zeros = [ops.zeros(()) for _ in Values._fields]
        return backend.repeat(count, iteration, zeros, self._variables)

    def _reals(self, images, order, number):
        """The real pictures of an iteration of this epoch."""
        size = self._k * self._batch_size
        chosen = ops.slice(order, [number * size], [size])
        pictures = ops.cast(ops.take(images, chosen, axis=0), "float32")
        if self._augmentation is not None:
            pictures = self._augmentation(pictures, training=True)
        shape = (self._k, self._batch_size, *images.shape[1:])
        return ops.reshape(pictures / 127.5 - 1, shape)
