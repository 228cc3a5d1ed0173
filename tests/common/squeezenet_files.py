"""Files as Deep Compression writes them, of any numbers."""

import math

import numpy as np

from common.squeezenet_file import convolutions


def encode(weights: dict, kept: dict | None = None) -> bytes:
    """Writes kernels, (side, side, in, out), whose values are places in a codebook of each.

    Args:
        weights: name -> kernel of at most 255 different values that are not 0, and bias.
        kept: numbers to claim instead of the true ones, by name.
    """
    counts, parts = [], []
    for name, _ in convolutions():
        kernel, bias = weights[name]
        flat = kernel.transpose(3, 2, 0, 1).ravel()
        codebook = np.zeros(256, np.float32)
        values = np.unique(flat[flat != 0])
        codebook[1 : 1 + len(values)] = values
        places, codes, last = [], [], -1
        for place in np.flatnonzero(flat):
            # A gap of more than 15 takes a value of 0 on its way.
            while place - last > 16:
                last += 16
                places.append(last)
                codes.append(0)
            last = int(place)
            places.append(last)
            codes.append(1 + int(np.searchsorted(values, flat[place])))
        gaps = np.diff([-1, *places]) - 1
        gaps = np.append(gaps, 0)[: len(places) + len(places) % 2].astype(np.uint8)
        halves = gaps[::2] | gaps[1::2] << 4
        counts.append((kept or {}).get(name, len(places)))
        parts += [codebook, bias.astype("<f4"), np.array(codes, np.uint8), halves]
    return np.array(counts, "<u4").tobytes() + b"".join(part.tobytes() for part in parts)


def some_weights(seed: int = 0, share: float = 0.02) -> dict:
    """Kernels of which few values are not 0, and biases."""
    random = np.random.RandomState(seed)
    weights = {}
    for name, (out, channels, side) in convolutions():
        count = math.prod((out, channels, side, side))
        values = random.standard_normal(9).astype(np.float32)
        flat = np.where(
            random.uniform(size=count) < share, values[random.randint(9, size=count)], 0
        )
        kernel = flat.astype(np.float32).reshape(side, side, channels, out)
        weights[name] = kernel, random.standard_normal(out).astype(np.float32)
    return weights
