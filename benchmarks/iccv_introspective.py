"""Speed and memory of introspective learning, against PyTorch and the machine's matrix product.

python benchmarks/iccv_introspective.py [--torch_python PYTHON] [--memory]
"""

import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from benchmarks.compare import SUITE, TORCH, begin, best_product, in_turn, median, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402

_SCRIPTS = {SUITE: "iccv_introspective_suite.py", TORCH: "iccv_introspective_torch.py"}
#: Of the defaults: side of a patch, filters of the convolutions.
_PATCH, _FILTERS = 64, (64, 128, 256, 512)
#: Megabytes of resident size that a round may add.
_TARGET = 5.0


def flop(patches: int, learning: bool) -> float:
    """Multiplications and additions of one step with the default network.

    Convolutions and the fully connected layer count, forward and for the gradients: of the
    weights and, above the first layer, of the inputs in learning; of the inputs alone in synthesis.
    A kernel that overlaps the border counts in full.
    """
    total, side, depth = 0, _PATCH, 3
    for number, width in enumerate(_FILTERS):
        side //= 2
        passes = (2 + (number > 0)) if learning else 2
        total += passes * 2 * 25 * depth * width * side**2
        depth = width
    total += (3 if learning else 2) * 2 * side**2 * depth * 2
    return patches * total


def speed(rounds: int, steps: int, patches: int, pythons: dict[str, str]) -> None:
    """Measures steps of learning and synthesis, this suite and PyTorch in turn, and prints them."""
    with tempfile.TemporaryDirectory() as folder:
        words = {SUITE: ("speed", patches, steps, folder), TORCH: (folder,)}
        runs = in_turn(
            rounds, pythons, lambda who: measure(pythons[who], _SCRIPTS[who], *words[who])
        )
    suite, every = runs[SUITE], [run for measured in runs.values() for run in measured]
    best = best_product(every)
    height, width = suite[0]["size"]
    print(f"\ndcgan, {patches} patches of {_PATCH}x{_PATCH} from 100 pictures of {width}x{height}")
    print(f"  matrix product, best: {best:.0f} GFLOP/s")
    print("  step       who               s/step      GFLOP    GFLOP/s   of product")
    medians = {}
    for step in ("learning", "synthesis"):
        work = flop(patches, step == "learning") / 1e9
        for who, measured in runs.items():
            medians[step, who] = seconds = median(measured, step)
            print(
                f"  {step:10s} {who:10s} {seconds:13.3f} {work:10.1f} {work / seconds:10.0f} "
                f"{work / seconds / best:12.0%}"
            )
    for step in ("learning", "synthesis"):
        if TORCH in runs:
            ratio = medians[step, SUITE] / medians[step, TORCH]
            losses = [run[f"{step}_loss"] for run in every]
            agreement = max(losses) / min(losses) - 1
            print(f"  {step}, ratio (this suite / PyTorch): {ratio:.2f}", end="")
            print(f"; first losses agree to {agreement:.1e}")
    for who, measured in runs.items():
        print(f"  peak memory, {who}: {max(run['memory'] for run in measured):.2f} GiB")
    one = medians["learning", SUITE]
    for kind, what in (("load", "loading a batch"), ("draw", "drawing patches")):
        seconds = median(suite, kind)
        print(f"  {what}: {seconds * 1e3:.2f} ms, {seconds / one:.2%} of a learning step")
    for step, traces in suite[0]["traces"].items():
        print(f"  traces of {step}, batches of different sizes: {traces}", end="")
        print("" if traces == 1 else " - SHOULD BE 1")
    sys.stdout.flush()


def memory(rounds: int, images: int, epochs: int) -> None:
    """Makes a run with a tiny network, and prints how its resident size grows."""
    with tempfile.TemporaryDirectory() as folder:
        run = measure(sys.executable, _SCRIPTS[SUITE], "memory", rounds, images, epochs, folder)
    height, width = run["size"]
    first, resident = min(10, rounds // 2), run["resident"]
    numbers = np.arange(1, rounds + 1)[first - 1 :]
    line, errors = np.polyfit(numbers, resident[first - 1 :], 1, cov=True)
    growth, error = line[0], errors[0, 0] ** 0.5
    generation = images * height * width * 3 * 4 / 1e6
    print(f"\n{rounds} rounds of {images} pictures of {width}x{height}, a tiny network")
    shown = sorted({1, *range(5, rounds + 1, 5), rounds})
    print("  after round   " + " ".join(f"{number:6d}" for number in shown))
    print("  resident, MB  " + " ".join(f"{resident[number - 1]:6.0f}" for number in shown))
    verdict = "" if growth < _TARGET else " - MISSED"
    print(
        f"  growth from round {first} to round {rounds}: {growth:.2f} +- {error:.2f} MB a round",
        end="",
    )
    print(f" (target: below {_TARGET:.0f}){verdict}")
    print(f"  a generation as float32, which the original kept each round: {generation:.0f} MB")
    print(f"  peak: {run['memory']:.2f} GiB; seconds: {run['seconds']:.0f}", flush=True)


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__)
    add = flags_of.add_argument
    add("--steps", type=int, default=3, help="of each kind, timed in each process")
    add("--patches", type=int, default=1000, help="of a step")
    add("--memory", action="store_true", help="instead, the memory of a run (takes minutes)")
    add("--run_rounds", type=int, default=40, help="of that run, 6 or more")
    add("--run_images", type=int, default=200, help="that a round of it adds")
    add("--run_epochs", type=int, default=2, help="of a round of it")
    flags = flags_of.parse_args()
    if flags.run_rounds < 6:
        flags_of.error("a line and its error need 6 rounds at least")
    pythons = begin(flags.torch_python)
    if flags.memory:
        memory(flags.run_rounds, flags.run_images, flags.run_epochs)
        return
    speed(flags.rounds, flags.steps, flags.patches, pythons)


if __name__ == "__main__":
    main()
