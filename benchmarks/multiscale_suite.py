"""One measurement of this suite's multiscale loss, in a process of its own: prints JSON.

Called by `benchmarks/multiscale.py`.
"""

import json
import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_tensorflow

import_tensorflow()

import numpy as np  # noqa: E402

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.tensorflow_side import TEXTURE, product_rate  # noqa: E402
from common.autodiff import loss_and_gradient  # noqa: E402
from common.lbfgs import minimize  # noqa: E402
from common.vgg19_layers import LAYERS  # noqa: E402
from common.vgg19_pixels import preprocess  # noqa: E402
from common.vgg19_random import normalised, random_weights  # noqa: E402
from reproductions.multiscale.options import parse_synthesis  # noqa: E402
from reproductions.multiscale.sources import read_source  # noqa: E402
from reproductions.multiscale.start import make_start  # noqa: E402
from reproductions.multiscale.synthesis_run import texture_loss  # noqa: E402


def main(size: int, octaves: int, evaluations: int, exchange: str) -> dict:
    """Measures loss and gradient, and a few iterations of L-BFGS-B.

    Args:
        size: side of the image, pixels.
        octaves: as `--octaves`.
        evaluations: how many to time.
        exchange: an .npz file to write for the alternative: weights, source, start.
    """
    argv = ["-s", str(TEXTURE), "-ow", str(size), "-o", str(octaves), "--random_seed", "0"]
    flags = parse_synthesis([*argv, "-sw", str(600 if octaves > 4 else 400)])
    image = preprocess(read_source(TEXTURE, flags.source_width).pixels)[None]
    weights = normalised(random_weights(LAYERS[max(flags.layers)]), [image])
    start = make_start(flags)
    arrays = {f"{n}/{k}": v for n, pair in weights.items() for k, v in zip("kb", pair, strict=True)}
    np.savez(exchange, source=image, start=start, octaves=octaves, **arrays)

    evaluate = loss_and_gradient(texture_loss(flags, weights, [image]), start.shape)
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
