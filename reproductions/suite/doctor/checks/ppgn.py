"""PPGN: what a hidden unit of CaffeNet wants of an image, and a step of a chain, as Caffe's."""

import math
from pathlib import Path

import numpy as np

from reproductions.suite.doctor.checks import Comparison, relative_error

#: Of the references: a channel of conv5, and where on its map.
CASE, UNIT, PLACE = "conv5_unit196_xy6", 196, (6, 6, 7, 7)
_CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")


def check(references: Path) -> list[Comparison]:
    """Compares.

    Args:
        references: the folder `tests/references`.
    """
    folder = references / "ppgn"
    return [*_compare_unit(folder), _compare_step(folder)]


def _compare_unit(folder: Path) -> list[Comparison]:
    import keras
    from keras import ops

    from common.autodiff import compile_gradients
    from common.caffenet import caffenet
    from reproductions.ppgn.conditions import UnitCondition

    network = caffenet(_weights)
    condition = UnitCondition(network, "conv5", PLACE)
    model = keras.Model(network.inputs, condition.features)

    def climb(images, units):
        features = model(images)
        return [condition.climb(features, units).scalar], features

    compiled = compile_gradients(climb, ((1, 227, 227, 3), "float32"), ((1,), "int32"))
    with np.load(folder / "caffenet_data.npz") as file:
        data = file["data"].transpose(0, 2, 3, 1)
    (gradient,), features = compiled(data, np.array([UNIT], np.int32))
    with np.load(folder / "caffenet_backward.npz") as file:
        acts, wanted = file[f"{CASE}_acts"], file[f"{CASE}_grad_data_s4"]
    top, left = PLACE[:2]
    found = ops.convert_to_numpy(features)[0, top, left]
    gradient = ops.convert_to_numpy(gradient).transpose(0, 3, 1, 2)[..., ::4, ::4]
    return [
        Comparison("CaffeNet's conv5", relative_error(found, acts), 1e-5),
        Comparison("a unit's gradient at the image", relative_error(gradient, wanted), 5e-5),
    ]


def _compare_step(folder: Path) -> Comparison:
    from reproductions.ppgn.update import Epsilons, direction, move

    h = np.clip(np.random.RandomState(1337).normal(0, 1.5, (1, 4096)), 0, 30)
    with np.load(folder / "onestep.npz") as file:
        case = {name: file[name] for name in ("step_size", "epsilon1", "epsilon2")}
        case |= {name: file[f"fc8/{name}"] for name in ("d_prior", "d_condition", "h_out")}
    epsilons = Epsilons(float(case["epsilon1"]), float(case["epsilon2"]), 0.0)
    d_h = direction(case["d_prior"], case["d_condition"], np.zeros_like(h), epsilons)
    h_out = move(h, d_h, float(case["step_size"]))
    return Comparison("a step of a chain (Eq. 11)", relative_error(h_out, case["h_out"]), 5e-5)


def _weights(layer: str, shapes, fan_in: float) -> tuple[np.ndarray, ...]:
    """The weights that the references were made with; those above conv5 are not needed."""
    if layer not in _CONVOLUTIONS:
        return tuple(np.zeros(shape, np.float32) for shape in shapes)
    seed = 1000 + 2 * _CONVOLUTIONS.index(layer)
    gain = 0.05 if layer == "conv5" else 1.0
    scales = math.sqrt(2 / fan_in) * gain, 0.1
    return tuple(
        np.random.RandomState(seed + i).standard_normal(shape).astype(np.float32)
        * np.float32(scale)
        for i, (shape, scale) in enumerate(zip(shapes, scales, strict=True))
    )
