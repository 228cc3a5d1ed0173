"""Speed and memory of multiscale synthesis, against PyTorch and the machine's matrix product.

python benchmarks/multiscale.py [--torch_python PYTHON]
"""

import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from benchmarks.compare import SUITE, TORCH, begin, best_product, in_turn, median, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402
from common.vgg19_layers import channels, convolutions  # noqa: E402

_SCRIPTS = {SUITE: "multiscale_suite.py", TORCH: "multiscale_torch.py"}
#: Of the defaults: the layers pool1 and conv3_2.
_DEEPEST, _GRAMS = "conv3_2", {"conv1_2": 64, "conv3_2": 256}


def flop(side: int, octaves: int) -> float:
    """Multiplications and additions of one loss and gradient with the default layers.

    Convolutions and Gram matrices count, each forward and once backward.
    """
    total = 0
    for _ in range(octaves):
        n = side
        for name in convolutions(_DEEPEST):
            n = (n // 2 if name.endswith("_1") and name != "conv1_1" else n) - 2
            fan_in, width = channels(name)
            total += 2 * 2 * 9 * fan_in * width * n**2
            if name in _GRAMS:
                pixels = (n // 2) ** 2 if name == "conv1_2" else n**2
                total += 2 * 2 * _GRAMS[name] ** 2 * pixels
        side = (side - 5) // 2 + 1
    return total


def benchmark(
    side: int, octaves: int, evaluations: int, rounds: int, pythons: dict[str, str]
) -> None:
    """Measures one size, this suite and PyTorch in turn, and prints a row each."""
    with tempfile.TemporaryDirectory() as folder:
        words = side, octaves, evaluations, Path(folder, "exchange.npz")
        runs = in_turn(rounds, pythons, lambda who: measure(pythons[who], _SCRIPTS[who], *words))
    suite, every = runs[SUITE], [run for measured in runs.values() for run in measured]
    best = best_product(every)
    print(f"\n{side}x{side}, {octaves} octaves, layers 2 7: {flop(side, octaves) / 1e9:.1f} GFLOP")
    print(f"  matrix product, best: {best:.0f} GFLOP/s")
    print("  who          s/evaluation    GFLOP/s   of product   peak GiB")
    medians = {who: median(measured) for who, measured in runs.items()}
    for who, measured in runs.items():
        rate = flop(side, octaves) / medians[who] / 1e9
        memory = max(run["memory"] for run in measured)
        print(f"  {who:10s} {medians[who]:14.3f} {rate:10.0f} {rate / best:12.0%} {memory:10.2f}")
    if TORCH in runs:
        print(f"  ratio (this suite / PyTorch): {medians[SUITE] / medians[TORCH]:.2f}")
        losses = [run["loss"] for run in every]
        print(f"  losses agree to {max(losses) / min(losses) - 1:.1e}")
    print(f"  peak with L-BFGS-B: {max(m['memory_of_run'] for m in suite):.2f} GiB")
    shares = [m["optimiser_share"] for m in suite]
    early, late = (statistics.median(m[k] for m in suite) for k in ("early", "late"))
    print(f"  SciPy and Python: {statistics.median(shares):.1%} of the optimisation's time")
    print(f"  2nd evaluation {early:.3f} s, last five {late:.3f} s", flush=True)


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__)
    flags_of.add_argument("--evaluations", type=int, default=10, help="timed in each process")
    flags = flags_of.parse_args()
    pythons = begin(flags.torch_python)
    for side in (288, 512):
        benchmark(side, 4, flags.evaluations, flags.rounds, pythons)
    benchmark(1024, 5, 3, 1, pythons)


if __name__ == "__main__":
    main()
