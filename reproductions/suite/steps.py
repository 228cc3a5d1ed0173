"""Scripts that are run one after the other; what is done is not done again.

A run that was broken off goes on, and what leaves no run to go on with, which takes seconds, is
made anew.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import machine
from common.errors import UserError
from common.exhibit import read_figures
from common.files import make_folder, written_whole
from common.runs import SETTINGS, read_settings
from reproductions.suite.papers import REPRODUCTIONS


@dataclass(frozen=True)
class Step:
    """A command.

    Args:
        paper: the package.
        what: what it does, in words.
        script: of the package, without its ending.
        flags: the words after it.
        begun: pattern of the folder of its run, below the course's, if it can be gone on with.
        makes: pattern of a file below the course's folder, of a step without such a run.
    """

    paper: str
    what: str
    script: str
    flags: tuple[str, ...]
    begun: str | None = None
    makes: str | None = None

    def command(self, *flags: str) -> list[str]:
        """The words of a command, as a process takes them."""
        script = REPRODUCTIONS / self.paper / f"{self.script}.py"
        # As it is typed: so it stands in the run's settings.
        return [sys.executable, os.path.relpath(script), *flags]

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return shlex.join([self.paper, self.script, *self.flags])


class Course:
    """Steps whose results go to one folder.

    Args:
        folder: of the results; `done.json` and `spent.json` in it tell of the steps.
        steps: in order.
        machine: flags for each command that are no part of a run, such as `--device`.
    """

    def __init__(self, folder: Path, steps: Sequence[Step], machine: Sequence[str] = ()):
        self._folder, self._steps, self._machine = folder, steps, list(machine)
        self._done, self._spent = folder / "done.json", folder / "spent.json"

    def run(self, limit: float | None = None) -> list[Step]:
        """Makes the steps that are not done yet; one that fails ends its paper, not the others.

        Args:
            limit: seconds, after which what is running is interrupted, as by Ctrl-C.

        Returns:
            Those that failed.

        Raises:
            KeyboardInterrupt: by Ctrl-C, when what was running has ended.
            TimeoutError: the limit came first.
            UserError: a folder or file cannot be written.
        """
        end = None if limit is None else time.perf_counter() + limit
        done, failed = read_figures(self._done), []
        papers = list(dict.fromkeys(step.paper for step in self._steps))
        for step in self._steps:
            if step.paper in {other.paper for other in failed}:
                continue
            title = f"[{papers.index(step.paper) + 1}/{len(papers)}] {step.paper}: {step.what}"
            if step.key in done and self._is_there(step):
                print(f"{title}: done before, in {done[step.key]:.0f} s", flush=True)
                continue
            # What the paper does later is made of what is made now.
            done = {key: s for key, s in done.items() if key not in self._from(step)}
            self._write(self._done, done)
            print(f"\n{title}", flush=True)
            status, seconds = self._make(step, end)
            if status:
                failed.append(step)
                print(f"{title}: failed; the others go on", flush=True)
                continue
            done[step.key] = seconds
            self._write(self._done, done)
            print(f"{title}: {seconds:.0f} s", flush=True)
        return failed

    def seconds(self) -> dict[str, float]:
        """What each step has taken so far, over all calls, by its key."""
        return read_figures(self._spent)

    def is_done(self, step: Step) -> bool:
        """Whether it was made, and is still there."""
        return step.key in read_figures(self._done) and self._is_there(step)

    def run_of(self, step: Step) -> Path | None:
        """The folder of the run that the step's command began; the latest of several."""
        if step.begun is None:
            return None
        command = step.command(*step.flags)[1:]
        found = [
            path.parent
            for path in self._folder.glob(f"{step.begun}/{SETTINGS}")
            if _is_of(path.parent, command)
        ]
        return max(found, key=lambda run: (run / SETTINGS).stat().st_mtime, default=None)

    def _make(self, step: Step, end: float | None) -> tuple[int, float]:
        """Runs a step's command; its exit status, and the seconds of all its calls together."""
        begun, spent = self.run_of(step), self.seconds()
        before = 0.0 if begun is None else spent.get(step.key, 0.0)
        flags = step.flags if begun is None else ("--resume", begun.as_posix())
        command = step.command(*flags)
        print(f"  python {shlex.join(command[1:])}", flush=True)
        began = time.perf_counter()
        try:
            status = _run([*command, *self._machine], end)
        finally:
            seconds = round(before + time.perf_counter() - began, 3)
            self._write(self._spent, {**spent, step.key: seconds})
        return status, seconds

    def _from(self, step: Step) -> set[str]:
        """A step and those of its paper that come after it."""
        later = self._steps[self._steps.index(step) :]
        return {other.key for other in later if other.paper == step.paper}

    def _is_there(self, step: Step) -> bool:
        """Whether the results of a step that was done have not been removed since."""
        if step.makes is not None:
            return next(self._folder.glob(step.makes), None) is not None
        return self.run_of(step) is not None

    def _write(self, path: Path, figures: Mapping[str, float]) -> None:
        make_folder(self._folder)
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _is_of(run: Path, command: Sequence[str]) -> bool:
    """Whether a run was begun by a command, on whatever device."""
    try:
        words = shlex.split(read_settings(run)["command"])
    except (UserError, KeyError, ValueError):  # damaged: nothing that can be gone on with
        return False
    rest = words[len(command) :]
    return words == [*command, *rest] and not machine.take_words(rest)


def _run(command: Sequence[str], end: float | None) -> int:
    """Runs a command to its end, also after Ctrl-C, which it gets as well; its exit status."""
    interrupted, late = False, False
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell's background job ignores it, and so would the command.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command)
    while True:
        try:
            left = None if end is None or late else max(end - time.perf_counter(), 0)
            status = process.wait(left)
            break
        except subprocess.TimeoutExpired:
            late = True
            process.send_signal(signal.SIGINT)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    if late:
        raise TimeoutError
    return status
