"""Small networks for the joint recipe, and a step of it, for the tests of `joint.py`."""

import keras
import numpy as np

from common import backend
from reproductions.ppgn.training.classifier import classifier
from reproductions.ppgn.training.discriminator import discriminator
from reproductions.ppgn.training.generator import upconvolutional
from reproductions.ppgn.training.joint import Joint, Values, Weights

BATCH, CODE, SIDE = 3, 5, 28

#: Of G and of D: large, so that D is another one when G asks it.
RATES = (3e-3, 2e-2)
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
DECAY = 0.3

#: All of them count: none of the four makes up less than a hundredth of G's gradient.
WEIGHTS = Weights(1e-3, 1e-1, 10.0, 100.0)
NOTHING = Weights(0.0, 0.0, 0.0, 0.0)

#: Sums of thousands of products in float32, through a dozen layers and back. Adam divides by the
#: gradient, so that the smallest ones, which are hardly known, move D as far as the others do: 6e-5
#: of what D says then, and of the gradients through it, is lost.
FLOAT32 = 1e-4


def parts(side=SIDE, told=False):
    """E, G and D, with random biases too; D's logits are neither tiny nor huge."""
    keras.utils.set_random_seed(1)
    encoder = classifier((SIDE, SIDE, 1), 3, filters=2, code=CODE)
    generator = upconvolutional(CODE, side, 1, filters=2)
    player = discriminator(SIDE, 1, filters=2, code=CODE if told else None)
    random = np.random.default_rng(2)
    for model in (encoder, generator, player):
        for variable in model.trainable_variables:
            if variable.name == "bias":
                variable.assign(random.normal(0, 0.1, variable.shape))
            elif variable.path.startswith(("Dfc", "Dfeat")):
                variable.assign(4 * variable)
    return encoder, generator, player


def adams():
    return tuple(keras.optimizers.Adam(rate, BETA1, BETA2, epsilon=EPSILON) for rate in RATES)


def joint_of(networks, weights=WEIGHTS, **options):
    encoder, generator, player = networks
    options = {"decay": DECAY, **options}
    return Joint(generator, player, encoder, "pool2", "fc6", weights, adams(), **options)


def images_of(batch=BATCH, seed=3):
    values = np.random.default_rng(seed).uniform(-115, 140, (batch, SIDE, SIDE, 1))
    return values.astype(np.float32)


def step_of(joint, images, seed, train_d=True, train_g=True):
    """Without compiling it; as numbers."""
    return Values(*map(float, joint.step(backend.to_tensor(images), seed, train_d, train_g)))


def error(found, wanted):
    """The largest difference, relative to the largest value."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted)
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def adam_of(joint, player, moment):
    """Keras keeps them as rate, then number of steps, then both moments of each weight."""
    variables = joint.variables.get(f"adam_of_{player}", [])
    return [one for one in variables if one.path.endswith(moment)]


def arrays_of(model):
    return [np.asarray(one).copy() for one in model.variables]


def changed(before, model):
    """For each array, whether it is another one now."""
    return [(a != np.asarray(b)).any() for a, b in zip(before, model.variables, strict=True)]
