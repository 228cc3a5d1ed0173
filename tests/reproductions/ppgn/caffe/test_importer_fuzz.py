"""Whatever a description says, importing it succeeds or raises UserError, within bounds."""

import math
import random
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from common.caffe import parse_prototxt
from common.errors import UserError
from reproductions.ppgn.caffe.builders import LAYERS
from reproductions.ppgn.caffe.importer import import_network
from tests.backends import gradient

FILES = Path(__file__).parents[3] / "references" / "caffe"
EVERY_TYPE = """
name: "all/of them"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 2 dim: 4 dim: 9 dim: 8 } } }
layer { name: "c/1" type: "Convolution" bottom: "data" top: "c1"
  convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 group: 2 dilation: 1 } }
layer { name: "norm" type: "BatchNorm" bottom: "c1" top: "c1" batch_norm_param { eps: 0.5 } }
layer { name: "scale" type: "Scale" bottom: "c1" top: "c1"
  scale_param { axis: 1 bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "c1" top: "c1" relu_param { negative_slope: 0.25 } }
layer { name: "lrn" type: "LRN" bottom: "c1" top: "lrn"
  lrn_param { local_size: 3 alpha: 0.5 k: 1 } }
layer { name: "lrn2" type: "LRN" bottom: "c1" top: "lrn2"
  lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL } }
layer { name: "sum" type: "Eltwise" bottom: "lrn" bottom: "lrn2" top: "sum"
  eltwise_param { operation: SUM coeff: 1 coeff: -1 } }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool"
  pooling_param { pool: AVE kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 1 pad_w: 1 } }
layer { name: "de" type: "Deconvolution" bottom: "pool" top: "de"
  convolution_param { num_output: 3 kernel_h: 4 kernel_w: 4 stride: 2 pad: 1 bias_term: false } }
layer { name: "top" type: "Pooling" bottom: "de" top: "top"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 round_mode: FLOOR } }
layer { name: "join" type: "Concat" bottom: "top" bottom: "pool" top: "join"
  concat_param { axis: 1 } }
layer { name: "drop" type: "Dropout" bottom: "join" top: "join"
  dropout_param { dropout_ratio: 0.5 } }
layer { name: "flat" type: "Reshape" bottom: "join" top: "flat"
  reshape_param { shape { dim: 0 dim: -1 dim: 3 } axis: 0 num_axes: -1 } }
layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc"
  inner_product_param { num_output: 4 axis: 1 transpose: true bias_term: true } }
layer { name: "mean" type: "Pooling" bottom: "c1" top: "mean"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "gate" type: "Reshape" bottom: "mean" top: "gate"
  reshape_param { shape { dim: 2 dim: 6 } } }
layer { name: "gated" type: "Scale" bottom: "c1" bottom: "gate" top: "gated"
  scale_param { axis: 0 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" softmax_param { axis: 1 } }
layer { name: "log" type: "Log" bottom: "prob" top: "log"
  log_param { base: 2 scale: 1 shift: 0.5 } }
layer { name: "lost" type: "Accuracy" bottom: "fc" top: "lost" include { phase: TRAIN } }
"""
IN_TIME = """
input: "cont" input_shape { dim: 3 dim: 2 }
input: "words" input_shape { dim: 3 dim: 2 }
input: "image" input_shape { dim: 2 dim: 4 }
layer { name: "embed" type: "Embed" bottom: "words" top: "x"
  embed_param { input_dim: 7 num_output: 3 } }
layer { name: "lstm1" type: "LSTM" bottom: "x" bottom: "cont" top: "h1"
  recurrent_param { num_output: 4 } }
layer { name: "lstm2" type: "LSTM" bottom: "h1" bottom: "cont" bottom: "image" top: "h2"
  recurrent_param { num_output: 2 } }
layer { name: "predict" type: "InnerProduct" bottom: "h2" top: "predict"
  inner_product_param { num_output: 7 axis: 2 } }
layer { name: "probs" type: "Softmax" bottom: "predict" top: "probs" softmax_param { axis: 2 } }
"""
TEXTS = [path.read_text() for path in sorted(FILES.glob("*.prototxt"))]
TEXTS += [EVERY_TYPE, IN_TIME] * 2
NUMBERS = [
    -1,
    *range(8),
    16,
    255,
    1000,
    2**16,
    10**6,
    10**9,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
]
NUMBERS = [*map(str, NUMBERS), "0.5", "-0.5", "1e-30", "1e30", "nan", "inf"]
WORDS = ["true", "false", "MAX", "AVE", "STOCHASTIC", "PROD", "SUM", "CEIL", "FLOOR", "TEST"]
NUMBER = re.compile(r"(?<=: )-?[\d.]+\b")
FIELD = re.compile(r"\w+: (\"[^\"]*\"|[-\w.]+)")
BLOB = re.compile(r"(?<=bottom: \")[^\"]*|(?<=top: \")[^\"]*")
TYPE = re.compile(r"(?<=type: \")[^\"]*")
WORD = re.compile(r"(?<=: )(true|false|[A-Z]{3,})\b")
BLOCK = re.compile(r"^layers? \{.*?^(?=layers? \{|\Z)", re.MULTILINE | re.DOTALL)


def replaced(text, pattern, choose, draw):
    """One match of a pattern, if there is any, replaced."""
    found = list(pattern.finditer(text))
    if not found:
        return text
    match = draw.choice(found)
    return text[: match.start()] + choose(match[0], found) + text[match.end() :]


def mutated(text: str, draw: random.Random) -> str:
    for _ in range(draw.choice([1, 1, 1, 2, 2, 3, 5])):
        pattern, choose = draw.choice(
            [
                (NUMBER, lambda old, all_: draw.choice(NUMBERS)),
                (NUMBER, lambda old, all_: draw.choice(NUMBERS)),
                (NUMBER, lambda old, all_: str(draw.randint(0, 6))),
                (NUMBER, lambda old, all_: str(draw.randint(0, 6))),
                (NUMBER, lambda old, all_: draw.choice(all_)[0]),
                (FIELD, lambda old, all_: ""),
                (FIELD, lambda old, all_: ""),
                (FIELD, lambda old, all_: f"{old} {old}"),
                (FIELD, lambda old, all_: f"{old} {draw.choice(all_)[0]}"),
                (BLOB, lambda old, all_: draw.choice(all_)[0]),
                (TYPE, lambda old, all_: draw.choice(["Input", *LAYERS])),
                (WORD, lambda old, all_: draw.choice(WORDS)),
                (BLOCK, lambda old, all_: ""),
                (BLOCK, lambda old, all_: old + old),
                (BLOCK, lambda old, all_: draw.choice(all_)[0] + old),
            ]
        )
        text = replaced(text, pattern, choose, draw)
    return text


def few_ones(layer, shapes, fan_in):
    """Weights of 1, up to a million of them."""
    if sum(math.prod(shape) for shape in shapes) > 10**6:
        raise UserError(f"the layer {layer} is too large: {shapes}")
    return tuple(np.ones(shape, np.float32) for shape in shapes)


def imported(text: str):
    """The model, or None if the text is refused; whatever else is raised is a mistake here."""
    try:
        return import_network(parse_prototxt(text), few_ones)
    except UserError as error:
        message = str(error)
        assert message.isprintable() and len(message) < 600, message
        return None


def is_small(model) -> bool:
    """Whether a network can be run at once."""
    shapes = [layer.output.shape for layer in model.layers]
    return all(math.prod(n or 1 for n in shape) < 10**5 for shape in shapes)


def run(model) -> None:
    """Holds outputs and gradients for any number of examples to the shapes that were promised."""
    for count in (1, 3):
        inputs = [ops.zeros([n or count for n in one.shape]) for one in model.inputs]
        outputs = model(inputs if len(inputs) > 1 else inputs[0])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for output, promised in zip(outputs, model.outputs, strict=True):
            assert len(output.shape) == len(promised.shape)
            for n, wanted in zip(output.shape, promised.shape, strict=True):
                assert wanted in (None, n)
        for i, one in enumerate(inputs):

            def total(x, before=inputs[:i], after=inputs[i + 1 :]):
                given = [*before, x, *after]
                outputs = model(given if len(given) > 1 else x)
                outputs = outputs if isinstance(outputs, list) else [outputs]
                return sum(ops.sum(output) for output in outputs)

            assert gradient(total, one)[1].shape == tuple(one.shape)


@pytest.mark.parametrize("text", TEXTS[:-2], ids=range(len(TEXTS) - 2))
def test_originals(text):
    run(imported(text))


def test_every_type_is_there():
    types = {layer.type for text in TEXTS for layer in parse_prototxt(text).layers}
    assert {*LAYERS, "Input"} <= types


def test_fuzz():
    draw, built = random.Random(0), 0
    for _ in range(200):
        model = imported(mutated(draw.choice(TEXTS), draw))
        if model is not None:
            built += 1
            if is_small(model):
                run(model)
    # Enough must get through, or only the reader of the text is tried.
    assert built > 30


def test_memory_stays_within_bounds():
    draw = random.Random(1)
    for _ in range(40):
        text = mutated(draw.choice(TEXTS), draw)
        tracemalloc.start()
        imported(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The weights are up to 4 MiB, and laid out anew for strides and dilations.
        assert peak < 64 << 20
