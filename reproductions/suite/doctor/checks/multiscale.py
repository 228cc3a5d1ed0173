"""Multiscale: style loss and gradient at two octaves, as the original's TensorFlow 1.4 had them."""

import json
import math
from pathlib import Path

import numpy as np

from reproductions.suite.doctor.checks import Comparison, relative_error

#: The run of the original that is repeated: a source of 128x112, a start of 128x128.
CASE = "st_random_o2"
SOURCE_SEED, SOURCE_SIZE = 60, (112, 128)


def check(references: Path) -> list[Comparison]:
    """Compares.

    Args:
        references: the folder `tests/references`.
    """
    from common.autodiff import loss_and_gradient
    from common.vgg19_layers import LAYERS
    from common.vgg19_pixels import preprocess
    from reproductions.multiscale.options import parse_synthesis
    from reproductions.multiscale.start import make_start
    from reproductions.multiscale.synthesis_run import texture_loss

    folder = references / "multiscale"
    case = json.loads((folder / "cases.json").read_text())["style"][CASE]
    flags = parse_synthesis([*case["arguments"], "--random_seed", "0"])
    weights = _weights(LAYERS[max(flags.layers)])
    start = make_start(flags)
    loss = texture_loss(flags, weights, [preprocess(_source())[None]])
    value, gradient = loss_and_gradient(loss, start.shape)(start.ravel())
    with np.load(folder / "style.npz") as file:
        wanted = file[f"{CASE}/gradient_s3"]
    gradient = gradient.reshape(start.shape)[:, ::3, ::3]
    return [
        Comparison("style loss of VGG-19, 2 octaves", relative_error(value, case["loss"]), 2e-6),
        Comparison("its gradient at the pixels", relative_error(gradient, wanted), 5e-6),
    ]


def _weights(upto: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The weights that the references were made with: drawn, so that they need no file."""
    from common.vgg19_layers import channels, convolutions

    weights = {}
    for i, name in enumerate(convolutions(upto)):
        fan_in, width = channels(name)
        kernel = np.random.RandomState(700 + 2 * i).standard_normal((3, 3, fan_in, width))
        bias = np.random.RandomState(701 + 2 * i).standard_normal(width)
        scale = np.float32(math.sqrt(2 / (9 * fan_in)))
        weights[name] = (
            kernel.astype(np.float32) * scale,
            bias.astype(np.float32) * np.float32(0.1),
        )
    return weights


def _source() -> np.ndarray:
    """The references' picture: four octaves of value noise, uint8, (height, width, 3)."""
    random = np.random.RandomState(SOURCE_SEED)
    height, width = SOURCE_SIZE
    total = np.zeros((height, width, 3), np.int64)
    for size, weight in ((16, 4), (8, 3), (4, 2), (1, 1)):
        noise = random.randint(0, 256, (-(-height // size), -(-width // size), 3))
        total += weight * np.repeat(np.repeat(noise, size, 0), size, 1)[:height, :width]
    return (total // 10).astype(np.uint8)
