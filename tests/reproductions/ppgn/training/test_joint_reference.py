"""Steps of the joint recipe against an implementation of its own, in float64."""

import numpy as np
import pytest

# It gives the reference its gradients; what is tested runs on the backend in use.
tf = pytest.importorskip("tensorflow")

from common import backend  # noqa: E402
from reproductions.ppgn.training.joint import Values, Weights  # noqa: E402
from tests.reproductions.ppgn.training.joint import (  # noqa: E402
    BETA1,
    BETA2,
    DECAY,
    EPSILON,
    FLOAT32,
    NOTHING,
    RATES,
    SIDE,
    WEIGHTS,
    adam_of,
    arrays_of,
    changed,
    error,
    images_of,
    joint_of,
    parts,
    step_of,
)

pytestmark = pytest.mark.reference

#: Keras casts beta2 to the type of the weights, in the bias correction only.
BETA2_32 = float(np.float32(BETA2))

#: Leaky ReLUs of G.
SLOPE = 0.3

# Layers, on float64.


def dense(x, layer):
    return x @ layer[0] + layer[1]


def convolved(x, layer, stride=1, padding="VALID"):
    return tf.nn.conv2d(x, layer[0], stride, padding) + layer[1]


def doubled(x, layer):
    """Each pixel adds its multiple of the 4x4 kernel, two pixels apart; one is cut off around."""
    n, height, width, channels = x.shape
    spread = tf.reshape(x, (n, height, 1, width, 1, channels))
    spread = tf.pad(spread, [[0, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]])
    spread = tf.reshape(spread, (n, 2 * height, 2 * width, channels))
    spread = tf.pad(spread, [[0, 0], [2, 1], [2, 1], [0, 0]])
    kernel = tf.transpose(layer[0][::-1, ::-1], (0, 1, 3, 2))
    return tf.nn.conv2d(spread, kernel, 1, "VALID") + layer[1]


def leaky(x):
    return tf.where(x > 0, x, SLOPE * x)


def to_features(e, images):
    """h_1: two convolutions, each with a maximum over 2x2."""
    x = images / 127.5
    for name in ("conv1", "conv2"):
        x = tf.nn.max_pool2d(tf.nn.relu(convolved(x, e[name], padding="SAME")), 2, 2, "VALID")
    return x


def to_code(e, features):
    return tf.nn.relu(dense(tf.reshape(features, (len(features), -1)), e["fc6"]))


def to_images(g, code):
    """What E sees of G's images: the middle."""
    x = code
    for name in ("defc7", "defc6", "defc5"):
        x = leaky(dense(x, g[name]))
    x = tf.reshape(x, (len(code), *SMALL[g["defc5"][1].shape[0]]))
    names = sorted((name for name in g if name.startswith("deconv")), reverse=True)
    for name in names[:-1]:
        x = leaky(doubled(x, g[name]))
    x = doubled(x, g[names[-1]])
    edge = (x.shape[1] - SIDE) // 2
    return x[:, edge : edge + SIDE, edge : edge + SIDE]


#: G's first maps, by how many numbers they are: for images of 28 and of 32.
SMALL = {7 * 7 * 4: (7, 7, 4), 4 * 4 * 8: (4, 4, 8)}


def logits_of(d, images, masks, code=None):
    x = images
    for number, stride in enumerate((1, 1, 2, 1, 2), 1):
        x = tf.nn.relu(convolved(x, d[f"Dconv{number}"], stride))
    x = tf.reduce_mean(x, (1, 2))
    if "Dfeat1" in d:
        told = tf.nn.relu(dense(tf.nn.relu(dense(code, d["Dfeat1"])), d["Dfeat2"]))
        x = tf.concat([x, told], 1)
    x = tf.nn.relu(dense(x * masks[0], d["Dfc6"]))
    return dense(x * masks[1], d["Dfc7"])


def surprise(logits, label):
    """Mean of - log p(label)."""
    return tf.reduce_mean(tf.reduce_logsumexp(logits, 1) - logits[:, label])


def half_squared(a, b):
    return tf.reduce_sum((a - b) ** 2) / 2 / len(a)


class Player:
    """Weights in float64, by layer, and Caffe's Adam."""

    def __init__(self, model, rate):
        self.order = [layer.name for layer in model.layers if layer.weights]
        self.layers = {
            name: [
                tf.Variable(np.asarray(one, np.float64)) for one in model.get_layer(name).weights
            ]
            for name in self.order
        }
        self.first = [np.zeros(one.shape) for one in self.weights]
        self.second = [np.zeros(one.shape) for one in self.weights]
        self.rate, self.steps = rate, 0

    @property
    def weights(self):
        return [one for name in self.order for one in self.layers[name]]

    def apply(self, gradients):
        self.steps += 1
        size = self.rate * np.sqrt(1 - BETA2_32**self.steps) / (1 - BETA1**self.steps)
        for w, g, m, v in zip(self.weights, gradients, self.first, self.second, strict=True):
            g = np.asarray(g)
            m[...] = BETA1 * m + (1 - BETA1) * g
            v[...] = BETA2 * v + (1 - BETA2) * g**2
            w.assign(w - size * m / (np.sqrt(v) + EPSILON))


class Reference:
    """Both players; `asks` says which D the generator learns from: the `new` or the `old` one."""

    def __init__(self, networks, weights=WEIGHTS, decay=DECAY, noise=0.0, told=False, asks="new"):
        encoder, generator, player = networks
        self.e = Player(encoder, 0).layers
        self.generator, self.discriminator = Player(generator, RATES[0]), Player(player, RATES[1])
        self.w, self.decay, self.noise, self.asks = weights, decay, noise, asks
        self.widths = [one.shape[-1] for one in player.inputs[1:3]]

    def draw(self, kind, shape):
        """The next of this step's random numbers."""
        self.drawn += 1
        draw = {"normal": backend.normal, "uniform": backend.uniform}
        seed = (self.seed[0], 1000 * self.seed[1] + self.drawn)
        return tf.constant(np.asarray(draw[kind](tuple(shape), seed)), tf.float64)

    def noisy(self, x):
        if not self.noise:
            return x
        return x + self.noise * tf.reduce_mean(tf.abs(x)) * self.draw("normal", x.shape)

    def masks(self, batch):
        """Half of the numbers are left out, the others doubled."""
        drawn = [self.draw("uniform", (batch, width)) for width in self.widths]
        return [tf.where(one < 0.5, 0.0, tf.constant(2.0, tf.float64)) for one in drawn]

    def generator_loss(self, images, given, features, code):
        """Of everything but D, and its parts."""
        made = to_images(self.generator.layers, given)
        made_features = to_features(self.e, made)
        losses = (
            half_squared(made, images),
            half_squared(made_features, features),
            half_squared(to_code(self.e, made_features), code),
        )
        loss = self.w.image * losses[0] + self.w.features * losses[1] + self.w.code * losses[2]
        return made, losses, loss

    def step(self, images, seed, train_d=True, train_g=True):
        self.seed, self.drawn = seed, 0
        d = self.discriminator.layers
        images = tf.constant(images, tf.float64)
        features = to_features(self.e, images)
        noisy_features = to_features(self.e, self.noisy(images))
        told = to_code(self.e, self.noisy(noisy_features))
        given = self.noisy(told)
        code = to_code(self.e, features)

        adversarial = real = fake = tf.zeros((), tf.float64)
        made = self.generator_loss(images, given, features, code)[0]
        of_real, of_fake, of_made = (self.masks(len(images)) for _ in range(3))
        before = {name: [tf.identity(one) for one in layer] for name, layer in d.items()}
        if self.w.adversarial:
            with tf.GradientTape() as tape:
                real = surprise(logits_of(d, images, of_real, told), 0)
                fake = surprise(logits_of(d, made, of_fake, told), 1)
                loss = self.w.adversarial * (real + fake)
            weights = self.discriminator.weights
            gradients = [
                g + self.decay * w
                for g, w in zip(tape.gradient(loss, weights), weights, strict=True)
            ]
            if train_d:
                self.discriminator.apply(gradients)
        with tf.GradientTape() as tape:
            made, losses, loss = self.generator_loss(images, given, features, code)
            if self.w.adversarial:
                asked = d if self.asks == "new" else before
                adversarial = surprise(logits_of(asked, made, of_made, told), 0)
                loss += self.w.adversarial * adversarial
        self.loss = loss
        if train_g:
            self.generator.apply(tape.gradient(loss, self.generator.weights))
        return Values(*map(float, (*losses, adversarial, real, fake)))


def assert_same(joint, reference):
    """Weights and what Adam remembers, which is made of the gradients."""
    for name, rate in zip(("generator", "discriminator"), RATES, strict=True):
        if name not in joint.variables:
            continue
        model, player = getattr(joint, name), getattr(reference, name)
        firsts, seconds = (adam_of(joint, name, one) for one in ("momentum", "velocity"))
        assert len(firsts) == len(player.first) == len(player.weights)
        for found, wanted in zip(firsts, player.first, strict=True):
            assert error(found, wanted) < FLOAT32, found.path
        for found, wanted in zip(seconds, player.second, strict=True):
            assert error(found, wanted) < 2 * FLOAT32, found.path
        for found, wanted in zip(model.trainable_variables, player.weights, strict=True):
            # Adam's steps are as long as the rate, whatever the gradient: of the smallest of these
            # float32 knows two digits.
            np.testing.assert_allclose(
                found, wanted, rtol=1e-6, atol=1e-2 * rate, err_msg=found.path
            )


def assert_steps(networks, steps=2, train=(True, True), **options):
    joint, reference = joint_of(networks, **options), Reference(networks, **options)
    for number in range(steps):
        images = images_of(seed=number)
        found = step_of(joint, images, (5, number), *train)
        wanted = reference.step(images, (5, number), *train)
        np.testing.assert_allclose(found, wanted, rtol=FLOAT32)
        assert_same(joint, reference)
    return joint, reference


def test_steps():
    networks = parts()
    assert_steps(networks, steps=3)


def test_told():
    assert_steps(parts(told=True), told=True)


def test_generator_of_larger_images():
    """E, D and the losses see the middle of G's images."""
    assert_steps(parts(side=32))


@pytest.mark.parametrize("told", [False, True])
def test_noise(told):
    """Codes are of noisy images and features, and noisy; what they are held to is not."""
    assert_steps(parts(told=told), noise=0.2, told=told)


@pytest.mark.parametrize("name", Weights._fields)
def test_each_loss_alone(name):
    weights = NOTHING._replace(**{name: getattr(WEIGHTS, name)})
    joint, _ = assert_steps(parts(), weights=weights)
    assert any(np.asarray(one).any() for one in adam_of(joint, "generator", "momentum"))


@pytest.mark.parametrize("train", [(True, False), (False, True)])
def test_one_player_alone(train):
    networks = parts()
    before = [arrays_of(one) for one in networks]
    joint, _ = assert_steps(networks, train=train)
    assert not any(changed(before[0], networks[0]))
    assert all(changed(before[1], joint.generator)) is train[1]
    assert any(changed(before[1], joint.generator)) is train[1]
    assert all(changed(before[2], joint.discriminator)) is train[0]
    assert any(changed(before[2], joint.discriminator)) is train[0]
    steps = [int(joint.variables[f"adam_of_{one}"][0]) for one in ("discriminator", "generator")]
    assert steps == [2 * one for one in train]


def test_generator_learns_from_what_the_discriminator_has_become():
    """Had it asked D before D's step, its gradient would be another one."""
    networks, images = parts(), images_of()
    old = Reference(networks, asks="old")
    joint = joint_of(networks)
    found = step_of(joint, images, (5, 0))
    wanted = old.step(images, (5, 0))
    assert abs(found.adversarial - wanted.adversarial) > 1e-2
    moments = zip(adam_of(joint, "generator", "momentum"), old.generator.first, strict=True)
    assert max(error(a, b) for a, b in moments) > 1e-2
    # D itself learned the same.
    moments = zip(adam_of(joint, "discriminator", "momentum"), old.discriminator.first, strict=True)
    assert max(error(a, b) for a, b in moments) < FLOAT32


def test_gradients_by_finite_differences():
    """Of the reference's own, and so of both: one weight of each player."""
    networks, images = parts(), images_of()
    reference = Reference(networks)
    reference.step(images, (5, 0), train_d=False)
    # Adam's first moment after one step is a tenth of the gradient.
    slope = reference.generator.first[5].flat[7] / (1 - BETA1)

    def loss(move):
        other = Reference(networks)
        bias = other.generator.weights[5]
        bias.assign(bias + move * tf.one_hot(7, bias.shape[0], dtype=tf.float64))
        other.step(images, (5, 0), False, False)
        return float(other.loss)

    assert abs(slope) > 1e-3
    # The error of central differences is that of steps squared.
    assert (loss(1e-5) - loss(-1e-5)) / 2e-5 == pytest.approx(slope, rel=1e-6)

    reference = Reference(networks)
    reference.step(images, (5, 0), train_g=False)
    slope = reference.discriminator.first[1].flat[1] / (1 - BETA1)

    def loss_of_d(move):
        other = Reference(networks)
        bias = other.discriminator.weights[1]
        bias.assign(bias + move * tf.one_hot(1, bias.shape[0], dtype=tf.float64))
        values = other.step(images, (5, 0), False, False)
        decayed = sum(float(tf.reduce_sum(one**2)) for one in other.discriminator.weights)
        return WEIGHTS.adversarial * (values.real + values.fake) + DECAY / 2 * decayed

    assert abs(slope) > 1e-3
    assert (loss_of_d(1e-5) - loss_of_d(-1e-5)) / 2e-5 == pytest.approx(slope, rel=1e-6)


def test_seeds_may_be_negative():
    """As those are that are too large for a signed integer."""
    networks = parts()
    found = step_of(joint_of(networks), images_of(), (-7, 3), False, False)
    wanted = Reference(networks).step(images_of(), (-7, 3), False, False)
    np.testing.assert_allclose(found, wanted, rtol=FLOAT32)


def test_reconstructions():
    networks = parts(side=32)
    reference = Reference(networks)
    images = images_of()
    code = to_code(reference.e, to_features(reference.e, tf.constant(images, tf.float64)))
    wanted = to_images(reference.generator.layers, code)
    assert error(joint_of(networks).reconstruct(backend.to_tensor(images)), wanted) < FLOAT32
