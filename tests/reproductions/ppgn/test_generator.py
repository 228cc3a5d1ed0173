"""The generator's blobs and gradients against Caffe's."""

import keras
import numpy as np
import pytest

from reproductions.ppgn.ends import after_activation, before_activation
from tests.backends import gradient
from tests.reproductions.ppgn.references import (
    FORWARD,
    GRADIENT,
    arrays,
    error_of_maximum,
    error_of_sums,
    from_caffe,
    relative_error,
    strided,
    to_caffe,
)

pytestmark = pytest.mark.reference

TOPS = ("defc7", "defc6", "defc5", "deconv5", "conv5_1", "deconv4", "conv4_1", "deconv3")
TOPS = (*TOPS, "conv3_1", "deconv2", "deconv1", "deconv0")
#: Where Caffe's gradients are known besides that at the code: before the leaky ReLU.
DIFFS = ("deconv1", "deconv2", "conv3_1", "deconv5", "defc5", "defc6", "defc7")


@pytest.fixture(scope="module")
def blobs(golden_generator):
    """The generator's blobs, and the gradients of a random one at its image."""
    feat = np.abs(np.random.RandomState(258).normal(0, 1, (1, 4096))).astype(np.float32)
    upstream = np.random.RandomState(22).normal(0, 1, (1, 3, 256, 256)).astype(np.float32)
    outputs = {name: after_activation(golden_generator, name) for name in TOPS}
    outputs["reshape"] = golden_generator.get_layer("reshape").output
    befores = {f"diff_{name}": before_activation(golden_generator, name) for name in DIFFS}
    found = keras.Model(golden_generator.inputs, outputs | befores)([feat])
    found = {name: np.asarray(blob) for name, blob in found.items()}
    for name, before in {"grad_feat": golden_generator.inputs[0], **befores}.items():
        rest = keras.Model(before, outputs["deconv0"])
        at = found.get(name, feat)
        found[name] = gradient(lambda x, rest=rest: rest(x), at, from_caffe(upstream))[1]
    return {name: to_caffe(blob) for name, blob in found.items()}


def compare(name, blobs, error, tolerance):
    references = arrays("generator")
    [(key, stride)] = strided(references, name)
    found = blobs[name] if stride == 1 else blobs[name][..., ::stride, ::stride]
    assert error(found, references[key]) < tolerance
    assert error_of_sums(blobs[name], references[f"{name}__stats"]) < tolerance


@pytest.mark.parametrize("name", TOPS)
@pytest.mark.long_to_compile
def test_blob(name, blobs):
    compare(name, blobs, error_of_maximum, FORWARD)


def test_vector_becomes_image_channel_by_channel(blobs):
    assert (blobs["reshape"] == blobs["defc5"].reshape(1, 256, 4, 4)).all()


@pytest.mark.parametrize("name", ["grad_feat", *(f"diff_{name}" for name in DIFFS)])
def test_gradient(name, blobs):
    compare(name, blobs, relative_error, GRADIENT)
