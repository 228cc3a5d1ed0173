"""One measurement of the same joint training in PyTorch: prints JSON.

Called by `benchmarks/ppgn_training.py`; needs PyTorch and NumPy alone. Pictures and kernels are
channels last, and Adam is the one of a single kernel.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.ppgn_layers import CONVOLUTIONS  # noqa: E402
from benchmarks.torch_side import bands, channels_last, product_rate, to_keras, use_all_cores  # noqa: E402

SLOPE, DROPOUT, EPSILON = 0.3, 0.5, 1e-8
#: Steps in the check that both compute the same, and pictures of each.
CHECKED = {"full": (2, 4), "quick": (2, 32)}


class CaffeNet:
    """E of the full setting, to pool5 and on to fc6. Its weights never change.

    Args:
        weights: by layer, as Caffe has them.
    """

    def __init__(self, weights: dict[str, list[torch.Tensor]]):
        kernel, bias = weights["fc6"]
        # The columns in the order of channels last.
        kernel = kernel.view(-1, 256, 6, 6).permute(0, 2, 3, 1).flatten(1).contiguous()
        self._weights = {
            name: (channels_last(w), b) for name, (w, b) in weights.items() if name != "fc6"
        }
        self._weights["fc6"] = kernel, bias
        self._bands = bands()

    def features(self, images):
        """h_1, of images less the mean."""
        x = images
        for number, (name, (stride, pad, groups)) in enumerate(CONVOLUTIONS.items(), 1):
            x = F.relu_(F.conv2d(x, *self._weights[name], stride, pad, groups=groups))
            if number in (1, 2, 5):
                x = F.max_pool2d(x, 3, 2)
            if number in (1, 2):
                root = torch.rsqrt(1 + F.conv2d(x * x, self._bands[x.shape[1]]))
                x = x * root * torch.sqrt(root)
        return x

    def code(self, features):
        """H, of h_1."""
        return F.relu_(F.linear(_flat(features), *self._weights["fc6"]))


class Classifier:
    """E of the quick setting, to pool2 and on to fc6. Its weights never change.

    Args:
        weights: by layer, as Keras has them.
    """

    def __init__(self, weights: dict[str, list[torch.Tensor]]):
        self._convolutions = [
            (channels_last(w.permute(3, 2, 0, 1)), b)
            for name, (w, b) in weights.items()
            if name.startswith("conv")
        ]
        kernel, bias = weights["fc6"]
        self._last = kernel.T.contiguous(), bias

    def features(self, images):
        """h_1, of images less the mean."""
        x = images / 127.5
        for weights in self._convolutions:
            x = F.max_pool2d(F.relu_(F.conv2d(x, *weights, padding=1)), 2)
        return x

    def code(self, features):
        """H, of h_1."""
        return F.relu_(F.linear(_flat(features), *self._last))


class Joint:
    """G and D with their optimisers, and E.

    Args:
        folder: holds what `ppgn_training_suite` wrote.
        setting: `full` or `quick`.
    """

    def __init__(self, folder: str, setting: str):
        settings = json.loads(Path(folder, f"{setting}.json").read_text())
        arrays, encoder = np.load(Path(folder, f"{setting}.npz")), {}
        self._shares, self._strides = settings["weights"], settings["strides"]
        self._mean = torch.from_numpy(arrays["mean"])
        #: All tensors that learn, by the names that the suite gives them.
        self.tensors = {}
        for key in arrays.files:
            player, _, name = key.partition("/")
            if player == "encoder":
                encoder.setdefault(name.split("/")[0], []).append(torch.from_numpy(arrays[key]))
            elif player in ("generator", "discriminator"):
                self.tensors[key] = _ordered(torch.from_numpy(arrays[key])).requires_grad_()
        self._encoder = (CaffeNet if setting == "full" else Classifier)(encoder)
        self._players = {
            player: [one for key, one in self.tensors.items() if key.startswith(player)]
            for player in ("generator", "discriminator")
        }
        self._layers = {
            player: list(dict.fromkeys(k.split("/")[1] for k in self.tensors if player in k))
            for player in self._players
        }
        #: Of G and of D.
        self.adams = [
            torch.optim.Adam(tensors, rate, settings["betas"], EPSILON, decay, fused=True)
            for tensors, rate, decay in zip(
                self._players.values(), settings["rates"], (0, settings["decay"]), strict=True
            )
        ]

    def step(self, pixels: np.ndarray, masks: list | None = None) -> list[float]:
        """Makes a step: D first, then G against what D is by then.

        Args:
            pixels: uint8, (n, height, width, channels), grey or RGB.
            masks: of D's two dropouts, for each of its three passes; None: they are drawn.

        Returns:
            The losses, in the order of `reproductions.ppgn.training.joint.Values`.
        """
        images = torch.from_numpy(pixels).flip(-1) - self._mean
        images = images.permute(0, 3, 1, 2)
        masks = masks or self._masks(len(pixels))
        of_image, of_features, of_code, of_adversarial = self._shares
        with torch.no_grad():
            features = self._encoder.features(images)
            code = self._encoder.code(features)
        made = self._generate(code)
        margin = (made.shape[2] - images.shape[2]) // 2
        if margin:
            made = made[:, :, margin:, margin:][:, :, : images.shape[2], : images.shape[3]]
        made_features = self._encoder.features(made)
        losses = (
            _half_squared(made, images),
            _half_squared(made_features, features),
            _half_squared(self._encoder.code(made_features), code),
        )

        generators_adam, discriminators_adam = self.adams
        real = _cross_entropy(self._says(images, masks[0]), 0)
        fake = _cross_entropy(self._says(made.detach(), masks[1]), 1)
        discriminators_adam.zero_grad()
        (of_adversarial * (real + fake)).backward()
        discriminators_adam.step()

        self._freeze(True)
        adversarial = _cross_entropy(self._says(made, masks[2]), 0)
        loss = of_image * losses[0] + of_features * losses[1] + of_code * losses[2]
        generators_adam.zero_grad()
        (loss + of_adversarial * adversarial).backward()
        generators_adam.step()
        self._freeze(False)
        return torch.stack([*losses, adversarial, real, fake]).tolist()

    def _freeze(self, frozen: bool) -> None:
        for tensor in self._players["discriminator"]:
            tensor.requires_grad_(not frozen)

    def _weights(self, player: str, name: str):
        return [self.tensors[f"{player}/{name}/{one}"] for one in ("kernel", "bias")]

    def _generate(self, code):
        x = code
        for name in self._layers["generator"]:
            weights = self._weights("generator", name)
            if name.startswith("defc"):
                x = F.linear(x, *weights)
            else:
                if x.ndim == 2:
                    channels = weights[0].shape[0]
                    side = round((x.shape[1] // channels) ** 0.5)
                    x = x.view(-1, side, side, channels).permute(0, 3, 1, 2)
                x = F.conv_transpose2d(x, *weights, 2 if name.startswith("deconv") else 1, 1)
            x = x if name == "deconv0" else F.leaky_relu_(x, SLOPE)
        return x

    def _says(self, images, masks):
        x = images
        *convolutions, fc6, fc7 = self._layers["discriminator"]
        for name, stride in zip(convolutions, self._strides, strict=True):
            x = F.relu_(F.conv2d(x, *self._weights("discriminator", name), stride))
        x = x.mean((2, 3)) * masks[0]
        x = F.relu_(F.linear(x, *self._weights("discriminator", fc6)))
        return F.linear(x * masks[1], *self._weights("discriminator", fc7))

    def _masks(self, batch: int) -> list:
        width = self.tensors["discriminator/Dfc6/kernel"].shape[0]
        return list((torch.rand(3, 2, batch, width) >= DROPOUT) / (1 - DROPOUT))


def _half_squared(a, b):
    return (a - b).square().sum() / (2 * len(a))


def _cross_entropy(logits, label: int):
    return -F.log_softmax(logits, -1)[:, label].mean()


def _flat(features):
    return features.permute(0, 2, 3, 1).flatten(1)


def _ordered(array: torch.Tensor) -> torch.Tensor:
    """From Keras's order of axes to PyTorch's: the last two come first, the last before."""
    if array.ndim == 4:
        return channels_last(array.permute(3, 2, 0, 1))
    return array.T.contiguous() if array.ndim == 2 else array


def check(folder: str, setting: str) -> dict:
    """Writes what must agree with this suite: losses of two steps, and the gradients of the first.

    Args:
        folder: holds `masks.npz` besides; takes `torch.npz`.
        setting: `full` or `quick`.
    """
    joint, losses, gradients = Joint(folder, setting), [], {}
    images = np.load(Path(folder, f"{setting}.npz"))["images"]
    drawn = np.load(Path(folder, "masks.npz"))
    steps, batch = CHECKED[setting]
    for number in range(steps):
        for adam in joint.adams:
            # Keras adds it before the second moment is corrected for its start at 0.
            group = adam.param_groups[0]
            group["eps"] = EPSILON / (1 - group["betas"][1] ** (number + 1)) ** 0.5
        masks = [[torch.from_numpy(drawn[f"{number}/{i}/{j}"]) for j in range(2)] for i in range(3)]
        losses.append(joint.step(images[number * batch :][:batch], masks))
        if number == 0:
            moments = {}
            for adam in joint.adams:
                moments |= {tensor: one["exp_avg"] for tensor, one in adam.state.items()}
            gradients = {key: to_keras(moments[one]).copy() for key, one in joint.tensors.items()}
    np.savez(Path(folder, "torch.npz"), losses=losses, **gradients)
    return {}


def time_steps(folder: str, setting: str, batch: int, count: int) -> dict:
    """Measures training steps.

    Args:
        folder: holds what `ppgn_training_suite` wrote.
        setting: `full` or `quick`.
        batch: pictures of a step.
        count: how many steps to time, after two others.
    """
    images, random = np.load(Path(folder, f"{setting}.npz"))["images"], np.random.default_rng(0)
    joint = Joint(folder, setting)

    def step():
        values = joint.step(images[random.integers(0, len(images), batch)])
        if not np.isfinite(values).all():
            raise SystemExit(f"a loss is not a number: {values}")

    begin = time.perf_counter()
    step()
    first = time.perf_counter() - begin
    step()
    return {"first": first, "seconds": time_calls(step, count), "memory": peak_memory()}


def main(task: str, *words: str) -> dict:
    """Makes one measurement; see `ppgn_training_suite`.

    Args:
        task: `rate`, `check` or `time`.
        *words: what follows.
    """
    use_all_cores()
    if task == "time":
        folder, setting, batch, count = words
        return time_steps(folder, setting, int(batch), int(count))
    if task == "rate":
        return {"matrix_product": product_rate()}
    return check(*words)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
