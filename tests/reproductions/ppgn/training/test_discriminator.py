"""The discriminator: its layers are the original's, its numbers NumPy's."""

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from common.errors import UserError
from reproductions.ppgn.training.discriminator import (
    DROPOUT,
    FILTERS,
    discriminator,
    first_stride,
    mask_widths,
)

#: Layer -> kernel and stride, on images of 227 pixels.
CONVOLUTIONS = {
    "Dconv1": ((7, 7, 3, 32), 4),
    "Dconv2": ((5, 5, 32, 64), 1),
    "Dconv3": ((3, 3, 64, 128), 2),
    "Dconv4": ((3, 3, 128, 256), 1),
    "Dconv5": ((3, 3, 256, 256), 2),
}


@pytest.fixture(scope="module")
def full():
    keras.utils.set_random_seed(0)
    return discriminator(227)


@pytest.fixture(scope="module")
def told():
    keras.utils.set_random_seed(0)
    return discriminator(227, code=4096)


def test_maps_of_227_pixels(full):
    outputs = {name: full.get_layer(name).output.shape[1:] for name in CONVOLUTIONS}
    assert outputs == {
        "Dconv1": (56, 56, 32),
        "Dconv2": (52, 52, 64),
        "Dconv3": (25, 25, 128),
        "Dconv4": (23, 23, 256),
        "Dconv5": (11, 11, 256),
    }
    assert full.get_layer("Dpool5").output.shape == (None, 256)


def test_kernels(full):
    for name, (shape, stride) in CONVOLUTIONS.items():
        layer = full.get_layer(name)
        assert layer.kernel.shape == shape and layer.strides == (stride, stride)
        assert not np.asarray(layer.bias).any()
    assert full.get_layer("Dfc6").kernel.shape == (256, 256)
    assert full.get_layer("Dfc7").kernel.shape == (256, 2)
    assert full.output_shape == (None, 2)


def test_kernels_where_it_is_told(told, full):
    shapes = {layer.name: layer.kernel.shape for layer in told.layers if hasattr(layer, "kernel")}
    connected = {name: shapes.pop(name) for name in list(shapes) if name not in CONVOLUTIONS}
    assert shapes == {name: shape for name, (shape, _) in CONVOLUTIONS.items()}
    assert connected == {
        "Dfeat1": (4096, 1024),
        "Dfeat2": (1024, 512),
        "Dfc6": (768, 512),
        "Dfc7": (512, 2),
    }


def test_inputs(told, full):
    named = [(one.name, *one.shape[1:]) for one in full.inputs]
    assert named == [("data", 227, 227, 3), ("keep5", 256), ("keep6", 256)]
    named = [(one.name, *one.shape[1:]) for one in told.inputs]
    assert named == [("data", 227, 227, 3), ("keep5", 768), ("keep6", 512), ("feat", 4096)]


def test_widths_of_masks():
    assert FILTERS == 32 and DROPOUT == 0.5
    assert mask_widths() == (256, 256)
    assert mask_widths(code=4096) == (768, 512)
    assert mask_widths(2) == (16, 16)
    assert mask_widths(2, 5) == (48, 32)


def test_first_weights(told):
    """N(0, gain² 2 / inputs), Caffe's msra; the gain is 0.1 where images come and answers go."""
    for layer in told.layers:
        if not hasattr(layer, "kernel"):
            continue
        gain = 0.1 if layer.name in ("Dconv1", "Dfc6", "Dfc7") else 1.0
        kernel = np.asarray(layer.kernel)
        inputs = np.prod(kernel.shape[:-1])
        # Of n numbers a standard deviation is known to 1 / sqrt(2 n); four times that.
        rel = 4 / np.sqrt(2 * kernel.size)
        assert kernel.std() == pytest.approx(gain * np.sqrt(2 / inputs), rel=rel)
        if kernel.size > 1e4:
            # Not truncated: a normal distribution has a fourth moment of 3.
            assert (kernel**4).mean() / kernel.var() ** 2 == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize(
    ("side", "stride"), [(28, 1), (47, 1), (48, 2), (127, 2), (128, 4), (227, 4), (256, 4)]
)
def test_first_stride(side, stride):
    assert first_stride(side) == stride
    model = discriminator(side, 1, 1)
    assert model.get_layer("Dconv1").strides == (stride, stride)
    assert min(model.get_layer("Dconv5").output.shape[1:3]) >= 2


@pytest.mark.parametrize("side", [27, 16, 1])
def test_too_small_images(side):
    with pytest.raises(UserError, match=rf"28x28 or more, got {side}x{side}$"):
        discriminator(side, 1, 2)


def convolved(x, layer, stride):
    kernel, bias = (np.asarray(one, np.float64) for one in layer.weights)
    windows = sliding_window_view(x, kernel.shape[:2], (1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijcf->nhwf", windows, kernel) + bias


def dense(x, layer):
    kernel, bias = (np.asarray(one, np.float64) for one in layer.weights)
    return x @ kernel + bias


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize(("side", "stride"), [(28, 1), (48, 2), (128, 4)])
@pytest.mark.parametrize("code", [None, 5])
def test_logits(side, stride, code):
    keras.utils.set_random_seed(0)
    model = discriminator(side, 3 if code else 1, 2, code)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if variable.name == "bias":
            variable.assign(random.normal(0, 0.1, variable.shape))
    n = 3
    images = random.uniform(-120, 150, (n, *model.inputs[0].shape[1:])).astype(np.float32)
    masks = [
        2 * random.integers(0, 2, (n, width)).astype(np.float32) for width in mask_widths(2, code)
    ]
    codes = [random.uniform(0, 2, (n, code)).astype(np.float32)] if code else []
    x = images.astype(np.float64)
    for name, (_, usual) in CONVOLUTIONS.items():
        x = relu(convolved(x, model.get_layer(name), stride if name == "Dconv1" else usual))
    x = x.mean((1, 2))
    if code:
        features = relu(dense(codes[0].astype(np.float64), model.get_layer("Dfeat1")))
        x = np.concatenate([x, relu(dense(features, model.get_layer("Dfeat2")))], 1)
    x = relu(dense(x * masks[0], model.get_layer("Dfc6")))
    wanted = dense(x * masks[1], model.get_layer("Dfc7"))
    assert np.ptp(wanted, axis=0).min() > 1e-3
    found = np.asarray(model([images, *masks, *codes]))
    # Seven layers in float32.
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
