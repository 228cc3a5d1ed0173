"""Speed of this suite on each of Keras' backends: seconds of a step of each paper.

python benchmarks/backends.py [--python_jax PYTHON] [--rounds N] [--calls N]
"""

import argparse
import shutil
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:
    sys.path[0] = str(ROOT)

from benchmarks.compare import Run, in_turn, median  # noqa: E402
from benchmarks.machine import describe, measure  # noqa: E402

#: What is measured -> in words, with the size where it is smaller than the original's.
CASES = {
    "multiscale": "loss and gradient, 288x288, 4 octaves",
    "iccv_introspective/learning": "a step, 100 patches of 20 pictures",
    "iccv_introspective/synthesis": "a step, 100 patches of 20 pictures",
    "ppgn": "a step of a chain towards a class",
    "texture_nets": "a training step of the pyramid, 4 images, 160x160",
    "keras_gan/mlp": "an iteration, 32 pictures, 28x28",
    "keras_gan/dcgan": "an iteration, 32 pictures, 28x28, 32 filters",
}
_SCRIPT = "backends_suite.py"
#: The backend -> the Python that has it, by default.
_PYTHONS = {
    "tensorflow": sys.executable,
    "jax": str(ROOT / ".venv-jax" / "bin" / "python"),
    "torch": str(ROOT / ".venv-torch" / "bin" / "python"),
}


def begin(flags: argparse.Namespace) -> dict[str, str]:
    """Prints the date, the machine, and what computes.

    Returns:
        By backend, the Python that measures it; those that are missing are left out.
    """
    print(f"{time.strftime('%Y-%m-%d')}, {describe()}")
    pythons = {}
    for backend in flags.backends:
        python = getattr(flags, f"python_{backend}")
        if not shutil.which(python):
            print(f"{backend} is left out: there is no {python} (make test BACKEND={backend})")
            continue
        try:
            facts = measure(python, _SCRIPT, "facts", 0, backend=backend)
        except SystemExit as error:
            reason = str(error).strip().splitlines()[-1]
            print(f"{backend} is left out: {python} does not import it: {reason}")
            continue
        print(f"{backend}: {', '.join(f'{name} {fact}' for name, fact in facts.items())}")
        pythons[backend] = python
    sys.stdout.flush()
    return pythons


def compiling(runs: list[Run]) -> float:
    """Seconds that the first call takes more than others do, in the middle of all processes."""
    step = median(runs)
    return statistics.median(max(0, run["first"] - run.get("steps", 1) * step) for run in runs)


def table(title: str, rows: dict[str, list[float]], backends: list[str]) -> None:
    """Prints a number for each case and backend."""
    print(f"\n{title:30s}" + "".join(f"{backend:>12s}" for backend in backends))
    for case, values in rows.items():
        print(f"{case:30s}" + "".join(f"{value:12.4g}" for value in values))


def main() -> None:
    """Prints the tables."""
    flags_of = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = flags_of.add_argument
    for backend, python in _PYTHONS.items():
        add(f"--python_{backend}", default=python, help=f"a Python with it; default: {python}")
    add("--backends", nargs="+", choices=list(_PYTHONS), default=list(_PYTHONS))
    add(
        "--cases",
        nargs="+",
        choices=list(CASES),
        default=list(CASES),
        metavar="CASE",
        help=", ".join(CASES),
    )
    add("--rounds", type=int, default=3, help="processes of each, in turn")
    add("--calls", type=int, default=5, help="timed in each process, after the first")
    flags = flags_of.parse_args()
    if min(flags.rounds, flags.calls) < 1:
        flags_of.error("--rounds and --calls must be 1 or more")
    pythons = begin(flags)
    if not pythons:
        raise SystemExit("there is no backend to measure")
    medians, bests, compiled = {}, {}, {}
    for case in flags.cases:
        runs = in_turn(
            flags.rounds,
            pythons,
            lambda who, case=case: measure(pythons[who], _SCRIPT, case, flags.calls, backend=who),
        ).values()
        medians[case] = [median(measured) for measured in runs]
        bests[case] = [min(s for run in measured for s in run["seconds"]) for measured in runs]
        compiled[case] = [compiling(measured) for measured in runs]
        print(f"{case}: {CASES[case]}", flush=True)
    table("seconds a step, median", medians, list(pythons))
    table("seconds a step, best", bests, list(pythons))
    table("seconds of compiling", compiled, list(pythons))


if __name__ == "__main__":
    main()
