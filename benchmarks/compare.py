"""What the benchmarks share: their command line, measuring in turn, and what sums it up."""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.machine import describe, has_torch

#: Who is compared, as the tables name them.
SUITE, TORCH = "this suite", "PyTorch"

#: What one process measured.
Run = dict


def parser(about: str, rounds: int = 3) -> argparse.ArgumentParser:
    """The command line of a benchmark that also measures PyTorch.

    Args:
        about: the benchmark's docstring, whose first line is shown.
        rounds: how many processes of each, by default.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--torch_python", default=sys.executable, help="a Python with PyTorch")
    parser.add_argument("--rounds", type=int, default=rounds, help="processes of each, in turn")
    return parser


def begin(torch_python: str) -> dict[str, str]:
    """Prints the date and the machine.

    Args:
        torch_python: the Python that may have PyTorch.

    Returns:
        By who is measured, the Python that measures it; PyTorch is left out where it is missing.
    """
    print(f"{time.strftime('%Y-%m-%d')}, {describe()}")
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.5:
        print(f"the machine is busy, load {load:.1f}: PyTorch's threads suffer most from that")
    pythons = {SUITE: sys.executable}
    if has_torch(torch_python):
        pythons[TORCH] = torch_python
    else:
        print("PyTorch is not installed here: make benchmark, or --torch_python")
    sys.stdout.flush()
    return pythons


def in_turn(rounds: int, who: Iterable[str], measure: Callable[[str], Run]) -> dict[str, list[Run]]:
    """Measures one after the other, so many times, so that a slow hour is everybody's.

    Args:
        rounds: how many times each.
        who: is measured.
        measure: from one of these to what a process measured.
    """
    runs = {one: [] for one in who}
    for _ in range(rounds):
        for one, measured in runs.items():
            measured.append(measure(one))
    return runs


def median(runs: Iterable[Run], key: str = "seconds") -> float:
    """Of all values of all processes.

    Args:
        runs: what they measured.
        key: of a list of values.
    """
    return statistics.median(value for run in runs for value in run[key])


def best_product(runs: Iterable[Run]) -> float:
    """The best rate of the machine's matrix product that any process saw, GFLOP/s."""
    return max(run["matrix_product"] for run in runs)


def both(folder: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What this suite and PyTorch computed of the same.

    Args:
        folder: holds `suite.npz` and `torch.npz`.

    Raises:
        SystemExit: only one of them has some array.
    """
    ours, theirs = (dict(np.load(Path(folder, f"{name}.npz"))) for name in ("suite", "torch"))
    if ours.keys() != theirs.keys():
        raise SystemExit(f"only one has {ours.keys() ^ theirs.keys()}")
    return ours, theirs
