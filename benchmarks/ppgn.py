"""Speed and memory of the plug-and-play sampler, against the original's order of work and PyTorch.

python benchmarks/ppgn.py [--torch_python PYTHON]
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from benchmarks.compare import SUITE, TORCH, begin, best_product, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402

#: The case -> what is climbed.
_CASES = {
    "class": "recipe 1: a class, fc8",
    "conv5": "recipe 3: a channel of conv5",
    "inpainting": "recipe 7: inpainting, fc8",
    "caption": "recipe 5: a caption of 10 numbers",
}
_WORDS = 10
_NAIVE = "naive order"
_SCRIPTS = {SUITE: "ppgn_suite.py", _NAIVE: "ppgn_naive.py", TORCH: "ppgn_torch.py"}
#: Seconds for each step of the original, from and to.
_CAFFE = {
    "class": (0.33, 0.42),
    "conv5": (0.32, 0.32),
    "inpainting": (0.48, 0.49),
    "caption": (1.6, 1.6),
}
_CAFFE_ABOUT = (
    "the original on Caffe, BVLC 9b89154, 2 threads of a 2-core AMD EPYC; measured on another day "
    "and another machine of the same kind, not in this run"
)
#: What gradients may differ by, relative to their length.
_TOLERANCE = 1e-3

#: The layer -> channels that a filter sees, filters, the kernel's and the output's side.
_CONVOLUTIONS = {
    "conv1": (3, 96, 11, 55),
    "conv2": (48, 256, 5, 27),
    "conv3": (256, 384, 3, 13),
    "conv4": (192, 384, 3, 13),
    "conv5": (192, 256, 3, 13),
}
#: Inputs and outputs.
_CONNECTED = {"fc6": (9216, 4096), "fc7": (4096, 4096), "fc8": (4096, 1000)}
#: Channels of input and output, the kernel's and the input's side.
_DECONVOLUTIONS = (
    (256, 256, 4, 4),
    (256, 512, 3, 8),
    (512, 256, 4, 8),
    (256, 256, 3, 16),
    (256, 128, 4, 16),
    (128, 128, 3, 32),
    (128, 64, 4, 32),
    (64, 32, 4, 64),
    (32, 3, 4, 128),
)


def flop(case: str) -> float:
    """Multiplications and additions of one step of one chain, as this suite makes it.

    Convolutions, deconvolutions and matrix products count, the generator and CaffeNet once
    forward, and once backward to their inputs from where the gradient begins. A kernel that
    overlaps the border counts in full.
    """
    generator = 3 * 4096**2 + sum(
        inputs * outputs * kernel**2 * side**2 for inputs, outputs, kernel, side in _DECONVOLUTIONS
    )
    convolutions = sum(
        inputs * filters * kernel**2 * side**2
        for inputs, filters, kernel, side in _CONVOLUTIONS.values()
    )
    connected = {name: inputs * outputs for name, (inputs, outputs) in _CONNECTED.items()}
    total = generator * (3 if case == "inpainting" else 2) + 2 * convolutions
    if case == "conv5":
        return 2 * (total + connected["fc6"])
    total += 2 * sum(connected.values())
    if case == "caption":
        gates, predict = 4 * 1000**2, 1000 * 8801
        # Of each word: from the other LSTM, from the state, to the scores and back (gradients stay
        # within a word); and once from the image and back.
        total += _WORDS * (2 * gates + 2 * predict) + 2 * gates
    return 2 * total


def check(folder: str, other: str) -> tuple[float, float]:
    """Compares the terms of one step with this suite's.

    Args:
        folder: where the measurements left them.
        other: name of the other's file.

    Returns:
        The largest differences of d_prior, and of d_condition and d_context, each relative to
        its length.
    """
    ours, theirs = (np.load(Path(folder, f"{name}.npz")) for name in ("suite", other))
    worst = {"d_prior": 0.0, "gradient": 0.0}
    for key in ours.files:
        a, b = ours[key], theirs[key]
        error = float((np.linalg.norm(a - b, axis=1) / np.linalg.norm(a, axis=1)).max())
        if not error < _TOLERANCE:
            raise SystemExit(f"ppgn_{other}.py and this suite differ in {key}: {error:.1e}")
        kind = "d_prior" if key.endswith("d_prior") else "gradient"
        worst[kind] = max(worst[kind], error)
    return worst["d_prior"], worst["gradient"]


def _median(runs: list[dict], key: str) -> float:
    return statistics.median(s for run in runs for s in run[key]["seconds"])


def _row(name: str, seconds: str, ratio: str, work: float = 0, rate: float = 0, best: float = 1):
    share = f"{work:9.2f} {rate:10.0f} {rate / best:12.0%}" if work else ""
    print(f"  {name:36s} {seconds:>12s} {ratio:>12s} {share}".rstrip())


def table(key: str, title: str, runs: dict[str, list[dict]], best: float) -> None:
    """Prints who takes how long for a case.

    Args:
        key: of the measurements.
        title: what they are of.
        runs: each one's measurements.
        best: rate of the machine's matrix product, GFLOP/s.
    """
    case = "class" if key == "chains" else key
    work, own = flop(case) / 1e9, _median(runs[SUITE], key)
    print(f"\n{title}")
    print(f"  {'who':36s} {'s/step':>12s} {'this suite=1':>12s}     GFLOP    GFLOP/s   of product")
    for name, measured in runs.items():
        # The original has one chain at a time.
        median = _median(measured, "class" if name == _NAIVE and key == "chains" else key)
        shown = () if name == _NAIVE else (work, work / median, best)
        _row(name, f"{median:.3f}", f"{median / own:.2f}", *shown)
        if name == _NAIVE and key == "class":
            median = _median(measured, "fixed")
            _row("  without gradients of weights", f"{median:.3f}", f"{median / own:.2f}")
    low, high = _CAFFE[case]
    seconds, ratio = f"{low:.2f}", f"{low / own:.1f}"
    if high > low:
        seconds, ratio = f"{seconds}-{high:.2f}", f"{ratio}-{high / own:.1f}"
    _row("Caffe (quoted, see above)", seconds, ratio)
    outside = statistics.median(run[key]["outside"] for run in runs[SUITE])
    print(f"  outside the networks, this suite: {outside:.2%} of a step")


def benchmark(rounds: int, steps: int, pythons: dict[str, str]) -> None:
    """Measures all in turn, and prints a table for each case."""
    pythons = {SUITE: sys.executable, _NAIVE: sys.executable, **pythons}
    runs = {name: [] for name in pythons}
    agreements = {}
    with tempfile.TemporaryDirectory() as folder:
        measure(sys.executable, _SCRIPTS[SUITE], "write", folder)
        for _ in range(rounds):
            for name, measured in runs.items():
                measured.append(measure(pythons[name], _SCRIPTS[name], steps, folder))
                if name != SUITE:
                    other = "naive" if name == _NAIVE else "torch"
                    agreements.setdefault(name, []).append(check(folder, other))
    best = best_product(run for name in runs if name != _NAIVE for run in runs[name])
    print(f"matrix product, best: {best:.0f} GFLOP/s")
    print(f"Caffe: {_CAFFE_ABOUT}")
    for case, title in _CASES.items():
        table(case, f"{title}, one chain", runs, best)
        if case == "class":
            table("chains", f"{title}, 8 chains in one call, for each of them", runs, best)
    print()
    for name, errors in agreements.items():
        prior, gradient = (max(column) for column in zip(*errors, strict=True))
        print(f"{name}: d_prior agrees to {prior:.1e}, d_condition and d_context to {gradient:.1e}")
    for name, measured in runs.items():
        peaks = (
            f"{what} {max(run[key]['memory'] for run in measured):.2f}"
            for key, what in (("class", "one chain"), ("chains", "8 chains"))
            if key in measured[0]
        )
        print(f"{name}: peak GiB, class recipe: {', '.join(peaks)}")
    first, load, imported = (
        statistics.median(run[key] for run in runs[SUITE]) for key in ("first", "load", "import")
    )
    print(
        f"to the end of the first step, this suite: {first:.1f} s, with loading the weights "
        f"{first + load:.1f} s, with importing TensorFlow {first + load + imported:.1f} s"
    )
    naive = statistics.median(run["first"] for run in runs[_NAIVE])
    print(f"to the end of the first step, naive order, with loading: {naive:.1f} s", flush=True)


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__)
    about = "of each kind, timed in each process"
    flags_of.add_argument("--steps", type=int, default=10, help=about)
    flags = flags_of.parse_args()
    if not 4 <= flags.steps <= 18:
        flags_of.error("--steps must be 4 to 18: recipe 7 ends after 21 steps")
    benchmark(flags.rounds, flags.steps, begin(flags.torch_python))


if __name__ == "__main__":
    main()
