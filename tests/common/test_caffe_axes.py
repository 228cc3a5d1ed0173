"""Which axis of Caffe's blobs is which here."""

import pytest

from common.caffe_axes import caffe_axis, caffe_shape, keras_axis, keras_shape


def test_axes_and_shapes():
    assert [keras_axis(a, 4) for a in range(-4, 4)] == [0, 3, 1, 2] * 2
    assert [keras_axis(a, 3) for a in range(-3, 3)] == [caffe_axis(a, 3) for a in range(-3, 3)]
    assert [caffe_axis(a, 2) for a in range(-2, 2)] == [0, 1, 0, 1]
    for axis in (4, -5, 2**31 - 1):
        with pytest.raises(ValueError, match=f"no axis {axis} among 4"):
            keras_axis(axis, 4)
    assert keras_shape((None, 3, 4, 5)) == (None, 4, 5, 3)
    for shape in ((None, 3, 4, 5), (2, 3), (None,), (1, 2, 3, 4, 5)):
        assert caffe_shape(keras_shape(shape)) == shape
