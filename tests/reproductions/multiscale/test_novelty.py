"""The loss of the novelty script and its gradient against the original's."""

import numpy as np
import pytest

from tests.reproductions.multiscale.references import CASES, arrays, relative_error

pytestmark = pytest.mark.reference

NOVELTY = CASES["novelty"]


@pytest.mark.parametrize("name", [name for name, case in NOVELTY.items() if "loss" in case])
def test_loss_and_gradient(name, novelty):
    loss, gradient = novelty(NOVELTY[name]["arguments"]).evaluate()
    assert loss == pytest.approx(NOVELTY[name]["loss"], rel=2e-6)
    if f"{name}/gradient_s3" in arrays("novelty"):
        wanted = arrays("novelty")[f"{name}/gradient_s3"]
        assert relative_error(gradient[:, ::3, ::3], wanted) < 5e-6
        norm = float(arrays("novelty")[f"{name}/gradient_norm"])
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=5e-6)


@pytest.mark.long_to_compile
def test_internal_with_layers_of_different_widths(novelty):
    """The original crashed; here each width has a product of its own, and they are added."""
    arguments = NOVELTY["nv_int_c3_o2_l27"]["arguments"]
    both = novelty(arguments).evaluate()
    parts = [novelty([*arguments, "-l", layer]).evaluate() for layer in ("2", "7")]
    assert both[0] == pytest.approx(sum(loss for loss, _ in parts), rel=1e-6)
    assert relative_error(both[1], sum(gradient for _, gradient in parts)) < 1e-6
