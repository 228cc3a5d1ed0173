"""The logarithm as a layer of its own; what a definition says of it is tested with the others."""

import numpy as np

from common.caffe_log import Log
from tests.caffe_layers import assert_forward


def test_the_base_of_the_layer():
    assert_forward(np.asarray(Log(10.0)(np.float32([1000, 10]))), np.array([3.0, 1]))
