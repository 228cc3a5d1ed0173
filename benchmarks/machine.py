"""What the machine can do at best, and measurements in processes of their own."""

import json
import os
import platform
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

GIB = 2**30


def describe() -> str:
    """The processor's name and how many cores of it are usable, the operating system."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        name = names[0] if names else name
    except OSError:
        pass
    return f"{name}, {cores()} cores, {platform.system()} {platform.machine()}"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def peak_memory() -> float:
    """The largest resident size of this process so far, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if platform.system() == "Darwin" else 1024) / GIB


def matrix_product_rate(product: Callable[[int], Callable[[], None]], seconds: float = 3) -> float:
    """The best rate of a float32 matrix product, in GFLOP/s.

    Args:
        product: from a size n to a function that multiplies two n x n matrices.
        seconds: how long to try each size.
    """
    best = 0.0
    for size in (1024, 2048, 4096):
        multiply = product(size)
        multiply()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            multiply()
            best = max(best, 2 * size**3 / (time.perf_counter() - begin) / 1e9)
    return best


def time_calls(call: Callable[[], None], count: int) -> list[float]:
    """Seconds of each of `count` calls."""
    seconds = []
    for _ in range(count):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return seconds


def timed(call: Callable[[], None], count: int) -> dict:
    """Seconds of the first call, and of some more; the process's memory."""
    (first,) = time_calls(call, 1)
    return {"first": first, "seconds": time_calls(call, count), "memory": peak_memory()}


def measure(python: str, script: str, *arguments, backend: str | None = None) -> dict:
    """Runs one measurement in a process of its own.

    Args:
        python: that runs it.
        script: in this folder.
        *arguments: of the script.
        backend: of Keras; None: as KERAS_BACKEND says.
    """
    environment = {**os.environ, "KERAS_BACKEND": backend} if backend else None
    command = [python, str(Path(__file__).with_name(script)), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        raise SystemExit(f"{script} failed:\n{run.stderr}")
    return json.loads(run.stdout.strip().splitlines()[-1])


def has_torch(python: str) -> bool:
    """Whether that Python has PyTorch."""
    call = [python, "-c", "import torch"]
    return bool(shutil.which(python)) and not subprocess.run(call, capture_output=True).returncode
