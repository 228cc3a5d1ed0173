"""Networks as the original's scripts saved them, with the weights of a generator."""

import itertools
from collections.abc import Iterator

import numpy as np

from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.layers import Convolution
from tests.reproductions.texture_nets.torch7_writer import (
    TorchObject,
    TorchStorage,
    TorchTensor,
    tensor,
)

#: From coarse to fine: the image's size by the scale's.
RATIOS = (32, 16, 8, 4, 2, 1)


def randomize(generator: Generator, seed: int = 0) -> None:
    """Gives a generator weights and running statistics that all differ."""
    random = np.random.RandomState(seed)
    for variable in generator.variables:
        variable.assign(random.uniform(0.1, 1, variable.shape))


class TorchNetwork:
    """Builds the tree of a network, all of whose parameters lie in one flat storage.

    Args:
        generator: that gives network, flags and weights.
        backend: `nn` or `cudnn`, the package of the modules that both have.
        element: of the parameters: Float, Double, Cuda.
        malformed: whether every normalisation of a coarse stream has 8 parameters, as those of
            the published models.

    Attributes:
        root: what `torch.save` gets.
        flat: the parameters' storage.
        wide: of the normalisations that are malformed, the channels that come in and the offset
            of the weight in the storage.
    """

    def __init__(
        self, generator: Generator, backend: str = "nn", element: str = "Float", malformed=False
    ):
        config = generator.get_config()
        self._name, self._depth = config["network"], config["noise_depth"]
        self._input = self._depth + 3 * config["stylization"]
        self._circular = config["circular"]
        self._backend, self._element, self._malformed = backend, element, malformed
        self._layers = iter(generator.parameter_layers())
        self._values: list[np.ndarray] = []
        self.flat = TorchStorage(element, [])
        self.wide: list[tuple[int, int]] = []
        self.root = self._build()
        self.flat.values = np.concatenate(self._values).astype(self.flat.values.dtype)
        assert next(self._layers, None) is None

    def modules(self) -> Iterator[tuple[str, TorchObject]]:
        """All modules with their paths: numbers from 0, depth first, the network itself first."""
        return _walk("", self.root)

    def leaves(self, kind: str) -> list[TorchObject]:
        """The modules of a class, named without its package."""
        return [m for _, m in self.modules() if m.kind.endswith(f".{kind}")]

    def _build(self) -> TorchObject:
        if self._name.startswith("skip"):
            modules = [self._noise_fill(), *self._level(0, self._input), self._convolution(16, 3)]
        elif self._name == "published_style":
            stream, width = self._pyramid(RATIOS[1:], (8,) * 5, (8, 16, 24, 32, 40), (3, 3))
            # Its convolution of single pixels stands behind a padding of 0.
            padding = self._padding(0)
            modules = [*stream, _sequential([padding, self._convolution(width, 3)])]
        else:
            shape = (8,) * 6, (8, 16, 24, 32, 40, 48), (3, 3, 1)
            if self._name == "pyramid2":
                shape = (128, 128, 64, 32, 16, 8), (128, 128, 64, 32, 16, 8), (5, 3, 1)
            stream, width = self._pyramid(RATIOS, *shape)
            modules = [*stream, self._convolution(width, 3)]
        return _sequential(modules)

    def _pyramid(self, ratios, widths, merged, kernels) -> tuple[list, int]:
        stream, channels = [], 0
        for ratio, width, both in zip(ratios, widths, merged, strict=True):
            if stream:
                stream += [self._upsampling(), self._normalization(channels, self._malformed)]
            own = [self._pooling(ratio), self._noise_fill()]
            own += self._group(self._input, width, kernels)
            if stream:
                own.append(self._normalization(width))
                own = [_concat([_sequential(stream), _sequential(own)])]
                own += self._group(channels + width, both, kernels)
            stream, channels = own, both
        return stream, channels

    def _group(self, channels: int, width: int, kernels) -> list[TorchObject]:
        made = []
        for kernel in kernels:
            made += self._unit(channels, width, kernel)
            channels = width
        return made

    def _level(self, level: int, channels: int) -> list[TorchObject]:
        """The modules of a level of `skip`, down to the deepest."""
        widths, noise = (16, 32, 64, 128, 128), 2 * (self._name == "skip_noise")
        generated = self._module("nn.GenNoise", {"num_planes": noise})
        past = _sequential([*self._unit(channels, 4, 1), self._normalization(4)])
        if noise:
            past = _sequential([_concat([generated, past])])
        width = widths[level]
        deeper = self._unit(channels, width, 3, 2) + self._unit(width, width, 3)
        if level < 4:
            deeper.append(_sequential(self._level(level + 1, width)))
        up = widths[min(level + 1, 4)]
        deeper += [self._upsampling(), self._normalization(up)]
        both = self._unit(noise + 4 + up, width, 3) + self._unit(width, width, 1)
        return [_concat([past, _sequential(deeper)]), *both]

    def _unit(self, channels: int, width: int, kernel: int, stride: int = 1) -> list[TorchObject]:
        """A convolution, its normalisation and its leaky ReLU."""
        border = (kernel - 1) // 2
        if border and self._circular:
            padding = self._padding(border)
            convolution = self._convolution(channels, width, kernel, stride)
            convolution = _sequential([padding, convolution])
        else:
            convolution = self._convolution(channels, width, kernel, stride, border)
        relu = self._module("nn.LeakyReLU", {"negval": 0.01, "inplace": True})
        return [convolution, self._normalization(width), relu]

    def _convolution(self, channels, width, kernel=1, stride=1, border=0) -> TorchObject:
        layer = next(self._layers)
        assert isinstance(layer, Convolution)
        weight = np.transpose(layer.kernel.numpy(), (3, 2, 0, 1))
        assert weight.shape == (width, channels, kernel, kernel)
        fields = {
            "nInputPlane": channels,
            "nOutputPlane": width,
            **{"kW": kernel, "kH": kernel, "dW": stride, "dH": stride},
            **{"padW": border, "padH": border},
            "weight": self._parameter(weight),
            "bias": self._parameter(layer.bias.numpy()),
        }
        return self._module(f"{self._backend}.SpatialConvolution", fields)

    def _normalization(self, channels: int, malformed: bool = False) -> TorchObject:
        layer = next(self._layers)
        assert not isinstance(layer, Convolution)
        assert layer.gamma.shape == (channels,)
        kept = 8 if malformed else channels
        weight = self._parameter(layer.gamma.numpy()[:kept])
        if malformed and channels > 8:
            self.wide.append((channels, weight.offset))
        statistics = np.zeros(kept), np.ones(kept)
        if layer.keeps_statistics:
            statistics = layer.running_mean.numpy(), layer.running_variance.numpy()
        fields = {
            **{"eps": 1e-5, "momentum": 0.1, "affine": True, "train": True},
            "running_mean": tensor(statistics[0], self._element),
            "running_var": tensor(statistics[1], self._element),
            "weight": weight,
            "bias": self._parameter(layer.beta.numpy()[:kept]),
        }
        return self._module(f"{self._backend}.SpatialBatchNormalization", fields, 2)

    def _parameter(self, values: np.ndarray) -> TorchTensor:
        offset = sum(map(len, self._values))
        self._values.append(values.ravel())
        return TorchTensor(self.flat, values.shape, None, offset)

    def _noise_fill(self) -> TorchObject:
        if self._name.startswith("published"):
            return self._module("nn.GenNoise", {})
        return self._module("nn.NoiseFill", {"num_noise_channels": self._depth, "mult": 1})

    def _pooling(self, ratio: int) -> TorchObject:
        fields = {"kW": ratio, "kH": ratio, "dW": ratio, "dH": ratio, "padW": 0, "padH": 0}
        kind = f"{self._backend}.SpatialAveragePooling"
        return self._module(kind, {**fields, "ceil_mode": False, "divide": True})

    def _padding(self, border: int) -> TorchObject:
        sides = ("pad_l", "pad_r", "pad_t", "pad_b")
        return self._module("nn.SpatialCircularPadding", dict.fromkeys(sides, border))

    def _upsampling(self) -> TorchObject:
        sizes = TorchStorage("Long", [16, 8, 8, 8])
        fields = {"scale_factor": 2, "inputSize": sizes, "outputSize": sizes}
        return self._module("nn.SpatialUpSamplingNearest", fields)

    def _module(self, kind: str, fields: dict, version: int = 1) -> TorchObject:
        fields = {**fields, "output": TorchTensor(None, element=self._element)}
        return TorchObject(kind, {**fields, "_type": f"torch.{self._element}Tensor"}, version)


def _sequential(modules: list[TorchObject]) -> TorchObject:
    return TorchObject("nn.Sequential", {"modules": modules})


def _concat(modules: list[TorchObject]) -> TorchObject:
    return TorchObject("nn.Concat", {"modules": modules, "dimension": 2})


def _walk(path: str, module: TorchObject) -> Iterator[tuple[str, TorchObject]]:
    yield path, module
    for number, part in zip(itertools.count(), module.fields.get("modules", [])):
        yield from _walk(f"{path}/{number}", part)
