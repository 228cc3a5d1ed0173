"""`python -m reproductions fullscale PAPER`: the originals' constants, where there is a GPU.

Results go to `results/fullscale/PAPER`. The work can be done in pieces, `--minutes 10`: the same
command goes on.
"""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from common import machine
from common.files import written_whole
from common.flags import Parser, positive_float, seed
from reproductions.suite.fullscale.courses import COURSES
from reproductions.suite.fullscale.work import summed_up
from reproductions.suite.steps import Course

FOLDER = Path("results", "fullscale")
REPORT = "report.json"


def parse_fullscale(argv: Sequence[str]):
    """Parses the words after `fullscale`.

    Returns:
        `paper`, `random_weights`, `minutes`, a number or None, and `seed`.

    Raises:
        SystemExit: after `-h`, or a wrong flag.
    """
    parser = Parser(
        "python -m reproductions fullscale",
        "Runs a paper with its original's constants, at full size: hours on a GPU, days without.",
        "_",
    )
    parser.add_argument("paper", choices=sorted(COURSES), help="which")
    about = "descriptor networks of random weights, where trained ones cannot be had"
    parser.add_argument("--random_weights", action="store_true", help=about)
    parser.add_argument("--minutes", type=positive_float, help="to work; None: to the end")
    parser.add_argument("--seed", type=seed, default=0, help="the same seed gives the same run")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Works on a paper, for as long as it may; then tells how it went.

    Args:
        argv: the words after `fullscale`.

    Returns:
        The exit status: 0 if all is done, 1 if a step failed, 75 (try again) if time was over.

    Raises:
        UserError: a folder or file cannot be written.
    """
    flags = parse_fullscale(argv)
    folder = FOLDER / flags.paper
    steps = COURSES[flags.paper](folder, flags.seed, flags.random_weights)
    course = Course(folder, steps, machine.as_arguments())
    again = shlex.join(["python", "-m", "reproductions", "fullscale", *argv])
    limit = None if flags.minutes is None else 60 * flags.minutes
    try:
        failed = course.run(limit)
    except TimeoutError:
        print(f"time is over; `{again}` goes on")
        return 75
    except KeyboardInterrupt:
        print(f"interrupted; `{again}` goes on", file=sys.stderr)
        return 130
    if failed:
        return 1
    report = summed_up(course, steps)
    with written_whole(folder / REPORT) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, value in report.items():
        print(f"{name}: {value}")
    return 0
