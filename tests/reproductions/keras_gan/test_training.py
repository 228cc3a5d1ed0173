"""The training loop: epochs, latents, compiled blocks against other ways to run the same."""

import math
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from reproductions.keras_gan import networks
from reproductions.keras_gan.algorithm import Algorithm1, Values
from reproductions.keras_gan.augmentation import augmentation
from reproductions.keras_gan.training import Training
from tests.backends import looped, traced, uncompiled

SHAPE, LATENT = (4, 3, 1), 6

#: Adam's.
RATE = 2e-4


class Iteration(NamedTuple):
    """What an iteration was given."""

    reals: np.ndarray
    latents: np.ndarray


class Recorder:
    """Takes the algorithm's place and writes down what it is given.

    Args:
        batch: pictures of a step.
        k: steps of an iteration.
        latent: numbers that a picture is made of.
        shape: of the pictures.
    """

    #: Iterations that there is room for.
    room = 50

    def __init__(self, batch: int = 3, k: int = 1, latent: int = LATENT, shape=SHAPE):
        self.count = keras.Variable(0, dtype="int32", trainable=False)
        shapes = (k, batch, *shape), (k + 1, batch, latent)
        self.records = [
            keras.Variable(np.zeros((self.room, *each), np.float32), trainable=False)
            for each in shapes
        ]

    @property
    def variables(self) -> dict[str, list]:
        return {"records": self.records, "count": [self.count]}

    def iterate(self, stage, *given):
        for record, tensor in zip(self.records, given, strict=True):
            assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
            assert tuple(tensor.shape) == record.shape[1:]
            here = ops.equal(ops.arange(self.room), self.count.value)
            here = ops.reshape(here, (-1, *[1] * len(tensor.shape)))
            record.assign(ops.where(here, tensor[None], record.value))
        self.count.assign_add(1)
        return Values(*[ops.cast(self.count, "float32")] * 4)

    @property
    def iterations(self) -> list[Iteration]:
        """In order; each iteration that there was."""
        count = int(self.count.numpy())
        assert count <= self.room
        arrays = (record.numpy()[:count] for record in self.records)
        return [Iteration(*each) for each in zip(*arrays, strict=True)]

    def numbers(self) -> list[np.ndarray]:
        """The pictures of each iteration, (k, batch), by what `numbered` has written on them."""
        return [to_bytes(i.reals)[:, :, 0, 0, 0] for i in self.iterations]

    def latents(self) -> np.ndarray:
        return np.stack([i.latents for i in self.iterations])


def to_bytes(reals: np.ndarray) -> np.ndarray:
    return np.rint((reals + 1) * 127.5).astype(int)


def numbered(count: int) -> np.ndarray:
    """Pictures each of one grey of its own: its number."""
    return np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *SHAPE)
    ).copy()


def recorded(
    images: int = 12,
    batch: int = 3,
    k: int = 1,
    seed: int = 1,
    epochs: int = 1,
    latent: int = LATENT,
) -> Recorder:
    """Some epochs, each in one block."""
    recorder = Recorder(batch, k, latent)
    training = Training(recorder, numbered(images), batch, k, latent, seed)
    for epoch in range(epochs):
        training.block(0, epoch * training.epoch_length, training.epoch_length)
    return recorder


# Epochs


@pytest.mark.parametrize(("images", "batch", "k"), [(12, 3, 1), (12, 3, 2), (12, 2, 3), (5, 5, 1)])
def test_an_epoch_shows_every_picture_once(images, batch, k):
    """Where k batches go up evenly."""
    recorder = recorded(images, batch, k, epochs=2)
    length = images // batch // k
    numbers = recorder.numbers()
    assert len(numbers) == 2 * length
    assert {n.shape for n in numbers} == {(k, batch)}
    for epoch in (numbers[:length], numbers[length:]):
        np.testing.assert_array_equal(np.sort(np.ravel(epoch)), np.arange(images))


@pytest.mark.parametrize(
    ("images", "batch", "k", "length"),
    [
        (60000, 5, 1, 12000),
        (13, 3, 1, 4),
        (13, 3, 2, 2),
        # Four batches are one iteration and a third: the second begins again.
        (13, 3, 3, 2),
        (13, 13, 1, 1),
        (5, 5, 3, 1),
        (100, 7, 5, 3),
    ],
)
def test_length_of_an_epoch(images, batch, k, length):
    """As many iterations of k batches as it takes to show all whole batches."""
    found = Training(Recorder(batch, k), numbered(255)[np.zeros(images, int)], batch, k, LATENT, 1)
    assert found.epoch_length == length == math.ceil((images // batch) / k)


@pytest.mark.parametrize(("images", "batch", "k"), [(13, 3, 1), (13, 3, 3), (11, 2, 2)])
def test_remainders(images, batch, k):
    """No picture comes twice before all whole batches are shown, and then from the start again."""
    (*numbers,) = recorded(images, batch, k).numbers()
    flat = np.ravel(numbers)
    whole = images // batch * batch
    assert len(set(flat[:whole])) == whole
    again = flat[images:]
    np.testing.assert_array_equal(again, flat[: len(again)])


def test_real_pictures_of_the_steps_differ():
    """The k steps of an iteration, and its batches' pictures, are all different ones."""
    for numbers in recorded(24, 2, 3, epochs=2).numbers():
        assert len(np.unique(numbers)) == 6


def test_order():
    """It is random, another in every epoch and of every seed, and the same for the same seed."""
    first, again, other = (np.array(recorded(60, 5, seed=s, epochs=3).numbers()) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    epochs = [*first.reshape(3, -1), *other.reshape(3, -1)]
    for i, one in enumerate(epochs):
        # A random order leaves one picture in place, on average.
        assert (one == np.arange(60)).sum() < 12
        for another in epochs[:i]:
            assert (one == another).sum() < 12


def test_all_epochs_use_the_remainder():
    """Pictures that one epoch leaves out come in another."""
    recorder = recorded(13, 6, epochs=12)
    assert set(np.ravel(recorder.numbers())) == set(range(13))


def test_pixels():
    """Bytes become -1..1, each picture as it is."""
    images = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), np.uint8)
    images[0], images[1] = 0, 255
    recorder = Recorder(6)
    Training(recorder, images, 6, 1, LATENT, 1).block(0, 0, 1)
    (reals,) = recorder.iterations[0].reals
    # Compilers divide by a constant as they please.
    np.testing.assert_allclose((reals.min(), reals.max()), (-1, 1), rtol=2e-7)
    found = reals[np.lexsort(reals.reshape(6, -1).T)].astype(np.float64)
    wanted = images / 127.5 - 1
    wanted = wanted[np.lexsort(wanted.reshape(6, -1).T)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


# Latents


def test_latents_are_normal():
    """N(0, 1), of every step its own, different in every iteration."""
    latents = recorded(12, 4, 2, epochs=25, latent=50).latents()
    assert latents.shape == (50, 3, 4, 50)
    numbers = latents.astype(np.float64).ravel()
    # Five deviations of each estimate of so many independent numbers.
    limit = 5 / numbers.size**0.5
    assert abs(numbers.mean()) < limit
    assert abs(numbers.var() - 1) < limit * 2**0.5
    assert abs((numbers**3).mean()) < limit * 15**0.5
    assert abs((numbers**4).mean() - 3) < limit * 96**0.5
    assert len(np.unique(latents.reshape(-1, 50), axis=0)) == 50 * 3 * 4
    points = np.corrcoef(latents.reshape(-1, 50))
    assert np.abs(points - np.eye(len(points))).max() < 0.8


def test_seeds():
    """Up to 2**32 - 1, and each gives latents of its own."""
    seeds = [0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
    found = [recorded(seed=seed).latents() for seed in seeds]
    for i, one in enumerate(found):
        assert np.isfinite(one).all()
        for another in found[:i]:
            assert (one != another).mean() > 0.99


def test_where_a_block_begins_does_not_matter():
    """Real pictures and latents are those of the iteration's number."""
    whole, parts = recorded(20, 2, 2, epochs=3), Recorder(2, 2)
    training = Training(parts, numbered(20), 2, 2, LATENT, 1)
    # From the middle on, as after a restart, and then the beginning.
    for first, count in ((7, 1), (8, 2), (10, 5), (0, 5), (5, 2)):
        training.block(0, first, count)
    order = [*range(7, 15), *range(7)]
    assert len(parts.iterations) == len(order) == len(whole.iterations)
    for number, found in zip(order, parts.iterations, strict=True):
        np.testing.assert_array_equal(found.reals, whole.iterations[number].reals)
        np.testing.assert_array_equal(found.latents, whole.iterations[number].latents)


def test_values_are_means():
    """A block returns the mean of its iterations; the recorder counts them."""
    training = Training(Recorder(), numbered(12), 3, 1, LATENT, 1)
    assert training.block(0, 0, 3) == Values(2, 2, 2, 2)
    assert training.block(0, 3, 1) == Values(4, 4, 4, 4)


# Augmentation


def test_augmentation_in_the_loop():
    """Every iteration changes its pictures anew, as the seed says, and they stay in -1..1."""
    images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 1), np.uint8)
    runs = []
    for _ in range(2):
        recorder = Recorder(2, 2, shape=(16, 16, 1))
        training = Training(recorder, images[np.zeros(8, int)], 2, 2, LATENT, 1, augmentation(5))
        training.block(0, 0, 2)
        training.block(0, 2, 2)
        runs.append(np.stack([i.reals for i in recorder.iterations]))
    np.testing.assert_array_equal(*runs)
    assert runs[0].shape == (4, 2, 2, 16, 16, 1)
    assert np.abs(runs[0]).max() <= 1
    assert len(np.unique(runs[0].reshape(16, -1), axis=0)) == 16


# One run in several ways


class Run(NamedTuple):
    """How a run ended."""

    parts: dict[str, list[np.ndarray]]
    values: list[Values]


@pytest.fixture
def narrow(monkeypatch):
    """Perceptrons that are compiled and trained quickly."""
    monkeypatch.setattr(networks, "GENERATOR_WIDTHS", (12, 16, 20))
    monkeypatch.setattr(networks, "DISCRIMINATOR_WIDTHS", (20, 12))


def trained(
    *loops: list[tuple[int, int]],
    architecture: str = "mlp",
    fuse: bool = False,
    augmented: bool = False,
    k: int = 1,
) -> Run:
    """Trains from the same start every time.

    Args:
        *loops: the blocks, first iterations and numbers of iterations, of one loop after another.
        architecture: of the players.
        fuse: by XLA.
        augmented: changes the pictures.
        k: of Algorithm 1.
    """
    keras.utils.set_random_seed(11)
    shape = (8, 8, 1)
    images = np.random.default_rng(0).integers(0, 256, (6 * k + 1, *shape), np.uint8)
    models = networks.generators(architecture, shape, LATENT, 4)
    player = networks.discriminator(architecture, shape, 4)
    algorithm = Algorithm1(models, player, learning_rate=RATE)
    changes = augmentation(5) if augmented else None
    values = []
    for blocks in loops:
        training = Training(algorithm, images, 3, k, LATENT, 1, changes, fuse)
        values += [training.block(0, first, count) for first, count in blocks]
    return Run({n: [v.numpy() for v in p] for n, p in algorithm.variables.items()}, values)


@pytest.mark.parametrize(("architecture", "augmented"), [("mlp", True), ("dcgan", False)])
def test_blocks_do_not_matter(architecture, augmented, narrow):
    """One run in long blocks, or in short ones with a restart between them: the same to the bit."""
    # An epoch has two iterations.
    settings = {"architecture": architecture, "augmented": augmented}
    whole = trained([(0, 2), (2, 2)], **settings)
    split = trained([(0, 1), (1, 1), (2, 1)], [(3, 1)], **settings)
    assert whole.parts.keys() == split.parts.keys()
    for name, arrays in whole.parts.items():
        for one, other in zip(arrays, split.parts[name], strict=True):
            np.testing.assert_array_equal(one, other)
    pairs = zip(split.values[::2], split.values[1::2], strict=True)
    means = [np.mean(pair, axis=0) for pair in pairs]
    np.testing.assert_allclose(whole.values, means, rtol=1e-6)


def compare(one: Run, other: Run) -> None:
    """Two runs that round differently are alike."""
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5)
    # Adam's moments are the gradients' and their squares'.
    for a, b in zip(one.parts["adam"], other.parts["adam"], strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
    for name in ("generator", "discriminator"):
        # Adam's first steps divide each gradient by its own size: those that are nearly nothing
        # but rounding move their weights anyhow, so single ones may be off.
        pairs = zip(one.parts[name], other.parts[name], strict=True)
        errors = np.concatenate([np.abs(a - b).ravel() for a, b in pairs])
        assert errors.mean() <= 1e-3 * RATE


@pytest.mark.parametrize("architecture", ["mlp", "dcgan"])
def test_compiled_equals_eager(architecture, narrow, monkeypatch):
    """What the backend makes of the loop is what Python says."""
    compiled = trained([(0, 2)], architecture=architecture, k=2)
    monkeypatch.setattr(backend, "compile", uncompiled)
    monkeypatch.setattr(backend, "repeat", looped)
    eager = trained([(0, 2)], architecture=architecture, k=2)
    compare(compiled, eager)


def test_fused_equals_unfused(narrow):
    """What XLA makes of an iteration is what is made of it otherwise."""
    compare(trained([(0, 2)]), trained([(0, 2)], fuse=True))


@traced
@pytest.mark.parametrize(("fuse", "stages"), [(False, 2), (True, 1)])
def test_it_is_compiled_once(fuse, stages, narrow, monkeypatch):
    """Blocks of any length and epoch are of one compiled function, one for each stage of growth."""
    keras.utils.set_random_seed(1)
    models = networks.generators("mlp", SHAPE, LATENT, grow=True)[:stages]
    algorithm, traces = Algorithm1(models, networks.discriminator("mlp", SHAPE)), []
    iterate = algorithm.iterate

    def counted(stage, reals, latents):
        traces.append(stage)
        return iterate(stage, reals, latents)

    monkeypatch.setattr(algorithm, "iterate", counted)
    training = Training(algorithm, numbered(12), 2, 1, LATENT, 1, fuse=fuse)
    for stage in range(stages):
        for first, count in ((0, 1), (1, 3), (4, 2), (6, 6), (12, 5), (17, 1)):
            training.block(stage, first, count)
        assert traces == [*range(stage + 1)]
