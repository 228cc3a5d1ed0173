"""What tests ask of the backend in use, whichever it is."""

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops
from keras.src.backend.common import dtypes

from common import backend


def compiled_for_long(cases: Iterable, *quick) -> list:
    """Parameters of a test; those that are not `quick` are left out where time is short."""
    return [
        pytest.param(case, marks=[] if case in quick else pytest.mark.long_to_compile)
        for case in cases
    ]


def gradient(function: Callable, x, upstream: np.ndarray | float = 1.0):
    """The value of a function at x, and the gradient of the sum of upstream * value, as arrays.

    It is 0 where the value does not depend on x, whatever the backend has there.
    """

    def scalar(x):
        value = function(x)
        total = ops.sum(value * backend.to_tensor(np.asarray(upstream, kind)))
        return [total + 0 * ops.sum(x)], value

    kind = ops.convert_to_numpy(x).dtype
    (found,), _, value = backend.gradients(scalar, backend.to_tensor(x))
    return ops.convert_to_numpy(value), ops.convert_to_numpy(found)


@contextlib.contextmanager
def float64(wanted: bool = True) -> Iterator[None]:
    """A context in which float64 stays float64, if wanted, as with TensorFlow it always does.

    Elsewhere Keras makes much of it float32, and JAX all of it.
    """
    with contextlib.ExitStack() as stack:
        if wanted:
            kept = mock.patch.dict(dtypes.BIT64_TO_BIT32_DTYPE, {"float64": "float64"})
            stack.enter_context(kept)
            chosen = importlib.import_module(keras.config.backend())
            if keras.config.backend() == "jax":
                module = chosen if hasattr(chosen, "enable_x64") else chosen.experimental
                stack.enter_context(module.enable_x64(True))
        yield


@contextlib.contextmanager
def warnings_are_errors() -> Iterator[None]:
    """A context in which they are, but for what Keras has NumPy say of any variable that it reads.

    With JAX and PyTorch its variables do not take an argument that NumPy 2 passes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def uncompiled(function: Callable, variables: Sequence = (), arguments: Sequence | None = None):
    """In place of `common.backend.compile`, for functions that are called once or twice."""
    return lambda *given: function(*keras.tree.map_structure(backend.to_tensor, given))


def looped(count: int, body: Callable, state: Sequence, variables: Sequence = ()) -> Sequence:
    """In place of `common.backend.repeat`, in what is `uncompiled`."""
    for number in range(int(count)):
        state = body(number, state)
    return state


#: Marks a test that counts how often a function is traced.
traced = pytest.mark.skipif(
    keras.config.backend() == "torch", reason="with PyTorch nothing is traced or compiled"
)


def be_irreproducible() -> None:
    """Undoes `common.backend.be_reproducible`."""
    if keras.config.backend() == "tensorflow":
        # TensorFlow has no public way back.
        from tensorflow.python.util import _pywrap_determinism

        _pywrap_determinism.enable(False)
    elif keras.config.backend() == "torch":
        importlib.import_module("torch").use_deterministic_algorithms(False)


#: In place of `common.backend.compile`, for a call or two: uncompiled, but with JAX, which would
#: compile each operation by itself.
quickest = backend.compile if keras.config.backend() == "jax" else uncompiled
