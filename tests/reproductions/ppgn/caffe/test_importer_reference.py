"""Imported networks against Caffe's own results, from files of all its formats.

tests/references/caffe/ is described in test_caffe.py: in Caffe every description of "tiny" with
every one of its models gives the same blobs, bit for bit.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from common.caffe import read_prototxt
from common.caffe_weights import weights_from
from reproductions.ppgn.caffe.importer import import_network
from tests.backends import gradient

pytestmark = pytest.mark.reference

FILES = Path(__file__).parents[3] / "references" / "caffe"
EXPECTED = dict(np.load(FILES / "tiny_expected.npz"))

TEXTS = ("tiny_new", "tiny_v1", "tiny_v0")
MODELS = ("tiny_new", "tiny_v1", "tiny_v0", "tiny_double")

#: Caffe's blob, which a ReLU overwrites -> the layer here that makes what it then holds.
TINY = {"conv1": "relu1", "pool1": "pool1", "norm1": "norm1", "conv2": "relu2", "fc": "fc"}
TINY["prob"] = "prob"
DECONV = {"fc": "relu", "reshape": "reshape", "deconv1": "relu1", "conv1_1": "conv1_1"}

#: Both sides are float32 and their sums short.
TOLERANCE = 1e-5


def to_caffe(blob):
    blob = np.asarray(blob)
    return blob.transpose(0, 3, 1, 2) if blob.ndim == 4 else blob


def from_caffe(blob):
    return blob.transpose(0, 2, 3, 1) if blob.ndim == 4 else blob


def run(text, model, layers, data, at, diff):
    """The blobs, and the gradient at the input of a gradient given at a layer."""
    network = import_network(
        read_prototxt(FILES / f"{text}.prototxt"), weights_from(FILES / f"{model}.caffemodel")
    )
    outputs = {blob: network.get_layer(layer).output for blob, layer in layers.items()}
    blobs = keras.Model(network.inputs, outputs)([from_caffe(data)])
    at = keras.Model(network.inputs, network.get_layer(at).output)
    _, slope = gradient(lambda images: at([images]), from_caffe(data), from_caffe(diff))
    return {name: to_caffe(blob) for name, blob in blobs.items()}, to_caffe(slope)


def check(found, wanted):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_tiny(text, model):
    diff = EXPECTED["tiny/diff_in_at_fc"]
    blobs, gradient = run(text, model, TINY, EXPECTED["tiny/in"], "fc", diff)
    assert {f"tiny/top/{name}" for name in blobs} == {k for k in EXPECTED if "tiny/top/" in k}
    for name, blob in blobs.items():
        check(blob, EXPECTED[f"tiny/top/{name}"])
    check(gradient, EXPECTED["tiny/grad_data"])


def test_tiny_deconv():
    diff = EXPECTED["tiny_deconv/diff_in_at_conv1_1"]
    data = EXPECTED["tiny_deconv/in"]
    blobs, gradient = run("tiny_deconv", "tiny_deconv", DECONV, data, "conv1_1", diff)
    wanted = {key for key in EXPECTED if key.startswith("tiny_deconv/top/")}
    assert {f"tiny_deconv/top/{name}" for name in blobs} == wanted
    for name, blob in blobs.items():
        check(blob, EXPECTED[f"tiny_deconv/top/{name}"])
    check(gradient, EXPECTED["tiny_deconv/grad_feat"])


@pytest.mark.parametrize("model", [*MODELS, "tiny_deconv"])
def test_parameters(model):
    """The weights that a network asks for, in the shapes of its definition."""
    net = "tiny_deconv" if model == "tiny_deconv" else "tiny"
    source = weights_from(FILES / f"{model}.caffemodel")
    wanted = {}
    for key, blob in EXPECTED.items():
        if key.startswith(f"{net}/param/"):
            wanted.setdefault(key.split("/")[2], []).append(blob)
    for layer, blobs in wanted.items():
        found = source(layer, [blob.shape for blob in blobs], 1)
        for one, blob in zip(found, blobs, strict=True):
            assert one.dtype == np.float32
            assert (one == blob).all()
    assert len(wanted) == 3
