"""Ctrl-C that waits until what is being done is whole."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts_held() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C is only noted; a second one interrupts at once.

    Not so in a thread: there Ctrl-C is as always.

    Yields:
        A function that says whether there was one.
    """
    noted = []

    def note(*_) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(True)
        # Not print: the signal may have come in the middle of one.
        os.write(1, b"\nending after this iteration; Ctrl-C again: at once\n")

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # not the main thread
        yield lambda: False
        return
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
