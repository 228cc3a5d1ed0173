"""`python -m reproductions`: what there is to run, and what concerns all five papers.

Nothing but the standard library is imported here, so that `doctor` can say what is missing.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from common.errors import UserError

#: Command -> the module whose `main` takes the words after it, and what it does.
COMMANDS = {
    "list": ("reproductions.suite.listing", "list papers, scripts and recipes (the default)"),
    "demo": ("reproductions.suite.demo", "make a picture of every paper, in minutes"),
    "fullscale": ("reproductions.suite.fullscale", "run a paper at full size, in pieces"),
    "gallery": ("reproductions.suite.gallery", "make a page of all that your runs have made"),
    "doctor": ("reproductions.suite.doctor", "say what is installed, and whether it works"),
}

#: Commands that take no words; theirs are refused here.
_BARE = ("demo",)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (-h tells more)\n")


def main(argv: Sequence[str]) -> int:
    """Runs a command.

    Args:
        argv: the words after `python -m reproductions`.

    Returns:
        The exit status: 1 after a user's mistake, which is told in one line; 2 if there is no such
        command.
    """
    command, *words = _parsed(argv)
    try:
        run = importlib.import_module(COMMANDS[command][0]).main
        status = run(words) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as by `| head`; Python would complain once more as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing in ("", "common", "datasets", "reproductions"):
            raise
        print(
            f"error: {missing} is not installed; python -m reproductions doctor tells more",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parsed(argv: Sequence[str]) -> Sequence[str]:
    parser = _Parser(
        prog="python -m reproductions",
        description="Five papers on image synthesis.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:9} {about}" for name, (_, about) in COMMANDS.items())
        + "\n\neach with flags of its own: python -m reproductions COMMAND -h",
    )
    parser.add_argument("command", nargs="?", default="list", metavar="COMMAND", help="see below")
    # What comes after the command is its own.
    command = parser.parse_args(argv[:1]).command
    if command not in COMMANDS:
        parser.error(f"there is no command {command}; there are {', '.join(COMMANDS)}")
    if command in _BARE:
        _Parser(prog=f"{parser.prog} {command}", description=COMMANDS[command][1]).parse_args(
            argv[1:]
        )
    return [command, *argv[1:]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
