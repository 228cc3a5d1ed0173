"""Building Keras models of Caffe's network descriptions, and refusing those that make no sense."""

from pathlib import Path

import keras
import numpy as np
import pytest

from common import backend
from common.caffe import parse_prototxt, read_prototxt
from common.caffe_weights import random_weights
from common.errors import UserError
from reproductions.ppgn.caffe.builders import LAYERS
from reproductions.ppgn.caffe.importer import import_network
from reproductions.ppgn.caffe.params import keras_name
from tests.backends import gradient
from tests.caffe_layers import (
    assert_forward,
    declared,
    network,
    singles,
    to_caffe,
    to_keras,
)

FILES = Path(__file__).parents[3] / "references" / "caffe"
IMAGE = 'input: "data" input_shape { dim: 1 dim: 3 dim: 6 dim: 6 }\n'
VECTOR = 'input: "data" input_shape { dim: 1 dim: 6 }\n'


def layer(kind, name="it", bottom="data", top=None, more=""):
    return (
        f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {more} }}'
    )


def refused(text, *reasons, **options):
    """Holds the importer to refuse a text in one line that says all this."""
    with pytest.raises(UserError) as caught:
        import_network(parse_prototxt(text), random_weights(), **options)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 600
    for reason in reasons:
        assert reason in message
    return message


# What is taken from a description.


@pytest.mark.parametrize("text", ["tiny_new", "tiny_v1", "tiny_v0"])
def test_text_of_every_format(text):
    model = import_network(read_prototxt(FILES / f"{text}.prototxt"), random_weights())
    assert model.name == "tiny" and model.input.shape == (None, 14, 14, 3)
    names = [one.name for one in model.layers]
    assert names == ["data", "conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "fc", "prob"]
    shapes = [one.output.shape[1:] for one in model.layers]
    assert shapes == [
        (14, 14, 3),
        *[(12, 12, 8)] * 2,
        *[(6, 6, 8)] * 2,
        *[(6, 6, 6)] * 2,
        (5,),
        (5,),
    ]


def test_weights_in_the_text():
    text = VECTOR + layer("InnerProduct", more="inner_product_param { num_output: 2 }")
    # Blobs in a description are left alone: the source is asked.
    assert network(text, {"it": [np.ones((2, 6)), np.ones(2)]}).output.shape == (None, 2)


def test_layers_of_training_are_left_out():
    text = (
        IMAGE
        + layer("Data", "label", more="include { phase: TRAIN }")
        + layer("Unheard", "loss", more="exclude { phase: TEST }")
        + layer("Unheard", "stage", more='include { stage: "other" }')
        + layer("Pooling", more="include { phase: TEST } pooling_param { kernel_size: 2 }")
    )
    assert [one.name for one in network(text).layers] == ["data", "it"]


def test_layers_of_one_name_in_two_phases():
    text = IMAGE + "".join(
        layer("Pooling", "it", more=f"include {{ phase: {p} }} pooling_param {{ {k} }}")
        for p, k in (("TRAIN", "kernel_size: 2"), ("TEST", "kernel_size: 3"))
    )
    assert network(text).output.shape == (None, 4, 4, 3)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("conv1", "conv1"),
        ("loss3/classifier", "loss3-classifier"),
        ("/a/", "x-a-"),
        ("fc8-new_1.2>x", "fc8-new_1-2>x"),
        ("conv 1 (new)", "conv-1--new-"),
        ("_hidden", "x_hidden"),
        ("-a-", "x-a-"),
        ("größe", "gr--e"),
        ("", ""),
    ],
)
def test_names_in_keras(name, want):
    assert keras_name(name) == want


def test_any_name_can_be_compiled():
    text = 'name: "my net (v1/2)" ' + declared("in put", (1, 6))
    names = ["a/b", "_c", "d e", "é", "f:0", "g+h"]
    for bottom, name in zip(["in put", *names], names, strict=False):
        text += layer("ReLU", name, bottom)
    model = network(text)
    assert model.get_layer("a-b").output.shape == (None, 6)
    x = np.float32(singles(np.random.default_rng(0), 2, 6))
    np.testing.assert_array_equal(backend.compile(model)(x), np.maximum(x, 0))


def test_layers_in_place_have_layers_of_their_own():
    text = VECTOR + layer("InnerProduct", "fc", more="inner_product_param { num_output: 6 }")
    text += layer("ReLU", "relu", "fc", "fc") + layer("Dropout", "drop", "fc", "fc")
    text += layer("Softmax", "prob", "fc")
    model = network(text, {"fc": [-np.eye(6), np.zeros(6)]})
    assert [one.name for one in model.layers] == ["data", "fc", "relu", "drop", "prob"]
    before = keras.Model(model.input, model.get_layer("fc").output)
    x = np.ones((1, 6), np.float32)
    np.testing.assert_array_equal(before(x), -x)  # Caffe's value before the ReLU
    np.testing.assert_array_equal(model(x), np.full((1, 6), np.float32(1 / 6)))


def test_a_blob_read_before_it_is_overwritten():
    text = VECTOR + layer("ReLU", "first", "data") + layer("ReLU", "in_place", "data", "data")
    text += layer("Log", "log", "data", more="log_param { shift: 1 }")
    model = network(text)
    assert [out.shape for out in model.outputs] == [(None, 6), (None, 6)]


def test_several_inputs_and_outputs():
    text = declared("a", (1, 3, 4, 4)) + declared("b", (1, 3, 4, 4))
    text += layer("Eltwise", "sum", 'a" bottom: "b') + layer("ReLU", "relu", "a")
    text += layer("Pooling", "mean", "sum", more="pooling_param { pool: AVE kernel_size: 4 }")
    model = network(text)
    assert [one.name for one in model.inputs] == ["a", "b"]
    a, b = (singles(np.random.default_rng(n), 2, 3, 4, 4) for n in (0, 1))
    relu, mean = model([np.float32(to_keras(a)), np.float32(to_keras(b))])
    np.testing.assert_array_equal(to_caffe(np.asarray(relu)), np.maximum(a, 0))
    assert_forward(np.asarray(mean)[:, 0, 0], (a + b).mean((2, 3)))


def test_one_input_layer_with_several_tops():
    text = 'layer { name: "in" type: "Input" top: "a" top: "b" input_param { shape { %s } %s } }'
    sums = layer("Eltwise", "sum", 'a" bottom: "b')
    assert network(text % ("dim: 1 dim: 3", "") + sums).output.shape == (None, 3)
    refused(text % ("dim: 1 dim: 3", "shape { dim: 1 dim: 4 }") + sums, "sum", "differ in shape")


def test_an_input_that_nothing_reads():
    text = declared("a", (1, 3)) + declared("b", (1, 4)) + layer("ReLU", "relu", "a")
    model = network(text)
    assert [one.name for one in model.inputs] == ["a"]
    assert model(np.ones((1, 3))).shape == (1, 3)


@pytest.mark.parametrize("batch", [1, 10, 64])
def test_the_first_axis_is_free(batch):
    text = declared("data", (batch, 3, 5, 4)) + layer(
        "Convolution", "conv", more="convolution_param { num_output: 4 kernel_size: 2 stride: 2 }"
    )
    text += layer("LRN", "norm", "conv") + layer("Pooling", "pool", "norm", more=(
        "pooling_param { kernel_size: 2 }"))  # fmt: skip
    text += layer("Reshape", "flat", "pool", more=(
        f"reshape_param {{ shape {{ dim: {batch} dim: -1 }} }}"))  # fmt: skip
    text += layer("InnerProduct", "fc", "flat", more="inner_product_param { num_output: 5 }")
    text += layer("Softmax", "prob", "fc")
    model = import_network(parse_prototxt(text), random_weights(1))
    assert model.input.shape == (None, 5, 4, 3)
    assert model.output.shape == (None, 5)
    images = np.float32(singles(np.random.default_rng(0), 3, 5, 4, 3))
    together = np.float64(model(images))
    for n in range(3):
        assert_forward(np.asarray(model(images[n : n + 1])), together[n : n + 1])


# Options.


def test_other_shapes_are_caffes():
    text = IMAGE + layer("Pooling", more="pooling_param { kernel_size: 2 stride: 2 }")
    model = network(text, shapes={"data": (None, 3, 8, 10)})
    assert model.input.shape == (None, 8, 10, 3)
    assert model.output.shape == (None, 4, 5, 3)
    assert network(text, shapes={"data": (2, 3, 8, 10)}).input.shape == (2, 8, 10, 3)
    # One can stand in where the definition has none.
    open_ended = 'input: "data" ' + layer("ReLU")
    assert network(open_ended, shapes={"data": (None, 7)}).output.shape == (None, 7)


def test_refused_other_shapes():
    text = IMAGE + layer("Pooling", more="pooling_param { kernel_size: 2 }")
    refused(text, "no input image; it has data", shapes={"image": (1, 3, 4, 4)})
    refused(text, "input data", "impossible shape", shapes={"data": (1, 3, 0, 4)})
    refused(text, "input data", "no shape", shapes={"data": ()})
    refused(text, "layer it", "must be known", shapes={"data": (1, 3, None, 4)})
    refused(text, "layer it", "4 dimensions", shapes={"data": (1, 3)})


def test_gradients_through_time():
    text = declared("x", (3, 1, 2)) + declared("cont", (3, 1))
    text += layer("LSTM", "lstm", 'x" bottom: "cont', more="recurrent_param { num_output: 4 }")
    x, cont = map(backend.to_tensor, (np.ones((3, 1, 2), np.float32), np.float32([[0], [1], [1]])))
    slopes = []
    for truncated in (False, True):
        model = import_network(parse_prototxt(text), random_weights(), truncated=truncated)
        assert model.inputs[0].shape == (3, 1, 2)  # a layer goes through time
        slopes.append(gradient(lambda x, model=model: model([x, cont])[-1], x)[1])
    assert (slopes[1][:2] == 0).all() and (slopes[0] != 0).all()


# Refusals.


def test_unknown_types_are_named():
    message = refused(IMAGE + layer("Crop", "cut"), "layer cut", "type 'Crop'", "not supported")
    for kind in ("Input", *LAYERS):
        assert kind in message
    refused(IMAGE + 'layer { name: "it" bottom: "data" top: "it" }', "type ''")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (IMAGE, ["no layers"]),
        (layer("ReLU"), ["layer it", "reads data, which no layer before it makes"]),
        ('layer { name: "it" type: "ReLU" top: "it" }', ["layer it has no input"]),
        (VECTOR + 'layer { name: "it" type: "ReLU" bottom: "data" }', ["layer it makes 0 blobs"]),
        (VECTOR + layer("ReLU", top='a" top: "b'), ["layer it makes 2 blobs"]),
        (VECTOR + layer("ReLU", bottom="later") + layer("ReLU", "later"), ["it reads later"]),
        (VECTOR + layer("ReLU", "twice") + layer("ReLU", "twice", "twice", "x"), ["twice"]),
        (VECTOR + layer("ReLU", "a/b") + layer("ReLU", "a-b", "a/b"), ["a-b"]),
        (VECTOR + layer("ReLU", "a") + layer("ReLU", "b", top="a"), ["layer b makes a", "too"]),
        (VECTOR + layer("ReLU", "data", top="x"), ["data", "2 times"]),
        ('input: "data" ' + layer("ReLU"), ["input data has no shape"]),
        ('input: "data" input_shape { } ' + layer("ReLU"), ["input data has no shape"]),
        (declared("data", (1, 0)) + layer("ReLU"), ["input data", "impossible shape (1, 0)"]),
        (declared("data", (0, 3)) + layer("ReLU"), ["input data", "impossible shape (0, 3)"]),
        (declared("data", (1, 2**16, 2**16)) + layer("ReLU"), ["input data", "impossible shape"]),
        (VECTOR + declared("data", (1, 3)) + layer("ReLU"), ["two inputs with the name data"]),
        (layer("ReLU", more="include { phase: TRAIN }"), ["no inputs"]),
        (VECTOR + layer("Convolution"), ["it (Convolution)", "4 dimensions"]),
        (VECTOR + layer("Pooling"), ["it (Pooling)", "4 dimensions"]),
        (VECTOR + layer("LRN"), ["it (LRN)", "4 dimensions"]),
        (IMAGE + layer("ReLU", bottom='data" bottom: "data'), ["it (ReLU)", "one input, got 2"]),
    ],
)
def test_refusals(text, reasons):
    refused(text, *reasons)


def test_a_layer_that_is_too_large_for_caffe():
    wide = IMAGE + layer("Deconvolution", more=(
        "convolution_param { num_output: 16000 kernel_size: 1 stride: 1000 }"))  # fmt: skip
    refused(wide, "layer it", "too many")
    many = declared("data", (1, 2**30)) + layer("Concat", bottom='data" bottom: "data')
    refused(many, "layer it", "its output would have the shape (None, 2147483648)")


def test_lines_stay_short_and_printable():
    name = "a\\nb\\033[1m" * 1000
    message = refused(VECTOR + layer("Unheard", name, more=""), "the layer a?b?[1m", " ... ")
    assert "\n" not in message


def test_a_network_that_is_too_deep():
    text = VECTOR + "".join(layer("Dropout", f"d{n}", "data", "data") for n in range(2000))
    refused(text, "too deep", "2001 layers")


def test_memory_that_there_is_not():
    def source(layer, shapes, fan_in):
        raise MemoryError

    text = VECTOR + layer("InnerProduct", more="inner_product_param { num_output: 2 }")
    with pytest.raises(UserError, match="the layer it does not fit into memory"):
        import_network(parse_prototxt(text), source)
