"""Caffe's Embed: values against NumPy."""

import numpy as np
import pytest

from common.errors import UserError
from reproductions.ppgn.caffe.embed import Embed
from tests.caffe_layers import assert_forward, one_layer, singles, value_and_gradients

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(5,), (3, 2), (3, 2, 2), (2, 3, 1, 2)])
def test_embed(shape, bias):
    random = np.random.default_rng(2)
    matrix, offset = singles(random, 7, 4), singles(random, 4)
    params = f"num_output: 4 input_dim: 7 bias_term: {str(bias).lower()}"
    blobs = [matrix, offset] if bias else [matrix]
    model = one_layer("Embed", f"embed_param {{ {params} }}", [shape], *blobs)
    numbers = np.float64(random.integers(0, 7, shape))
    got, gradients = value_and_gradients(model, [numbers])
    assert_forward(got, matrix[np.int64(numbers)] + (offset if bias else 0))
    assert not np.any(gradients)  # whole numbers have none


def test_embed_has_nothing_to_train():
    assert Embed(np.ones((2, 3))).trainable_weights == []


@pytest.mark.parametrize("text", ["num_output: 4", "input_dim: 4", "num_output: 0 input_dim: 2"])
def test_refused_embed(text):
    with pytest.raises(UserError, match=r"it \(Embed\) .* must be 1 or more, got 0"):
        one_layer("Embed", f"embed_param {{ {text} }}", [(3, 2)])
