"""One measurement of the same sampler in PyTorch: prints JSON.

Called by `benchmarks/ppgn.py`; needs PyTorch and NumPy alone.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.ppgn_layers import CONVOLUTIONS, CROP, DECONVOLUTIONS  # noqa: E402
from benchmarks.torch_side import bands, channels_last, product_rate, use_all_cores  # noqa: E402
from reproductions.ppgn.update import Epsilons, direction, move  # noqa: E402

CASES = ("class", "conv5", "inpainting", "caption")


class Sampler:
    """Steps of the sampler: G(h) is made once, and its image goes through CaffeNet once.

    Args:
        folder: holds what `ppgn_suite` wrote.
    """

    def __init__(self, folder: str):
        self._arrays, self._weights = np.load(Path(folder, "weights.npz")), {}
        self._inputs = dict(np.load(Path(folder, "inputs.npz")))
        self._bands = bands()
        self._mask, self._picture = (
            torch.from_numpy(self._inputs[name]).permute(0, 3, 1, 2) for name in ("mask", "picture")
        )
        self._language = None

    def codes(self, name: str = "codes") -> np.ndarray:
        """The codes that chains begin with, or those that all implementations must agree on."""
        return self._inputs[name]

    def epsilons(self, case: str) -> Epsilons:
        """The weights of the update."""
        return Epsilons(*self._inputs[f"{case}/epsilons"])

    def terms(self, h: np.ndarray, case: str) -> tuple[np.ndarray, ...]:
        """E(G(h)), the condition's gradient and, when inpainting, the context's."""
        h = torch.from_numpy(h.astype(np.float32)).requires_grad_()
        images = crop = self._generate(h)[:, :, CROP, CROP]
        if case == "inpainting":
            images = crop * self._mask + self._picture
        features, code = self._classify(images, "conv5" if case == "conv5" else "fc8")
        if case == "caption":
            (d_condition,) = torch.autograd.grad(self._caption(features), h)
            return code.numpy(), d_condition.numpy()
        with torch.no_grad():
            place = (..., 6, 6) if case == "conv5" else ...
            p = torch.softmax(features[place], 1)
            unit, diff = self._inputs["unit"][CASES.index(case)], torch.zeros_like(features)
            diff[:, unit][place] = 1 - p[:, unit]
            pull = (self._picture - crop) * (1 - self._mask) if case == "inpainting" else None
        (d_condition,) = torch.autograd.grad(features, h, diff, retain_graph=pull is not None)
        if pull is None:
            return code.numpy(), d_condition.numpy()
        (d_context,) = torch.autograd.grad(crop, h, pull)
        return code.numpy(), d_condition.numpy(), d_context.numpy()

    def stepper(self, case: str, chains: int) -> Callable[[], None]:
        """A function that makes one step of so many chains, in one call."""
        h, epsilons = list(np.split(self.codes()[:chains], chains)), self.epsilons(case)
        random = [np.random.RandomState(i) for i in range(chains)]

        def step():
            terms = self.terms(np.concatenate(h), case)
            for i in range(chains):
                code, d_condition, *d_context = (one[i : i + 1] for one in terms)
                noise = np.zeros_like(h[i])
                if epsilons.noise:
                    noise = random[i].normal(0, epsilons.noise, h[i].shape)
                d_prior = code - h[i]
                d_h = direction(d_prior, d_condition, noise, epsilons, *d_context)
                h[i] = move(h[i], d_h, 1.0)

        return step

    def _blob(self, name: str, lay_out=lambda tensor: tensor) -> torch.Tensor:
        if name not in self._weights:
            self._weights[name] = lay_out(torch.from_numpy(self._arrays[name]))
        return self._weights[name]

    def _layer(self, name: str, lay_out=lambda tensor: tensor) -> tuple[torch.Tensor, ...]:
        return self._blob(f"{name}/0", lay_out), self._blob(f"{name}/1")

    def _generate(self, h):
        x = h
        for name in ("defc7", "defc6", "defc5"):
            x = F.leaky_relu_(F.linear(x, *self._layer(f"generator/{name}")), 0.3)
        x = x.view(-1, 256, 4, 4).contiguous(memory_format=torch.channels_last)
        for name, stride in DECONVOLUTIONS:
            x = F.conv_transpose2d(x, *self._layer(f"generator/{name}", channels_last), stride, 1)
            x = x if name == "deconv0" else F.leaky_relu_(x, 0.3)
        return x

    def _classify(self, images, layer: str):
        """The layer before its ReLU, and the code; what is not climbed keeps nothing to go back."""
        x, features = images.contiguous(memory_format=torch.channels_last), None
        for number, (name, (stride, pad, groups)) in enumerate(CONVOLUTIONS.items(), 1):
            weights = self._layer(f"caffenet/{name}", channels_last)
            x = F.conv2d(x, *weights, stride, pad, groups=groups)
            if name == layer:
                features, x = x, x.detach().clone()
            x = F.relu_(x)
            if number in (1, 2, 5):
                x = F.max_pool2d(x, 3, 2)
            if number in (1, 2):
                root = torch.rsqrt(1 + F.conv2d(x * x, self._bands[x.shape[1]]))
                x = x * root * torch.sqrt(root)
        x = F.relu_(F.linear(x.flatten(1), *self._layer("caffenet/fc6")))
        code = x.detach()
        if features is None:
            x = F.relu_(F.linear(x, *self._layer("caffenet/fc7")))
            features = F.linear(x, *self._layer("caffenet/fc8"))
        return features, code

    def _caption(self, features):
        """The sum of the words' log p; gradients stay within a word."""
        sentence = torch.from_numpy(self._inputs["sentence"])
        before = [0, *sentence.tolist()[:-1]]
        if self._language is None:
            with torch.no_grad():
                x = self._blob("lrcn/embedding/0")[before][:, None]
                first = self._lstm("lstm1", F.linear(x, *self._layer("lrcn/lstm1")), before)
                # No image takes part in what the second takes from the first.
                self._language = F.linear(first, *self._layer("lrcn/lstm2"))
        gates = self._language + F.linear(features, self._blob("lrcn/lstm2/2"))
        scores = F.linear(self._lstm("lstm2", gates, before), *self._layer("lrcn/predict"))
        log = torch.log_softmax(scores, -1)
        return log[torch.arange(len(sentence)), :, sentence].sum()

    def _lstm(self, name: str, gates, before: list[int]):
        recurrent = self._blob(f"lrcn/{name}/{3 if name == 'lstm2' else 2}")
        h = c = torch.zeros_like(gates[0, :, :1000])
        outputs = []
        for gate, word in zip(gates, before, strict=True):
            if word:
                gate = gate + F.linear(h.detach(), recurrent)
            i, f, o, g = gate.chunk(4, -1)
            c = torch.sigmoid(f) * c.detach() * float(word > 0) + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)


def measure(steps: int, folder: str) -> dict:
    """Measures steps of each case, and of several chains of the class recipe.

    Args:
        steps: how many of each to time.
        folder: holds what `ppgn_suite` wrote; takes `torch.npz`, the terms of some codes.
    """
    use_all_cores()
    begin, result, found = time.perf_counter(), {}, {}
    sampler = Sampler(folder)
    for case in CASES:
        h, terms = sampler.codes("checked"), []
        for one in h:
            terms.append(sampler.terms(one[None], case))
            result.setdefault("first", time.perf_counter() - begin)
        code, d_condition, *d_context = map(np.concatenate, zip(*terms, strict=True))
        found |= {f"{case}/d_prior": code - h, f"{case}/d_condition": d_condition}
        if d_context:
            found[f"{case}/d_context"] = d_context[0]
        runs = [(case, 1, steps)]
        if case == "class":
            runs.append(("chains", len(sampler.codes()), steps // 2))
        for name, chains, count in runs:
            step = sampler.stepper(case, chains)
            step()
            seconds = [s / chains for s in time_calls(step, count)]
            result[name] = {"seconds": seconds, "memory": peak_memory()}
    np.savez(Path(folder, "torch.npz"), **found)
    result["matrix_product"] = product_rate()
    return result


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
