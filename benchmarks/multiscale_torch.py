"""One measurement of the same loss in PyTorch, channels last: prints JSON.

Called by `benchmarks/multiscale.py`; needs PyTorch and NumPy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.torch_side import product_rate  # noqa: E402

LAYERS = ["conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "conv3_1", "conv3_2"]
STYLE = ("pool1", "conv3_2")
TAPS = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05])


def _image(array):
    tensor = torch.from_numpy(np.asarray(array, np.float32)).permute(0, 3, 1, 2)
    return tensor.contiguous(memory_format=torch.channels_last)


def _reduce(x):
    x = F.conv2d(x, TAPS.view(1, 1, 5, 1).expand(3, 1, 5, 1), stride=(2, 1), groups=3)
    return F.conv2d(x, TAPS.view(1, 1, 1, 5).expand(3, 1, 1, 5), stride=(1, 2), groups=3)


def _grams(x, weights, octaves):
    grams = []
    for octave in range(octaves):
        x = _reduce(x) if octave else x
        features = x
        for name in LAYERS:
            if name in weights:
                features = F.relu_(F.conv2d(features, *weights[name]))
            else:
                features = F.avg_pool2d(features, 2)
            if name in STYLE:
                frames, channels, height, width = features.shape
                flat = features.permute(0, 2, 3, 1).reshape(frames, height * width, channels)
                grams.append(flat.transpose(1, 2) @ flat / (height * width) / channels)
    return grams


def main(size: int, octaves: int, evaluations: int, exchange: str) -> dict:
    """Measures loss and gradient on what `multiscale_suite` wrote to `exchange`."""
    del size
    arrays = np.load(exchange)
    weights = {}
    for name in LAYERS:
        if f"{name}/k" in arrays:
            kernel = torch.from_numpy(arrays[f"{name}/k"].transpose(3, 2, 0, 1).copy())
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            weights[name] = (kernel, torch.from_numpy(arrays[f"{name}/b"]))
    with torch.no_grad():
        targets = _grams(_image(arrays["source"]), weights, octaves)
    start = arrays["start"].ravel()

    def evaluate():
        x = _image(start.reshape(arrays["start"].shape)).requires_grad_()
        loss = sum(((t - g) ** 2).sum() for t, g in zip(targets, _grams(x, weights, octaves)))  # noqa: B905
        loss.backward()
        gradient = x.grad.permute(0, 2, 3, 1).reshape(-1).double().numpy()
        return float(loss), gradient

    loss, _ = evaluate()
    seconds = time_calls(evaluate, evaluations)
    result = {"loss": loss, "seconds": seconds, "memory": peak_memory()}
    result["matrix_product"] = product_rate(3)
    return result


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]), sys.argv[4])))
