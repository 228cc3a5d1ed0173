"""The original's numbers, what they were made from, and the measures that compare with them."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from common.backend import to_tensor
from common.layers import FrozenConv2D
from common.originals import originals_dir
from reproductions.texture_nets.generator import Generator

FOLDER = Path(__file__).parents[2] / "references" / "texture_nets"

#: The layers of the miniature descriptor, named as VGG-19's: channels in and out.
MINIATURE = {
    "conv1_1": (3, 8),
    "conv2_1": (8, 12),
    "conv3_1": (12, 16),
    "conv4_1": (16, 20),
    "conv4_2": (20, 512),
    "conv5_1": (512, 10),
}
#: Those that a pooling precedes.
_POOLED = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


@functools.cache
def read_json(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def original(*names: str) -> Path:
    """A file of the original that is no part of the repository; skips the test without it."""
    path = originals_dir().joinpath("texture_nets", *names)
    if not path.is_file():
        pytest.skip(f"needs {path} (ORIGINALS_DIR, or python datasets/download.py texture_nets)")
    return path


def from_torch(images: np.ndarray) -> np.ndarray:
    """(images, channels, height, width) to (images, height, width, channels)."""
    return np.ascontiguousarray(np.asarray(images).transpose(0, 2, 3, 1))


def to_torch(images) -> np.ndarray:
    """The other way."""
    return ops.convert_to_numpy(images).transpose(0, 3, 1, 2)


def parameter_to_torch(values) -> np.ndarray:
    """A kernel to (out, in, height, width); what is no kernel stays."""
    values = ops.convert_to_numpy(values)
    return values.transpose(3, 2, 0, 1) if values.ndim == 4 else values


def flat(parameters: Sequence) -> np.ndarray:
    """All parameters, or their gradients, as Torch7 lays them out."""
    return np.concatenate([parameter_to_torch(p).ravel() for p in parameters])


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """The L2 norm of the difference as a part of the L2 norm of what is wanted."""
    wanted = np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    return float(np.linalg.norm((found - wanted).ravel()) / np.linalg.norm(wanted.ravel()))


def sums(values: np.ndarray) -> list[float]:
    """Sum, sum of absolutes, L2 norm."""
    values = np.asarray(values, np.float64)
    return [values.sum(), np.abs(values).sum(), np.linalg.norm(values.ravel())]


def drawn_noise(shapes: Sequence[Sequence[int]], iteration: int = 0) -> list[np.ndarray]:
    """The noise of every scale, from its shape in the original."""
    return [
        from_torch(np.random.RandomState(100 + k + 1000 * iteration).uniform(0, 1, shape)).astype(
            np.float32
        )
        for k, shape in enumerate(shapes)
    ]


def seeded_generator(architecture: str, dtype: str) -> Generator:
    """A generator with the weights that NumPy draws; `architecture` as `pyramid_circ_texture`."""
    network, padding, kind = architecture.rsplit("_", 2)
    generator = Generator(network, 3, kind == "stylization", padding == "circ", dtype=dtype)
    for i, parameter in enumerate(generator.parameters()):
        shape = parameter.shape
        if len(shape) == 4:
            shape = (shape[3], shape[2], shape[0], shape[1])
        values = np.random.RandomState(500 + i).standard_normal(shape) * 0.1
        if parameter.name == "gamma":
            values += 1
        values = values.astype(np.float32)
        parameter.assign(values.transpose(2, 3, 1, 0) if values.ndim == 4 else values)
    return generator


def miniature_weights() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernels (3, 3, in, out) and biases (out,) of the miniature descriptor, float32."""
    weights = {}
    for j, (name, (fan_in, width)) in enumerate(MINIATURE.items()):
        kernel = np.random.RandomState(700 + j).standard_normal((width, fan_in, 3, 3))
        kernel = (kernel * np.sqrt(2 / (9 * fan_in))).astype(np.float32)
        bias = (np.random.RandomState(800 + j).standard_normal(width) * 0.1).astype(np.float32)
        weights[name] = kernel.transpose(2, 3, 1, 0), bias
    return weights


def miniature(layers: Sequence[str], no_pad: bool, dtype: str) -> Callable:
    """The miniature descriptor: a function from images to the features of `relu1_1` and so on.

    In float32 with the suite's own convolution, in float64 with Keras'.
    """
    padding = "valid" if no_pad else "same"
    wanted = [layer.replace("relu", "conv") for layer in layers]
    last = max(map(list(MINIATURE).index, wanted))
    steps = {}
    for name in list(MINIATURE)[: last + 1]:
        kernel, bias = miniature_weights()[name]
        if dtype == "float32":
            steps[name] = FrozenConv2D(kernel, bias, padding)
        else:
            steps[name] = functools.partial(_convolve, kernel=kernel, bias=bias, padding=padding)

    def network(images):
        found, x = {}, images
        for name, convolution in steps.items():
            if name in _POOLED:
                # In Caffe's ceil mode.
                x = ops.max_pool(x, 2, 2, padding="same")
            x = found[name] = convolution(x)
        return [found[name] for name in wanted]

    return network


def _convolve(x, kernel: np.ndarray, bias: np.ndarray, padding: str):
    kernel, bias = (to_tensor(a.astype(np.float64)) for a in (kernel, bias))
    return ops.relu(ops.conv(x, kernel, padding=padding) + bias)
