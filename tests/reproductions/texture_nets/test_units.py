"""The pieces against the original's: padding, noise, losses, pictures, Adam, layers."""

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from common.gram import gram_matrix
from common.layers import LeakyReLU, pad_images
from common.vgg19_pixels import deprocess, preprocess
from reproductions.texture_nets.blocks import Blocks, Noise
from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.layers import (
    BatchNormalization,
    BorderCopy,
    Convolution,
    Upsampling,
)
from reproductions.texture_nets.losses import content_loss, texture_loss
from reproductions.texture_nets.objective import Losses
from reproductions.texture_nets.pictures import load_picture
from reproductions.texture_nets.scaling import longer_side, scale
from reproductions.texture_nets.settings import TrainingSettings
from reproductions.texture_nets.training import Training
from tests.backends import float64, gradient
from tests.reproductions.texture_nets.references import (
    arrays,
    from_torch,
    original,
    read_json,
    to_torch,
)

pytestmark = pytest.mark.reference

#: Relative, of a few sums of numbers of that type.
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with float64(request.param == "float64"):
        yield request.param


def close(found, wanted, dtype: str) -> None:
    found, wanted = ops.convert_to_numpy(found), np.asarray(wanted, np.float64)
    assert found.dtype == dtype
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < TOLERANCE[dtype] * np.abs(wanted).max()


def images_of(case: np.ndarray, dtype: str) -> np.ndarray:
    return from_torch(case).astype(dtype)


def tensor(case: np.ndarray, dtype: str):
    return backend.to_tensor(images_of(case, dtype))


# Circular padding


def padded_by(left: int, right: int, top: int, bottom: int):
    """Padding of other widths on every side, cut out of a wider one."""
    before, after = max(left, top), max(right, bottom)

    def pad(images):
        wide = pad_images(images, before, after, wrap=True)
        height, width = wide.shape[1:3]
        rows = slice(before - top, height - (after - bottom))
        return wide[:, rows, before - left : width - (after - right)]

    return pad


@pytest.mark.parametrize("sides", ["l1r1t1b1", "l2r2t2b2", "l1r2t3b1"])
def test_circular_padding(sides, dtype):
    """Rows and columns come from the opposite side, and all of their gradients go back there."""
    case = {k: v for k, v in arrays("circular_padding").items() if k.startswith(sides)}
    pad = padded_by(*(int(sides[i]) for i in (1, 3, 5, 7)))
    x, upstream = (images_of(case[f"{sides}/{k}"], dtype) for k in ("input", "gradOutput"))
    output, slope = gradient(pad, x, upstream)
    np.testing.assert_array_equal(to_torch(output), case[f"{sides}/output"])
    close(to_torch(slope), case[f"{sides}/gradInput_exact_adjoint"], dtype)


def test_padding_of_nothing_copies_the_border():
    """What the published stylisation models do with a padding of 0, row by row."""
    x = np.random.RandomState(0).uniform(size=(2, 5, 6, 3)).astype(np.float32)
    wanted = x.copy()
    wanted[:, 0], wanted[:, -1] = wanted[:, -2].copy(), wanted[:, 1].copy()
    wanted[:, :, 0], wanted[:, :, -1] = wanted[:, :, -2].copy(), wanted[:, :, 1].copy()
    np.testing.assert_array_equal(BorderCopy()(x), wanted)


# Noise


def noisy(noise_depth: int, stylization: bool, ratio: int = 1) -> keras.Model:
    """What a scale of a generator begins with."""
    blocks = Blocks(noise_depth, stylization, True, "batch", "float32")
    stream = blocks.noisy(ratio, "scale")
    return keras.Model(blocks.inputs, stream)


def test_noise_goes_behind_the_image():
    """The first channels are the image's, the last ones the noise, both as they are."""
    case = arrays("noise_modules")
    # The original's image has two channels here.
    image = from_torch(case["noisefill_input"][:, [0, 1, 1]])
    noise = from_torch(case["noisefill_noise_nc3"])
    output = to_torch(noisy(3, True)([image, noise]))
    np.testing.assert_array_equal(output[:, [0, 1, 3, 4, 5]], case["noisefill_output_nc3"])


def test_noise_alone():
    """Where all channels are noise, nothing else is seen."""
    case = arrays("noise_modules")
    output = noisy(5, False)([from_torch(case["noisefill_noise_nc5"])])
    np.testing.assert_array_equal(to_torch(output), case["noisefill_output_nc5"])


def test_image_alone():
    """Without noise channels the image is all there is."""
    case = arrays("noise_modules")
    output = noisy(0, True)([from_torch(case["noisefill_input"][:, :3])])
    np.testing.assert_array_equal(to_torch(output), case["noisefill_output_nc0"][:, :3])


def test_noise_is_not_pooled():
    """The image is averaged to the scale's size, and the noise is of that size."""
    image = np.random.RandomState(0).uniform(size=(2, 8, 12, 3)).astype(np.float32)
    noise = np.random.RandomState(1).uniform(size=(2, 2, 3, 3)).astype(np.float32)
    output = ops.convert_to_numpy(noisy(3, True, 4)([image, noise]))
    pooled = image.reshape(2, 2, 4, 3, 4, 3).mean((2, 4))
    np.testing.assert_allclose(output[..., :3], pooled, rtol=1e-6)
    np.testing.assert_array_equal(output[..., 3:], noise)


def drawn(seed: int = 1, call: int = 0) -> list[np.ndarray]:
    """The noise of a pyramid's two finest scales, and normal noise as `skip_noise` has it."""
    inputs = [Noise(2, 3), Noise(1, 3), Noise(1, 2, normal=True)]
    return [ops.convert_to_numpy(n) for n in draw_noise(inputs, 4, 128, 96, seed, call)]


@pytest.mark.long_to_compile
def test_distribution_of_drawn_noise():
    """U(0, 1), and N(0, 1) for GenNoise: range, mean and deviation are the original's."""
    half, uniform, normal = drawn()
    assert [n.shape for n in (half, uniform, normal)] == [
        (4, 64, 48, 3),
        (4, 128, 96, 3),
        (4, 128, 96, 2),
    ]
    facts = read_json("units")["scalars"]
    for noise in (half, uniform):
        assert 0 <= noise.min() < 1e-3
        assert 1 - 1e-3 < noise.max() < 1
        # Four deviations of the mean of so many numbers, on both sides.
        assert noise.mean() == pytest.approx(facts["nf_stat_mean"], abs=8 / noise.size**0.5)
        assert noise.std() == pytest.approx(facts["nf_stat_std"], abs=0.005)
    assert normal.mean() == pytest.approx(facts["gn_stat_mean"], abs=8 / normal.size**0.5)
    assert normal.std() == pytest.approx(facts["gn_stat_std"], abs=0.02)
    assert 3.5 < normal.max() < 6
    assert -6 < normal.min() < -3.5


@pytest.mark.long_to_compile
def test_drawn_noise_can_be_repeated():
    """The same seed and call give the same noise, in a compiled function, too."""
    inputs = [Noise(2, 3), Noise(1, 3), Noise(1, 2, normal=True)]
    compiled = backend.compile(lambda call: draw_noise(inputs, 4, 128, 96, 1, call))
    for first, again, other in zip(drawn(), drawn(), compiled(np.int32(0)), strict=True):
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("other", [{"seed": 2}, {"call": 1}, {"call": 61}])
def test_every_call_draws_other_noise(other):
    """Another seed or call gives noise that has nothing to do with the first."""
    for first, second in zip(drawn(), drawn(**other), strict=True):
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 4 / first.size**0.5


def test_no_noise_comes_twice():
    """No input, image or channel of any of the next calls repeats another's noise."""
    inputs = [Noise(1, 3)] * 6
    calls = [ops.stack(draw_noise(inputs, 2, 32, 32, 1, call)) for call in range(4)]
    noise = ops.convert_to_numpy(ops.stack(calls))
    correlation = np.corrcoef(noise.transpose(0, 1, 2, 5, 3, 4).reshape(4 * 6 * 2 * 3, 32 * 32))
    assert np.abs(correlation - np.eye(len(correlation))).max() < 6 / 32


# Losses


@pytest.mark.parametrize("mode", ["plain", "normalize"])
@pytest.mark.parametrize("strength", [1, 1000])
@pytest.mark.parametrize("kind", ["texture", "content"])
def test_loss(kind, strength, mode, dtype):
    """Loss and gradient are the original's, whatever gradient comes from deeper layers."""
    case, name = arrays("losses"), f"{kind}/strength{strength}/{mode}"
    features, deeper = tensor(case["features"], dtype), tensor(case["gradOutput"], dtype)
    if kind == "texture":
        function = texture_loss
        target = gram_matrix(tensor(case["texture_target_features"][None], dtype))[0]
        target = ops.convert_to_numpy(target)
    else:
        function, target = content_loss, tensor(case["content_target"], dtype)
    losses = read_json("units")["losses"]
    for upstream, key in ((0, "gradInput_zero_gradOutput"), (deeper, "gradInput")):

        def total(features, upstream=upstream):
            loss = function(features, target, strength, mode == "normalize")
            return [loss + ops.sum(features * upstream)], loss

        (slope,), _, loss = backend.gradients(total, features)
        close(loss, losses[name]["loss_float64"], dtype)
        close(to_torch(slope), case[f"{name}/{key}"], dtype)


def test_gram_matrices(dtype):
    """They are divided by channels and pixels."""
    case = arrays("losses")
    target = gram_matrix(tensor(case["texture_target_features"][None], dtype))[0]
    close(target, case["texture_target_gram"], dtype)
    close(gram_matrix(tensor(case["features"], dtype)), case["texture/G"], dtype)


# Pictures


def test_preprocess():
    """RGB in 0..1 to BGR in 0..255 minus the mean."""
    case = arrays("image")
    pixels = from_torch(case["preprocess_input"][None].astype(np.float64)) * 255
    assert np.abs(to_torch(preprocess(pixels)) - case["preprocess_output"]).max() < 1e-12
    found = to_torch(preprocess(from_torch(case["preprocess_input"][None]) * np.float32(255)))
    assert found.dtype == np.float32
    assert np.abs(found - case["preprocess_output"]).max() < 2e-5


def test_deprocess():
    """Back to RGB, as bytes: cut to 0..255 and truncated, as the original saves pictures."""
    case = arrays("image")
    found = to_torch(deprocess(from_torch(case["deprocess_input"][None])))
    wanted = np.clip(case["deprocess_output"][None] * 255, 0, 255)
    assert found.dtype == np.uint8
    # A number of float32 may be just below a whole one.
    assert (found <= wanted + 1e-4).all()
    assert (found > wanted - 1 - 1e-4).all()


def test_deprocess_in_and_out():
    """Bytes come back as they were, and what lies outside is cut."""
    pixels = np.random.RandomState(0).randint(0, 256, (4, 5, 3))
    # Half a step up: the mean's float32 rounding does not decide.
    np.testing.assert_array_equal(deprocess(preprocess(pixels) + np.float32(0.5)), pixels)
    outside = np.float32([[[1e4, -1e4, 0]]])
    np.testing.assert_array_equal(deprocess(outside), [[[123, 0, 255]]])


SCALED = [k for k in arrays("image") if k.startswith("scale_") and "bricks" not in k]


@pytest.mark.parametrize("name", [k for k in SCALED if k != "scale_input"])
def test_scale(name):
    """`image.scale`, bilinear: to width and height, or so that the longer side is that long."""
    pixels = arrays("image")["scale_input"].transpose(1, 2, 0)
    wanted = arrays("image")[name].transpose(1, 2, 0)
    if name.startswith("scale_max"):
        size = longer_side(*pixels.shape[:2], int(name.removeprefix("scale_max")))
    else:
        width, height = name.removeprefix("scale_w").split("h")
        size = int(height), int(width)
    assert size == wanted.shape[:2]
    assert np.abs(scale(pixels, *size) - wanted).max() < 1e-6


@pytest.mark.parametrize("side", [64, 100, 300])
def test_scale_of_bricks(side):
    """So are 256 x 256 pixels of the original's picture, shrunk and enlarged."""
    pixels = load_picture(original("pictures", "bricks.png"))
    scaled = scale(pixels, *longer_side(*pixels.shape[:2], side)).transpose(2, 0, 1)
    wanted = arrays("image")
    assert scaled.shape == (3, side, side)
    if side == 300:
        assert np.abs(scaled[:, ::5, ::5] - wanted["scale_bricks300_s5"]).max() < 1e-6
        assert np.abs(scaled[:, -1] - wanted["scale_bricks300_last"]).max() < 1e-6
    else:
        assert np.abs(scaled - wanted[f"scale_bricks{side}"]).max() < 1e-6


@pytest.mark.parametrize(("size", "side", "wanted"), [((436, 500), 256, (223, 256))])
def test_the_shorter_side_is_truncated(size, side, wanted):
    """The original's bird: 256 * 436 / 500 is 223.2."""
    assert longer_side(*size, side) == wanted


# Adam


class OneVector:
    """Stands for a generator: its gradient is its input."""

    def __init__(self, x: np.ndarray, dtype: str):
        self.x = keras.Variable(x.astype(dtype), dtype=dtype)
        self.trainable_variables = self.variables = [self.x]

    def __call__(self, inputs, training):
        return ops.sum(self.x.value * inputs[0])


def trained(x, gradients, dtype: str, **settings) -> list[np.ndarray]:
    """The vector after every step of `Training`."""
    vector = OneVector(x, dtype)
    objective = lambda images, content: Losses(images, ops.zeros_like(images))  # noqa: E731
    training = Training(vector, objective, TrainingSettings(**settings))
    steps = []
    for slope in gradients:
        training.step_with([backend.to_tensor(slope.astype(dtype))])
        steps.append(vector.x.numpy())
    return steps


def test_adam(dtype):
    """Five steps, the rate lowered after three, are Torch7's, for gradients of any size."""
    case = arrays("adam")
    gradients = [case[f"g{t}"] for t in range(1, 6)]
    steps = trained(case["x0"], gradients, dtype, learning_rate=0.1, learning_rate_every=3)
    assert np.abs(np.log10(np.abs(gradients[0][:6]))).max() > 9
    for t, found in enumerate(steps, 1):
        assert found.dtype == dtype
        # Keras rounds 0.999 to float32, which makes the first steps, 0.1, shorter by 7e-7.
        assert np.abs(found - case[f"x{t}_torch7"]).max() < 1e-6 * t


def test_learning_rate_decays():
    """Every so many iterations it is multiplied by the factor, all at once."""
    settings = {"learning_rate": 0.5, "learning_rate_factor": 0.8, "learning_rate_every": 2}
    with float64():
        steps = trained(np.zeros(1), [np.ones(1)] * 6, "float64", **settings)
    # A gradient that is always the same makes steps of the learning rate, but for Keras' rounding.
    sizes = -np.diff(np.concatenate([[0], np.ravel(steps)]))
    np.testing.assert_allclose(sizes, [0.5, 0.5, 0.4, 0.4, 0.32, 0.32], rtol=1e-5)


# Layers


def normalization(dtype: str) -> BatchNormalization:
    """One of three channels, with the weights of the references."""
    case, layer = arrays("layers"), BatchNormalization(dtype=dtype)
    layer.build((None, None, None, 3))
    layer.gamma.assign(case["bn_weight"])
    layer.beta.assign(case["bn_bias"])
    return layer


def test_batch_normalization(dtype):
    """Forward, backward and running statistics, as in training; also with a single image."""
    case, layer = arrays("layers"), normalization(dtype)
    x, upstream = tensor(case["z"], dtype), tensor(case["z2"], dtype)
    variables = [keras.Variable(x, dtype=dtype), layer.gamma, layer.beta]
    (output,), _, pull_back = backend.vjp(
        lambda: ([layer(variables[0].value, training=True)], ()), variables
    )
    gradients = pull_back(upstream)
    close(to_torch(output), case["bn_train"], dtype)
    close(to_torch(gradients[0]), case["bn_gi"], dtype)
    close(gradients[1], case["bn_gw"], dtype)
    close(gradients[2], case["bn_gb"], dtype)
    close(layer.running_mean.numpy(), case["bn_rmean"], dtype)
    close(layer.running_variance.numpy(), case["bn_rvar"], dtype)
    layer.running = True
    close(to_torch(layer(x)), case["bn_eval"], dtype)
    layer.running = False
    close(to_torch(layer(x[:1], training=True)), case["bn_train_b1"], dtype)
    close(layer.running_variance.numpy(), case["bn_rvar_b1"], dtype)


def test_sampling_uses_the_statistics_of_the_batch(dtype):
    """Without training the output is the same, and nothing is noted."""
    case, layer = arrays("layers"), normalization(dtype)
    close(to_torch(layer(tensor(case["z"], dtype))), case["bn_train"], dtype)
    np.testing.assert_array_equal(layer.running_mean, np.zeros(3))
    np.testing.assert_array_equal(layer.running_variance, np.ones(3))


def test_leaky_relu(dtype):
    """A hundredth of what is negative."""
    case = arrays("layers")
    found = to_torch(LeakyReLU(0.01, dtype=dtype)(tensor(case["z"], dtype)))
    assert found.dtype == dtype
    # TensorFlow holds the slope as float32, also for float64.
    np.testing.assert_allclose(found, case["leaky"], rtol=1e-7)


def test_slope_at_zero():
    """The gradient at 0 is the slope."""
    _, slope = gradient(LeakyReLU(0.01), np.float32([[[[0, 1, -1]]]]))
    np.testing.assert_allclose(slope, [[[[0.01, 1, 0.01]]]], rtol=1e-6)


def test_average_pooling(dtype):
    """Squares of 4 x 4 are averaged: what a pyramid gives its third scale."""
    case = arrays("layers")
    blocks = Blocks(0, True, True, "batch", dtype)
    model = keras.Model(blocks.inputs, blocks.noisy(4, "scale"))
    close(to_torch(model([tensor(case["z"], dtype)])), case["avgpool4"], dtype)


def test_upsampling(dtype):
    """Every pixel becomes four."""
    case = arrays("layers")
    close(to_torch(Upsampling(dtype=dtype)(tensor(case["z"], dtype))), case["upnearest"], dtype)


# Initialisation


def test_convolutions_begin_uniform():
    """Kernel and bias are uniform in +-1 / sqrt(kernel^2 * channels in)."""
    facts = read_json("units")["scalars"]
    layer = Convolution(64, 3)
    layer.build((None, None, None, 6))
    bound, kernel, bias = facts["init_conv_bound"], layer.kernel.numpy(), layer.bias.numpy()
    assert 0.99 * bound < kernel.max() <= bound
    assert -bound <= kernel.min() < -0.99 * bound
    assert kernel.std() == pytest.approx(facts["init_conv_wstd"], rel=0.05)
    assert 0.8 * bound < bias.max() <= bound
    assert -bound <= bias.min() < -0.8 * bound


def test_normalizations_begin_uniform():
    """Gamma is uniform in (0, 1), beta 0, the running mean 0 and variance 1."""
    facts = read_json("units")["scalars"]
    layer = BatchNormalization()
    layer.build((None, None, None, 1000))
    gamma = layer.gamma.numpy()
    assert 0 <= gamma.min() < 0.02
    assert 0.98 < gamma.max() <= 1
    # Five deviations of the mean of a thousand.
    assert gamma.mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(layer.beta).max() == facts["init_bn_babs"]
    assert np.abs(layer.running_mean).max() == facts["init_bn_rm"]
    assert set(layer.running_variance.numpy()) == {facts["init_bn_rv"]}
    assert (layer.epsilon, layer.momentum) == (facts["init_bn_eps"], facts["init_bn_momentum"])


@pytest.mark.long_to_compile
def test_a_generator_begins_so():
    """All layers of a generator, each with its own numbers."""
    keras.utils.set_random_seed(3)
    generator = Generator("pyramid")
    seen = set()
    for layer in generator.parameter_layers():
        if isinstance(layer, Convolution):
            size, _, channels, _ = layer.kernel.shape
            values, bound = layer.kernel.numpy(), (size**2 * channels) ** -0.5
            assert np.abs(layer.bias).max() <= bound
            assert 0.8 * bound < np.abs(values).max() <= bound
        else:
            values = layer.gamma.numpy()
            assert 0 <= values.min() <= values.max() <= 1
            assert not layer.beta.numpy().any()
        seen.add(float(values.ravel()[0]))
    assert len(seen) == len(generator.parameter_layers())
