"""The players' layers, sizes and first weights, and the stages of growth."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from reproductions.keras_gan.networks import discriminator, generators, stages

LATENT = 10

each_architecture = pytest.mark.parametrize("architecture", ["mlp", "dcgan"])

#: Shapes of pictures, and the heights and widths that a DCGAN halves them to.
SIDES = {
    (28, 28, 1): [(28, 28), (14, 14), (7, 7), (4, 4)],
    (32, 32, 3): [(32, 32), (16, 16), (8, 8), (4, 4)],
    (64, 48, 3): [(64, 48), (32, 24), (16, 12), (8, 6), (4, 3)],
    (29, 31, 3): [(29, 31), (15, 16), (8, 8), (4, 4)],
    (4, 7, 1): [(4, 7), (2, 4)],
}


def layers_of(model: keras.Model, *kinds: str) -> list:
    """The layers of some kinds, by the names of their classes."""
    return [layer for layer in model.layers if type(layer).__name__ in kinds]


def latents(count: int = 6, seed: int = 0, scale: float = 1) -> np.ndarray:
    numbers = np.random.default_rng(seed).normal(size=(count, LATENT))
    return (scale * numbers).astype(np.float32)


def painted(model: keras.Model, latents: np.ndarray, training: bool = False) -> np.ndarray:
    return ops.convert_to_numpy(model(latents, training=training))


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(5)


# The perceptrons


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 3)])
def test_perceptrons_generator(shape):
    """100 -> 256 -> 512 -> 1024 -> picture, each leaky ReLU 0.2 and batch normalisation 0.8."""
    (model,) = generators("mlp", shape)
    hidden = ["Dense", "LeakyReLU", "BatchNormalization"]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", *hidden * 3, "Dense", "Reshape", "Activation"]
    assert model.input_shape == (None, 100)
    assert model.output_shape == (None, *shape)
    widths = [256, 512, 1024, math.prod(shape)]
    assert [layer.units for layer in layers_of(model, "Dense")] == widths
    assert all(layer.activation is keras.activations.linear for layer in layers_of(model, "Dense"))
    assert [layer.negative_slope for layer in layers_of(model, "LeakyReLU")] == [0.2] * 3
    assert [n.momentum for n in layers_of(model, "BatchNormalization")] == [0.8] * 3
    assert model.layers[-1].activation is keras.activations.tanh
    dense = sum((a + 1) * b for a, b in zip([100, *widths[:-1]], widths, strict=True))
    assert model.count_params() == dense + 4 * sum(widths[:3])
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == (
        dense + 2 * sum(widths[:3])
    )


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 3)])
def test_perceptrons_discriminator(shape):
    """Picture -> 512 -> 256 -> 1, each but the last leaky ReLU 0.2; a logit."""
    model = discriminator("mlp", shape)
    kinds = [type(layer).__name__ for layer in model.layers]
    hidden = ["Dense", "LeakyReLU"]
    assert kinds == ["InputLayer", "Flatten", *hidden * 2, "Dense"]
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, 1)
    assert [layer.units for layer in layers_of(model, "Dense")] == [512, 256, 1]
    assert all(layer.activation is keras.activations.linear for layer in layers_of(model, "Dense"))
    assert [layer.negative_slope for layer in layers_of(model, "LeakyReLU")] == [0.2] * 2
    pixels = math.prod(shape)
    assert model.count_params() == (pixels + 1) * 512 + 513 * 256 + 257


def test_parameters_for_mnist():
    """The sizes that are known of the classic GAN for 28x28: 1,493,520 and 533,505."""
    (model,) = generators("mlp", (28, 28, 1))
    assert model.count_params() == 1_493_520
    assert discriminator("mlp", (28, 28, 1)).count_params() == 533_505


@each_architecture
def test_pixels_are_of_tanh(architecture):
    """Between -1 and 1, and near both for latents far out."""
    (model,) = generators(architecture, (8, 8, 1), LATENT, 4)
    last = layers_of(model, "Dense", "Conv2DTranspose")[-1].kernel
    last.assign(last * 1000)
    pictures = painted(model, latents(scale=100))
    assert np.abs(pictures).max() <= 1
    assert pictures.min() < -0.99
    assert pictures.max() > 0.99


# DCGAN


@pytest.mark.parametrize("shape", SIDES)
def test_dcgans_sizes(shape):
    """G doubles what D halves, with twice the filters at every halving, and all is 5x5."""
    filters, sides = 4, SIDES[shape]
    (model,) = generators("dcgan", shape, LATENT, filters)
    convolutions = layers_of(model, "Conv2DTranspose")
    inner = [filters * 2**level for level in range(len(sides) - 1)][::-1]
    assert [c.filters for c in convolutions] == [*inner[1:], shape[2]]
    assert [n.output.shape[1:] for n in layers_of(model, "BatchNormalization")] == [
        (*side, f) for side, f in zip(sides[:0:-1], inner, strict=True)
    ]
    assert all(c.strides == (2, 2) and c.kernel_size == (5, 5) for c in convolutions)
    assert model.output_shape == (None, *shape)
    assert model(latents()).shape == (6, *shape)

    player = discriminator("dcgan", shape, filters)
    halvings = layers_of(player, "Conv2D")
    assert [h.output.shape[1:] for h in halvings] == [
        (*side, filters * 2**level) for level, side in enumerate(sides[1:])
    ]
    assert all(h.strides == (2, 2) and h.kernel_size == (5, 5) for h in halvings)
    assert [a.negative_slope for a in layers_of(player, "LeakyReLU")] == [0.2] * len(halvings)
    assert player(np.zeros((2, *shape), np.float32)).shape == (2, 1)


def test_dcgans_batch_normalisation():
    """Everywhere but on what G gives out and D takes in (Radford et al., section 3)."""
    (model,) = generators("dcgan", (32, 32, 3), LATENT, 4)
    kinds = [type(layer).__name__ for layer in model.layers]
    above = ["Conv2DTranspose", "BatchNormalization", "ReLU"]
    below = ["InputLayer", "Dense", "Reshape", "BatchNormalization", "ReLU"]
    assert kinds == [*below, *above * 2, "Conv2DTranspose", "Activation"]
    kinds = [type(layer).__name__ for layer in discriminator("dcgan", (32, 32, 3), 4).layers]
    above = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert kinds == ["InputLayer", "Conv2D", "LeakyReLU", *above * 2, "Flatten", "Dense"]


def test_dcgans_first_weights():
    """All kernels are N(0, 0.02), all biases nothing."""
    shape = (32, 32, 3)
    models = [*generators("dcgan", shape, 50, 32), discriminator("dcgan", shape, 32)]
    for model in models:
        for variable in model.trainable_variables:
            numbers = variable.numpy()
            if "kernel" in variable.path:
                # Five deviations of the estimate from so many numbers.
                assert numbers.std() == pytest.approx(0.02, rel=5 / (2 * numbers.size) ** 0.5)
                assert abs(numbers.mean()) < 5 * 0.02 / numbers.size**0.5
                # Not cut off at two deviations, as a truncated normal would be.
                assert np.abs(numbers).max() > 0.05
            elif "bias" in variable.path:
                assert not numbers.any()
    # No two layers of one size begin alike.
    kernels = [v.numpy() for v in models[1].trainable_variables if "kernel" in v.path]
    assert not np.allclose(kernels[1].ravel()[:100], kernels[2].ravel()[:100])


# Growth


def grown(architecture: str, shape=(13, 16, 1)) -> list[keras.Model]:
    """A generator of every stage."""
    return generators(architecture, shape, LATENT, 4, grow=True)


@each_architecture
def test_number_of_stages(architecture):
    """A stage per hidden width, or per size of a DCGAN; all pictures are of the whole size."""
    models = grown(architecture)
    assert len(models) == {"mlp": 3, "dcgan": 3}[architecture]
    assert {model.output_shape for model in models} == {(None, 13, 16, 1)}
    assert len({id(model.input) for model in models}) == 1
    assert len(generators(architecture, (13, 16, 1), LATENT, 4)) == 1


def test_number_of_a_dcgans_stages():
    """One more for every doubling."""
    assert [len(generators("dcgan", shape, LATENT, 4, grow=True)) for shape in SIDES] == [
        len(sides) for sides in SIDES.values()
    ]


@each_architecture
def test_stages_share_layers(architecture):
    """Each has all the weights of the one before, and more."""
    models = grown(architecture)
    for before, after in itertools.pairwise(models):
        small, large = ({id(v) for v in model.variables} for model in (before, after))
        assert small < large


@each_architecture
def test_stages_divide_the_weights(architecture):
    """Each trainable variable of the whole belongs to one stage, and the first are the first's."""
    models = grown(architecture)
    parts = stages(models)
    numbers = [id(v) for part in parts for v in part]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == {id(v) for v in models[-1].trainable_variables}
    for stage, model in enumerate(models):
        own = {id(v) for part in parts[: stage + 1] for v in part}
        assert own == {id(v) for v in model.trainable_variables}
    assert all(parts)


def test_the_stages_of_a_whole():
    """Without growth there is one, of all weights."""
    models = generators("mlp", (4, 4, 1), LATENT)
    (part,) = stages(models)
    assert [id(v) for v in part] == [id(v) for v in models[0].trainable_variables]


@each_architecture
@pytest.mark.parametrize("training", [True, False])
def test_new_layers_change_nothing(architecture, training):
    """What is laid over paints nothing until it is trained, whatever lies below."""
    models = grown(architecture)
    random = np.random.default_rng(0)
    for variable in models[0].trainable_variables:
        variable.assign(variable + 0.1 * random.normal(size=variable.shape))
    first = painted(models[0], latents(), training)
    assert np.abs(first).max() > 0.01
    for model in models[1:]:
        np.testing.assert_array_equal(painted(model, latents(), training), first)


@each_architecture
def test_new_layers_can_learn(architecture):
    """The canvas of a stage takes what its own layers paint; the stage before does not."""
    models = grown(architecture)
    first = [painted(model, latents()) for model in models]
    for stage in (1, 2):
        new = [v for v in stages(models)[stage] if not v.numpy().any() and "kernel" in v.path]
        (zeros,) = new
        zeros.assign(np.random.default_rng(0).normal(size=zeros.shape))
        after = [painted(model, latents()) for model in models]
        for number in range(3):
            same = (after[number] == first[number]).all()
            assert same == (number < stage)
        first = after
