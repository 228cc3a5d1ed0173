"""Single steps against float64 computations written independently of TensorFlow."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from common import backend
from reproductions.iccv_introspective.networks import build
from reproductions.iccv_introspective.patches import draw_patches
from reproductions.iccv_introspective.settings import LearningSettings
from reproductions.iccv_introspective.steps import Steps
from tests.backends import compiled_for_long, traced
from tests.reproductions.iccv_introspective.resampling import crop_and_resize

pytestmark = pytest.mark.reference

#: Network, side of a patch, classes without the negatives, height and width of the pictures.
CASES = {
    "dcgan16": ("dcgan", 16, 1, (24, 37)),
    "dcgan32": ("dcgan", 32, 2, (51, 40)),
    "small16": ("small", 16, 2, (16, 16)),
}
#: Learning steps take JAX the longest to compile.
LEARNING = compiled_for_long(CASES, "small16")
PATCHES, PICTURES = 48, 6
RATE = 0.01


@functools.cache
def steps_of(case, rate):
    """A model and its steps; weights are set anew by every test."""
    network, patch, classes, _ = CASES[case]
    settings = LearningSettings(network=network, filters=2, patch_size=patch)
    model = build(settings, classes)
    return model, Steps(model, rate)


def random_weights(model, seed=0):
    """Weights at which nothing is zero or one: biases, scales and running statistics too."""
    random = np.random.default_rng(seed)
    made = []
    for variable in model.weights:
        name, shape = variable.name, tuple(variable.shape)
        normal = random.standard_normal(shape)
        if name == "kernel":
            value = normal * 1.3 / np.sqrt(np.prod(shape[:-1]))
        elif name == "gamma":
            value = 1 + 0.3 * normal
        elif name == "moving_variance":
            value = random.uniform(0.3, 2, shape)
        else:
            value = 0.3 * normal
        made.append(value.astype(np.float32))
    return made


def prepared(case, rate=RATE):
    """A model with random weights, its steps, the weights, and what a step works on."""
    model, steps = steps_of(case, rate)
    weights = random_weights(model)
    model.set_weights(weights)
    _, patch, classes, size = CASES[case]
    random = np.random.default_rng(1)
    pictures = random.integers(256, size=(PICTURES, *size, 3), dtype=np.uint8)
    picture, boxes = draw_patches(random, PATCHES, PICTURES, size, patch)
    labels = random.integers(classes + 1, size=PATCHES).astype(np.int32)
    return model, steps, weights, (pictures, picture, boxes, labels)


def start_of_synthesis(case):
    """The same for a synthesis, a third of whose pixels lie close to -1 or 1."""
    model, steps, weights, (pictures, _, _, _) = prepared(case)
    images = np.clip(pictures / 85 - 1.5, -0.999, 0.999).astype(np.float32)
    return model, steps, weights, images


def patches_of_step(case, step):
    """Patches of a step of synthesis; no label is that of the negatives."""
    _, patch, classes, size = CASES[case]
    random = np.random.default_rng(100 + step)
    picture, boxes = draw_patches(random, PATCHES, PICTURES, size, patch)
    kinds = random.integers(1, classes + 1, size=PICTURES).astype(np.int32)
    return picture, boxes, kinds[picture]


# The computation in float64. Every layer gives its output and a function from the gradient of the
# output to those of the input and of the layer's weights.


def sampling(low, high, size, patch):
    """The matrix that samples `patch` values evenly among `size`, where 1 is the last."""
    at = (np.float64(low) + np.arange(patch) * (np.float64(high) - low) / (patch - 1)) * (size - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))


def cut(pictures, picture, boxes, patch):
    """Patches, and their gradient with respect to the pictures."""
    _, height, width, _ = pictures.shape
    rows = np.stack([sampling(box[0], box[2], height, patch) for box in boxes])
    columns = np.stack([sampling(box[1], box[3], width, patch) for box in boxes])
    patches = np.einsum("nih,nhwc,njw->nijc", rows, pictures[picture], columns, optimize=True)

    def back(gradient):
        spread = np.einsum("nih,nijc,njw->nhwc", rows, gradient, columns, optimize=True)
        summed = np.zeros(pictures.shape)
        np.add.at(summed, picture, spread)
        return summed

    return patches, back


def convolution(x, kernel, bias):
    """5x5, stride 2, SAME padding."""
    count, height, width, channels = x.shape
    out = -(-height // 2), -(-width // 2)
    pads = [max((o - 1) * 2 + 5 - n, 0) for o, n in zip(out, (height, width), strict=True)]
    before = [pad // 2 for pad in pads]
    padded = np.zeros((count, height + pads[0], width + pads[1], channels))
    inner = padded[:, before[0] : before[0] + height, before[1] : before[1] + width]
    inner[:] = x

    def window(array, i, j):
        return array[:, i : i + 2 * out[0] - 1 : 2, j : j + 2 * out[1] - 1 : 2]

    taps = [(i, j) for i in range(5) for j in range(5)]
    y = bias + sum(window(padded, i, j) @ kernel[i, j] for i, j in taps)

    def back(gradient):
        kernels, spread = np.zeros(kernel.shape), np.zeros(padded.shape)
        for i, j in taps:
            kernels[i, j] = np.tensordot(window(padded, i, j), gradient, ([0, 1, 2], [0, 1, 2]))
            window(spread, i, j)[:] += gradient @ kernel[i, j].T
        inside = spread[:, before[0] : before[0] + height, before[1] : before[1] + width]
        return inside, [kernels, gradient.sum((0, 1, 2))]

    return y, back


def leaky(x):
    slope = np.where(x > 0, 1, 0.2)
    return x * slope, lambda gradient: (gradient * slope, [])


def normalisation(x, gamma, beta, mean, variance, of_batch):
    """Also gives the running statistics after it."""
    axes, count = (0, 1, 2), x[..., 0].size
    running = mean, variance
    if of_batch:
        mean = x.mean(axes)
        variance = np.mean((x - mean) ** 2, axes)
        running = 0.9 * running[0] + 0.1 * mean, 0.9 * running[1] + 0.1 * variance
    deviation = np.sqrt(variance + 1e-5)
    normal = (x - mean) / deviation

    def back(gradient):
        scales, shifts = (gradient * normal).sum(axes), gradient.sum(axes)
        here = gradient
        if of_batch:
            here = gradient - shifts / count - normal * scales / count
        return here * gamma / deviation, [scales, shifts, *(np.zeros(len(mean)),) * 2]

    return gamma * normal + beta, back, running


def dense(x, kernel, bias):
    flat = x.reshape(len(x), -1)

    def back(gradient):
        return (gradient @ kernel.T).reshape(x.shape), [flat.T @ gradient, gradient.sum(0)]

    return flat @ kernel + bias, back


def network(weights, patches, of_batch):
    """DCGAN: logits, a function to the gradients, and the weights with running statistics."""
    left = [np.asarray(weight, np.float64) for weight in weights]
    after, backs, x = [], [], patches
    while len(left) > 2:
        x, back = convolution(x, *left[:2])
        backs.append(back)
        after += left[:2]
        del left[:2]
        if len(after) > 2:
            x, back, running = normalisation(x, *left[:4], of_batch)
            backs.append(back)
            after += [*left[:2], *running]
            del left[:4]
        x, back = leaky(x)
        backs.append(back)
    logits, back = dense(x, *left)
    backs.append(back)

    def backward(gradient):
        all_gradients = []
        for each in reversed(backs):
            gradient, gradients = each(gradient)
            all_gradients = gradients + all_gradients
        return gradient, all_gradients

    return logits, backward, after + left


def softmax_loss(logits, labels):
    """Mean cross entropy and its gradient."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares = powers / powers.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.mean(np.log(shares[rows, labels]))
    shares[rows, labels] -= 1
    return loss, shares / len(labels)


def evaluation(case, weights, work, of_batch):
    """Loss, accuracy, gradients of the weights, and the weights with running statistics."""
    pictures, picture, boxes, labels = work
    patches, _ = cut(pictures / 127.5 - 1, picture, boxes, CASES[case][1])
    logits, backward, after = network(weights, patches, of_batch)
    loss, gradient = softmax_loss(logits, labels)
    return loss, np.mean(logits.argmax(1) == labels), backward(gradient)[1], after


def image_gradient(case, weights, images, step):
    """Loss of a step of synthesis and its gradient with respect to the images."""
    picture, boxes, labels = patches_of_step(case, step)
    patches, to_images = cut(images, picture, boxes, CASES[case][1])
    logits, backward, _ = network(weights, patches, of_batch=False)
    loss, gradient = softmax_loss(logits, labels)
    return loss, to_images(backward(gradient)[0])


def adam(images, mean, square, gradient, step, rate, beta1):
    """TensorFlow 1's Adam, and the clipping after it."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = 0.999 * square + 0.001 * gradient**2
    now = rate * np.sqrt(1 - 0.999**step) / (1 - beta1**step)
    return np.clip(images - now * mean / (np.sqrt(square) + 1e-8), -1, 1), mean, square


def synthesized(steps, case, images, count, rate=0.01, beta1=0.5):
    """What TensorFlow's steps give: a list of (loss, images, mean, square)."""
    state, results = (images, np.zeros_like(images), np.zeros_like(images)), []
    for step in range(count):
        numbers = np.float32(step + 1), np.float32(rate), np.float32(beta1)
        loss, *state = steps.synthesize(*state, *patches_of_step(case, step), *numbers)
        results.append([ops.convert_to_numpy(each) for each in (loss, *state)])
    return results


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.long_to_compile
def test_loss_and_accuracy_of_a_learning_step_are_those_of_the_batch_before_it(case):
    _, steps, weights, work = prepared(case)
    loss, accuracy = steps.learn(*work)
    wanted, right, _, _ = evaluation(case, weights, work, of_batch=True)
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(accuracy) == pytest.approx(right, abs=1e-6)
    assert 0.05 < right < 0.95


@pytest.mark.parametrize("case", LEARNING)
def test_a_learning_step_moves_weights_against_their_gradients(case):
    model, steps, weights, work = prepared(case, rate=4.0)
    steps.learn(*work)
    *_, gradients, _ = evaluation(case, weights, work, of_batch=True)
    whole = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    checked = 0
    for before, now, gradient, variable in zip(
        weights, model.get_weights(), gradients, model.weights, strict=True
    ):
        if not variable.trainable:
            continue
        found = (before.astype(np.float64) - now) / 4
        # A bias before a normalisation has no effect, and no gradient.
        size = np.linalg.norm(gradient)
        assert np.linalg.norm(found - gradient) < max(1e-4 * size, 1e-6 * whole), variable.path
        checked += size > 1e-3 * whole
    normalised = len([v for v in model.weights if v.name == "gamma"])
    assert checked == 2 + 3 * normalised + 2


@pytest.mark.parametrize("case", LEARNING)
def test_a_learning_step_is_plain_gradient_descent(case):
    model, steps, weights, work = prepared(case)
    for _ in range(2):
        *_, gradients, after = evaluation(case, weights, work, of_batch=True)
        weights = [
            np.asarray(now) - RATE * gradient
            for now, gradient in zip(after, gradients, strict=True)
        ]
        steps.learn(*work)
    for found, wanted, variable in zip(model.get_weights(), weights, model.weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=variable.path)


@pytest.mark.parametrize("case", LEARNING)
def test_running_statistics_move_by_a_tenth_to_those_of_the_batch(case):
    model, steps, weights, work = prepared(case)
    steps.learn(*work)
    after = evaluation(case, weights, work, of_batch=True)[3]
    compared = 0
    for before, found, wanted, variable in zip(
        weights, model.get_weights(), after, model.weights, strict=True
    ):
        if variable.name in ("moving_mean", "moving_variance"):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
            assert np.abs(wanted - before).max() > 1e-2
            compared += 1
    assert compared == 2 * (3 if case.startswith("dcgan") else 2)


@pytest.mark.parametrize("case", LEARNING)
def test_an_evaluation_uses_the_running_statistics_and_changes_nothing(case):
    model, steps, weights, work = prepared(case)
    loss, accuracy = steps.evaluate(*work)
    wanted, right, _, _ = evaluation(case, weights, work, of_batch=False)
    other = evaluation(case, weights, work, of_batch=True)[0]
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(accuracy) == pytest.approx(right, abs=1e-6)
    assert abs(other - wanted) > 1e-2 * wanted
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("case", CASES)
def test_the_first_synthesis_step(case):
    model, steps, weights, images = start_of_synthesis(case)
    (loss, moved, mean, square), *_ = synthesized(steps, case, images, 1)
    wanted, gradient = image_gradient(case, weights, images.astype(np.float64), 0)
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert relative(mean, 0.5 * gradient) < 1e-4
    assert relative(square, 0.001 * gradient**2) < 1e-4
    away, _, _ = adam(images, 0, 0, gradient, 1, 0.01, 0.5)
    # Adam's first step is nearly the sign of the gradient, which rounding turns near zero.
    clear = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
    assert clear.mean() > 0.7
    np.testing.assert_allclose(moved[clear], away[clear], rtol=0, atol=3e-6)
    # No patch reaches some of the pixels; these stay.
    np.testing.assert_array_equal(moved[gradient == 0], images[gradient == 0])
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("case", CASES)
def test_three_synthesis_steps(case):
    _, steps, weights, images = start_of_synthesis(case)
    wanted = images.astype(np.float64), 0.0, 0.0
    steady = np.ones(images.shape, bool)
    for step, (loss, moved, mean, square) in enumerate(synthesized(steps, case, images, 3), 1):
        own_loss, gradient = image_gradient(case, weights, wanted[0], step - 1)
        wanted = adam(*wanted, gradient, step, 0.01, 0.5)
        assert float(loss) == pytest.approx(own_loss, rel=1e-5)
        assert relative(mean, wanted[1]) < 1e-4
        assert relative(square, wanted[2]) < 1e-4
        steady &= (gradient == 0) | (np.abs(gradient) > 1e-3 * np.abs(gradient).max())
        assert np.abs(moved - wanted[0])[steady].max() < 5e-6
    assert steady.mean() > 0.5
    assert (np.abs(wanted[0]) == 1).mean() > 0.01


@pytest.mark.parametrize(("rate", "beta1"), [(0.01, 0.5), (0.3, 0.5), (0.02, 0.9)])
def test_moments_and_images_follow_adam_everywhere(rate, beta1):
    """Given the moments that TensorFlow found, the images follow at every pixel."""
    _, steps, _, images = start_of_synthesis("dcgan16")
    before, mean_before = images.astype(np.float64), 0.0
    for step, (_, moved, mean, square) in enumerate(
        synthesized(steps, "dcgan16", images, 3, rate, beta1), 1
    ):
        gradient = (mean - beta1 * mean_before) / (1 - beta1)
        now = rate * np.sqrt(1 - 0.999**step) / (1 - beta1**step)
        wanted = np.clip(before - now * mean / (np.sqrt(square.astype(np.float64)) + 1e-8), -1, 1)
        np.testing.assert_allclose(moved, wanted, rtol=0, atol=1e-3 * rate)
        assert np.abs(moved).max() == 1
        if step == 1:
            assert relative(square, 0.001 * gradient**2) < 1e-5
        before, mean_before = moved.astype(np.float64), mean.astype(np.float64)


def test_adams_epsilon_is_added_to_the_root_before_its_correction():
    """At gradients of 10^-7 it halves the step."""
    model, steps, weights, images = start_of_synthesis("dcgan16")
    weights[-2] = weights[-2] * np.float32(1e-3)
    model.set_weights(weights)
    (_, moved, _, _), *_ = synthesized(steps, "dcgan16", images * np.float32(0.9), 1)
    images = images * np.float32(0.9)
    _, gradient = image_gradient("dcgan16", weights, images.astype(np.float64), 0)
    middle = np.median(np.abs(gradient[gradient != 0]))
    assert 1e-8 < middle < 1e-6
    wanted, _, _ = adam(images.astype(np.float64), 0, 0, gradient, 1, 0.01, 0.5)
    np.testing.assert_allclose(moved, wanted, rtol=0, atol=3e-6)
    without = np.clip(images - 0.01 * np.sign(gradient), -1, 1)
    assert np.median(np.abs(wanted - without)) > 1e-3


def test_syntheses_are_clipped_to_the_range_of_pictures():
    _, steps, _, images = start_of_synthesis("dcgan16")
    (_, moved, _, _), *_ = synthesized(steps, "dcgan16", images, 1, rate=0.5)
    assert moved.min() == -1 and moved.max() == 1
    assert 0.1 < np.mean(np.abs(moved) == 1) < 0.9


def test_synthesis_lowers_the_loss():
    _, steps, _, images = start_of_synthesis("dcgan32")
    state = images, np.zeros_like(images), np.zeros_like(images)
    losses = []
    for step in range(10):
        numbers = np.float32(step + 1), np.float32(0.01), np.float32(0.5)
        loss, *state = steps.synthesize(*state, *patches_of_step("dcgan32", 0), *numbers)
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]


def test_the_same_step_twice_gives_identical_bits():
    model, steps, weights, work = prepared("dcgan16")
    learned = []
    for _ in range(2):
        model.set_weights(weights)
        numbers = [float(each) for _ in range(3) for each in steps.learn(*work)]
        learned.append([*numbers, *model.get_weights()])
    for one, other in zip(*learned, strict=True):
        np.testing.assert_array_equal(one, other)
    model, steps, weights, images = start_of_synthesis("dcgan16")
    made = [synthesized(steps, "dcgan16", images, 3) for _ in range(2)]
    for one, other in zip(*made, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def twice(steps, model, count, size, patches):
    """Makes each step on other numbers, of these shapes, twice."""
    model.set_weights(random_weights(model))
    random = np.random.default_rng(0)
    picture, boxes = draw_patches(random, patches, count, size, 16)
    labels = np.ones(patches, np.int32)
    images = random.uniform(-1, 1, (count, *size, 3)).astype(np.float32)
    moments = (np.zeros_like(images),) * 2
    for number in range(1, 3):
        pictures = random.integers(256, size=(count, *size, 3), dtype=np.uint8)
        steps.learn(pictures, picture, boxes, labels)
        steps.evaluate(pictures, picture, boxes, labels)
        numbers = np.float32(number), np.float32(0.01), np.float32(0.5)
        _, images, *moments = steps.synthesize(images, *moments, picture, boxes, labels, *numbers)


@traced
def test_nothing_is_traced_again_for_other_numbers(monkeypatch):
    traces, compile_ = [], backend.compile

    def counting(function, *rest):
        def counted(*given):
            traces.append(function.__name__)
            return function(*given)

        return compile_(counted, *rest)

    monkeypatch.setattr(backend, "compile", counting)
    model, steps = steps_of.__wrapped__("dcgan16", RATE)
    twice(steps, model, 1, (24, 37), 5)
    assert sorted(traces) == ["_evaluate", "_learn", "_synthesize"]


def test_nothing_is_traced_again_for_other_batches():
    """Others than TensorFlow have a function compiled for each shape."""
    pytest.importorskip("tensorflow")
    model, steps = steps_of("dcgan16", RATE)
    for count, size, patches in [(1, (24, 37), 5), (3, (24, 37), 7), (2, (16, 16), 5)]:
        twice(steps, model, count, size, patches)
    for step in (steps.learn, steps.evaluate, steps.synthesize):
        assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("side", [64, 96, 80, 240])
def test_pictures_are_scaled_before_patches_are_cut(side):
    """At a side of 80 or 240, rounding puts the last sample of a border patch outside."""
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(0, 1, 0)))
    steps = Steps(model, RATE)
    pictures = np.random.default_rng(0).integers(256, size=(1, side, side, 3), dtype=np.uint8)
    start = (side - 64) / side
    boxes = np.array([[start, start, 1, 1]], np.float32)
    labels, picture = np.ones(1, np.int32), np.zeros(1, np.int32)
    scaled = (pictures / 127.5 - 1).astype(np.float32)
    logits = ops.convert_to_numpy(model(crop_and_resize(scaled, boxes, picture, 64)))
    # The greater of both losses, as the other may vanish.
    labels[0] = np.argmin(logits)
    wanted = np.ptp(logits.astype(np.float64))
    assert float(steps.evaluate(pictures, picture, boxes, labels)[0]) == pytest.approx(wanted, 1e-4)
