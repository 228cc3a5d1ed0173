"""The command line of the gallery."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from common.flags import Parser
from reproductions.suite.gallery.finding import Run, find_runs
from reproductions.suite.gallery.writing import write_page

#: Where the scripts put their runs, if they are not told otherwise.
DEFAULT_FOLDERS = ("results", "outputs", "output", "data/out")


def existing_folders() -> list[str]:
    """Where runs are looked for, as far as that is there."""
    return [name for name in DEFAULT_FOLDERS if Path(name).is_dir()]


def parse_gallery(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the words after `gallery`.

    Returns:
        `folders`: list of strings, maybe empty; `output`: a string.

    Raises:
        SystemExit: after `-h`, or a wrong flag.
    """
    parser = Parser(
        "python -m reproductions gallery",
        "Writes one page that shows every run: pictures, how they grew, losses, commands.",
        computes=False,
    )
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        default=argparse.SUPPRESS,  # what there is by then
        help="where to look for runs, subfolders included; without any: those of "
        f"{', '.join(DEFAULT_FOLDERS)} that there are in the current folder",
    )
    parser.add_argument(
        "--output", metavar="DIR", default="results", help="folder of the page, index.html"
    )
    return argparse.Namespace(**{"folders": [], **vars(parser.parse_args(argv))})


def run(argv: Sequence[str]) -> int:
    """Finds the runs, writes the page, and says so; see `main` of this package."""
    flags = parse_gallery(argv)
    runs = find_runs(flags.folders or existing_folders())
    page = write_page(runs, flags.output)
    print(f"{_counted(runs)}: {page}")
    if not runs:
        print("make some with `make demo`, or see `python -m reproductions`")
    return 0


def _counted(runs: Sequence[Run]) -> str:
    """How many runs of which papers: `3 runs (multiscale 2, keras_gan 1)`."""
    if not runs:
        return "no runs yet"
    counts = Counter(run.paper.package for run in runs)
    each = ", ".join(f"{package} {count}" for package, count in counts.items())
    return f"{len(runs)} run{'s' * (len(runs) != 1)} ({each})"
