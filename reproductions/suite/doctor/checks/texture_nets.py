"""Texture networks: a generator's output, and the texture loss with its gradient, as Torch7's."""

import json
from pathlib import Path

import numpy as np

from reproductions.suite.doctor.checks import Comparison, relative_error

#: The generator of the references: the pyramid with circular padding, for textures.
CASE = "pyramid_circ_texture"
LOSS = "texture/strength1/normalize"


def check(references: Path) -> list[Comparison]:
    """Compares.

    Args:
        references: the folder `tests/references`.
    """
    folder = references / "texture_nets"
    return [_compare_output(folder), *_compare_loss(folder)]


def _compare_output(folder: Path) -> Comparison:
    from reproductions.texture_nets.generator import Generator

    generator = Generator("pyramid", 3, False, True, dtype="float32")
    for i, parameter in enumerate(generator.parameters()):
        parameter.assign(_drawn(i, parameter.name, tuple(parameter.shape)))
    shapes = json.loads((folder / "architectures.json").read_text())[CASE]["noise_shapes"]
    noise = [
        _channels_last(np.random.RandomState(100 + k).uniform(0, 1, shape))
        for k, shape in enumerate(shapes)
    ]
    with np.load(folder / "outputs_pyramid.npz") as file:
        wanted = _channels_last(file[CASE])
    error = relative_error(generator(noise), wanted)
    return Comparison("a generator's output", error, 2e-4)


def _drawn(number: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value that the references gave the generator's parameter of this number."""
    if len(shape) == 4:  # drawn in Torch7's order: out, in, height, width
        shape = shape[3], shape[2], shape[0], shape[1]
    values = np.random.RandomState(500 + number).standard_normal(shape) * 0.1
    values = (values + (name == "gamma")).astype(np.float32)
    return values.transpose(2, 3, 1, 0) if values.ndim == 4 else values


def _compare_loss(folder: Path) -> list[Comparison]:
    from common import backend
    from common.gram import gram_matrix
    from reproductions.texture_nets.losses import texture_loss

    with np.load(folder / "losses.npz") as file:
        features = _channels_last(file["features"])
        target = gram_matrix(_channels_last(file["texture_target_features"][None]))[0]
        wanted = _channels_last(file[f"{LOSS}/gradInput_zero_gradOutput"])
    known = json.loads((folder / "units.json").read_text())["losses"][LOSS]["loss_float64"]
    (gradient,), (loss,), _ = backend.gradients(
        lambda features: ([texture_loss(features, target, 1, normalize=True)], ()),
        backend.to_tensor(features),
    )
    return [
        Comparison("the texture loss", relative_error(loss, known), 2e-6),
        Comparison("its normalised gradient", relative_error(gradient, wanted), 2e-6),
    ]


def _channels_last(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(images, np.float32).transpose(0, 2, 3, 1))
