"""One measurement of the same generators and training step in PyTorch, channels last: prints JSON.

Called by `benchmarks/texture_nets.py`; needs PyTorch and NumPy alone.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import peak_memory, timed  # noqa: E402
from benchmarks.torch_side import product_rate, use_all_cores  # noqa: E402
from common.vgg19_layers import LAYERS, MEAN_BGR  # noqa: E402

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


class Wrap(torch.autograd.Function):
    """A circular border of one pixel: `F.pad` and `torch.cat` take longer, above all backward."""

    @staticmethod
    def forward(ctx, x):
        """(images, channels, height, width) to two rows and two columns more."""
        images, channels, height, width = x.shape
        shape = (images, channels, height + 2, width + 2)
        y = torch.empty(shape, memory_format=torch.channels_last)
        y[..., 1:-1, 1:-1] = x
        y[..., 0, 1:-1], y[..., -1, 1:-1] = x[..., -1, :], x[..., 0, :]
        y[..., 0], y[..., -1] = y[..., -2], y[..., 1]
        return y

    @staticmethod
    def backward(ctx, upstream):
        """Adds the border's gradient to that of the opposite side; `upstream` stays as it is."""
        slope = upstream[..., 1:-1].clone(memory_format=torch.channels_last)
        slope[..., -1] += upstream[..., 0]
        slope[..., 0] += upstream[..., -1]
        slope[..., -2, :] += slope[..., 0, :]
        slope[..., 1, :] += slope[..., -1, :]
        return slope[..., 1:-1, :]


class TextureLoss(torch.autograd.Function):
    """The mean squared difference of Gram matrices; its gradient has an L1 norm of 1."""

    @staticmethod
    def forward(ctx, features, target):
        """Features (images, channels, height, width), target (channels, channels)."""
        difference = gram(features) - target
        ctx.save_for_backward(features, difference)
        return difference.square().mean()

    @staticmethod
    def backward(ctx, upstream):
        """With respect to the features alone."""
        features, difference = ctx.saved_tensors
        images, channels, height, width = features.shape
        slope = torch.bmm(_flat(features), difference)
        factor = 4 / (images * channels**2 * height * width * channels)
        norm = torch.linalg.vector_norm(slope, 1) * factor
        slope *= upstream * factor / (norm + 1e-8)
        return slope.view(images, height, width, channels).permute(0, 3, 1, 2), None


def _flat(features):
    images, channels, height, width = features.shape
    return features.permute(0, 2, 3, 1).reshape(images, height * width, channels)


def gram(features):
    """Gram matrices of each image, divided by pixels and channels."""
    flat = _flat(features)
    return torch.bmm(flat.transpose(1, 2), flat) / flat[0].numel()


class Pyramid:
    """A pyramid generator, in weights as this suite names them.

    Args:
        name: of the generator.
        folder: holds what `texture_nets_suite` wrote.
        trained: whether its weights get gradients, and statistics are noted.
        compiled: whether to use `torch.compile`.
    """

    def __init__(self, name: str, folder: str, trained: bool = False, compiled: bool = False):
        self._weights, self._trained = {}, trained
        self._run = torch.compile(self._generate, dynamic=False) if compiled else self._generate
        for key, array in np.load(Path(folder, "weights.npz")).items():
            network, _, variable = key.partition("/")
            if network == name:
                self._weights[variable] = _tensor(array)
        scales = sum(k.startswith("scale") and k.endswith("conv1/kernel") for k in self._weights)
        self._ratios = [2**i for i in reversed(range(scales))]
        self._published = name == "published_style"
        #: Weights that have a gradient: no constants that the next normalisation removes.
        self.trained = {
            key: tensor.requires_grad_()
            for key, tensor in self._weights.items()
            if trained
            and key.split("/")[1] in ("kernel", "gamma", "beta", "bias")
            and not (key.endswith("bias") and "conv" in key)
            and not (key.endswith("beta") and ("stream" in key or "own" in key))
        }

    def draw(self, images: int, height: int, width: int) -> list[torch.Tensor]:
        """Noise of all scales, coarse to fine."""
        return [
            torch.rand(images, height // ratio, width // ratio, 3).permute(0, 3, 1, 2)
            for ratio in self._ratios
        ]

    def __call__(self, noise, image=None):
        """From noise, and an image if it stylises, to images, BGR minus the mean."""
        return self._run(noise, image)

    def _generate(self, noise, image):
        stream = None
        for number, (ratio, own) in enumerate(zip(self._ratios, noise, strict=True), 1):
            if image is not None:
                small = F.avg_pool2d(image, ratio) if ratio > 1 else image
                own = torch.cat([small, own], 1)
            own = self._group(own, f"scale{number}")
            if stream is None:
                stream = own
                continue
            stream = F.interpolate(stream, scale_factor=2, mode="nearest")
            stream = self._normalize(stream, f"merge{number}_stream")
            own = self._normalize(own, f"merge{number}_own")
            stream = self._group(torch.cat([stream, own], 1), f"merge{number}")
        if self._published:
            stream = Wrap.apply(stream[..., 1:-1, 1:-1])
        return F.conv2d(stream, self._weights["colours/kernel"], self._weights["colours/bias"])

    def _group(self, x, name: str):
        number = 1
        while (kernel := self._weights.get(f"{name}_conv{number}/kernel")) is not None:
            bias = self._weights[f"{name}_conv{number}/bias"] if self._trained else None
            x = F.conv2d(Wrap.apply(x) if kernel.shape[-1] == 3 else x, kernel, bias)
            x = F.leaky_relu_(self._normalize(x, f"{name}_conv{number}_norm"), 0.01)
            number += 1
        return x

    def _normalize(self, x, name: str):
        gamma, beta = self._weights[f"{name}/gamma"], self._weights[f"{name}/beta"]
        kept = [self._weights.get(f"{name}/running_{n}") for n in ("mean", "variance")]
        kept = kept if self._trained else (None, None)
        return F.batch_norm(x, *kept, gamma, beta, True, 0.1, 1e-5)


def _tensor(array):
    """Kernels and images to PyTorch's order of axes, and channels last in memory."""
    if array.ndim != 4:
        return torch.from_numpy(array)
    # Of an image the axes are (images, height, width, channels), of a kernel the last is out.
    return torch.from_numpy(array.transpose(3, 2, 0, 1)).contiguous(
        memory_format=torch.channels_last
    )


def _images(array):
    return torch.from_numpy(np.ascontiguousarray(array)).permute(0, 3, 1, 2)


class Objective:
    """The sum of the texture losses in VGG-19 with max pooling.

    Args:
        folder: holds what `texture_nets_suite` wrote.
        no_pad: whether convolutions have no border.
    """

    def __init__(self, folder: str, no_pad: bool):
        arrays = np.load(Path(folder, "weights.npz"))
        self._border, self._weights = 0 if no_pad else 1, {}
        for name in LAYERS[: LAYERS.index(STYLE[-1]) + 1]:
            if name.startswith("conv"):
                self._weights[name] = [_tensor(arrays[f"vgg19/{name}/{v}"]) for v in "kb"]
        with torch.no_grad():
            self._targets = [gram(f)[0] for f in self._features(_images(arrays["target"]))]

    def __call__(self, images):
        """The loss of a batch."""
        features = self._features(images)
        return sum(map(TextureLoss.apply, features, self._targets))

    def _features(self, x):
        found = []
        for name in LAYERS[: LAYERS.index(STYLE[-1]) + 1]:
            if name in self._weights:
                x = F.relu_(F.conv2d(x, *self._weights[name], padding=self._border))
            else:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            if name in STYLE:
                found.append(x)
        return found


def pictures(images) -> np.ndarray:
    """BGR minus the mean to RGB, uint8, as this suite's samples."""
    rgb = (images.permute(0, 2, 3, 1) + torch.tensor(MEAN_BGR)).flip(-1)
    return rgb.clamp_(0, 255).to(torch.uint8).numpy()


def train(folder: str, flags: dict, no_pad: bool) -> dict:
    """Measures steps of training."""
    generator, objective = Pyramid("pyramid", folder, True), Objective(folder, no_pad)
    adam = torch.optim.Adam(generator.trained.values(), lr=0.1, eps=1e-8, foreach=True)

    def step():
        noise = generator.draw(flags["batch_size"], *[flags["image_size"]] * 2)
        loss = objective(generator(noise))
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return float(loss.detach())

    return {**timed(step, flags["steps"]), "matrix_product": product_rate()}


@torch.inference_mode()
def sample(folder: str, flags: dict) -> dict:
    """Measures samples of several sizes."""
    generator, result = Pyramid("pyramid", folder, compiled=flags["compile"]), {}
    for side in flags["sides"]:
        result[str(side)] = timed(
            lambda n=side: pictures(generator(generator.draw(1, n, n))), flags["calls"]
        )
    return {**result, "matrix_product": product_rate()}


@torch.inference_mode()
def stylize(folder: str, flags: dict) -> dict:
    """Measures the stylising of a picture."""
    generator = Pyramid("published_style", folder, compiled=flags["compile"])
    width, height = flags["picture"]
    picture = np.random.RandomState(0).uniform(size=(height, width, 3)).astype(np.float32)

    def call():
        pictures(generator(generator.draw(1, height, width), _images(picture[None])))

    return timed(call, flags["calls"])


@torch.inference_mode()
def large(folder: str, flags: dict) -> dict:
    """Measures one large sample, in one piece."""
    generator, side = Pyramid("pyramid", folder), flags["large"]
    begin = time.perf_counter()
    pictures(generator(generator.draw(1, side, side)))
    return {"seconds": [time.perf_counter() - begin], "memory": peak_memory()}


def check(folder: str, flags: dict) -> dict:
    """Writes what must agree with this suite: a sample, a stylised picture, losses, gradients."""
    given, found = np.load(Path(folder, "given.npz")), {}
    noise = [_images(given[f"noise{i}"]) for i in range(6)]
    with torch.inference_mode():
        found["sample"] = Pyramid("pyramid", folder)(noise)
        style = Pyramid("published_style", folder)
        found["stylized"] = style(noise[1:], _images(given["picture"]))
    for name, no_pad in (("padded", False), ("no_pad", True)):
        generator, objective = Pyramid("pyramid", folder, True), Objective(folder, no_pad)
        images = generator(noise)
        images.retain_grad()
        loss = objective(images)
        loss.backward()
        found[f"{name}/loss"] = loss.detach()
        found[f"{name}/images"] = images.grad
        for key, tensor in generator.trained.items():
            found[f"{name}/{key}"] = tensor.grad
    arrays = {k: _back(k, v) for k, v in found.items()}
    np.savez(Path(folder, "torch.npz"), **arrays)
    return {}


def _back(key: str, tensor) -> np.ndarray:
    if tensor.ndim == 4:
        tensor = tensor.permute(*((2, 3, 1, 0) if key.endswith("kernel") else (0, 2, 3, 1)))
    return tensor.numpy()


def main(folder: str, task: str) -> dict:
    """Makes one measurement.

    Args:
        folder: holds what `texture_nets_suite` wrote, and the flags.
        task: what to measure.
    """
    use_all_cores()
    flags = json.loads(Path(folder, "flags.json").read_text())
    if task.startswith("train"):
        return train(folder, flags, task == "train_no_pad")
    return {"sample": sample, "stylize": stylize, "large": large, "check": check}[task](
        folder, flags
    )


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
