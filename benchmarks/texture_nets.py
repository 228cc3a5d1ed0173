"""Speed and memory of texture networks, against PyTorch and the machine's matrix product.

python -m benchmarks.texture_nets [--torch_python PYTHON] [--rounds N]
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from benchmarks.compare import SUITE, TORCH, begin, best_product, both, in_turn, median, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402
from common.descriptors import network_of  # noqa: E402
from common.vgg19_layers import channels, convolutions  # noqa: E402

_SCRIPTS = {SUITE: "texture_nets_suite.py", TORCH: "texture_nets_torch.py"}
_VGG, _DEEPEST = network_of("random"), "conv5_1"
#: GiB that a large sample may take.
_LIMIT = 8.0
#: What may differ, relative to the length. A gradient differs by much more than rounding wherever
#: rounding decides which of two pixels is larger, or whether one is above 0: PyTorch's in float32
#: and in float64 by 0.2 %.
_TOLERANCES = {"pictures": 1e-4, "losses": 1e-3, "gradients": 3e-2}


def generator_flop(kernels: Mapping[str, Sequence[int]], pixels: int, training: bool) -> float:
    """Multiplications and additions of the pyramid's convolutions, from the shapes of its kernels.

    Args:
        kernels: their shapes by the names of their layers.
        pixels: of all images at full size.
        training: whether there are gradients, too: of every kernel, and of every convolution's
            input but that of the first of each scale, which is noise.
    """
    total = 0.0
    scales = sum(name.startswith("scale") and name.endswith("conv1") for name in kernels)
    for name, shape in kernels.items():
        # As "merge3_conv1": scale 3; the colours are made at the last.
        scale = scales if name == "colours" else int(name.split("_")[0][5:])
        first = name.startswith("scale") and name.endswith("conv1")
        passes = (2 if first else 3) if training else 1
        total += passes * 2 * math.prod(shape) * pixels / 4 ** (scales - scale)
    return total


def kernels_of(folder: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the pyramid's kernels, by the names of their layers; see `generator_flop`.

    Args:
        folder: holds the written weights.
    """
    with np.load(Path(folder, "weights.npz")) as arrays:
        keys = [key.split("/") for key in arrays.files if key.startswith("pyramid/")]
        return {
            name: arrays[f"pyramid/{name}/kernel"].shape
            for _, name, variable in keys
            if variable == "kernel"
        }


def descriptor_flop(side: int, no_pad: bool) -> float:
    """Multiplications and additions of VGG-19's convolutions for one image, there and back.

    Forward, and the gradient of each one's input; the kernels are fixed. A kernel that overlaps the
    border counts in full. Gram matrices are left out.
    """
    total = 0
    padding = "valid" if no_pad else "same"
    for name in convolutions(_DEEPEST):
        fan_in, width = channels(name)
        total += 2 * 2 * 9 * fan_in * width * _VGG.side_at(side, name, padding, ceil=True) ** 2
    return total


def check(folder: str) -> dict[str, float]:
    """Compares what both computed of the same weights and noise.

    Returns:
        The largest differences of pictures, losses, and the gradients of the pictures and of all
        of the generator's weights, relative to their length.
    """
    ours, theirs = both(folder)
    gradients = {}
    worst = dict.fromkeys(_TOLERANCES, 0.0)
    for key in ours:
        pair = ours[key].ravel(), theirs[key].ravel()
        if key in ("sample", "stylized"):
            worst["pictures"] = max(worst["pictures"], _difference(*pair))
        elif key.endswith("/loss"):
            worst["losses"] = max(worst["losses"], _difference(*pair))
        else:
            group = key if key.endswith("/images") else key.split("/")[0]
            gradients.setdefault(group, []).append(pair)
    for pairs in gradients.values():
        error = _difference(*map(np.concatenate, zip(*pairs, strict=True)))
        worst["gradients"] = max(worst["gradients"], error)
    for kind, error in worst.items():
        if not error < _TOLERANCES[kind]:
            raise SystemExit(f"texture_nets_torch.py and this suite differ in {kind}: {error:.1e}")
    return worst


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(ours))


class Measurements:
    """Measurements of this suite and of PyTorch, in turn.

    Args:
        flags: of the command line.
        folder: for what they exchange.
        pythons: of `compare.begin`.
    """

    def __init__(self, flags: argparse.Namespace, folder: str, pythons: dict[str, str]):
        self._folder, self._rounds, self._pythons = folder, flags.rounds, pythons
        Path(folder, "flags.json").write_text(json.dumps(vars(flags)))
        self.one(SUITE, "write")

    def one(self, who: str, task: str) -> dict:
        """A single measurement."""
        return measure(self._pythons[who], _SCRIPTS[who], self._folder, task)

    def all(self, task: str) -> dict[str, list[dict]]:
        """Those of both, alternating, so many of each as `--rounds` says."""
        return in_turn(self._rounds, self._pythons, lambda who: self.one(who, task))


def table(runs: dict[str, list[dict]], unit: str, work: float = 0, pixels: int = 0) -> None:
    """Prints who takes how long.

    Args:
        runs: each one's measurements, with the rate of the matrix product if there is `work`.
        unit: of what is timed.
        work: multiplications and additions of the convolutions; 0 for no columns about them.
        pixels: of the pictures made; 0 for no column about them.
    """
    best = best_product(run for one in runs.values() for run in one) if work else 1
    heads = ["MP/s"] * bool(pixels) + ["GFLOP/s", "of product"] * bool(work)
    titles = [f"s/{unit}", "best", *heads, "first", "peak GiB"]
    print("  who       " + "".join(f"{title:>13s}" for title in titles))
    medians = {who: median(measured) for who, measured in runs.items()}
    for who, measured in runs.items():
        seconds = medians[who]
        columns = [f"{seconds:.3f}", f"{min(s for r in measured for s in r['seconds']):.3f}"]
        if pixels:
            columns.append(f"{pixels / seconds / 1e6:.3f}")
        if work:
            rate = work / seconds / 1e9
            columns += [f"{rate:.0f}", f"{rate / best:.0%}"]
        columns.append(f"{statistics.median(run['first'] for run in measured):.2f}")
        columns.append(f"{max(run['memory'] for run in measured):.2f}")
        print(f"  {who:10s}" + "".join(f"{column:>13s}" for column in columns))
    if TORCH in medians:
        print(f"  ratio (this suite / PyTorch): {medians[SUITE] / medians[TORCH]:.2f}", end="")
        firsts = [statistics.median(run["first"] for run in m) for m in runs.values()]
        print(f", of the first: {firsts[0] / firsts[1]:.2f}")
    if work:
        print(f"  matrix product, best: {best:.0f} GFLOP/s")
    sys.stdout.flush()


def benchmark(flags: argparse.Namespace, folder: str, pythons: dict[str, str]) -> None:
    """Measures everything and prints the tables."""
    measurements = Measurements(flags, folder, pythons)
    if TORCH in pythons:
        for who in pythons:
            measurements.one(who, "check")
        agreement = ", ".join(f"{kind} {error:.1e}" for kind, error in check(folder).items())
        print(f"this suite and PyTorch, same weights and noise, differ by: {agreement}", flush=True)

    batch, side = flags.batch_size, flags.image_size
    generator = generator_flop(kernels_of(folder), batch * side**2, training=True)
    for task, no_pad in (("train_no_pad", True), ("train", False)):
        if no_pad or flags.both_paddings:
            work = generator + batch * descriptor_flop(side, no_pad)
            padding = "-vgg_no_pad" if no_pad else "padded VGG"
            print(f"\ntraining step, pyramid, batch {batch}, {side}x{side}, {padding}")
            shares = f"{work / 1e9:.1f} GFLOP, {generator / work:.0%} of them the generator's"
            print(f"  convolutions: {shares}")
            table(measurements.all(task), "step", work)

    runs = measurements.all("sample")
    for side in flags.sides:
        work = generator_flop(kernels_of(folder), side**2, training=False)
        print(f"\nsample, pyramid, {side}x{side}: {work / 1e9:.2f} GFLOP in convolutions")
        keys = [str(side), "matrix_product"]
        sized = {
            who: [{**run[keys[0]], keys[1]: run[keys[1]]} for run in measured]
            for who, measured in runs.items()
        }
        table(sized, "sample", work, side**2)

    width, height = flags.picture
    print(f"\nstylised picture, published_style, {width}x{height}; the first call compiles")
    table(measurements.all("stylize"), "picture", pixels=width * height)

    if flags.large:
        print(f"\nsample, pyramid, {flags.large}x{flags.large}")
        for who in pythons if flags.whole else (SUITE,):
            large = measurements.one(who, "large")
            how = "in strips" if who == SUITE else "in one piece"
            print(f"  {who}, {how}: {large['seconds'][0]:.1f} s, peak {large['memory']:.2f} GiB")
            if who == SUITE:
                kept = "kept" if large["memory"] < _LIMIT else "EXCEEDED"
                print(f"  limit of {_LIMIT:.0f} GiB: {kept}", flush=True)


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__)
    add = flags_of.add_argument
    add("--steps", type=int, default=3, help="of training, timed in each process")
    add("--calls", type=int, default=7, help="samples of each size, timed in each process")
    add("--batch_size", type=int, default=16, help="of a training step")
    add("--image_size", type=int, default=256, help="of a training step")
    add("--both_paddings", action="store_true", help="a training step without -vgg_no_pad, too")
    add("--sides", type=int, nargs="+", default=[256, 512, 1024], help="of the samples")
    size = {"type": int, "nargs": 2, "metavar": ("WIDTH", "HEIGHT")}
    add("--picture", **size, default=[1024, 768], help="to stylise")
    add("--large", type=int, default=4096, help="side of the sample in strips; 0: none")
    about = "the same in PyTorch, in one piece: 4096 takes about 12 GiB"
    add("--whole", action="store_true", help=about)
    about = "PyTorch samples and stylises with torch.compile, which needs a C++ compiler"
    add("--compile", action="store_true", help=about)
    flags = flags_of.parse_args()
    smallest = _VGG.smallest_side(_DEEPEST, "valid", ceil=True)
    if flags.image_size % 32 or flags.image_size < smallest:
        flags_of.error(f"--image_size must be a multiple of 32, at least {smallest}")
    if any(side % 32 for side in (*flags.sides, *flags.picture, flags.large)):
        flags_of.error("--sides, --picture and --large must be multiples of 32")
    pythons = begin(flags.torch_python)
    with tempfile.TemporaryDirectory() as folder:
        benchmark(flags, folder, pythons)


if __name__ == "__main__":
    main()
