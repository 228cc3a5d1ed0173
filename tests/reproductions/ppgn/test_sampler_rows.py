"""Every step of the original's recorded runs, as a case of its own and as a chain.

Whole runs cannot be compared: with two threads instead of one the original itself is somewhere
else after five steps.
"""

import numpy as np
import pytest

from reproductions.ppgn.chain import Chain
from reproductions.ppgn.inpainting import stitch
from reproductions.ppgn.naming import sample_file, samples_folder
from reproductions.ppgn.plan import schedules
from reproductions.ppgn.start import random_code
from reproductions.ppgn.step import Terms
from reproductions.ppgn.update import Epsilons, direction, move
from tests.reproductions.ppgn.evaluation import volcano
from tests.reproductions.ppgn.references import (
    CAPTION,
    FORWARD,
    OF_PICTURES,
    RUNS,
    digest,
    error_of_maximum,
    error_of_sums,
    flags_of,
    pictures,
    relative_error,
    rows,
    texts,
    to_caffe,
)

pytestmark = [pytest.mark.reference, pytest.mark.long_to_compile]

ALL = (*RUNS, CAPTION)
#: Those that need no file of the original.
FREE = tuple(run for run in ALL if run != "run7s0")

#: One of two million decisions of ReLUs and maxima falls otherwise in about every second pass,
#: as its two sides differ by less than float32 tells; the gradient then moves by up to 5 percent.
#: The original does so too, with another number of threads.
FLIPPED = 0.1
#: The rows in which nothing flips in the original, against the same in float64; here, in float32,
#: a few do: which ones depends on the processor and its threads. In the other rows
#: no two implementations agree, so that the median is taken of these.
CLEAN = {
    "run1": [1, 3, 4, 6, 7, 8, 10],
    "run2": [1, 2, 3, 5, 6],
    "run3": [2, 3, 4, 5, 6, 7, 8],
    "run4": [1, 2, 4],
    "run6": [1, 2, 3, 4, 5, 6, 7],
    "run7s0": [0, 1, 2, 3, 4, 5],
}
#: The median of the errors of these.
UNFLIPPED = 2e-5


def errors_of_rows(found, wanted):
    return [relative_error(f, w) for f, w in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("run", ALL)
def test_prior(run, evaluated):
    wanted = rows(run)
    d_prior = evaluated(run).terms.code - wanted["h_in"]
    assert max(errors_of_rows(d_prior, wanted["d_prior"])) < 2e-5


@pytest.mark.parametrize("run", ALL)
def test_probability_and_best_unit(run, evaluated):
    terms, wanted = evaluated(run).terms, rows(run)
    np.testing.assert_allclose(terms.probability, wanted["prob"], rtol=1e-4, atol=1e-12)
    if run != CAPTION:
        assert terms.best.tolist() == wanted["best_unit"].tolist()
        found = terms.best_probability
        np.testing.assert_allclose(found, wanted["best_unit_prob"], rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("run", FREE)
def test_condition(run, evaluated):
    found, wanted = evaluated(run), rows(run)
    errors = errors_of_rows(found.terms.d_condition, wanted["d_condition"])
    assert max(errors) < FLIPPED
    norms = np.linalg.norm(found.terms.d_condition, axis=1)
    np.testing.assert_allclose(norms, wanted["norm_d_condition"], rtol=FLIPPED)
    for row, gradient in enumerate(found.d_condition_x):
        assert relative_error(gradient[:, ::16, ::16], wanted["d_condition_x_s16"][row]) < FLIPPED
        assert error_of_sums(gradient, wanted["d_condition_x__stats"][row]) < FLIPPED


def test_condition_where_nothing_flips(evaluated):
    errors = []
    for run in set(CLEAN) & set(FREE):
        found, wanted = evaluated(run).terms.d_condition, rows(run)["d_condition"]
        errors += errors_of_rows(found[CLEAN[run]], wanted[CLEAN[run]])
    assert len(errors) == 29
    # Where rounding decides which of two values is larger, other arithmetic may flip it: in 10 of
    # these rows with TensorFlow and in 16 with PyTorch on one processor. The others agree to 5e-6,
    # and no flip was seen to move a row by less than 1e-4.
    clean = [error for error in errors if error < UNFLIPPED]
    assert len(clean) >= 10
    assert np.median(clean) < UNFLIPPED / 4


def test_condition_and_context_of_inpainting(evaluated):
    found, wanted = evaluated("run7s0"), rows("run7s0")
    for name in ("d_condition", "d_context"):
        errors = errors_of_rows(getattr(found.terms, name), wanted[name])
        assert max(errors) < FLIPPED
        assert np.median(np.array(errors)[CLEAN["run7s0"]]) < UNFLIPPED
    kept = pictures("sampler_run7s0")
    for row, gradient in enumerate(found.d_condition_x):
        assert relative_error(gradient[:, ::4, ::4], kept["d_condition_x__sub"][row]) < FLIPPED
        assert error_of_sums(gradient, wanted["d_condition_x__stats"][row]) < FLIPPED


@pytest.mark.parametrize("run", ALL)
def test_images(run, evaluated):
    found, wanted = evaluated(run), rows(run)
    images = {"cropped_x": to_caffe(found.terms.images), "x256": found.x}
    if run == CAPTION:
        del images["x256"]
    for name, whole in images.items():
        for row, image in enumerate(whole):
            assert error_of_sums(image, wanted[f"{name}__stats"][row]) < FORWARD
            if run not in OF_PICTURES:
                thinned = wanted[f"{name}_s16"][row]
                assert error_of_maximum(image[:, ::16, ::16], thinned) < FORWARD


@pytest.mark.parametrize("run", OF_PICTURES)
def test_images_of_runs_that_start_from_a_picture(run, evaluated):
    found, kept = evaluated(run), pictures(f"sampler_{run}")
    images = to_caffe(found.terms.images)
    assert error_of_maximum(images[..., ::4, ::4], kept["cropped_x__sub"]) < FORWARD
    assert error_of_maximum(found.x[..., ::8, ::8], kept["x256__sub"]) < FORWARD


@pytest.mark.parametrize("run", ALL)
def test_last_image(run, evaluated):
    """What is returned is the image of the code before the last step."""
    found, wanted = evaluated(run).terms.images[-1:], rows(run)
    if run == "run7s0":
        found = stitch(volcano(1).picture, found)
    assert error_of_sums(to_caffe(found), wanted["final_image__stats"]) < FORWARD
    if run != CAPTION:
        assert list(to_caffe(found).shape) == wanted["final_image_shape"].tolist()
        assert found.dtype.name == texts(run)["final_image_dtype"]
    if run in OF_PICTURES:
        thinned = pictures(f"sampler_{run}")["final_image__sub"]
        assert error_of_maximum(to_caffe(found)[..., ::4, ::4], thinned) < FORWARD


def recorded(run, row):
    """What the original's networks said at a step, one row of each."""
    found = {key: value[row : row + 1] for key, value in rows(run).items() if value.ndim}
    nothing = np.zeros(1)
    return Terms(
        # In double precision, as differences of the record are not rounded again.
        found["h_in"] + found["d_prior"].astype(found["h_in"].dtype),
        found["d_condition"],
        found.get("d_context"),
        np.zeros((1, 2, 2, 3), np.float32),
        found["prob"].astype(np.float32),
        found.get("best_unit", nothing),
        found.get("best_unit_prob", nothing),
    )


class Recorder(np.random.RandomState):
    """Remembers what is drawn from it."""

    def __init__(self, seed):
        super().__init__(seed)
        self.normals, self.uniforms = [], []

    def normal(self, *args):
        self.normals.append(super().normal(*args))
        return self.normals[-1]

    def uniform(self, **kwargs):
        self.uniforms.append(super().uniform(**kwargs))
        return self.uniforms[-1]


def chain_of(run):
    """A chain as a script starts it, but for the networks; and its random numbers."""
    flags = flags_of(run)
    conditions = [flags.sentence] if run == CAPTION else [int(u) for u in flags.units.split("_")]
    [plan] = schedules(flags, [conditions])
    random = Recorder(plan.seed)
    start = rows(run)["start_code"] if run in OF_PICTURES else random_code(random, 4096)
    return Chain(plan, "chain", random, start), random


def noise_of(run):
    """Recorded as float32; its digest is that of all steps."""
    epsilon3 = flags_of(run).epsilon3
    random = np.random.RandomState(0)
    if run not in OF_PICTURES:
        random.normal(0, 1, (1, 4096))
    resets = rows(run).get("reset_rows", ())
    noise = []
    for row in range(len(rows(run)["h_in"])):
        noise.append(random.normal(0, epsilon3, (1, 4096)))
        if row in resets:
            random.normal(0, 1, (1, 4096))
            random.uniform(1e-6, 1e-2)
    return np.concatenate(noise)


@pytest.mark.parametrize("run", ALL)
def test_update_of_each_row(run):
    """Pure arithmetic, from what the original's networks said."""
    wanted = rows(run)
    flags = flags_of(run)
    has_noise = flags.epsilon3 > 0
    noise = noise_of(run) if has_noise else np.zeros_like(wanted["h_in"])
    if has_noise:
        assert digest(noise) == texts(run)["noise_digest"]
    for row, h in enumerate(wanted["h_in"]):
        prior = float(wanted["epsilon1_in"][row]) if run != CAPTION else flags.epsilon1
        context = getattr(flags, "epsilon4", 0.0)
        epsilons = Epsilons(prior, flags.epsilon2, flags.epsilon3, context)
        pull = wanted["d_context"][row] if context else 0.0
        d_prior, d_condition = wanted["d_prior"][row], wanted["d_condition"][row]
        d_h = direction(d_prior.astype(h.dtype), d_condition, noise[row], epsilons, pull)
        if run != CAPTION:
            assert d_h.dtype.name == texts(run)["d_h_dtype"]
        # The record is rounded to float32.
        np.testing.assert_allclose(d_h[::16], wanted["d_h_s16"][row], rtol=1e-6, atol=1e-9)
        assert np.abs(d_h).mean() == pytest.approx(wanted["mean_abs_d_h"][row], rel=1e-6)
        h_out = move(h, d_h, float(wanted["step_size"][row]))
        assert h_out.dtype == h.dtype
        np.testing.assert_allclose(h_out, wanted["h_out"][row], atol=1e-6, rtol=0)


@pytest.mark.parametrize("run", ALL)
def test_chain(run):
    """The schedule and the random numbers of a whole chain, fed with the original's terms."""
    wanted, text = rows(run), texts(run)
    chain, random = chain_of(run)
    assert len(wanted["h_in"]) == chain.steps
    if run != CAPTION:
        assert chain.h.dtype.name == text["h_dtype"]
    kept, resets, codes, noise = [], [], [], []
    for row in range(chain.steps):
        assert chain.i == row
        assert not chain.done
        np.testing.assert_allclose(chain.h[0], wanted["h_in"][row], atol=1e-6, rtol=0)
        assert chain.step_size == wanted["step_size"][row]
        terms = recorded(run, row)
        if chain.keeps(terms.probability[0]):
            kept.append(row)
        if run != CAPTION:
            assert chain.epsilons.prior == wanted["epsilon1_in"][row]
            assert chain.condition == wanted["unit"][row]
            assert chain.schedule.conditions[wanted["condition_idx"][row]] == chain.condition
            assert len(kept) == wanted["n_samples"][row]
        random.normals.clear()
        chain.step(terms)
        drawn = list(random.normals)
        if flags_of(run).epsilon3 > 0:
            noise.append(drawn.pop(0))
        if drawn:
            codes.append(chain.h)
            assert (drawn == chain.h).all()
            resets.append(row)
        else:
            np.testing.assert_allclose(chain.h[0], wanted["h_out"][row], atol=1e-6, rtol=0)
        if run != CAPTION:
            assert chain.epsilons.prior == wanted["epsilon1_next"][row]
    assert chain.done
    assert resets == list(wanted.get("reset_rows", []))
    if noise:
        assert digest(np.concatenate(noise)) == text["noise_digest"]
    assert len(random.uniforms) == len(resets)
    if resets:
        assert digest(np.concatenate(codes)) == text["h_after_reset_digest"]
    folder = samples_folder(flags_of(run), chain.name, alone=True)
    names = [str(folder / sample_file(row)) for row in kept]
    assert names == text.get("sample_filenames", [])
