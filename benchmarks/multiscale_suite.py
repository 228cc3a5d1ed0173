"""One measurement of this suite's multiscale loss, in a process of its own: prints JSON.

Called by `benchmarks/multiscale.py`.
"""

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import numpy as np  # noqa: E402

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.suite_side import TEXTURE, product_rate  # noqa: E402
from common.autodiff import Evaluate, loss_and_gradient  # noqa: E402
from common.lbfgs import minimize  # noqa: E402
from common.vgg19_layers import LAYERS  # noqa: E402
from common.vgg19_pixels import preprocess  # noqa: E402
from common.vgg19_random import normalised, random_weights  # noqa: E402
from reproductions.multiscale.options import parse_synthesis  # noqa: E402
from reproductions.multiscale.sources import read_source  # noqa: E402
from reproductions.multiscale.start import make_start  # noqa: E402
from reproductions.multiscale.synthesis_run import texture_loss  # noqa: E402


class Problem(NamedTuple):
    """A texture to synthesise.

    Attributes:
        evaluate: from flat pixels to loss and gradient.
        start: the first image, (1, height, width, 3).
        source: the texture, likewise.
        weights: of VGG-19, by layer.
    """

    evaluate: Evaluate
    start: np.ndarray
    source: np.ndarray
    weights: dict


def problem(size: int, octaves: int, source_width: int) -> Problem:
    """A texture to synthesise with the default layers.

    Args:
        size: side of the image, pixels.
        octaves: as `--octaves`.
        source_width: as `--source-width`.
    """
    argv = ["-s", str(TEXTURE), "-ow", str(size), "-o", str(octaves), "-sw", str(source_width)]
    flags = parse_synthesis([*argv, "--random_seed", "0"])
    source = preprocess(read_source(TEXTURE, flags.source_width).pixels)[None]
    weights = normalised(random_weights(LAYERS[max(flags.layers)]), [source])
    start = make_start(flags)
    loss = loss_and_gradient(texture_loss(flags, weights, [source]), start.shape)
    return Problem(loss, start, source, weights)


def main(size: int, octaves: int, evaluations: int, exchange: str) -> dict:
    """Measures loss and gradient, and a few iterations of L-BFGS-B.

    Args:
        size: side of the image, pixels.
        octaves: as `--octaves`.
        evaluations: how many to time.
        exchange: an .npz file to write for the alternative: weights, source, start.
    """
    evaluate, start, source, weights = problem(size, octaves, 600 if octaves > 4 else 400)
    arrays = {f"{n}/{k}": v for n, pair in weights.items() for k, v in zip("kb", pair, strict=True)}
    np.savez(exchange, source=source, start=start, octaves=octaves, **arrays)

    pixels = start.ravel()
    loss, _ = evaluate(pixels)
    seconds = time_calls(lambda: evaluate(pixels), evaluations)
    result = {"loss": loss, "seconds": seconds, "memory": peak_memory()}

    spent = []

    def timed(x):
        begin = time.perf_counter()
        value = evaluate(x)
        spent.append(time.perf_counter() - begin)
        return value

    begin = time.perf_counter()
    minimize(timed, pixels, max(evaluations, 12), 1e-9, lambda *_: None)
    total = time.perf_counter() - begin
    result["optimiser_share"] = 1 - sum(spent) / total
    result["early"], result["late"] = spent[1], float(np.median(spent[-5:]))
    result["memory_of_run"] = peak_memory()
    result["matrix_product"] = product_rate(3)
    return result


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]), sys.argv[4])))
