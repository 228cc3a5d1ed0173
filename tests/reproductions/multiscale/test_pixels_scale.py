"""From pictures to network values and back, against the original's, to the bit."""

import numpy as np
import pytest

from common.vgg19_pixels import deprocess, preprocess
from tests.reproductions.multiscale.references import arrays


@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_preprocess(kind):
    pixels = arrays("pixels")[f"preprocess_in_{kind}"]
    before = pixels.copy()
    found, wanted = preprocess(pixels), arrays("pixels")[f"preprocess_out_{kind}"]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(pixels, before)


def test_preprocess_of_a_picture():
    found = preprocess(arrays("pixels")["preprocess_in_u8"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, arrays("pixels")["preprocess_pil_out"])


@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_deprocess(kind):
    found = deprocess(arrays("pixels")[f"deprocess_in_{kind}"])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, arrays("pixels")[f"deprocess_out_{kind}"])


def test_deprocess_truncates_and_clips_at_the_edges():
    found = deprocess(arrays("pixels")["deprocess_edge_in"])
    np.testing.assert_array_equal(found, arrays("pixels")["deprocess_edge_out"])


def test_deprocess_of_what_is_no_number():
    found = deprocess(np.array([[[[np.nan, np.inf, -np.inf]]]]))
    np.testing.assert_array_equal(found, [[[[0, 255, 0]]]])
    np.testing.assert_array_equal(found, arrays("pixels")["deprocess_nan_out"])
