"""Caffe's LSTM: values and gradients against a loop over steps and streams."""

import numpy as np
import pytest

from common import backend
from common.errors import UserError
from reproductions.ppgn.caffe.recurrent import LSTM
from tests.caffe_layers import (
    assert_forward,
    assert_gradient,
    network,
    numerical_gradient,
    one_layer,
    singles,
    to_keras,
    value_and_gradients,
)

pytestmark = pytest.mark.reference

STEPS, STREAMS, INPUTS, UNITS, STATIC = 4, 3, 2, 5, 3
# Sequences begin at once, at the third step, and at the second and fourth.
CONT = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 1, 0]], np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, cont, static, weights, states=None):
    """Caffe's lstm_layer.cpp and lstm_unit_layer.cpp, one stream at a time.

    With `states`, each step begins with those and not with what came out before it.
    """
    own, bias, *others, recurrent = weights
    outputs = np.zeros((*x.shape[:2], recurrent.shape[1]))
    kept = []
    for n in range(x.shape[1]):
        h = c = np.zeros(recurrent.shape[1])
        for t in range(x.shape[0]):
            kept.append((h, c))
            if states is not None:
                h, c = states[len(kept) - 1]
            gates = own @ x[t, n].ravel() + bias + recurrent @ (cont[t, n] * h)
            if others:
                gates += others[0] @ static[n].ravel()
            i, f, o, g = np.split(gates, 4)
            f = cont[t, n] * sigmoid(f) if cont[t, n] else 0
            c = f * c + sigmoid(i) * np.tanh(g)
            h = outputs[t, n] = sigmoid(o) * np.tanh(c)
    return outputs, kept


def some_weights(random, inputs=INPUTS, static=None):
    shapes = [(4 * UNITS, inputs), (4 * UNITS,), (4 * UNITS, UNITS)]
    if static:
        shapes.insert(2, (4 * UNITS, static))
    return [singles(random, *shape) for shape in shapes]


PARAMS = f"recurrent_param {{ num_output: {UNITS} }}"


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("with_static", [False, True])
@pytest.mark.parametrize("sides", [(INPUTS,), (2, 3)])  # x of four dimensions is laid out anew
def test_lstm(with_static, truncated, sides):
    random = np.random.default_rng(0)
    x = singles(random, STEPS, STREAMS, *sides)
    static = singles(random, STREAMS, STATIC)
    weights = some_weights(random, int(np.prod(sides)), STATIC if with_static else None)
    inputs = [x, CONT, *([static] if with_static else [])]
    model = one_layer("LSTM", PARAMS, [a.shape for a in inputs], *weights, truncated=truncated)
    want, states = lstm(x, CONT, static, weights)
    upstream = singles(random, *want.shape)
    got, gradients = value_and_gradients(model, inputs, upstream)
    assert_forward(got, want)
    states = states if truncated else None

    def of_x(x):
        return lstm(x, CONT, static, weights, states)[0]

    def of_static(static):
        return lstm(x, CONT, static, weights, states)[0]

    assert_gradient(gradients[0], numerical_gradient(of_x, x, upstream))
    if with_static:
        assert_gradient(gradients[2], numerical_gradient(of_static, static, upstream))


def test_truncated_gradients_differ():
    # Otherwise the test above would tell nothing.
    random = np.random.default_rng(1)
    x, weights = singles(random, STEPS, STREAMS, INPUTS), some_weights(random)
    full, short = (
        value_and_gradients(
            one_layer("LSTM", PARAMS, [x.shape, CONT.shape], *weights, truncated=truncated),
            [x, CONT],
        )[1][0]
        for truncated in (False, True)
    )
    assert np.abs(full - short)[:-1].max() > 0.01
    np.testing.assert_allclose(full[-1], short[-1], rtol=1e-5)


def test_a_static_image_is_read_in_caffes_order():
    random = np.random.default_rng(2)
    x, static = singles(random, STEPS, STREAMS, INPUTS), singles(random, STREAMS, 2, 3, 4)
    weights = some_weights(random, static=24)
    model = one_layer("LSTM", PARAMS, [a.shape for a in (x, CONT, static)], *weights)
    want, _ = lstm(x, CONT, static, weights)
    upstream = singles(random, *want.shape)
    got, gradients = value_and_gradients(model, [x, CONT, static], upstream)
    assert_forward(got, want)
    expected = numerical_gradient(lambda s: lstm(x, CONT, s, weights)[0], static, upstream)
    assert_gradient(gradients[2], expected)


def test_a_sequence_forgets_what_came_before_it():
    random = np.random.default_rng(3)
    x, weights = singles(random, STEPS, 1, INPUTS), some_weights(random)
    cont = np.array([[0], [1], [0], [1]], np.float64)
    model = one_layer("LSTM", PARAMS, [x.shape, cont.shape], *weights)
    whole, _ = value_and_gradients(model, [x, cont])
    x[:2] = 7
    other, _ = value_and_gradients(model, [x, cont])
    np.testing.assert_array_equal(whole[2:], other[2:])
    assert np.abs(whole - other)[:2].min() > 0


def test_compiled_and_streams_apart():
    random = np.random.default_rng(4)
    x, weights = singles(random, STEPS, STREAMS, INPUTS), some_weights(random)
    own, bias, recurrent = weights
    layer = LSTM(own, bias, recurrent)
    together = backend.compile(layer)([np.float32(x), np.float32(CONT)])
    assert together.shape == layer.compute_output_shape([x.shape, CONT.shape])
    for n in range(STREAMS):
        alone = layer([np.float32(x[:, n : n + 1]), np.float32(CONT[:, n : n + 1])])
        assert_forward(np.asarray(alone), np.float64(together[:, n : n + 1]))


@pytest.mark.parametrize(
    ("shapes", "params", "reason"),
    [
        ([(4, 3, 2)], PARAMS, "must read x, cont"),
        ([(4, 3, 2)] * 4, PARAMS, "must read x, cont"),
        ([(4, 3, 2), (4, 2)], PARAMS, "both need the same steps, streams"),
        ([(4, 3, 2), (3, 3)], PARAMS, "both need the same steps, streams"),
        ([(4, 3, 2), (4, 3, 1)], PARAMS, "both need the same steps, streams"),
        ([(4, 3), (4, 3)], PARAMS, "both need the same steps, streams"),
        ([(4, 3, 2), (4, 3), (1, 5)], PARAMS, "is for 1 streams, x for 3"),
        ([(4, 3, 2), (4, 3)], "recurrent_param { num_output: 0 }", "num_output must be 1"),
        ([(4, 3, 2), (4, 3)], "recurrent_param { num_output: 2 expose_hidden: true }", "hidden"),
        ([(5000, 3, 2), (5000, 3)], PARAMS, "5000 steps are not supported, 4096 are"),
    ],
)
def test_refusals(shapes, params, reason):
    with pytest.raises(UserError, match=rf"the layer it \(LSTM\) .*{reason}"):
        one_layer("LSTM", params, shapes)


def test_words_in_images_out():
    """Embed, LSTM, InnerProduct, as a captioner has them, its input given another shape."""
    random = np.random.default_rng(5)
    table, (own, bias, recurrent) = singles(random, 9, INPUTS), some_weights(random)
    matrix = singles(random, 6, UNITS)
    text = """
        input: "cont" input_shape { dim: 1 dim: 1 }
        input: "words" input_shape { dim: 1 dim: 1 }
        layer { name: "embed" type: "Embed" bottom: "words" top: "x"
                embed_param { input_dim: 9 num_output: 2 bias_term: false } }
        layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "h"
                recurrent_param { num_output: 5 } }
        layer { name: "predict" type: "InnerProduct" bottom: "h" top: "y"
                inner_product_param { num_output: 6 axis: 2 bias_term: false } }
    """
    blobs = {"embed": [table], "lstm": [own, bias, recurrent], "predict": [matrix]}
    shapes = {"cont": (STEPS, None), "words": (STEPS, None)}
    model = network(text, blobs, shapes=shapes)
    words = random.integers(0, 9, (STEPS, STREAMS))
    want = lstm(table[words], CONT, None, [own, bias, recurrent])[0] @ matrix.T
    assert_forward(np.asarray(model([np.float32(CONT), np.float32(words)])), want)
    assert model.output.shape == (STEPS, None, 6)
    assert to_keras(want).shape == (STEPS, STREAMS, 6)
