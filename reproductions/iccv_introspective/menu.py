"""Which learning run to synthesise from."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import UserError
from reproductions.iccv_introspective.run_folder import title


def choose_run(
    runs: Sequence[Path], terminal: bool | None = None, ask: Callable[[str], str] = input
) -> Path:
    """Asks with a numbered menu; where there is no terminal, takes the latest run and says so.

    Args:
        runs: to choose from, oldest first, at least one.
        terminal: whether someone can answer; None: find out.
        ask: shows a prompt and returns the answer.

    Raises:
        UserError: the input ends without an answer.
    """
    if terminal is None:
        terminal = sys.stdin is not None and sys.stdin.isatty()
    if not terminal:
        print(f"the latest of {len(runs)} runs: {runs[-1].name} (--run takes another)")
        return runs[-1]
    print("Select a run")
    for number, run in enumerate(runs, start=1):
        print(f"{number}) {title(run)}")
    while True:
        try:
            answer = ask(f"1-{len(runs)}: ").strip()
        except EOFError:
            raise UserError("no run was selected; --run NAME or --run latest selects one") from None
        if answer.isdecimal() and 1 <= int(answer) <= len(runs):
            return runs[int(answer) - 1]
        print(f"a number from 1 to {len(runs)}, please")
