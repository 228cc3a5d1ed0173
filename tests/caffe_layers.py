"""Networks of a few lines of Caffe's text, their values and gradients, for the tests of layers."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from common.backend import to_tensor
from common.caffe import parse_prototxt
from reproductions.ppgn.caffe.importer import import_network
from tests.backends import gradient


def holding(weights: Mapping[str, Sequence[np.ndarray]]):
    """A source of those weights, which holds the importer to the shapes that they have in Caffe."""

    def source(layer, shapes, fan_in):
        assert [tuple(shape) for shape in shapes] == [blob.shape for blob in weights[layer]]
        return tuple(np.asarray(blob, np.float32) for blob in weights[layer])

    return source


def network(text: str, weights: Mapping[str, Sequence[np.ndarray]] | None = None, **options):
    return import_network(parse_prototxt(text), holding(weights or {}), **options)


def declared(name: str, shape: Sequence[int]) -> str:
    dims = " ".join(f"dim: {n}" for n in shape)
    return (
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {dims} }} }} }}\n"
    )


def one_layer(kind: str, params: str, shapes: Sequence[Sequence[int]], *blobs: np.ndarray, **opts):
    """A network of the inputs a, b, ... and one layer that reads them all."""
    names = "abcd"[: len(shapes)]
    inputs = "".join(declared(name, shape) for name, shape in zip(names, shapes, strict=True))
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    text = f'{inputs}layer {{ name: "it" type: "{kind}" {bottoms} top: "it" {params} }}'
    return network(text, {"it": blobs} if blobs else {}, **opts)


def to_keras(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def to_caffe(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def singles(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal values of single precision, held as doubles."""
    return np.float64(np.float32(random.standard_normal(shape)))


def value_and_gradients(model, inputs: Sequence[np.ndarray], upstream: np.ndarray | None = None):
    """The output, and the gradients of its product with `upstream`, all as Caffe has them.

    The output's shape is also held to the one that the model promised.
    """
    tensors = [to_tensor(np.float32(to_keras(x))) for x in inputs]
    up = 1.0 if upstream is None else to_keras(upstream)
    gradients = []
    for i, tensor in enumerate(tensors):

        def alone(x, i=i):
            return model([*tensors[:i], x, *tensors[i + 1 :]] if len(tensors) > 1 else x)

        output, slope = gradient(alone, tensor, up)
        gradients.append(to_caffe(slope))
    promised = model.output.shape
    assert len(promised) == len(output.shape)
    assert all(n in (None, m) for n, m in zip(promised, output.shape, strict=True))
    return to_caffe(output), gradients


def numerical_gradient(function: Callable, x: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    """That of the product of function(x) with `upstream`, by central differences."""
    x, gradient, step = x.copy(), np.zeros(x.shape), 1e-4
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        more = (function(x) * upstream).sum()
        x[i] = kept - step
        less = (function(x) * upstream).sum()
        x[i] = kept
        gradient[i] = (more - less) / (2 * step)
    return gradient


def error(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference, relative to the largest value."""
    assert got.shape == want.shape
    assert np.isfinite(want).all()
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30))


def assert_forward(got: np.ndarray, want: np.ndarray) -> None:
    assert error(got, want) < 1e-5


def assert_gradient(got: np.ndarray, want: np.ndarray) -> None:
    assert error(got, want) < 1e-4


def assert_like(model, function: Callable, *inputs: np.ndarray) -> None:
    """Holds a model's output and all its gradients to those of a function of doubles."""
    want = function(*inputs)
    upstream = singles(np.random.default_rng(9), *want.shape)
    got, gradients = value_and_gradients(model, inputs, upstream)
    assert_forward(got, want)
    for i, found in enumerate(gradients):

        def alone(x, i=i):
            return function(*inputs[:i], x, *inputs[i + 1 :])

        assert_gradient(found, numerical_gradient(alone, inputs[i], upstream))
