"""One measurement of the same GANs in eager PyTorch, pictures channels last: prints JSON.

Called by `benchmarks/keras_gan.py`; needs PyTorch and NumPy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import cores, time_calls  # noqa: E402
from benchmarks.torch_side import to_keras, use_all_cores  # noqa: E402

SIDE, LATENT, FILTERS = 28, 100, 32
#: Kinds of Keras's layers with variables -> names of the PyTorch tensors of these, in its order.
_TENSORS = {
    nn.Linear: ("weight", "bias"),
    nn.Conv2d: ("weight", "bias"),
    nn.ConvTranspose2d: ("weight", "bias"),
    nn.BatchNorm1d: ("weight", "bias", "running_mean", "running_var"),
    nn.BatchNorm2d: ("weight", "bias", "running_mean", "running_var"),
}
#: Ways to train -> threads, and whether Adam is the one of a single kernel.
_WAYS = {
    "PyTorch": (cores(), False),
    "  with one thread": (1, False),
    "  with its fused Adam": (cores(), True),
}
_LEARNING_RATE, _BETAS, _EPSILON = 2e-4, (0.5, 0.999), 1e-7


class Crop(nn.Module):
    """Cuts pictures at the bottom and on the right.

    Args:
        side: that is left.
    """

    def __init__(self, side: int):
        super().__init__()
        self._side = side

    def forward(self, x):
        """(pictures, channels, height, width), of which the last two shrink."""
        return x[..., : self._side, : self._side]


class ChannelsFirst(nn.Module):
    """From flat pictures, channels last, to (pictures, channels, side, side) in the same memory.

    Args:
        side: of the pictures.
    """

    def __init__(self, side: int):
        super().__init__()
        self._side = side

    def forward(self, x):
        """(pictures, numbers)."""
        return x.view(len(x), self._side, self._side, -1).permute(0, 3, 1, 2)


class Flat(nn.Module):
    """The opposite of `ChannelsFirst`."""

    def forward(self, x):
        """(pictures, channels, height, width)."""
        return x.permute(0, 2, 3, 1).flatten(1)


def mlp() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator; both have flat pictures."""
    generator, width = [], LATENT
    for wider in (256, 512, 1024):
        # Keras's momentum is what stays.
        norm = nn.BatchNorm1d(wider, eps=1e-3, momentum=1 - 0.8)
        generator += [nn.Linear(width, wider), nn.LeakyReLU(0.2, inplace=True), norm]
        width = wider
    discriminator, size = [], SIDE**2
    for narrower in (512, 256):
        discriminator += [nn.Linear(size, narrower), nn.LeakyReLU(0.2, inplace=True)]
        size = narrower
    return (
        nn.Sequential(*generator, nn.Linear(width, SIDE**2), nn.Tanh()),
        nn.Sequential(*discriminator, nn.Linear(size, 1)),
    )


def dcgan() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator; both have flat pictures."""
    sides = [SIDE]
    while sides[-1] > 4:
        sides.append((sides[-1] + 1) // 2)
    discriminator, channels = [ChannelsFirst(SIDE)], 1
    for level, side in enumerate(sides[:-1]):
        filters = FILTERS * 2**level
        # "same" in Keras: what an even side lacks more is added at the bottom and on the right.
        low = 2 if side % 2 else 1
        convolution = nn.Conv2d(channels, filters, 5, stride=2, bias=not level)
        norm = [nn.BatchNorm2d(filters, eps=1e-5, momentum=1 - 0.9)] if level else []
        activation = nn.LeakyReLU(0.2, inplace=True)
        discriminator += [nn.ZeroPad2d((low, 2, low, 2)), convolution, *norm, activation]
        channels = filters
    numbers = channels * sides[-1] ** 2
    discriminator += [Flat(), nn.Linear(numbers, 1)]

    def normalized(filters: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(filters, eps=1e-5, momentum=1 - 0.9), nn.ReLU(inplace=True)]

    generator = [nn.Linear(LATENT, numbers, bias=False), ChannelsFirst(sides[-1])]
    generator += normalized(channels)
    for level in reversed(range(len(sides) - 1)):
        filters = FILTERS * 2 ** (level - 1) if level else 1
        # One pixel is cut at the top and on the left, as Keras does, and the rest by `Crop`:
        # padding=2 with output_padding=1 has the right size, and all is a pixel off.
        double = nn.ConvTranspose2d(channels, filters, 5, 2, padding=1, bias=not level)
        generator += [double, Crop(sides[level]), *(normalized(filters) if level else [])]
        channels = filters
    generator += [nn.Tanh(), Flat()]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


class Players:
    """A generator and a discriminator with the written weights, and their optimisers.

    Args:
        architecture: of both.
        folder: holds what `keras_gan_suite` wrote.
        fused: use PyTorch's Adam that is one kernel; it is not the default.
    """

    def __init__(self, architecture: str, folder: str, fused: bool = False):
        pair = {"mlp": mlp, "dcgan": dcgan}[architecture]()
        self._generator, self._discriminator = (
            model.to(memory_format=torch.channels_last) for model in pair
        )
        arrays = np.load(Path(folder, "weights.npz"))
        #: All tensors by the names that the suite gives them.
        self.tensors = {}
        for name, model in zip(("generator", "discriminator"), pair, strict=True):
            keys = sorted(key for key in arrays if key.startswith(f"{architecture}/{name}/"))
            tensors = [
                tensor
                for module in model
                for kind in _TENSORS.get(type(module), ())
                if (tensor := getattr(module, kind)) is not None
            ]
            self.tensors |= dict(zip(keys, tensors, strict=True))
        for key, tensor in self.tensors.items():
            array = _ordered(arrays[key])
            if array.shape != tensor.shape:
                raise SystemExit(f"{key} has the shape {array.shape}, not {tensor.shape}")
            tensor.data.copy_(torch.from_numpy(array))
        settings = {"lr": _LEARNING_RATE, "betas": _BETAS, "eps": _EPSILON}
        settings |= {"fused": True} if fused else {}
        self.adams = [torch.optim.Adam(model.parameters(), **settings) for model in pair]

    def iterate(self, reals, latents):
        """An iteration of Algorithm 1 with k=1.

        Args:
            reals: flat, (pictures, numbers).
            latents: (2, pictures, latent), of the discriminator's step and the generator's.

        Returns:
            The losses of the discriminator and of the generator.
        """
        generators_adam, discriminators_adam = self.adams
        with torch.no_grad():
            fakes = self._generator(latents[0])
        loss = F.softplus(-self._discriminator(reals)).mean()
        loss = loss + F.softplus(self._discriminator(fakes)).mean()
        discriminators_adam.zero_grad()
        loss.backward()
        discriminators_adam.step()

        self._discriminator.requires_grad_(False)
        generators_loss = F.softplus(-self._discriminator(self._generator(latents[1]))).mean()
        generators_adam.zero_grad()
        generators_loss.backward()
        generators_adam.step()
        self._discriminator.requires_grad_(True)
        return loss.detach(), generators_loss.detach()


def _ordered(array: np.ndarray) -> np.ndarray:
    """From Keras's order of axes to PyTorch's: the last two come first, the last before."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T)


def check(folder: str, flags: dict) -> dict:
    """Writes what must agree with this suite: losses of iterations, and the weights after them.

    Args:
        folder: takes `torch.npz`.
        flags: of the benchmark.
    """
    given, found = np.load(Path(folder, "given.npz")), {}
    for architecture in flags["architectures"]:
        players, losses = Players(architecture, folder), []
        steps = zip(given["reals"], given["latents"], strict=True)
        for number, ((reals,), latents) in enumerate(steps, 1):
            for adam in players.adams:
                # Keras adds it before the second moment is corrected for its start at 0.
                adam.param_groups[0]["eps"] = _EPSILON / (1 - _BETAS[1] ** number) ** 0.5
            flat = torch.from_numpy(reals).flatten(1)
            losses.append([float(v) for v in players.iterate(flat, torch.from_numpy(latents))])
        found[f"{architecture}/losses"] = np.array(losses)
        found |= {key: to_keras(tensor) for key, tensor in players.tensors.items()}
    np.savez(Path(folder, "torch.npz"), **found)
    return {}


def time_training(folder: str, flags: dict, architecture: str) -> dict:
    """Measures training in several ways.

    Returns:
        For each way and batch size the seconds of the first iterations, and seconds per iteration
        of the others.
    """
    images = torch.from_numpy(np.load(Path(folder, "images.npy"))).flatten(1)
    images, chunk = images.to(torch.float32) / 127.5 - 1, flags["chunk"]
    result = {way: {} for way in _WAYS}
    for batch in flags["batch_sizes"][architecture]:
        for way, (threads, fused) in _WAYS.items():
            torch.set_num_threads(threads)
            players = Players(architecture, folder, fused)

            def iterations(players=players, batch=batch):
                sums = torch.zeros(2)
                for _ in range(chunk):
                    reals = images[torch.randint(len(images), (batch,))]
                    losses = players.iterate(reals, torch.randn(2, batch, LATENT))
                    sums += torch.stack(losses)
                return sums.tolist()

            (first,) = time_calls(iterations, 1)
            count = max(1, flags["iterations"][architecture] // chunk)
            seconds = [s / chunk for s in time_calls(iterations, count)]
            result[way][str(batch)] = {"first": first, "seconds": seconds}
    return result


def main(folder: str, task: str) -> dict:
    """Makes one measurement.

    Args:
        folder: holds what `keras_gan_suite` wrote, and the flags.
        task: `check`, or the architecture to train.
    """
    use_all_cores()
    flags = json.loads(Path(folder, "flags.json").read_text())
    if task == "check":
        return check(folder, flags)
    return time_training(folder, flags, task)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
