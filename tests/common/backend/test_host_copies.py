"""What a step of each paper takes to the device, and what it brings back.

Counted with PyTorch, which does one operation after the other, so that each copy is a call from
Python. With the other backends a step is one compiled function of the same Python: nothing goes in
and out but its arguments and its results.
"""

import collections

import keras
import numpy as np
import pytest

if keras.config.backend() != "torch":
    pytest.skip("PyTorch's calls are counted", allow_module_level=True)

import torch

from benchmarks import backends_suite

pytestmark = pytest.mark.reference

#: What brings values from the device, and waits for all that is under way there.
DOWN = ("item", "numpy", "cpu", "tolist", "__array__", "__float__", "__int__", "__bool__")
UP = ("as_tensor", "tensor", "from_numpy")

NUMBER, CODE, PIXELS = (), (1, 4096), (1, 288, 288, 3)
#: Case -> shapes that come, and shapes that go. The L-BFGS-B of `multiscale` has its pixels on the
#: host, a chain of PPGN its code; introspective learning reads its pictures from files.
CASES = {
    "multiscale": ({PIXELS, NUMBER}, {PIXELS}),
    "iccv_introspective/learning": ({NUMBER}, {(100,), (100, 4), (11, 320, 320, 3)}),
    "iccv_introspective/synthesis": ({NUMBER}, {(100,), (100, 4)}),
    "ppgn": ({CODE, (1,)}, {CODE, (1,)}),
    "texture_nets": ({NUMBER}, set()),
    "keras_gan/mlp": ({NUMBER}, set()),
    "keras_gan/dcgan": ({NUMBER}, set()),
}
#: A step asks for its losses, its gradients, and what PPGN's table holds of a step.
MOST = 16


@pytest.fixture
def copies(monkeypatch):
    """Counts of the shapes that came and went since they were cleared."""
    came, went = collections.Counter(), collections.Counter()

    def watch(place, name, counts, is_counted):
        original = getattr(place, name)

        def watched(value, *rest, **named):
            if is_counted(value):
                counts[np.shape(value) if counts is went else tuple(value.shape)] += 1
            return original(value, *rest, **named)

        monkeypatch.setattr(place, name, watched)

    for name in DOWN:
        watch(torch.Tensor, name, came, lambda value: True)
    for name in UP:
        watch(torch, name, went, lambda value: isinstance(value, np.ndarray | list | tuple))
    return came, went


@pytest.mark.parametrize("case", CASES)
def test_only_what_must_be_copied_is(case, copies, monkeypatch):
    came, went = copies
    counted = []

    def counts(call, calls):
        call()
        came.clear()
        went.clear()
        call()
        counted.append((dict(came), dict(went)))
        return {"first": 0.0, "seconds": [1.0]}

    monkeypatch.setattr(backends_suite, "timed", counts)
    backends_suite.main(case, 1)
    [(down, up)] = counted
    assert (set(down), set(up)) == CASES[case]
    assert sum(down.values()) <= MOST and sum(up.values()) <= MOST
