"""Whole optimisations against the original's: the loss after each iteration, and the files.

The original's SciPy made one iteration more than was asked for; here, as in any SciPy of today,
`--max-iter` is what is made.
"""

import itertools

import h5py
import numpy as np
import pytest
from PIL import Image

from common.autodiff import loss_and_gradient
from common.lbfgs import minimize
from reproductions.multiscale.inputs import read_inputs
from reproductions.multiscale.options import parse_synthesis
from reproductions.multiscale.report import read_losses
from reproductions.multiscale.synthesis_run import synthesize
from tests.reproductions.multiscale.references import CASES, arrays

pytestmark = pytest.mark.reference

LBFGS = CASES["lbfgs"]
SHORT = ("lb_m5_n1", "lb_m10_n5", "lb_m0_n1", "lb_tol1e-1")


def optimise(run):
    """The losses after each iteration."""
    losses = []
    outcome = minimize(
        loss_and_gradient(run.loss, run.start.shape),
        run.start.ravel(),
        run.flags.max_iter,
        run.flags.tol,
        lambda _, x, loss, evaluations: losses.append(loss),
    )
    assert outcome.iterations == len(losses)
    return losses


@pytest.mark.long_to_compile
@pytest.mark.parametrize("name", [name for name, case in LBFGS.items() if "losses" in case])
def test_losses(name, synthesis, novelty):
    prepare = novelty if name == "lb_novelty_c3" else synthesis
    losses = optimise(prepare(LBFGS[name]["arguments"]))
    wanted = LBFGS[name]["losses"]
    assert len(losses) == len(wanted) == 10
    np.testing.assert_allclose(losses[:5], wanted[:5], rtol=1e-3)
    assert losses[9] == pytest.approx(wanted[9], rel=1e-2)


@pytest.mark.long_to_compile
def test_two_frames_move_where_the_original_stood_still(synthesis):
    """Its gradient was not a number, so it stopped before the first iteration."""
    losses = optimise(synthesis(LBFGS["lb_nan_grad_c2"]["arguments"]))
    assert len(losses) == 5
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


@pytest.fixture(scope="module")
def data_dir(weights, tmp_path_factory):
    """A folder with the references' weights as the original kept them, as far as needed."""
    folder = tmp_path_factory.mktemp("model_data")
    with h5py.File(folder / "gatys_valid.h5", "w") as file:
        for name in ("conv1_1", "conv1_2"):
            group = file.create_group(f"model_weights/{name}/{name}")
            group["kernel:0"], group["bias:0"] = weights[name]
    return folder


@pytest.mark.parametrize("name", SHORT)
def test_run_of_the_script(name, data_dir, in_sources, tmp_path, capsys):
    case = LBFGS[name]
    places = ["--data-dir", str(data_dir), "--output-dir", str(tmp_path)]
    run_script(parse_synthesis([*case["arguments"], *places, "--random_seed", "0"]))
    said = capsys.readouterr().out
    assert "a 64x64 image, matching the Gram matrices for layers [2] at 1 distinct scales" in said

    folder = tmp_path / "out.L2.o1.64x64"
    losses = [loss for _, _, loss, _ in read_losses(folder)]
    converged = name == "lb_tol1e-1"
    assert len(losses) == case["iterations"] - (0 if converged or name == "lb_m0_n1" else 1)
    wanted = case["losses_float32"][: len(losses)]
    np.testing.assert_allclose(losses[:5], wanted[:5], rtol=1e-3)
    # From one iteration to the next differences grow. With PyTorch they are 4e-7 of a gradient, as
    # with the others, and become 1.5e-2 of the tenth loss; with TensorFlow and JAX 3e-3.
    np.testing.assert_allclose(losses[5:9], wanted[5:9], rtol=1e-2)
    np.testing.assert_allclose(losses[9:], wanted[9:], rtol=2e-2)

    then = {f.split("/")[1] for f in case["files"]} - {f"I{len(losses):04d}_F0000.png"}
    now = {path.name for path in folder.iterdir()}
    assert then <= now
    assert {n for n in now if n[0] == "I"} == {n for n in then if n[0] == "I"} | {
        f"I{len(losses) - 1:04d}_F0000.png"  # the last is always saved here
    }


def test_first_picture_of_a_run(data_dir, in_sources, tmp_path):
    """The picture of the start is decoded from the start as the original decoded it."""
    arguments = ["-s", "synthetic60_128x112.png", "-ow", "128", "-o", "1", "-l", "2", "-m", "0"]
    places = ["--data-dir", str(data_dir), "--output-dir", str(tmp_path)]
    run_script(parse_synthesis([*arguments, *places, "--random_seed", "0"]))
    with Image.open(tmp_path / "out.L2.o1.128x128" / "Aseed_F0000.png") as picture:
        found = np.asarray(picture)[::2, ::2]
    np.testing.assert_array_equal(found, arrays("starts")["lb_random_o2_picture_s2"])


def run_script(flags):
    synthesize(flags, read_inputs(flags))
