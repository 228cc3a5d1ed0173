"""The training loop, compiled: many iterations of Algorithm 1 in one call."""

import math

import keras
import numpy as np
import tensorflow as tf

from common.noise import normal
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
        fuse: compile by XLA. It makes small dense networks faster, and convolutions slower.

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
        self._algorithm, self._images = algorithm, tf.constant(images)
        self._batch_size, self._k, self._latent, self._seed = batch_size, k, latent, seed
        # TensorFlow's seeds are signed.
        self._latents_seed = int(np.uint32(seed).view(np.int32))
        self._augmentation = augmentation
        self.epoch_length = math.ceil(len(images) // batch_size / k)
        self._order = tf.Variable(tf.zeros(self.epoch_length * k * batch_size, tf.int32))
        self._epoch = -1
        self._iterate = tf.function(algorithm.iterate, autograph=False, jit_compile=fuse)
        self._block = tf.function(self._iterations, autograph=False)

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
            self._order.assign(self._shuffled(epoch))
            self._epoch = epoch
        sums = self._block(stage, tf.constant(done), tf.constant(first), tf.constant(count))
        return Values(*(float(value) / count for value in sums))

    def _shuffled(self, epoch: int) -> np.ndarray:
        """Numbers of all pictures in random order; some again if k steps do not go up evenly."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._images))
        return np.resize(order, self._order.shape).astype(np.int32)

    def _iterations(self, stage: int, done, first, count):
        def iteration(number, sums):
            reals = self._reals(done + number)
            shape = (self._k + 1, self._batch_size, self._latent)
            latents = normal(shape, tf.stack([self._latents_seed, first + number]))
            values = self._iterate(stage, reals, latents)
            return number + 1, Values(*map(tf.add, sums, values))

        zeros = Values(*[tf.zeros(())] * len(Values._fields))
        start = (tf.constant(0), zeros)
        return tf.while_loop(lambda number, _: number < count, iteration, start)[1]

    def _reals(self, number):
        """The real pictures of an iteration of this epoch."""
        size = self._k * self._batch_size
        pictures = tf.gather(self._images, self._order[number * size : (number + 1) * size])
        pictures = tf.cast(pictures, tf.float32)
        if self._augmentation is not None:
            pictures = self._augmentation(pictures, training=True)
        shape = (self._k, self._batch_size, *self._images.shape[1:])
        return tf.reshape(pictures / 127.5 - 1, shape)
