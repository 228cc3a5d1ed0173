"""Textures by each descriptor: how near to their source, in what time, with how much memory.

python benchmarks/descriptors.py [PICTURE ...] [--against CHECKOUT] [--output FOLDER]

Each is made by `synthesize.py --preset quick` as a command of its own, from its start to its end,
one after the other. `--against` is the folder of another version of this suite, whose quick preset
is measured beside. Without pictures: the textures of `datasets/`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from benchmarks.machine import GIB, describe  # noqa: E402
from common.images import pictures_in, read_picture  # noqa: E402

AGAINST = "before"


def make(checkout: Path, picture: Path, folder: Path, flags: list[str]) -> dict:
    """Makes a texture.

    Args:
        checkout: the suite's folder.
        picture: the source.
        folder: for the run.
        flags: of the script.

    Returns:
        Seconds, CPU seconds and GiB of the whole command, and the result's path.

    Raises:
        SystemExit: it failed.
    """
    script = checkout / "reproductions" / "multiscale" / "synthesize.py"
    words = ["--preset", "quick", "--random_seed", "1", "-s", str(picture), *flags]
    command = [sys.executable, str(script), *words, "--output-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    began = time.perf_counter()
    with open(folder / "log.txt", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=checkout)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            log.seek(0)
            raise SystemExit(log.read())
    results = sorted(folder.glob("*/I*_F0000.png"))
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024 / GIB,
        "result": results[-1],
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path, help="sources")
    parser.add_argument("--weights", nargs="+", default=["squeezenet", "drawn", "random"])
    parser.add_argument("--against", type=Path, help="another checkout of the suite")
    parser.add_argument("--width", default="256", help="of the textures, pixels")
    parser.add_argument("--output", type=Path, help="keeps the runs in this folder")
    flags = parser.parse_args()
    pictures = flags.pictures or pictures_in(HERE.parent / "datasets" / "textures")
    whole = [(one, HERE.parent, ["--weights", one, "-ow", flags.width]) for one in flags.weights]
    if flags.against:
        whole.append((AGAINST, flags.against.resolve(), ["-ow", flags.width]))
    print(f"{time.strftime('%Y-%m-%d')}, {describe()}, load {os.getloadavg()[0]:.1f}")
    print(
        f"{'picture':16s} {'halves':>7s} {'noise':>6s}  "
        + "  ".join(f"{n:>24s}" for n, *_ in whole)
    )
    with tempfile.TemporaryDirectory() as temporary:
        made = {name: [] for name, *_ in whole}
        for picture in pictures:
            for name, checkout, words in whole:
                folder = (flags.output or Path(temporary)) / f"{picture.stem}-{name}"
                folder.mkdir(parents=True)
                made[name].append(make(checkout, picture.resolve(), folder, words))
        _judge(pictures, made)
    print(f"{'median':16s} {'':7s} {'':6s}  " + "  ".join(map(_medians, made.values())))


def _judge(pictures: list[Path], made: dict[str, list[dict]]) -> None:
    """Prints a row for each picture: distance, seconds, CPU seconds and GiB of each."""
    import numpy as np

    from benchmarks.gram_judge import distance, halves, noise

    for number, picture in enumerate(pictures):
        source = np.asarray(read_picture(picture))
        cells = []
        for runs in made.values():
            run = runs[number]
            run["distance"] = distance(np.asarray(read_picture(run["result"])), source)
            cells.append(_cell(run))
        row = f"{picture.stem:16s} {halves(source):7.3f} {noise(source):6.2f}  "
        print(row + "  ".join(cells), flush=True)


def _cell(run: dict) -> str:
    return f"{run['distance']:6.3f} {run['seconds']:4.0f}s {run['cpu']:4.0f}s {run['memory']:4.2f}G"


def _medians(runs: list[dict]) -> str:
    keys = ("distance", "seconds", "cpu", "memory")
    return _cell({key: statistics.median(run[key] for run in runs) for key in keys})


if __name__ == "__main__":
    main()
