"""From Torch7 models to generators: the published ones, and what the original's scripts saved."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.layers import Convolution
from reproductions.texture_nets.networks import NETWORKS
from reproductions.texture_nets.torch7 import Object, read_torch7
from reproductions.texture_nets.torch7_modules import Module, modules_of, overrun, tensor_of

_CONVOLUTION, _NORMALIZATION = "SpatialConvolution", "SpatialBatchNormalization"


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
        modules = modules_of(network)
        generator = _matching(modules)
        _copy(modules, generator)
    except UserError as error:
        raise UserError(f"{path} is no model of a texture network: {error}") from None
    return generator


def _matching(modules: list[Module]) -> Generator:
    """A new generator of the same architecture."""
    layers = [m for m in modules if m.kind in (_CONVOLUTION, _NORMALIZATION)]
    if not layers or layers[0].kind != _CONVOLUTION:
        raise UserError("it does not begin with a convolution")
    depth, channels = _noise_depth(modules), layers[0].object.get("nInputPlane")
    if channels not in (depth, depth + 3):
        raise UserError(f"its first convolution takes {channels} channels, {depth} of them noise")
    circular = any(m.kind == "SpatialCircularPadding" for m in modules)
    published = not any(m.kind == "NoiseFill" for m in modules)
    noises = sum(m.kind in ("NoiseFill", "GenNoise") for m in modules)
    reasons = []
    for name in NETWORKS:
        if name.startswith("published") == published and (channels > depth or depth):
            generator = Generator(name, depth, channels > depth, circular)
            reason = _difference(layers, generator)
            if reason is None and len(generator.noise) in (noises, noises - (depth == 0)):
                return generator
            reasons.append(f"{name}: {reason or 'other noise'}")
    raise UserError(f"its layers are those of no generator ({'; '.join(reasons)})")


def _noise_depth(modules: list[Module]) -> int:
    """Channels of uniform noise."""
    for module in modules:
        if module.kind == "NoiseFill":
            depth = module.object.get("num_noise_channels")
            if not isinstance(depth, float) or not 0 <= depth <= 1024 or depth % 1:
                raise UserError(f"its noise has {depth} channels")
            if module.object.get("mult", 1.0) != 1.0:
                raise UserError("its noise is scaled, as in a later version of the original")
            return int(depth)
    # The published models' noise modules do not tell.
    return 3


def _difference(modules: list[Module], generator: Generator) -> str | None:
    """The first thing in which the layers with weights differ; None if in nothing."""
    layers = generator.parameter_layers()
    if len(layers) != len(modules):
        return f"{len(layers)} layers instead of {len(modules)}"
    for module, layer in zip(modules, layers, strict=True):
        expected = _CONVOLUTION if isinstance(layer, Convolution) else _NORMALIZATION
        if module.kind != expected:
            return f"a {expected} where there is a {module.kind}"
        if isinstance(layer, Convolution):
            size, _, channels, filters = layer.kernel.shape
            border = (size - 1) // 2
            wanted = {
                "kW": size,
                "kH": size,
                "dW": layer.stride,
                "dH": layer.stride,
                "nInputPlane": channels,
                "nOutputPlane": filters,
                "padW": 0 if layer.circular else border,
                "padH": 0 if layer.circular else border,
            }
            for name, value in wanted.items():
                if module.object.get(name, 0) != value:
                    return f"{layer.name} has {name} {value}, not {module.object.get(name)}"
            if border and layer.circular and not module.padded:
                return f"{layer.name} has circular padding"
        elif module.object.get("eps") != layer.epsilon:
            return f"{layer.name} has eps {layer.epsilon}, not {module.object.get('eps')}"
    return None


def _copy(modules: list[Module], generator: Generator) -> None:
    """Copies weights and running statistics."""
    modules = [m for m in modules if m.kind in (_CONVOLUTION, _NORMALIZATION)]
    for module, layer in zip(modules, generator.parameter_layers(), strict=True):
        item = module.object
        if isinstance(layer, Convolution):
            size, _, channels, filters = layer.kernel.shape
            kernel = tensor_of(item, "weight", (filters, channels, size, size))
            values = [kernel.transpose(2, 3, 1, 0), tensor_of(item, "bias", (filters,))]
        else:
            channels = layer.gamma.shape
            if layer.keeps_statistics:
                values = [tensor_of(item, n, channels) for n in ("weight", "bias")]
                values += [_statistics(item, n, channels) for n in ("running_mean", "running_var")]
            else:
                values = list(overrun(item, *channels))
        for variable, value in zip(layer.variables, values, strict=True):
            if not np.isfinite(value).all():
                raise UserError(f"{layer.name} has values that are not numbers")
            variable.assign(value)


def _statistics(item: Object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Running statistics; those of a 1x1 map of one image are nan in the original, 1 here."""
    return np.nan_to_num(tensor_of(item, name, shape), nan=1.0)
