"""The demo: all five papers in their quick form, from nothing to a gallery of pictures.

Results go to `results/demo`. What is done there is not done again; a run that was broken off goes
on, and what leaves no run to go on with, which takes seconds, is made anew.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.exhibit import read_figures
from common.files import make_folder, written_whole
from common.runs import SETTINGS, read_settings
from reproductions.suite.papers import REPRODUCTIONS

DEMO = Path("results", "demo")
_DONE = DEMO / "done.json"


@dataclass(frozen=True)
class Step:
    """A command of the demo.

    Args:
        paper: the package.
        what: what it does, in words.
        script: of the package, without its ending.
        flags: the words after it.
        begun: pattern of the folder of its run in `results/demo`, if it can be gone on with.
        makes: pattern of a file in `results/demo`, of a step without such a run.
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


def _folder(paper: str) -> str:
    return (DEMO / paper).as_posix()


def _steps() -> list[Step]:
    multiscale, introspective, texture_nets = map(
        _folder, ("multiscale", "iccv_introspective", "texture_nets")
    )
    bricks = ("bricks.png", "--preset", "quick", "--results_dir", introspective)
    generator = f"{texture_nets}/model.keras"
    return [
        *(
            Step(
                "multiscale",
                f"a texture like {name}.png, by L-BFGS-B on the pixels",
                "synthesize",
                (
                    *("--preset", "quick", "--source", f"datasets/textures/{name}.png"),
                    *("--output-dir", multiscale, "--output-prefix", name),
                    *("--random_seed", "1"),
                ),
                f"multiscale/{name}.L*",
            )
            for name in ("pebbles", "tomatoes")
        ),
        Step(
            "iccv_introspective",
            "a classifier learns bricks, in 25 rounds",
            "learn_texture",
            (*bricks, "--rounds", "25"),
            "iccv_introspective/learn_bricks_texture/*",
        ),
        Step(
            "iccv_introspective",
            "new bricks from noise, through all it has learned",
            "synthesize_texture",
            (*bricks, "--run", "latest"),
            "iccv_introspective/synthesize_bricks_texture/*",
        ),
        Step(
            "ppgn",
            "digits: classes, chains, units, a start, holes filled in",
            "recipes",
            ("digits", "--output_dir", _folder("ppgn")),
            makes="ppgn/digits.png",
        ),
        Step(
            "texture_nets",
            "a generator learns pebbles, in 400 iterations",
            "texture_train",
            (
                *("--preset", "quick", "-num_iterations", "400", "-learning_rate_every", "100"),
                *("-pictures_every", "25", "-tmp_path", texture_nets),
            ),
            "texture_nets",
        ),
        Step(
            "texture_nets",
            "larger pebbles, in one pass",
            "texture_sample",
            (
                *("-model", generator, "-sample_size", "256", "-save_path"),
                f"{texture_nets}/samples",
            ),
            makes="texture_nets/samples/1.png",
        ),
        Step(
            "keras_gan",
            "two networks play against each other, until one draws digits",
            "train",
            ("--preset", "quick", "--results_dir", _folder("keras_gan")),
            "keras_gan/digits-mlp*",
        ),
        Step(
            "keras_gan",
            "a hundred new digits",
            "generate",
            ("--sample_size", "100", "--results_dir", _folder("keras_gan")),
            makes="keras_gan/*/generated/grid.png",
        ),
    ]


def run_demo(steps: Sequence[Step]) -> list[Step]:
    """Makes the steps that are not done yet; one that fails ends its paper, not the others.

    Args:
        steps: all of the demo, in order.

    Returns:
        Those that failed.

    Raises:
        KeyboardInterrupt: by Ctrl-C, when what was running has ended.
        UserError: a folder or file cannot be written.
    """
    done, failed = _read_done(), []
    papers = list(dict.fromkeys(step.paper for step in steps))
    for step in steps:
        if step.paper in {other.paper for other in failed}:
            continue
        title = f"[{papers.index(step.paper) + 1}/{len(papers)}] {step.paper}: {step.what}"
        if _key(step) in done and _is_there(step):
            print(f"{title}: done before, in {done[_key(step)]:.0f} s", flush=True)
            continue
        # What the paper does later is made of what is made now.
        done = {key: seconds for key, seconds in done.items() if key not in _from(step, steps)}
        print(f"\n{title}", flush=True)
        began = time.perf_counter()
        command = _command(step)
        print(f"  python {shlex.join(command[1:])}", flush=True)
        if _run(command):
            failed.append(step)
            print(f"{title}: failed; the others go on", flush=True)
            continue
        seconds = time.perf_counter() - began
        done[_key(step)] = round(seconds, 1)
        _write_done(done)
        print(f"{title}: {seconds:.0f} s", flush=True)
    return failed


def _key(step: Step) -> str:
    return shlex.join([step.paper, step.script, *step.flags])


def _from(step: Step, steps: Sequence[Step]) -> set[str]:
    """A step and those of its paper that come after it."""
    later = steps[steps.index(step) :]
    return {_key(other) for other in later if other.paper == step.paper}


def _is_there(step: Step) -> bool:
    """Whether the results of a step that was done have not been removed since."""
    if step.makes is not None:
        return next(DEMO.glob(step.makes), None) is not None
    return _begun(step) is not None


def _begun(step: Step) -> Path | None:
    """The folder of the run that the step's command began; the latest of several."""
    if step.begun is None:
        return None
    command = shlex.join(step.command(*step.flags)[1:])
    found = [
        path.parent
        for path in DEMO.glob(f"{step.begun}/{SETTINGS}")
        if _settings(path.parent).get("command") == command
    ]
    return max(found, key=lambda folder: (folder / SETTINGS).stat().st_mtime, default=None)


def _settings(run: Path) -> dict:
    try:
        return read_settings(run)
    except UserError:  # damaged: nothing that can be gone on with
        return {}


def _command(step: Step) -> list[str]:
    begun = _begun(step)
    return step.command(*(step.flags if begun is None else ("--resume", begun.as_posix())))


def _run(command: Sequence[str]) -> int:
    """Runs a command to its end, also after Ctrl-C, which it gets as well; its exit status."""
    interrupted = False
    process = subprocess.Popen(command)
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return status


def _read_done() -> dict[str, float]:
    """The steps that were made, with their seconds."""
    return read_figures(_DONE)


def _write_done(done: dict[str, float]) -> None:
    make_folder(DEMO)
    with written_whole(_DONE) as temporary:
        temporary.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")


def main(argv: Sequence[str] = ()) -> int:
    """Runs the demo, and writes the gallery.

    Args:
        argv: the words after `demo`: there are none.

    Returns:
        The exit status: 1 if a paper failed.

    Raises:
        UserError: a folder or file cannot be written.
    """
    from reproductions.suite.gallery import write_gallery
    from reproductions.suite.gallery.command import existing_folders

    began = time.perf_counter()
    print(f"About ten minutes on two CPU cores. Results go to {DEMO}: remove it to begin anew.")
    try:
        failed = run_demo(_steps())
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    make_folder(DEMO)
    page = write_gallery(existing_folders(), DEMO.parent)
    minutes, seconds = divmod(round(time.perf_counter() - began), 60)
    print(f"\n{minutes} min {seconds} s. Open {page} in a browser: every picture, how it grew, how")
    print("to make it again. `python -m reproductions` lists what else there is.")
    if failed:
        names = ", ".join(dict.fromkeys(step.paper for step in failed))
        print(f"failed: {names}; `python -m reproductions doctor` may say why", file=sys.stderr)
    return bool(failed)
