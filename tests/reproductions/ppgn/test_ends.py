"""Where a forward pass ends, and activations as layers of their own."""

import keras
import numpy as np
import pytest
from keras import layers

from common.errors import UserError
from reproductions.ppgn import ends
from reproductions.ppgn.ends import after_activation, before_activation, with_activation_layers
from tests.backends import warnings_are_errors


def functional():
    """A network with fused activations of many kinds."""
    keras.utils.set_random_seed(0)
    image = keras.Input((9, 9, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = layers.DepthwiseConv2D(3, activation="tanh", name="depthwise")(x)
    x = layers.SeparableConv2D(6, 2, activation="sigmoid", name="separable")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dropout(0.5, name="dropout")(layers.Dense(8, activation="relu", name="fc6")(x))
    x = layers.Dense(50, activation=layers.LeakyReLU(0.3), name="fc7")(x)
    return keras.Model(image, layers.Dense(7, activation="softmax", name="fc8")(x), name="net")


def sequential():
    return keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(7, activation="softmax", name="fc8"),
        ],
        name="net",
    )


IMAGES = np.random.RandomState(0).normal(0, 1, (2, 9, 9, 3)).astype(np.float32)


@pytest.mark.parametrize("build", [functional, sequential])
def test_the_same_network(build):
    model = build()
    split = with_activation_layers(model)
    np.testing.assert_allclose(split(IMAGES), model(IMAGES), rtol=1e-6, atol=1e-7)
    assert split.count_params() == model.count_params()
    assert split.name == "net" and split.input_shape == model.input_shape
    for one in ("conv", "fc8"):
        assert split.get_layer(one).activation is keras.activations.linear
        assert model.get_layer(one).activation is not keras.activations.linear
        for mine, other in zip(
            split.get_layer(one).weights, model.get_layer(one).weights, strict=True
        ):
            np.testing.assert_array_equal(mine, other)


def value(model, tensor):
    return np.asarray(keras.Model(model.inputs, tensor)([IMAGES]))


@pytest.mark.parametrize("build", [functional, sequential])
def test_scores_are_taken_before_a_softmax(build):
    model = build()
    split = with_activation_layers(model)
    scores = value(split, before_activation(split, "fc8"))
    assert scores.min() < 0 and not np.allclose(scores.sum(-1), 1)
    powers = np.exp(scores)
    np.testing.assert_allclose(powers / powers.sum(-1, keepdims=True), model(IMAGES), rtol=1e-5)
    probabilities = value(split, after_activation(split, "fc8"))
    np.testing.assert_allclose(probabilities, model(IMAGES), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("layer", ["conv", "depthwise", "separable", "fc6", "fc7"])
def test_both_ends_of_a_layer(layer):
    model = functional()
    split = with_activation_layers(model)
    before, after = (
        value(split, end(split, layer)) for end in (before_activation, after_activation)
    )
    activate = {
        "conv": lambda x: np.maximum(x, 0),
        "depthwise": np.tanh,
        "separable": lambda x: 1 / (1 + np.exp(-x)),
        "fc6": lambda x: np.maximum(x, 0),
        "fc7": lambda x: np.where(x > 0, x, 0.3 * x),
    }[layer]
    assert before.min() < 0
    np.testing.assert_allclose(after, activate(before), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after, value(model, model.get_layer(layer).output), atol=1e-6)


def test_activations_that_are_layers_already():
    image = keras.Input((9, 9, 3))
    x = layers.Conv2D(4, 3, name="conv")(image)
    x = layers.Activation("relu", name="conv_activation")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(layers.ReLU()(layers.Dense(5, name="fc6")(x)))
    # A name that is taken already.
    x = layers.Dense(3, activation="relu", name="fc8")(x)
    x = layers.Dense(3, name="fc8_activation")(x)
    model = keras.Model(image, x)
    split = with_activation_layers(model)
    np.testing.assert_allclose(split(IMAGES), model(IMAGES), rtol=1e-6, atol=1e-7)
    assert value(split, before_activation(split, "conv")).min() < 0
    assert value(split, after_activation(split, "conv")).min() == 0
    assert value(split, after_activation(split, "fc6")).min() == 0
    assert value(split, after_activation(split, "fc8")).min() == 0


def test_a_layer_that_two_layers_read():
    """What follows it is no activation of its own."""
    image = keras.Input((9, 9, 3))
    x = layers.Dense(4, name="shared")(layers.Flatten()(image))
    model = keras.Model(image, layers.Add()([layers.ReLU()(x), x]))
    assert after_activation(model, "shared") is before_activation(model, "shared")


def test_a_layer_that_is_used_twice():
    image = keras.Input((4,))
    dense = layers.Dense(4, activation="relu", name="twice")
    model = keras.Model(image, layers.Dense(3, name="fc8")(dense(dense(image))))
    split = with_activation_layers(model)
    x = IMAGES[:, 0, :4, 0]
    np.testing.assert_allclose(split(x), model(x), rtol=1e-5, atol=1e-6)
    # Its first use counts.
    before = keras.Model(split.inputs, before_activation(split, "twice"))([x])
    np.testing.assert_allclose(before, x @ np.asarray(dense.kernel), rtol=1e-5, atol=1e-6)


def test_a_network_in_a_network():
    image = keras.Input((9, 9, 3))
    model = keras.Model(
        image, layers.Dense(4, activation="softmax", name="head")(sequential()(image))
    )
    split = with_activation_layers(model)
    np.testing.assert_allclose(split(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)
    assert value(split, before_activation(split, "head")).shape == (2, 4)
    with pytest.raises(UserError, match=r"the layer net of .* is a network itself"):
        before_activation(split, "net")


def test_no_such_layer():
    model = functional()
    with pytest.raises(UserError, match="the network net has no layer fc9; its layers: image, c"):
        before_activation(model, "fc9")
    # Many are not listed.
    image = keras.Input((3,), name="image")
    x = image
    for i in range(20):
        x = layers.Dense(2, name=f"fc{i}")(x)
    large = keras.Model(image, x, name="large")
    with pytest.raises(UserError, match=r"has no layer fc20; similar ones: fc\d+, fc\d+, fc\d+$"):
        before_activation(large, "fc20")
    with pytest.raises(UserError, match="its layers: image, conv, "):
        after_activation(model, "???")


def test_layers_of_several_outputs():
    image = keras.Input((4, 3))
    outputs = layers.LSTM(2, return_state=True, name="lstm")(image)
    with pytest.raises(UserError, match="makes more than one output"):
        before_activation(keras.Model(image, outputs), "lstm")


def test_slashes_as_in_caffe():
    image = keras.Input((3,))
    model = keras.Model(image, layers.Dense(2, name="loss3-classifier")(image))
    assert before_activation(model, "loss3/classifier").shape == (None, 2)


def normalization(kind):
    if kind == "given":
        return layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0], name="norm")
    layer = layers.Normalization(name="norm")
    layer.adapt(np.random.RandomState(1).normal(5, 9, (20, 9, 9, 3)))
    return layer


@pytest.mark.parametrize("kind", ["given", "adapted"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_normalization(kind, depth):
    keras.utils.set_random_seed(0)
    layer = normalization(kind)
    for _ in range(depth):
        layer = keras.Sequential([keras.Input((9, 9, 3)), layer])
    image = keras.Input((9, 9, 3))
    x = layers.Flatten()(layer(image))
    model = keras.Model(image, layers.Dense(4, activation="relu", name="fc8")(x), name="net")
    split = with_activation_layers(model)
    np.testing.assert_allclose(split(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)
    # Without the layer's numbers they would be others.
    kernel, bias = model.get_layer("fc8").get_weights()
    assert not np.allclose(model(IMAGES), np.maximum(IMAGES.reshape(2, -1) @ kernel + bias, 0))


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="what PyTorch derives from weights are views of them"
)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_copy_that_makes_other_numbers_is_refused(monkeypatch, depth):
    monkeypatch.setattr(ends, "_finalise", lambda layer: None)
    layer = normalization("adapted")
    if depth:
        layer = keras.Sequential([keras.Input((9, 9, 3)), layer])
    image = keras.Input((9, 9, 3))
    model = keras.Model(image, layers.Dense(4)(layer(image)), name="net")
    with pytest.raises(UserError, match="the network net has layers that cannot be copied"):
        with_activation_layers(model)


def test_a_layer_that_does_not_tell_all_of_its_numbers_is_refused():
    class Scaled(layers.Layer):
        factor = 1.0

        def call(self, images):
            return self.factor * images

    layer = Scaled()
    layer.factor = 1.01
    image = keras.Input((9, 9, 3))
    first = layers.Dense(4, name="fc8")(image)
    model = keras.Model(image, [first, layer(first)], name="net")
    with pytest.raises(UserError, match="the network net has layers that cannot be copied"):
        with_activation_layers(model)


def test_numbers_that_are_none_are_the_same():
    """Logarithms of negative numbers."""

    class Logarithm(layers.Layer):
        def call(self, images):
            return keras.ops.log(images)

    image = keras.Input((9, 9, 3))
    model = keras.Model(image, layers.Dense(4, activation="relu")(Logarithm()(image)))
    images = np.abs(IMAGES)
    np.testing.assert_allclose(with_activation_layers(model)(images), model(images), rtol=1e-5)


def test_inputs_and_outputs_in_lists_and_dictionaries():
    image = keras.Input((9, 9, 3), name="image")
    x = layers.Flatten()(image)
    outputs = {name: layers.Dense(2, activation="relu", name=name)(x) for name in ("b", "a")}
    for inputs in ([image], {"image": image}):
        model = keras.Model(inputs, outputs)
        with warnings_are_errors():
            split = with_activation_layers(model)
        assert split.input_shape == (None, 9, 9, 3)
        for name in outputs:
            found = value(split, after_activation(split, name))
            wanted = keras.Model(image, outputs[name])(IMAGES)
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
