"""SqueezeNet's features and Gram matrices, against float64 numbers made apart."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from common.autodiff import compile_gradients
from common.descriptors import network_of
from common.descriptors.squeezenet import _ACTIVATIONS, scaled
from common.gram import gram_matrix
from common.originals import originals_dir
from common.squeezenet import LAYERS, squeezenet
from common.squeezenet_file import read_squeezenet
from common.vgg19_pixels import preprocess
from tests.common.squeezenet_files import some_weights

REFERENCES = Path(__file__).parents[1] / "references" / "squeezenet" / "forward.npz"
TOPS = [name for name in LAYERS if not name.startswith("pool")]
PADDINGS = ("same", "valid", "wrap", "reflect")


def published(name):
    path = originals_dir() / name
    if not path.is_file():
        pytest.skip(f"needs {path} (ORIGINALS_DIR)")
    return path


def picture(case):
    if case == "bird_227":
        bird = Image.open(published("texture_nets/pictures/bird.jpg")).convert("RGB")
        return np.asarray(bird.resize((227, 227), Image.Resampling.BICUBIC), np.float64)
    seed, size = {"random_227": (900, (227, 227)), "random_160x200": (901, (160, 200))}[case]
    return np.random.RandomState(seed).uniform(0, 255, (*size, 3))


@pytest.mark.reference
@pytest.mark.parametrize("case", ["random_227", "random_160x200", "bird_227"])
def test_reference(case):
    weights = read_squeezenet(published("squeezenet/compressed_SqueezeNet.net"))
    images = preprocess(picture(case))[None].astype(np.float32)
    with np.load(REFERENCES) as file:
        wanted = {key: file[key] for key in file if key.startswith(case)}
    outputs = squeezenet(weights, TOPS)(images)
    for name, output in zip(TOPS, outputs, strict=True):
        features = ops.convert_to_numpy(output)[0].transpose(2, 0, 1)
        assert features.shape == tuple(wanted[f"{case}/{name}/shape"])
        largest = wanted[f"{case}/{name}/stats"][3]
        error = abs(features[::8, ::6, ::6] - wanted[f"{case}/{name}/sub"]).max()
        assert error < 1e-5 * largest
        gram = ops.convert_to_numpy(gram_matrix(output))[0] * len(features)
        error = abs(gram[::8, ::8] - wanted[f"{case}/{name}/gram_sub"]).max()
        assert error < 1e-5 * abs(gram).max()
    scores = ops.convert_to_numpy(outputs[-1])[0].mean((0, 1))
    np.testing.assert_allclose(scores, wanted[f"{case}/pool10"], atol=1e-5 * abs(scores).max())


@pytest.fixture(scope="module")
def weights():
    return some_weights(share=0.3)


@pytest.mark.parametrize("padding", PADDINGS)
def test_each_layer_has_the_sides_that_are_told(weights, padding):
    network = network_of("squeezenet")
    for height, width in ((70, 64), (33, 47), (7, 96)):
        # What wraps around or is mirrored must be there at every layer.
        layers = [
            name
            for name in LAYERS
            if all(network.side_at(side, name, padding) > 0 for side in (height, width))
        ]
        images = np.zeros((1, height, width, 3), np.float32)
        outputs = keras.tree.flatten(squeezenet(weights, layers, padding)(images))
        for name, output in zip(layers, outputs, strict=True):
            sides = [network.side_at(side, name, padding) for side in (height, width)]
            assert output.shape == (1, *sides, network.channels(name)), name


def test_features_that_wrap_move_with_the_image(weights):
    network = squeezenet(weights, ["conv1", "fire2", "fire5"], "wrap")
    images = np.random.RandomState(1).normal(0, 60, (1, 32, 48, 3)).astype(np.float32)
    moved = np.roll(images, (16, 24), (1, 2))
    for factor, before, after in zip((2, 4, 8), network(images), network(moved), strict=True):
        expected = np.roll(ops.convert_to_numpy(before), (16 // factor, 24 // factor), (1, 2))
        after = ops.convert_to_numpy(after)
        np.testing.assert_allclose(after, expected, atol=1e-5 * abs(after).max())


@pytest.mark.long_to_compile
@pytest.mark.parametrize("padding", PADDINGS)
def test_gradient_by_differences(weights, padding):
    network = squeezenet(weights, ["conv1", "fire4"], padding)
    random = np.random.RandomState(2)
    images = random.normal(0, 60, (1, 40, 36, 3)).astype(np.float32)
    direction = random.standard_normal(images.shape).astype(np.float32)

    def loss(images):
        return sum(ops.sum(ops.sqrt(1 + ops.square(f))) for f in network(images))

    def exact_loss(images):
        features = [ops.convert_to_numpy(f).astype(np.float64) for f in network(images)]
        return sum(np.sqrt(1 + np.square(f)).sum() for f in features)

    gradients = compile_gradients(lambda x: ([loss(x)], ()), (images.shape, "float32"))
    (gradient,), _ = gradients(images)
    # Steps that cross few of the points where a ReLU or a maximum turns.
    step = 2e-3
    ends = [exact_loss(images + sign * step * direction) for sign in (1, -1)]
    found = float((ops.convert_to_numpy(gradient) * direction).sum())
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=2e-2)


def test_mean_activations_are_near_1_when_scaled():
    weights = read_squeezenet(published("squeezenet/compressed_SqueezeNet.net"))
    texture = np.asarray(Image.open("datasets/textures/pebbles.png").convert("RGB"))
    images = preprocess(texture)[None]
    plain = squeezenet(weights, TOPS)(images)
    for name, before, after in zip(
        TOPS, plain, squeezenet(scaled(weights), TOPS)(images), strict=True
    ):
        before, after = map(ops.convert_to_numpy, (before, after))
        # Powers of two change no digit.
        np.testing.assert_allclose(after * _ACTIVATIONS[name], before, rtol=1e-6)
        assert 0.2 < after.mean() < 2.5
