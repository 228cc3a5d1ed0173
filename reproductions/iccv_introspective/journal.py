"""What makes a run go on after a crash: the state of the round it is in."""

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.runs import STATE, load_state, save_state
from reproductions.iccv_introspective.round_file import round_path
from reproductions.iccv_introspective.run_folder import DATA


class Stopped(Exception):  # noqa: N818 - it is no error
    """The user asked the run to end; its state is saved."""


class Journal:
    """Saves the state of the current round, and replays the round from it.

    What a round does follows from the run's seed and from what its steps gave. So the state is
    those numbers, and the arrays that steps change. A run that goes on walks through its round
    again from the start, but is handed the numbers of the steps that were made.

    Args:
        folder: of the run.
        interval: seconds between two saves, at least.

    Attributes:
        round: number of the round that the state is of.
        restored: the arrays of the state, or an empty mapping.

    Raises:
        UserError: the state is damaged, or missing though the run has come further than round 0.
    """

    def __init__(self, folder: Path, interval: float):
        self._folder, self._interval = folder, interval
        self._saved_at = time.monotonic()
        self._asked = False
        self.round, self.restored = 0, {}
        self._numbers: list[tuple[float, float]] = []
        self._replayed = 0
        state = load_state(folder)
        if state is None and (folder / DATA / round_path(1)).exists():
            raise UserError(f"{folder / STATE} is missing: the run cannot go on")
        if state is not None:
            try:
                self.round = int(state.pop("round"))
                self._numbers = [(float(a), float(b)) for a, b in state.pop("numbers")]
            except (KeyError, TypeError, ValueError):
                raise UserError(f"the state of {folder} is damaged") from None
            self.restored = state

    def __enter__(self):
        """From here on Ctrl-C (or a request to end) takes effect after a step, not in it."""
        self._handlers = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._handlers[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(self, *exception):
        """Gives Ctrl-C back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        print("\nending after this step; again: at once", flush=True)

    def replayed(self) -> tuple[float, float] | None:
        """What the next step gave when it was made; None if it has yet to be made."""
        if self._replayed == len(self._numbers):
            return None
        self._replayed += 1
        return self._numbers[self._replayed - 1]

    @property
    def replaying(self) -> bool:
        """Whether the next step has been made already."""
        return self._replayed < len(self._numbers)

    def note(
        self, numbers: tuple[float, float], arrays: Callable[[], Mapping[str, np.ndarray]]
    ) -> None:
        """Notes what a step gave; saves the state if it is time to.

        Args:
            numbers: what the step gave.
            arrays: gives all that steps of this phase have changed.

        Raises:
            UserError: the state cannot be written.
            Stopped: the user asked for it; the state is saved.
        """
        self._numbers.append(numbers)
        self._replayed += 1
        self.restored = {}
        if self._asked or time.monotonic() - self._saved_at >= self._interval:
            self._save(self.round, self._numbers, arrays())
        if self._asked:
            raise Stopped

    def next_round(self) -> None:
        """Begins a round.

        Raises:
            UserError: the state cannot be written.
            Stopped: the user asked for it; the state is saved.
        """
        self._save(self.round + 1, [], {})
        self.round += 1
        self._numbers, self._replayed, self.restored = [], 0, {}
        if self._asked:
            raise Stopped

    def _save(
        self, number: int, made: list[tuple[float, float]], arrays: Mapping[str, np.ndarray]
    ) -> None:
        numbers = np.array(made, np.float64).reshape(-1, 2)
        save_state(self._folder, round=number, numbers=numbers, **arrays)
        self._saved_at = time.monotonic()
