"""VGG-19's features with both kinds of borders against the original's."""

import numpy as np
import pytest

from common.vgg19 import vgg19
from common.vgg19_layers import LAYERS
from tests.reproductions.multiscale.references import arrays, error_of_maximum

pytestmark = pytest.mark.reference

#: Both are float32: their rounding grows to 2e-6 over sixteen convolutions.
TOLERANCE = 5e-6

#: At 70x61 pixels `valid` borders leave nothing after layer 8.
DEPTH = {"valid": 9, "same": 21}


@pytest.fixture(scope="module", params=DEPTH)
def features(request, weights):
    """The kind of borders and the features of all layers."""
    padding = request.param
    random = np.random.RandomState(11)
    images = random.uniform(-120, 130, (1, 70, 61, 3)).astype(np.float32)
    network = vgg19(weights, LAYERS[: DEPTH[padding]], padding=padding)
    return padding, [np.asarray(f) for f in network(images)]


def test_shapes(features):
    padding, found = features
    assert [list(f.shape[1:]) for f in found] == arrays("features")[f"{padding}_shapes"].tolist()


def test_values(features):
    padding, found = features
    for i, values in enumerate(found):
        wanted = arrays("features")[f"{padding}_{i:02d}_sub"]
        assert error_of_maximum(values[:, ::4, ::4, ::4], wanted) < TOLERANCE, LAYERS[i]


def test_sums(features):
    padding, found = features
    for i, values in enumerate(found):
        values = values.astype(np.float64)
        stats = [values.sum(), np.abs(values).sum(), np.linalg.norm(values), values.max()]
        wanted = arrays("features")[f"{padding}_{i:02d}_stats"]
        np.testing.assert_allclose(stats, wanted, rtol=TOLERANCE, err_msg=LAYERS[i])


def test_same_pooling_averages_over_real_pixels_only(features):
    padding, found = features
    if padding == "same":  # the width, 61, is odd
        wanted = arrays("features")["same_02_full_first8"]
        assert error_of_maximum(found[2][..., :8], wanted) < 1e-6
        last = found[1][:, 0::2, -1] / 2 + found[1][:, 1::2, -1] / 2
        np.testing.assert_allclose(found[2][:, :, -1], last, rtol=1e-5, atol=1e-5)
