"""Algorithm 1 against an implementation of its own in NumPy, and the order of its steps."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from common.state import flat
from reproductions.keras_gan import networks
from reproductions.keras_gan.algorithm import Algorithm1
from reproductions.keras_gan.networks import discriminator, generators
from tests.backends import float64

SHAPE, LATENT, BATCH = (4, 3, 2), 6, 5

with float64():
    #: TensorFlow's leaky ReLU holds its slope, 0.2, as a float32.
    SLOPE = -float(ops.leaky_relu(backend.to_tensor(np.array([-1.0])), 0.2)[0])

MOMENTUM, VARIANCE_FLOOR = 0.8, 1e-3
RATE, BETA1, BETA2, EPSILON = 2e-4, 0.5, 0.999, 1e-7

with float64():
    #: In the bias correction Keras casts it to the type of the weights; by way of float32, with
    #: TensorFlow.
    BETA2_CAST = float(ops.cast(BETA2, "float64"))

#: A network's weights, layer by layer: two of a dense layer, four of a batch normalisation.
Network = list[list[np.ndarray]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Each layer returns its output, and a function from the output's gradient to the input's and those
# of its weights.


def dense(x, kernel, bias):
    return x @ kernel + bias, lambda d: (d @ kernel.T, [x.T @ d, d.sum(0)])


def leaky(x):
    slope = np.where(x > 0, 1, SLOPE)
    return x * slope, lambda d: (d * slope, [])


def normalised(x, gamma, beta, mean, variance):
    """By the batch's statistics, which the running ones follow."""
    batch_mean, batch_variance = x.mean(0), x.var(0)
    mean[...] = MOMENTUM * mean + (1 - MOMENTUM) * batch_mean
    variance[...] = MOMENTUM * variance + (1 - MOMENTUM) * batch_variance
    deviation = np.sqrt(batch_variance + VARIANCE_FLOOR)
    unit = (x - batch_mean) / deviation

    def backward(d):
        along = d * gamma
        inner = along - along.mean(0) - unit * (along * unit).mean(0)
        return inner / deviation, [(d * unit).sum(0), d.sum(0)]

    return unit * gamma + beta, backward


def run(network: Network, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """A perceptron's output, before tanh, and what takes its gradient back."""
    steps = []
    for weights in network:
        x, back = (dense if len(weights) == 2 else normalised)(x, *weights)
        steps.append(back)
        if len(weights) == 2 and weights is not network[-1]:
            x, back = leaky(x)
            steps.append(back)

    def backward(d):
        gradients = []
        for step in reversed(steps):
            d, own = step(d)
            gradients[:0] = own
        return d, gradients

    return x, backward


class Adam:
    """Kingma and Ba's, with its bias corrections put into the rate."""

    def __init__(self, network: Network):
        self.weights = [array for layer in network for array in layer[:2]]
        self.first = [np.zeros_like(array) for array in self.weights]
        self.second = [np.zeros_like(array) for array in self.weights]
        self.steps = 0

    def apply(self, gradients):
        self.steps += 1
        rate = RATE * np.sqrt(1 - BETA2_CAST**self.steps) / (1 - BETA1**self.steps)
        for w, g, m, v in zip(self.weights, gradients, self.first, self.second, strict=True):
            m[...] = BETA1 * m + (1 - BETA1) * g
            v[...] = BETA2 * v + (1 - BETA2) * g**2
            w -= rate * m / (np.sqrt(v) + EPSILON)


class Reference:
    """Both players, in float64."""

    def __init__(self, generator: keras.Model, player: keras.Model, loss: str):
        self.networks = {"generator": weights_of(generator), "discriminator": weights_of(player)}
        self.adams = {name: Adam(network) for name, network in self.networks.items()}
        self.loss = loss

    def pictures(self, latents):
        raw, backward = run(self.networks["generator"], latents)
        pictures = np.tanh(raw)
        return pictures, lambda d: backward(d * (1 - pictures**2))

    def iterate(self, reals, latents):
        """As `Algorithm1.iterate`."""
        player = self.networks["discriminator"]
        for x, z in zip(reals, latents[:-1], strict=True):
            fakes, _ = self.pictures(z)
            real, back_real = run(player, x.reshape(len(x), -1))
            fake, back_fake = run(player, fakes)
            d_real, d_fake = sigmoid(real), sigmoid(fake)
            loss = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
            _, gradients = back_real(-(1 - d_real) / len(x))
            _, more = back_fake(d_fake / len(x))
            self.adams["discriminator"].apply([a + b for a, b in zip(gradients, more, strict=True)])
        pictures, back = self.pictures(latents[-1])
        fake, back_fake = run(player, pictures)
        d_fake = sigmoid(fake)
        if self.loss == "minimax":
            generator_loss, slope = np.log(1 - d_fake).mean(), -d_fake
        else:
            generator_loss, slope = -np.log(d_fake).mean(), -(1 - d_fake)
        inner, _ = back_fake(slope / len(slope))
        self.adams["generator"].apply(back(inner)[1])
        return loss, generator_loss, d_real.mean(), d_fake.mean()


def weights_of(model: keras.Model) -> Network:
    layers = [layer.get_weights() for layer in model.layers]
    return [[array.astype(np.float64) for array in weights] for weights in layers if weights]


def players(architecture="mlp", shape=SHAPE, grow=False):
    """Both, of the same weights every time."""
    keras.utils.set_random_seed(3)
    return generators(architecture, shape, LATENT, 4, grow), discriminator(architecture, shape, 4)


def draws(iterations: int, k: int, shape=SHAPE) -> list[tuple[np.ndarray, np.ndarray]]:
    """Real pictures and latents of some iterations."""
    random = np.random.default_rng(k)
    return [
        (
            random.uniform(-1, 1, (k, BATCH, *shape)),
            random.normal(size=(k + 1, BATCH, LATENT)),
        )
        for _ in range(iterations)
    ]


def compiled(algorithm: Algorithm1) -> Callable:
    """`Algorithm1.iterate`, of its first stage."""
    return backend.compile(functools.partial(algorithm.iterate, 0), flat(algorithm.variables))


def tensors(*arrays: np.ndarray) -> list:
    """In single precision."""
    return [backend.to_tensor(array.astype(np.float32)) for array in arrays]


@pytest.fixture
def double():
    """Keras computes in float64."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    with float64():
        yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def worst(found, wanted) -> float:
    """The largest error of some arrays, each as a part of its largest number."""
    pairs = list(zip(found, wanted, strict=True))
    assert all(np.shape(a) == np.shape(b) for a, b in pairs)
    return max(float(np.abs(ops.convert_to_numpy(a) - b).max() / np.abs(b).max()) for a, b in pairs)


@pytest.mark.reference
@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.long_to_compile
def test_against_numpy(double, loss, k):
    """Weights, running statistics, moments and what is measured, over three iterations."""
    (generator,), player = players()
    algorithm = Algorithm1([generator], player, loss)
    iterate, reference = compiled(algorithm), Reference(generator, player, loss)
    for reals, latents in draws(3, k):
        values = iterate(backend.to_tensor(reals), backend.to_tensor(latents))
        assert worst(values, reference.iterate(reals, latents)) < 1e-12
        for model, network in zip((generator, player), reference.networks.values(), strict=True):
            found = [array for layer in weights_of(model) for array in layer]
            assert worst(found, [array for layer in network for array in layer]) < 1e-10
    own = [v.numpy() for v in algorithm.variables["adam"] if len(v.shape)]
    parts = ("discriminator", "generator")
    adams = [reference.adams[part] for part in parts]
    moments = [m for a in adams for pair in zip(a.first, a.second, strict=True) for m in pair]
    assert worst(own, moments) < 1e-10


@pytest.mark.reference
@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_against_numpy_in_single_precision(loss):
    """What is measured, and every gradient of the first step."""
    (generator,), player = players()
    algorithm = Algorithm1([generator], player, loss)
    reference = Reference(generator, player, loss)
    ((reals, latents),) = draws(1, 1)
    values = compiled(algorithm)(*tensors(reals, latents))
    assert worst(values, reference.iterate(reals, latents)) < 1e-5
    # Adam's first moments are (1 - beta1) times the gradients.
    found = [v.numpy() for v in algorithm.variables["adam"] if v.path.endswith("momentum")]
    wanted = reference.adams["discriminator"].first + reference.adams["generator"].first
    assert worst(found, wanted) < 1e-4


@pytest.mark.reference
def test_the_references_gradients():
    """The implementation in NumPy is right: central differences of its own losses."""
    (generator,), player = players()
    reference = Reference(generator, player, "non-saturating")
    ((_, latents),) = draws(1, 1)

    def loss() -> float:
        fake, _ = run(reference.networks["discriminator"], reference.pictures(latents[0])[0])
        return -np.log(sigmoid(fake)).mean()

    pictures, back = reference.pictures(latents[0])
    fake, back_fake = run(reference.networks["discriminator"], pictures)
    gradients = back(back_fake(-(1 - sigmoid(fake)) / BATCH)[0])[1]
    step, random = 1e-8, np.random.default_rng(0)
    weights = reference.adams["generator"].weights
    for array, gradient in zip(weights, gradients, strict=True):
        # Along a random direction: the differences of one weight drown in rounding.
        direction = random.choice([-1.0, 1.0], array.shape)
        array += step * direction
        after = loss()
        array -= 2 * step * direction
        before = loss()
        array += step * direction
        slope = (gradient * direction).sum()
        # Kinks of leaky ReLU lie between the two ends.
        assert (after - before) / (2 * step) == pytest.approx(slope, rel=1e-4, abs=1e-7)


class Spy:
    """Writes down the steps that an algorithm makes, and what they change."""

    def __init__(self, algorithm: Algorithm1, generator: keras.Model, player: keras.Model, patch):
        self.steps, self.arguments, self.changed = [], [], []
        trained = {"generator": generator, "discriminator": player}

        def wrapped(name):
            original = getattr(algorithm, name)

            def call(*args):
                before = {part: snapshot(model) for part, model in trained.items()}
                result = original(*args)
                self.steps.append(name.split("_")[0])
                self.arguments.append([ops.convert_to_numpy(a) for a in args])
                self.changed.append({p for p in trained if before[p] != snapshot(trained[p])})
                return result

            return call

        for name in ("discriminator_step", "generator_step"):
            patch.setattr(algorithm, name, wrapped(name))


@pytest.fixture
def narrow(monkeypatch):
    """Step by step, each new shape takes its time."""
    monkeypatch.setattr(networks, "GENERATOR_WIDTHS", (12, 12, 14))
    monkeypatch.setattr(networks, "DISCRIMINATOR_WIDTHS", (12, 12))


def snapshot(model: keras.Model) -> bytes:
    return b"".join(v.numpy().tobytes() for v in model.trainable_variables)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_order_of_steps(k, narrow, monkeypatch):
    """K of D, then one of G; each trains its own player on its own pictures and latents."""
    (generator,), player = players()
    algorithm = Algorithm1([generator], player)
    spy = Spy(algorithm, generator, player, monkeypatch)
    iterations = 2
    fakes = []
    for reals, latents in draws(iterations, k):
        reals, latents = tensors(reals, latents)
        # G stands still during D's steps, and batch normalisation takes the batch's statistics.
        fakes += [ops.convert_to_numpy(generator(z, training=True)) for z in latents[:-1]]
        algorithm.iterate(0, reals, latents)
        own = spy.arguments[-k - 1 :]
        np.testing.assert_array_equal([args[0] for args in own[:-1]], ops.convert_to_numpy(reals))
        np.testing.assert_array_equal(own[-1][1], ops.convert_to_numpy(latents[-1]))
    assert spy.steps == (["discriminator"] * k + ["generator"]) * iterations
    assert spy.changed == [{step} for step in spy.steps]
    found = [
        a[1] for a, step in zip(spy.arguments, spy.steps, strict=True) if step == "discriminator"
    ]
    np.testing.assert_array_equal(found, fakes)
    counters = [int(v.numpy()) for v in algorithm.variables["adam"] if v.path.endswith("iteration")]
    assert counters == [iterations * k, iterations]


def test_settings_of_adam():
    """The rate and beta1 that are given are those of both players."""
    (generator,), player = players()
    algorithm = Algorithm1([generator], player, learning_rate=3e-3, beta1=0.25)
    before = [[v.numpy() for v in m.trainable_variables] for m in (generator, player)]
    ((reals, latents),) = draws(1, 1)
    compiled(algorithm)(*tensors(reals, latents))
    for model, weights in zip((generator, player), before, strict=True):
        # The first step of Adam is as large as the rate, wherever the gradient is not tiny.
        pairs = zip(model.trainable_variables, weights, strict=True)
        moves = [np.abs(variable.numpy() - start) for variable, start in pairs]
        assert max(m.max() for m in moves) == pytest.approx(3e-3, rel=1e-3)
        assert np.median(moves[0]) == pytest.approx(3e-3, rel=1e-2)
    adam = algorithm.variables["adam"]
    moments = [
        [v.numpy() for v in adam if v.path.endswith(kind)] for kind in ("momentum", "velocity")
    ]
    for first, second in zip(*moments, strict=True):
        # (1 - beta1)^2 g^2 against (1 - beta2) g^2; squares of float32's smallest are left out.
        seen = np.abs(first) > 1e-12
        np.testing.assert_allclose(first[seen] ** 2 / second[seen], 0.75**2 / 1e-3, rtol=1e-4)


def test_variables_are_all():
    """Whoever restores them goes on to the bit."""
    first, others = None, draws(4, 2)
    runs = []
    for restored in (False, True):
        (generator,), player = players()
        algorithm = Algorithm1([generator], player)
        iterate = compiled(algorithm)
        if restored:
            for name, part in algorithm.variables.items():
                for variable, value in zip(part, first[name], strict=True):
                    variable.assign(value)
        for number, (reals, latents) in enumerate(others[2 * restored :], 2 * restored):
            if number == 2 and not restored:
                first = {n: [v.numpy() for v in p] for n, p in algorithm.variables.items()}
            iterate(*tensors(reals, latents))
        runs.append([v.numpy() for part in algorithm.variables.values() for v in part])
    assert len(runs[0]) == len(runs[1])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_real_and_generated_are_normalised_apart():
    """D's batch normalisation sees the real batch, then the generated one."""
    shape = (16, 16, 1)
    (generator,), player = players("dcgan", shape)
    algorithm = Algorithm1([generator], player)
    (norm,) = (n for n in player.layers if isinstance(n, keras.layers.BatchNormalization))
    before = keras.Model(player.input, norm.input)
    random = np.random.default_rng(0)
    reals, fakes = (
        random.uniform(low, low + 0.5, (BATCH, *shape)).astype(np.float32) for low in (-1, 0.5)
    )
    wanted = np.zeros(norm.moving_mean.shape)
    for pictures in (reals, fakes):
        wanted = 0.9 * wanted + 0.1 * ops.convert_to_numpy(before(pictures)).mean(
            (0, 1, 2), np.float64
        )
    step = backend.compile(algorithm.discriminator_step, flat(algorithm.variables))
    step(*tensors(reals, fakes))
    assert worst([norm.moving_mean.numpy()], [wanted]) < 1e-5


@pytest.mark.parametrize("architecture", ["mlp", "dcgan"])
@pytest.mark.parametrize("train_all", [True, False])
def test_what_a_stage_trains(architecture, train_all):
    """A stage trains its own layers, those before it if asked to, and none after it."""
    models, player = players(architecture, (16, 16, 1), grow=True)
    algorithm = Algorithm1(models, player, train_all=train_all)
    earlier, stage = {id(v) for v in models[0].trainable_variables}, 1
    now = {id(v) for v in models[stage].trainable_variables} - earlier
    before = {id(v): v.numpy() for v in models[-1].trainable_variables}
    # The layer laid over starts as zeros: only then has what lies below it a gradient.
    step = functools.partial(algorithm.generator_step, stage)
    step = backend.compile(step, flat(algorithm.variables))
    for _, latents in draws(2, 1):
        step(*tensors(latents[0]))
    changed = {id(v) for v in models[-1].trainable_variables if (v.numpy() != before[id(v)]).any()}
    assert changed == (now | earlier if train_all else now)
