"""From Torch7 models to generators: the published ones, and what the original's scripts saved."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from reproductions.texture_nets.blocks import Module
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.layers import Convolution
from reproductions.texture_nets.networks import MOST_NOISE, NETWORKS
from reproductions.texture_nets.torch7 import Object, read_torch7
from reproductions.texture_nets.torch7_modules import (
    class_of,
    modules_of,
    overrun,
    shown,
    tensor_of,
)

#: Modules that have no effect.
_IDENTITY = "Identity"


def import_torch7(path: str | Path) -> Generator:
    """Reads a `.t7` model.

    Args:
        path: the file: one of the eight published models, or the `model.t7` of a training run of
            the original (GPU or CPU).

    Returns:
        A generator with its weights and, where it has them, running statistics.

    Raises:
        UserError: the file is damaged, or no model of a generator of the paper.
    """
    network = read_torch7(path)
    try:
        modules, joins = modules_of(network)
        generator = _matching([m for m in modules if class_of(m) != _IDENTITY], joins)
    except UserError as error:
        raise UserError(f"{path} is no model of a texture network: {error}") from None
    return generator


def _matching(modules: list[Object], joins: int) -> Generator:
    """The generator of the same architecture, with the weights."""
    first = next((m for m in modules if class_of(m) == "SpatialConvolution"), None)
    depth, channels = _noise_depth(modules), first and first.get("nInputPlane")
    if channels not in (depth, depth + 3) or not channels:
        raise UserError(f"its first convolution takes {shown(channels)} channels, {depth} of noise")
    circular = any(class_of(m) == "SpatialCircularPadding" for m in modules)
    published = not any(class_of(m) == "NoiseFill" for m in modules)
    reasons = []
    for name in NETWORKS:
        if name.startswith("published") == published:
            generator = Generator(name, depth, channels > depth, circular)
            reason = _difference(modules, generator.modules_of_original, published)
            if reason is None and joins == generator.joins:
                _copy(modules, generator)
                return generator
            reasons.append(f"{name} {reason or f'joins {generator.joins} times, not {joins}'}")
    raise UserError(f"it is no generator ({'; '.join(reasons)})")


def _noise_depth(modules: list[Object]) -> int:
    """Channels of uniform noise."""
    for module in modules:
        if class_of(module) == "NoiseFill":
            depth = module.get("num_noise_channels")
            if not isinstance(depth, float) or not 0 <= depth <= MOST_NOISE or depth % 1:
                raise UserError(f"its noise has {shown(depth)} channels")
            return int(depth)
    # The published models' noise modules do not tell.
    return 3


def _difference(modules: list[Object], expected: tuple[Module, ...], published: bool) -> str | None:
    """The first thing in which the modules differ; None if in nothing."""
    if len(modules) != len(expected):
        return f"has {len(expected)} modules, not {len(modules)}"
    for number, (found, wanted) in enumerate(zip(modules, expected, strict=True), 1):
        kind, fields = wanted.kind, wanted.fields
        if kind == "NoiseFill":
            # Later versions scale the noise. In the published models it has no fields.
            kind, fields = ("GenNoise", {}) if published else (kind, {**fields, "mult": 1})
        if class_of(found) != kind:
            return f"has a {kind} as module {number}"
        for name, value in fields.items():
            # Fields that some versions lack have these values.
            has = found.get(name, value if name in ("padW", "padH", "ceil_mode", "mult") else None)
            if isinstance(has, bool | int | float) and has == value:
                continue
            return f"has {name} {value} in module {number}, not {shown(has)}"
    return None


def _copy(modules: list[Object], generator: Generator) -> None:
    """Copies weights and running statistics."""
    for item, module in zip(modules, generator.modules_of_original, strict=True):
        if module.layer is None:
            continue
        layer = generator.get_layer(module.layer)
        if isinstance(layer, Convolution):
            size, _, channels, filters = layer.kernel.shape
            kernel = tensor_of(item, "weight", (filters, channels, size, size))
            values = [kernel.transpose(2, 3, 1, 0), tensor_of(item, "bias", (filters,))]
        elif layer.keeps_statistics:
            names = ("weight", "bias", "running_mean", "running_var")
            values = [tensor_of(item, name, layer.gamma.shape) for name in names]
            # The original notes nan as the variance of a single pixel.
            values[3] = np.where(np.isnan(values[3]), np.float32(1), values[3])
        else:
            values = overrun(item, *layer.gamma.shape)
        for variable, value in zip(layer.variables, values, strict=True):
            if not np.isfinite(value).all():
                raise UserError(f"{layer.name} has values that are not numbers")
            variable.assign(value)
