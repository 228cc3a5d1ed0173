"""Speed and memory of multiscale synthesis, against PyTorch and the machine's matrix product.

python benchmarks/multiscale.py [--torch_python PYTHON]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from benchmarks.machine import describe, has_torch, measure  # noqa: E402
from common.vgg19_layers import channels, convolutions  # noqa: E402

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


def benchmark(side: int, octaves: int, evaluations: int, rounds: int, torch: str | None) -> None:
    """Measures one size, this suite and PyTorch in turn, and prints a row each."""
    suite, other = [], []
    with tempfile.TemporaryDirectory() as folder:
        exchange = str(Path(folder, "exchange.npz"))
        for _ in range(rounds):
            numbers = (side, octaves, evaluations, exchange)
            suite.append(measure(sys.executable, "multiscale_suite.py", *numbers))
            if torch:
                other.append(measure(torch, "multiscale_torch.py", *numbers))
    best = max(m["matrix_product"] for m in suite + other)
    print(f"\n{side}x{side}, {octaves} octaves, layers 2 7: {flop(side, octaves) / 1e9:.1f} GFLOP")
    print(f"  matrix product, best: {best:.0f} GFLOP/s")
    print("  who          s/evaluation    GFLOP/s   of product   peak GiB")
    medians = {}
    for name, runs in (("this suite", suite), ("PyTorch", other)):
        if runs:
            medians[name] = statistics.median(s for run in runs for s in run["seconds"])
            rate = flop(side, octaves) / medians[name] / 1e9
            memory = max(run["memory"] for run in runs)
            print(
                f"  {name:10s} {medians[name]:14.3f} {rate:10.0f} {rate / best:12.0%} "
                f"{memory:10.2f}"
            )
    if other:
        print(f"  ratio (this suite / PyTorch): {medians['this suite'] / medians['PyTorch']:.2f}")
        losses = [m["loss"] for m in suite + other]
        print(f"  losses agree to {max(losses) / min(losses) - 1:.1e}")
    print(f"  peak with L-BFGS-B: {max(m['memory_of_run'] for m in suite):.2f} GiB")
    shares = [m["optimiser_share"] for m in suite]
    early, late = (statistics.median(m[k] for m in suite) for k in ("early", "late"))
    print(f"  SciPy and Python: {statistics.median(shares):.1%} of the optimisation's time")
    print(f"  2nd evaluation {early:.3f} s, last five {late:.3f} s", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch_python", default=sys.executable, help="a Python with PyTorch")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each, in turn")
    parser.add_argument("--evaluations", type=int, default=10, help="timed in each process")
    flags = parser.parse_args()
    torch = flags.torch_python if has_torch(flags.torch_python) else None
    print(f"{time.strftime('%Y-%m-%d')}, {describe()}")
    if torch is None:
        print("PyTorch is not installed here: make benchmark, or --torch_python")
    for side in (288, 512):
        benchmark(side, 4, flags.evaluations, flags.rounds, torch)
    benchmark(1024, 5, 3, 1, torch)


if __name__ == "__main__":
    main()
