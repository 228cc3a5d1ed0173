"""Speed and memory of training a generator by the joint recipe, against PyTorch.

python benchmarks/ppgn_training.py [--torch_python PYTHON] [--batch 64]

What is counted of a step, for one picture: a convolution's, deconvolution's or matrix product's
multiplications and as many additions; a kernel that overlaps the border counts in full.
Activations, normalisation and Adam do not count.

- E, to its codes: forward on the picture, forward on G's image, back to that image. 3 times.
- G: forward, back to each layer's input but the codes, and to the weights. 3 times, less one of
  the first layer.
- D: forward on the picture, on G's image, and on that again once D has learned; back to the
  weights and to each layer's input but the image, for two of them; back to the image for the
  third. 8 times, less two of the first layer.

Pictures are random noise (full) or drawn digits (quick) of the size that E sees, and are held in
memory. Both players learn in each step, while `train_generator.py` may let one of them pause.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from benchmarks.compare import SUITE, TORCH, begin, best_product, both, in_turn, median, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402

_SCRIPTS = {SUITE: "ppgn_training_suite.py", TORCH: "ppgn_training_torch.py"}
_TITLES = {
    "full": "CaffeNet's fc6 to images of 256x256, D on 227x227",
    "quick": "train_generator.py --preset quick, digits of 28x28",
}
#: Pictures of a step, in both settings' recipes.
_BATCH = 64
#: Timed in each process.
_STEPS = {"full": 3, "quick": 30}
#: Name -> TFLOP/s of float32 without tensor cores, as the makers tell, and a share of that which is
#: assumed, not known.
_HARDWARE = {"Titan X, 2015": (6.6, 0.4), "A100": (19.5, 0.4), "H100 or H200": (67.0, 0.4)}
_AUTHORS_DAYS = 12
#: What may differ: the first step's losses and the second's, relative to themselves; gradients
#: relative to their length, as in rounding a ReLU or a maximum may choose otherwise.
_TOLERANCES = {"first": 1e-4, "second": 5e-3, "gradients": 1e-2}


def flop(counts: dict[str, dict[str, int]]) -> dict[str, float]:
    """Multiplications and additions of a step for one picture, by network; see above.

    Args:
        counts: multiplications by network and layer, forward.
    """
    sums = {name: sum(layers.values()) for name, layers in counts.items()}
    first = {name: next(iter(layers.values())) for name, layers in counts.items()}
    return {
        "E": 2.0 * 3 * sums["encoder"],
        "G": 2.0 * (3 * sums["generator"] - first["generator"]),
        "D": 2.0 * (8 * sums["discriminator"] - 2 * first["discriminator"]),
    }


def check(folder: str) -> dict[str, float]:
    """Compares what both computed of the same weights, pictures and masks of dropout.

    Returns:
        The largest relative differences of the losses of the first step and of the second, and
        that of the gradients of all weights of either player.
    """
    ours, theirs = both(folder)
    losses = np.abs(theirs["losses"] / ours["losses"] - 1).max(axis=1)
    worst = {"first": losses[0], "second": losses[1], "gradients": 0.0}
    for player in ("generator", "discriminator"):
        a, b = (
            np.concatenate([one[key].ravel() for key in ours if key.startswith(player)])
            for one in (ours, theirs)
        )
        worst["gradients"] = max(worst["gradients"], np.linalg.norm(a - b) / np.linalg.norm(a))
    for kind, error in worst.items():
        if not error < _TOLERANCES[kind]:
            raise SystemExit(f"ppgn_training_torch.py and this suite differ, {kind}: {error:.1e}")
    return {kind: float(error) for kind, error in worst.items()}


class Line:
    """Seconds of a step as a line over the pictures in it, by least squares.

    Args:
        seconds: by the number of pictures.

    Attributes:
        fixed: at no pictures.
        each: of a picture.
        residual: the largest distance of a measurement, relative to it.
    """

    def __init__(self, seconds: dict[int, float]):
        batches, values = np.array(list(seconds), float), np.array(list(seconds.values()))
        self.each, self.fixed = map(float, np.polyfit(batches, values, 1))
        self.residual = float(np.abs((self.fixed + self.each * batches) / values - 1).max())

    def at(self, batch: int) -> float:
        """Seconds of a step of so many pictures."""
        return self.fixed + self.each * batch


class Measurements:
    """Measurements of this suite and of PyTorch, in turn, each in a process of its own.

    Args:
        flags: of the command line.
        folder: for what they exchange.
        pythons: of `compare.begin`.
    """

    def __init__(self, flags: argparse.Namespace, folder: str, pythons: dict[str, str]):
        self._flags, self._folder, self._pythons = flags, folder, pythons
        self.best = best_product(self._one(who, "rate") for who in pythons)

    def _one(self, who: str, *words) -> dict:
        return measure(self._pythons[who], _SCRIPTS[who], *words)

    def prepare(self, setting: str) -> dict[str, float]:
        """Writes what both are given, prints whether they agree.

        Returns:
            What `flop` does.
        """
        counts = self._one(SUITE, "write", self._folder, setting)
        if TORCH in self._pythons:
            for who in self._pythons:
                self._one(who, "check", self._folder, setting)
            found = check(self._folder)
            print(
                "  this suite and PyTorch, same weights, pictures and dropout, differ by "
                f"{found['first']:.1e} in the first step's losses, {found['gradients']:.1e} in "
                f"its gradients, {found['second']:.1e} in the second step's losses"
            )
        return flop(counts)

    def times(self, setting: str, batch: int) -> dict[str, dict]:
        """Who takes how long: the median of all steps, of how many processes `--rounds` says."""
        words = "time", self._folder, setting, batch, self._flags.steps or _STEPS[setting]
        runs = in_turn(self._flags.rounds, self._pythons, lambda who: self._one(who, *words))
        return {
            who: {
                "seconds": median(measured),
                "best": min(s for run in measured for s in run["seconds"]),
                "first": statistics.median(run["first"] for run in measured),
                "memory": max(run["memory"] for run in measured),
            }
            for who, measured in runs.items()
        }


def table(measurements: Measurements, setting: str, work: float, batches: list[int]) -> dict:
    """Measures, and prints who takes how long for steps of several sizes.

    Args:
        measurements: which to make.
        setting: `full` or `quick`.
        work: multiplications and additions for a picture.
        batches: pictures of a step.

    Returns:
        Seconds by who and number of pictures.
    """
    titles = ("s/step", "best", "ms/picture", "GFLOP/s", "of product", "first s", "peak GiB")
    heads = "".join(f"{title:>14s}" for title in (*titles, "this suite is"))
    print(f"  {'batch':>5s}  {'who':10s}{heads}")
    found = {}
    for batch in batches:
        times = measurements.times(setting, batch)
        for who, one in times.items():
            seconds = one["seconds"]
            rate = work * batch / seconds / 1e9
            columns = [f"{seconds:.3f}", f"{one['best']:.3f}", f"{1e3 * seconds / batch:.2f}"]
            columns += [f"{rate:.0f}", f"{rate / measurements.best:.0%}", f"{one['first']:.1f}"]
            columns.append(f"{one['memory']:.2f}")
            if who != SUITE:
                columns.append(f"{seconds / times[SUITE]['seconds']:.2f}x")
            print(f"  {batch:5d}  {who:10s}" + "".join(f"{column:>14s}" for column in columns))
            found.setdefault(who, {})[batch] = seconds
        sys.stdout.flush()
    return found


def days(flags: argparse.Namespace, work: float, steps: dict[str, float]) -> None:
    """Prints how long a whole training takes.

    Args:
        flags: of the command line.
        work: multiplications and additions of a step.
        steps: seconds of one, by how they were found.
    """
    count = flags.iterations
    print(f"  {count:,} iterations of {_BATCH} pictures, {count * work / 1e18:.2f} EFLOP, days:")
    for name, seconds in steps.items():
        print(f"    {name:50s} {count * seconds / 86400:9.1f}")
    print("  the same, by arithmetic alone and not measured: (work) / (TFLOP/s x assumed share)")
    hardware = dict(_HARDWARE)
    if flags.tflops:
        hardware["--tflops, --share"] = flags.tflops, flags.share
    for name, (tflops, share) in hardware.items():
        about = f"{name}: {tflops:g} TFLOP/s x {share:.0%}"
        print(f"    {about:50s} {count * work / (tflops * share * 1e12) / 86400:9.1f}")
    implied = count * work / (_AUTHORS_DAYS * 86400) / 1e12
    print(
        f"  the authors tell of {_AUTHORS_DAYS} days on one Titan X with Caffe, not of how many "
        f"iterations; if of so many, that is {implied:.2f} TFLOP/s of this count"
    )


def full(flags: argparse.Namespace, measurements: Measurements) -> None:
    """Measures the full setting and prints its table."""
    print(f"\n{_TITLES['full']}")
    parts = measurements.prepare("full")
    work = sum(parts.values())
    shares = ", ".join(f"{name} {one / work:.0%}" for name, one in parts.items())
    print(f"  {work / 1e9:.2f} GFLOP for a picture: {shares}")
    seconds = table(measurements, "full", work, flags.fitted)
    steps, lines = {}, {who: Line(one) for who, one in seconds.items()}
    for who, line in lines.items():
        print(
            f"  {who}: {line.fixed:.2f} s + {line.each:.4f} s for each picture, off by "
            f"{line.residual:.1%} at most; PROJECTED to {_BATCH}: {line.at(_BATCH):.2f} s/step, "
            f"{work * _BATCH / line.at(_BATCH) / 1e9 / measurements.best:.0%} of the product"
        )
        steps[f"{who}, projected"] = line.at(_BATCH)
    if TORCH in lines:
        ratio = lines[TORCH].at(_BATCH) / lines[SUITE].at(_BATCH)
        print(f"  by that, this suite is {ratio:.2f}x as fast as PyTorch")
    if flags.batch:
        print("  measured, and not part of the lines:")
        measured = table(measurements, "full", work, [flags.batch])
        for who, line in lines.items():
            off = line.at(flags.batch) / measured[who][flags.batch] - 1
            print(f"  {who}: the line is off by {off:+.1%}")
            if flags.batch == _BATCH:
                steps[f"{who}, measured"] = measured[who][_BATCH]
    days(flags, work * _BATCH, steps)


def benchmark(flags: argparse.Namespace, folder: str, pythons: dict[str, str]) -> None:
    """Measures everything and prints the tables."""
    measurements = Measurements(flags, folder, pythons)
    print(f"matrix product, best: {measurements.best:.0f} GFLOP/s", flush=True)
    if "quick" in flags.settings:
        print(f"\n{_TITLES['quick']}")
        parts = measurements.prepare("quick")
        work = sum(parts.values())
        print(f"  {work / 1e6:.1f} MFLOP for a picture")
        table(measurements, "quick", work, [_BATCH])
    if "full" in flags.settings:
        full(flags, measurements)


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__, rounds=1)
    add = flags_of.add_argument
    steps = " and ".join(f"{count} of {name}" for name, count in _STEPS.items())
    add("--steps", type=int, help=f"timed in each process; default: {steps}")
    choices = {"choices": tuple(_TITLES), "default": list(_TITLES)}
    add("--settings", nargs="+", **choices, help="default: both")
    about = "of full: sizes of steps that are measured, and through which a line is laid"
    add("--fitted", type=int, nargs="+", default=[4, 8, 16], help=f"{about}; default: 4 8 16")
    add("--batch", type=int, help="of full: a step of this size is measured besides, such as 64")
    add("--iterations", type=int, default=1_000_000, help="of a whole training; default: 1000000")
    add("--tflops", type=float, help="of a machine of yours, for arithmetic alone")
    about = "of --tflops that is thought to be reached; default: 0.4"
    add("--share", type=float, default=0.4, help=about)
    flags = flags_of.parse_args()
    if min(flags.rounds, flags.steps or 1, flags.batch or 1, flags.iterations, *flags.fitted) < 1:
        flags_of.error("--rounds, --steps, --fitted, --batch and --iterations must be 1 or more")
    if len(set(flags.fitted)) < 3:
        flags_of.error("--fitted must be three sizes or more: there is a line through any two")
    if (flags.tflops is not None and not flags.tflops > 0) or not 0 < flags.share <= 1:
        flags_of.error("--tflops must be above 0, --share from 0 to 1")
    pythons = begin(flags.torch_python)
    with tempfile.TemporaryDirectory() as folder:
        benchmark(flags, folder, pythons)


if __name__ == "__main__":
    main()
