"""Single steps at a code that has no near ties, where even flips cannot hide an error."""

import numpy as np
import pytest

from reproductions.ppgn.update import Epsilons, direction, move
from tests.reproductions.ppgn.evaluation import volcano
from tests.reproductions.ppgn.references import (
    FORWARD,
    GRADIENT,
    arrays,
    error_of_maximum,
    error_of_sums,
    pictures,
    relative_error,
    to_caffe,
)

pytestmark = [pytest.mark.reference, pytest.mark.long_to_compile]

CASES = ("fc8", "conv5", "inpaint")


@pytest.fixture(scope="module", params=CASES)
def case(request, steps):
    """A case's name, its numbers, its code, and what the networks say of it."""
    name = request.param
    wanted = {
        key.removeprefix(f"{name}/"): value
        for key, value in arrays("onestep").items()
        if key.startswith(f"{name}/") or "/" not in key
    }
    h = np.clip(np.random.RandomState(1337).normal(0, 1.5, (1, 4096)), 0, 30)
    context = volcano(1) if name == "inpaint" else None
    return name, wanted, h, steps(name)(h, np.array([wanted["unit"]]), context)


def test_images(case):
    name, wanted, _, found = case
    images = to_caffe(found.terms.images)
    assert error_of_sums(images, wanted["cropped_x__stats"]) < FORWARD
    assert error_of_sums(found.x, wanted["x__stats"]) < FORWARD
    if name != "inpaint":
        assert error_of_maximum(images[..., ::8, ::8], wanted["cropped_x_s8"]) < FORWARD
        assert error_of_maximum(found.x[..., ::8, ::8], wanted["x_s8"]) < FORWARD


def test_images_of_inpainting(steps):
    kept = pictures("onestep_robust")
    context = volcano(1)
    rows, columns = kept["inpaint/mask_rows"], kept["inpaint/mask_cols"]
    assert np.argwhere(context.mask[0, ..., 0])[[0, -1]].tolist() == [
        [rows[0], columns[0]],
        [rows[1] - 1, columns[1] - 1],
    ]
    assert error_of_maximum(to_caffe(context.picture), kept["inpaint/image"]) < 1e-6
    found = steps("inpaint")(kept["inpaint/h_in"], np.array([980]), context)
    images = to_caffe(found.terms.images)
    assert error_of_maximum(images[..., ::2, ::2], kept["inpaint/cropped_x__sub"]) < FORWARD
    assert error_of_maximum(found.x[..., ::4, ::4], kept["inpaint/x__sub"]) < FORWARD


def test_probability_and_best_unit(case):
    _, wanted, _, found = case
    terms = found.terms
    assert float(terms.probability[0]) == pytest.approx(float(wanted["prob"]), rel=1e-4)
    assert int(terms.best[0]) == wanted["best_unit"]
    assert float(terms.best_probability[0]) == pytest.approx(
        float(wanted["best_unit_prob"]), rel=1e-4
    )


def test_prior(case):
    _, wanted, h, found = case
    assert relative_error(found.terms.code - h, wanted["d_prior"]) < GRADIENT


def test_condition(case):
    _, wanted, _, found = case
    assert relative_error(found.terms.d_condition, wanted["d_condition"]) < GRADIENT


def test_condition_at_the_image(case):
    _, wanted, _, found = case
    gradient = found.d_condition_x
    assert relative_error(gradient[..., ::4, ::4], wanted["d_condition_x_s4"]) < GRADIENT
    assert error_of_sums(gradient, wanted["d_condition_x__stats"]) < GRADIENT


def test_context(case):
    name, wanted, _, found = case
    if name == "inpaint":
        assert relative_error(found.terms.d_context, wanted["d_context_h"]) < GRADIENT
    else:
        assert found.terms.d_context is None


def test_update(case):
    """The whole step, from the code to the next one, with no random numbers."""
    _, wanted, h, found = case
    terms = found.terms
    epsilons = Epsilons(float(wanted["epsilon1"]), float(wanted["epsilon2"]), 0.0, 1e-9)
    assert epsilons.context == wanted["epsilon4"]
    pull = 0.0 if terms.d_context is None else terms.d_context
    d_h = direction(terms.code - h, terms.d_condition, np.zeros_like(h), epsilons, pull)
    assert relative_error(d_h, wanted["d_h"]) < GRADIENT
    h_out = move(h, d_h, float(wanted["step_size"]))
    np.testing.assert_allclose(h_out, wanted["h_out"], atol=5e-5, rtol=0)
    assert relative_error(h_out, wanted["h_out"]) < GRADIENT
