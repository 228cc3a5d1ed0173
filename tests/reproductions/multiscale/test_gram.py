"""Gram matrices and the style loss on them against the original's."""

import numpy as np
import pytest

from common.gram import gram_matrix
from reproductions.multiscale.losses import style_loss
from tests.reproductions.multiscale.references import arrays, error_of_maximum

pytestmark = pytest.mark.reference


def test_gram_matrices_of_a_batch():
    found = np.asarray(gram_matrix(arrays("gram")["x4"]))
    assert found.shape == (2, 6, 6)
    assert error_of_maximum(found, arrays("gram")["gram4"]) < 1e-6


def test_gram_matrix_divides_by_pixels_and_channels():
    x = arrays("gram")["x4"].astype(np.float64)
    flat = x.reshape(2, 7 * 9, 6)
    wanted = flat.transpose(0, 2, 1) @ flat / (7 * 9) / 6
    assert error_of_maximum(np.asarray(gram_matrix(arrays("gram")["x4"])), wanted) < 1e-6


def test_gram_matrix_of_a_table_of_pixels():
    """The original also took features without height and width."""
    table = arrays("gram")["x2"]
    found = np.asarray(gram_matrix(table[None, None]))
    assert found.shape == (1, 4, 4)
    assert error_of_maximum(found, arrays("gram")["gram2"]) < 1e-6


@pytest.mark.parametrize("frames", [1, 2])
def test_style_loss_is_summed_over_frames(frames):
    reference = arrays("gram")
    loss = style_loss(lambda images: [gram_matrix(images)], [reference["diff_loss_target"]])
    found = float(loss(reference["x4"][:frames]))
    assert found == pytest.approx(float(reference[f"diff_loss_batch{frames}"]), rel=1e-6)
