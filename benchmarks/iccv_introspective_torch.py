"""One measurement of the same steps in PyTorch, channels last: prints JSON.

Called by `benchmarks/iccv_introspective.py`; needs PyTorch and NumPy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.torch_side import product_rate, use_all_cores  # noqa: E402

WIDTHS, PATCH = (64, 128, 256, 512), 64


class Dcgan(nn.Module):
    """The discriminator, with the weights of this suite's.

    TensorFlow pads 5x5 convolutions of stride 2 by 1 before and 2 after. On patches that are
    turned by 180 degrees, with kernels turned likewise, a padding of 2 on all sides is the same.
    """

    def __init__(self, arrays):
        super().__init__()
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        depth = 3
        for number, width in enumerate(WIDTHS):
            layer = nn.Conv2d(depth, width, 5, 2, 2)
            _fill(layer.weight, arrays[f"conv{number}/kernel"][::-1, ::-1].transpose(3, 2, 0, 1))
            _fill(layer.bias, arrays[f"conv{number}/bias"])
            self.convolutions.append(layer)
            if number:
                norm = nn.BatchNorm2d(width, eps=1e-5, momentum=0.1)
                names = ("gamma", "beta", "moving_mean", "moving_variance")
                places = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
                for name, place in zip(names, places, strict=True):
                    _fill(place, arrays[f"norm{number}/{name}"])
                self.norms.append(norm)
            depth = width
        kernel = arrays["logits/kernel"]
        side = PATCH // 2 ** len(WIDTHS)
        turned = kernel.reshape(side, side, depth, -1)[::-1, ::-1].reshape(kernel.shape)
        self.logits = nn.Linear(*kernel.shape)
        _fill(self.logits.weight, turned.T)
        _fill(self.logits.bias, arrays["logits/bias"])

    def forward(self, x):
        """From turned patches, [-1, 1], to logits."""
        for number, layer in enumerate(self.convolutions):
            x = layer(x)
            x = self.norms[number - 1](x) if number else x
            x = F.leaky_relu_(x, 0.2)
        return self.logits(x.permute(0, 2, 3, 1).flatten(1))


def _fill(place, array):
    with torch.no_grad():
        place.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def cut(images, picture, boxes):
    """Cuts patches out as crop_and_resize does, turned by 180 degrees.

    Args:
        images: (images, 3, height, width).
        picture: of each patch, NumPy, (count,).
        boxes: of each patch, NumPy, (count, 4): y, x, y, x of two corners; 1 is the centre of
            the last pixel.

    Returns:
        (count, 3, PATCH, PATCH), channels last.
    """
    # One grid per image, so that no image is held twice: room for its patches, some to spare.
    counts = np.bincount(picture, minlength=len(images))
    order = np.argsort(picture, kind="stable")
    place = np.empty(len(picture), np.int64)
    place[order] = np.arange(len(picture)) - (np.cumsum(counts) - counts)[picture[order]]
    most = int(counts.max())
    y0, x0, y1, x1 = torch.from_numpy(2 * boxes - 1).T[..., None]
    steps = torch.linspace(1, 0, PATCH)
    y, x = y0 + steps * (y1 - y0), x0 + steps * (x1 - x0)
    shape = (len(picture), PATCH, PATCH)
    grid = torch.zeros(len(images), most, PATCH, PATCH, 2)
    grid[picture, place] = torch.stack([x[:, None].expand(shape), y[..., None].expand(shape)], -1)
    samples = F.grid_sample(images, grid.flatten(1, 2), align_corners=True)
    samples = samples.unflatten(2, (most, PATCH)).transpose(1, 2)
    return samples[picture, place].contiguous(memory_format=torch.channels_last)


def main(folder: str) -> dict:
    """Measures the steps that `iccv_introspective_suite` wrote to `exchange.npz`."""
    use_all_cores()
    arrays = dict(np.load(Path(folder, "exchange.npz")))
    model = Dcgan(arrays).to(memory_format=torch.channels_last)
    pictures = torch.from_numpy(arrays["pictures"]).permute(0, 3, 1, 2).contiguous()
    slots = torch.from_numpy(arrays["slots"]).long()
    draws = list(zip(arrays["picture"], arrays["boxes"], strict=True))
    losses = {"learning": [], "synthesis": []}

    images = (pictures[slots] / 127.5 - 1).requires_grad_()
    adam = torch.optim.Adam([images], 0.01, (0.5, 0.999), fused=True)
    ones = torch.ones(len(draws[0][0]), dtype=torch.long)

    def synthesize():
        adam.zero_grad()
        patches = cut(images, *draws[len(losses["synthesis"])])
        loss = F.cross_entropy(model(patches), ones)
        loss.backward()
        adam.step()
        with torch.no_grad():
            images.clamp_(-1, 1)
        losses["synthesis"].append(float(loss))

    sgd = torch.optim.SGD(model.parameters(), 0.01)

    def learn():
        picture, boxes = draws[len(losses["learning"])]
        patches = cut(pictures[slots].float(), picture, boxes) / 127.5 - 1
        labels = torch.from_numpy(arrays["labels"][picture]).long()
        sgd.zero_grad()
        logits = model(patches)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        sgd.step()
        losses["learning"].append(float(loss))
        return float((logits.argmax(1) == labels).float().mean())

    result, count = {}, len(draws) - 1
    for name, call in (("synthesis", synthesize), ("learning", learn)):
        model.train(name == "learning").requires_grad_(name == "learning")
        call()
        result[name] = time_calls(call, count)
        result[f"{name}_loss"] = losses[name][0]
    result["memory"] = peak_memory()
    result["matrix_product"] = product_rate(3)
    return result


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
