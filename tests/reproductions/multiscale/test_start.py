"""The images that the optimisation starts from against the original's."""

import numpy as np
import pytest

from common.vgg19_pixels import deprocess
from reproductions.multiscale.options import parse_novelty, parse_synthesis
from reproductions.multiscale.start import make_start
from tests.reproductions.multiscale.references import CASES, arrays

ARGUMENTS = {name: case["arguments"] for kind in CASES.values() for name, case in kind.items()}


def start_of(name):
    arguments = [*ARGUMENTS[name], "--random_seed", "0"]
    if name.startswith("nv"):
        return make_start(parse_novelty(arguments))
    return make_start(parse_synthesis(arguments))


@pytest.mark.parametrize("name", [n[:-3] for n in arrays("starts") if n.endswith("_s6")])
def test_start(name):
    start = start_of(name)
    assert start.dtype == np.float64
    wanted = arrays("starts")[f"{name}_s6"]
    np.testing.assert_allclose(start[:, ::6, ::6], wanted, rtol=1e-6, atol=1e-5)
    sums = [start.sum(), np.abs(start).sum(), np.linalg.norm(start)]
    np.testing.assert_allclose(sums, arrays("starts")[f"{name}_stats"], rtol=1e-11)


@pytest.mark.parametrize("name", ["lb_random_o2", "lb_symmetric_o2"])
def test_picture_of_the_start(name):
    found = deprocess(start_of(name))[0, ::2, ::2]
    np.testing.assert_array_equal(found, arrays("starts")[f"{name}_picture_s2"])


def test_without_a_seed_every_start_is_another():
    flags = [parse_synthesis(["-s", "a.png", "-ow", "32"]) for _ in range(2)]
    first, second = (make_start(f) for f in flags)
    assert not np.array_equal(first, second)
    assert flags[0].random_seed is not None
