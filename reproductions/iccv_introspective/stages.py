"""The stages of a learning run: its checkpoints."""

import re
from pathlib import Path

from common.errors import UserError
from reproductions.iccv_introspective.run_folder import CHECKPOINTS

_NAME = re.compile(r"round_(\d+)\.weights\.h5")


def checkpoint_path(run: Path, number: int) -> Path:
    """The file of a round."""
    return run / CHECKPOINTS / f"round_{number}.weights.h5"


def saved_rounds(run: Path) -> list[int]:
    """The rounds of a run that have a checkpoint, in order.

    Raises:
        UserError: there is none, or one is missing.
    """
    names = [_NAME.fullmatch(path.name) for path in (run / CHECKPOINTS).glob("*")]
    rounds = sorted(int(name[1]) for name in names if name)
    if not rounds:
        raise UserError(f"the run {run} has no checkpoints: no round of it has finished learning")
    missing = sorted(set(range(rounds[-1])) - set(rounds))
    if missing:
        raise UserError(f"checkpoints of rounds {missing} are missing in {run / CHECKPOINTS}")
    return rounds


def stages(run: Path, last_round: int | None) -> int:
    """How many stages of a learning run to use.

    Args:
        run: folder of the learning run.
        last_round: number of the last one; None: all that are saved.

    Raises:
        UserError: it does not have so many.
    """
    last = saved_rounds(run)[-1]
    if last_round is not None and last_round > last:
        raise UserError(f"the last round of {run} is {last}; {last_round} was asked for")
    return (last if last_round is None else last_round) + 1
