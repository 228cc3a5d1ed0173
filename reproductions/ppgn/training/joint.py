"""The joint recipe: one step of the generator and of its discriminator.

Section 3.4 and 3.5 of the paper, with the losses of Dosovitskiy and Brox (arXiv 1602.02644).
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from common import backend
from reproductions.ppgn.crops import view
from reproductions.ppgn.ends import after_activation
from reproductions.ppgn.formats import FORMATS
from reproductions.ppgn.training.discriminator import DROPOUT

#: Labels of D.
REAL, FAKE = 0, 1


class Weights(NamedTuple):
    """Of the generator's losses; those of arXiv 1602.02644, section 3.4.

    Attributes:
        image: of the squared distance of images.
        features: of that of features at a lower layer of E, h_1.
        code: of that of codes, h.
        adversarial: of log D.
    """

    image: float = 2e-6
    features: float = 1e-2
    code: float = 1e-2
    adversarial: float = 100.0


class Values(NamedTuple):
    """What a step measures, before weights: each a number, or a scalar tensor in compiled code.

    Attributes:
        image: half the squared distance of an image to its reconstruction.
        features: that of their features.
        code: that of their codes.
        adversarial: the generator's part, -log D(real | G(h)).
        real: the discriminator's loss on images, -log D(real | x).
        fake: that on reconstructions, -log D(generated | G(h)).
    """

    image: float
    features: float
    code: float
    adversarial: float
    real: float
    fake: float


def half_squared(a, b):
    """Caffe's EuclideanLoss of each image, but for the mean over them: sum (a - b)² / 2, (n,)."""
    return ops.sum(ops.square(a - b), axis=tuple(range(1, len(a.shape)))) / 2


def cross_entropy(logits, label: int):
    """Minus the log-probability of a label, (n,), of logits (n, 2)."""
    return -ops.log_softmax(logits, axis=-1)[:, label]


def mean_size(values):
    """The mean absolute value, over all devices."""
    return backend.replica().mean(ops.mean(ops.abs(values)))


class Joint:
    """G and D with their optimisers, and E, which does not change.

    Args:
        generator: G, see `reproductions.ppgn.training.generator`.
        discriminator: D; None, or left alone, where the adversarial loss has no weight.
        encoder: E, from images to the two layers among others.
        feature_layer: E's layer h_1, after its activation.
        code_layer: E's layer h, likewise.
        weights: of the losses.
        optimizers: of G and of D.
        decay: of D's weights: this times a weight is added to its gradient.
        noise: of the joint variant: standard deviation of what is added to x, h_1 and h, relative
            to the mean absolute value of each; 0 for the noiseless one.
        told: whether D is told the codes.
        prepare: from images, BGR minus the mean, to E's input.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        encoder: keras.Model,
        feature_layer: str,
        code_layer: str,
        weights: Weights,
        optimizers: tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer],
        decay: float = 4e-4,
        noise: float = 0.0,
        told: bool = False,
        prepare: Callable = FORMATS["caffe"],
    ):
        self.generator, self.discriminator = generator, discriminator
        self._weights, self._decay, self._noise, self._told = weights, decay, noise, told
        self._optimizers, self._prepare = optimizers, prepare
        features = after_activation(encoder, feature_layer)
        code = after_activation(encoder, code_layer)
        self._to_features = keras.Model(encoder.inputs[0], features)
        self._code = keras.Model(features, code)
        self._to_features.trainable = self._code.trainable = False
        self._players = [generator, discriminator] if weights.adversarial else [generator]
        for optimizer, player in zip(optimizers, self._players, strict=False):
            optimizer.build(player.trainable_variables)

    def reconstruct(self, images):
        """G(E(x)), as E sees it, of images (n, height, width, channels)."""
        return view(self.generator(self._code(self._features(images))), images.shape[1:3])

    def step(self, images, seed, train_d: bool, train_g: bool) -> Values:
        """Makes a step: D first, then G against what D is by then.

        On several devices each has a part of the batch, and all of them make the same step.

        Args:
            images: this device's, (n, height, width, channels), BGR minus the mean, as E takes
                them.
            seed: two integers; of the noise and of D's dropout.
            train_d: whether D changes.
            train_g: whether G does.

        Returns:
            Means over the whole batch, of G and D as they were; only the adversarial loss is what
            the new D says.
        """
        replica = backend.replica()
        batch = images.shape[0] * replica.count
        draws = _Draws(seed, replica.number, images.shape[0], batch)

        noisy = self._noisy(images, draws)
        features = self._features(images)
        noisy_features = self._features(noisy) if self._noise else features
        code = self._code(self._noisy(noisy_features, draws))
        clean_code = self._code(features) if self._noise else code
        given = self._noisy(code, draws)
        w = self._weights

        def reconstruct():
            made = view(self.generator(given, training=True), images.shape[1:3])
            made_features = self._features(made)
            losses = (
                ops.sum(half_squared(made, images)) / batch,
                ops.sum(half_squared(made_features, features)) / batch,
                ops.sum(half_squared(self._code(made_features), clean_code)) / batch,
            )
            loss = w.image * losses[0] + w.features * losses[1] + w.code * losses[2]
            return [loss, made], losses

        variables = self.generator.trainable_variables
        (_, made), losses, pull_back = backend.vjp(reconstruct, variables)
        adversarial = real = fake = ops.zeros(())
        pull = ops.zeros_like(made)
        if w.adversarial:
            made = ops.stop_gradient(made)
            real, fake = self._train_d(images, made, code, draws, batch, replica.count, train_d)

            def fool(made):
                says = self._says(made, code, draws)
                return [ops.sum(cross_entropy(says, REAL)) / batch], ()

            (pull,), (adversarial,), _ = backend.gradients(fool, made)
            pull = w.adversarial * pull
        if train_g:
            backend.apply(self._optimizers[0], pull_back(ops.ones(()), pull), variables)
        return Values(*replica.sum([*losses, adversarial, real, fake]))

    def _features(self, images):
        """h_1 of images."""
        return self._to_features(self._prepare(images))

    def _noisy(self, values, draws):
        if not self._noise:
            return values
        return values + self._noise * mean_size(values) * draws.normal(values.shape[1:])

    def _says(self, images, code, draws):
        """D's logits, with dropout."""
        widths = [one.shape[-1] for one in self.discriminator.inputs[1:3]]
        kept = [ops.cast(draws.uniform((width,)) >= DROPOUT, "float32") for width in widths]
        masks = [one / (1 - DROPOUT) for one in kept]
        given = [images, *masks, code] if self._told else [images, *masks]
        return self.discriminator(given, training=True)

    def _train_d(self, images, made, code, draws, batch: int, parts: int, train: bool):
        variables = self.discriminator.trainable_variables

        def judge():
            real = ops.sum(cross_entropy(self._says(images, code, draws), REAL)) / batch
            fake = ops.sum(cross_entropy(self._says(made, code, draws), FAKE)) / batch
            return self._weights.adversarial * (real + fake), (real, fake)

        _, (real, fake), gradients = backend.weight_gradients(judge, variables)
        if train:
            # Gradients of all devices are added, and this must come once.
            decay = self._decay / parts
            gradients = [g + decay * v for g, v in zip(gradients, variables, strict=True)]
            backend.apply(self._optimizers[1], gradients, variables)
        return real, fake

    @property
    def variables(self) -> dict[str, list]:
        """Everything that changes, by part."""
        parts = {}
        for player, optimizer in zip(self._players, self._optimizers, strict=False):
            parts[player.name] = player.variables
            parts[f"adam_of_{player.name}"] = optimizer.variables
        return parts


class _Draws:
    """Random numbers for this device's part of a batch, the same however it is divided."""

    def __init__(self, seed, part, count: int, batch: int):
        self._seed, self._part, self._count, self._batch = seed, part, count, batch
        self._drawn = 0

    def normal(self, shape: tuple[int, ...]):
        """N(0, 1), (n, *shape)."""
        return self._mine(backend.normal, shape)

    def uniform(self, shape: tuple[int, ...]):
        """U(0, 1), (n, *shape)."""
        return self._mine(backend.uniform, shape)

    def _mine(self, draw, shape):
        self._drawn += 1
        # A thousand draws lie between the seeds of two steps.
        seed = self._seed[0], 1000 * self._seed[1] + self._drawn
        first = self._part * self._count
        return draw((self._batch, *shape), seed)[first : first + self._count]
