"""Speed of training GANs, against the classic Keras loop and PyTorch.

python benchmarks/keras_gan.py [--torch_python PYTHON] [--rounds N]
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from benchmarks.compare import SUITE, TORCH, begin, both, median, parser  # noqa: E402
from benchmarks.machine import measure  # noqa: E402

_SUITE, _CLASSIC, _TORCH = "keras_gan_suite.py", "keras_gan_classic.py", "keras_gan_torch.py"
#: The first column's name of the classic loop, as its script prints it.
_KERAS = "Keras train_on_batch"
_TITLES = {"mlp": "multilayer perceptrons", "dcgan": "DCGANs, 32 filters"}
_PICTURES = 60_000
_BATCHES = {"mlp": [5, 32, 128], "dcgan": [32, 64]}
#: Timed in each process for each batch size; the loop of Keras is so slow that fewer suffice.
_ITERATIONS = {"mlp": 100, "dcgan": 20, "classic": 40}
#: So many are timed together, as this suite's training makes its blocks.
_CHUNK = 20
#: How many times as fast as others this suite should be: architecture, batch size, who.
_TARGETS = {("mlp", 5, _KERAS): 8, ("mlp", 32, _KERAS): 4, ("mlp", 32, TORCH): 2}
#: What may differ: losses relative to themselves, and what training changes of the weights
#: relative to its length. Adam's first steps are signs of gradients, more or less: one that is
#: near 0 counts as much as others, and so does its rounding.
_TOLERANCES = {"losses": 1e-4, "changes": 2e-3}


def check(folder: str) -> dict[str, float]:
    """Compares what both computed of the same weights, pictures and latents.

    Running variances are left out: PyTorch's are those of a sample's whole population.

    Returns:
        The largest relative differences of losses, and of the changes of any weight or running
        mean.
    """
    (ours, theirs), given = both(folder), np.load(Path(folder, "weights.npz"))
    worst = dict.fromkeys(_TOLERANCES, 0.0)
    for key in ours:
        a, b = ours[key], theirs[key]
        if key.endswith("/losses"):
            kind, error = "losses", float((np.abs(a - b) / np.abs(a)).max())
        elif not key.endswith("variance"):
            kind, change = "changes", np.linalg.norm(a - given[key])
            error = float(np.linalg.norm(a - b) / change)
        else:
            continue
        if not error < _TOLERANCES[kind]:
            raise SystemExit(f"keras_gan_torch.py and this suite differ in {key}: {error:.1e}")
        worst[kind] = max(worst[kind], error)
    return worst


def all_runs(
    flags: argparse.Namespace, folder: str, architecture: str, scripts: dict[str, str]
) -> dict[str, dict[str, list[dict]]]:
    """Trains in processes of their own, in turn, so many of each as `--rounds` says.

    Args:
        flags: of the command line.
        folder: for what they exchange.
        architecture: to train.
        scripts: each with its Python.

    Returns:
        By who, and then by batch size, what each process measured.
    """
    runs: dict[str, dict[str, list[dict]]] = {}
    for _ in range(flags.rounds):
        for script, python in scripts.items():
            for who, sized in measure(python, script, folder, architecture).items():
                for batch, measured in sized.items():
                    runs.setdefault(who, {}).setdefault(batch, []).append(measured)
    return runs


def table(architecture: str, batch: int, runs: dict[str, list[dict]]) -> None:
    """Prints who makes how many iterations a second.

    Args:
        architecture: that is trained.
        batch: pictures of a step.
        runs: what the processes of each one measured.
    """
    print(f"\n{_TITLES[architecture]}, 28x28x1, {_PICTURES} pictures, batch {batch}, k=1")
    titles = ("iterations/s", "best", "first s", "this suite is", "target")
    print(f"  {'who':24s}" + "".join(f"{title:>14s}" for title in titles))
    medians = {who: median(measured) for who, measured in runs.items()}
    for who, measured in runs.items():
        best = min(s for run in measured for s in run["seconds"])
        first = statistics.median(run["first"] for run in measured)
        columns = [f"{1 / medians[who]:.1f}", f"{1 / best:.1f}", f"{first:.2f}"]
        if who != SUITE:
            target = _TARGETS.get((architecture, batch, who))
            columns.append(f"{medians[who] / medians[SUITE]:.2f}x")
            columns.append(f"{target}x" if target else "")
        print((f"  {who:24s}" + "".join(f"{column:>14s}" for column in columns)).rstrip())
    sys.stdout.flush()


def benchmark(flags: argparse.Namespace, folder: str, pythons: dict[str, str]) -> None:
    """Measures everything and prints the tables."""
    batches = {a: flags.batch_sizes or _BATCHES[a] for a in flags.architectures}
    iterations = {name: flags.iterations or count for name, count in _ITERATIONS.items()}
    settings = {"architectures": flags.architectures, "chunk": _CHUNK}
    settings |= {"batch_sizes": batches, "iterations": iterations}
    Path(folder, "flags.json").write_text(json.dumps(settings))
    measure(sys.executable, _SUITE, folder, "write")
    suite = {_SUITE: sys.executable}
    torch_too = {_TORCH: pythons[TORCH]} if TORCH in pythons else {}
    if torch_too:
        for script, python in {**suite, **torch_too}.items():
            measure(python, script, folder, "check")
        agreement = ", ".join(f"{kind} {error:.1e}" for kind, error in check(folder).items())
        print(f"this suite and PyTorch, 3 iterations from the same, differ by: {agreement}")
    about = "each time is that of 20 iterations; the first 20, with what is compiled, are not among"
    print(f"{about} them", flush=True)
    for architecture in flags.architectures:
        classic = {_CLASSIC: sys.executable} if architecture == "mlp" else {}
        runs = all_runs(flags, folder, architecture, {**suite, **classic, **torch_too})
        for batch in batches[architecture]:
            table(architecture, batch, {who: sized[str(batch)] for who, sized in runs.items()})


def main() -> None:
    """Prints the tables."""
    flags_of = parser(__doc__)
    add = flags_of.add_argument
    about = "default: 5, 32 and 128 of mlp, 32 and 64 of dcgan"
    add("--batch_sizes", type=int, nargs="+", help=about)
    defaults = ", ".join(f"{count} of {name}" for name, count in _ITERATIONS.items())
    about = f"timed in each process for each batch size, by {_CHUNK}; default: {defaults}"
    add("--iterations", type=int, help=about)
    choices = {"choices": tuple(_BATCHES), "default": list(_BATCHES)}
    add("--architectures", nargs="+", **choices, help="default: both")
    flags = flags_of.parse_args()
    if min(flags.rounds, flags.iterations or 1) < 1:
        flags_of.error("--rounds and --iterations must be 1 or more")
    if any(not 2 <= batch <= _PICTURES // _CHUNK for batch in flags.batch_sizes or ()):
        flags_of.error(f"--batch_sizes must be 2 to {_PICTURES // _CHUNK}")
    pythons = begin(flags.torch_python)
    with tempfile.TemporaryDirectory() as folder:
        benchmark(flags, folder, pythons)


if __name__ == "__main__":
    main()
