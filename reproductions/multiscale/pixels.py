"""The optimisation of the pixels, with all that a run folder gets."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from common.autodiff import loss_and_gradient
from common.errors import UserError
from common.files import written_whole
from common.images import contact_sheet, read_picture, save_gif, save_picture
from common.lbfgs import Outcome, minimize
from common.reporting import Report
from common.runs import load_state, new_folder, save_state, versions, write_settings
from common.vgg19_pixels import deprocess, preprocess
from reproductions.multiscale.naming import iteration_file, start_file
from reproductions.multiscale.start import random_start, start_from, symmetric_start

#: Flags that belong to the moment, not to the run.
_NOT_SAVED = ("resume", "preset", "script")


def output_size(flags: argparse.Namespace) -> tuple[int, int]:
    """Width and height to make."""
    return flags.output_width, flags.output_height or flags.output_width


def make_start(flags: argparse.Namespace, blur: int) -> np.ndarray:
    """The start that the flags ask for; draws the random seed if none is given.

    Args:
        flags: of the script; `random_seed` is set.
        blur: of a symmetric start.

    Returns:
        float64, shape (count, height, width, 3), BGR minus the mean.
    """
    if flags.random_seed is None:
        flags.random_seed = int(np.random.SeedSequence().generate_state(1)[0])
    random = np.random.RandomState(flags.random_seed)
    width, height = output_size(flags)
    shape = (flags.count, height, width, 3)
    if flags.init is not None:
        picture = read_picture(flags.init).resize((width, height), Image.Resampling.LANCZOS)
        return start_from(random, preprocess(np.asarray(picture)), shape)
    if flags.seed == "symmetric":
        return symmetric_start(random, shape, blur)
    return random_start(random, shape)


def _new_run(flags: argparse.Namespace, name: str, start: np.ndarray, facts: dict) -> Path:
    folder = new_folder(flags.output_dir, name)
    command = " ".join(sys.argv)
    saved = {key: value for key, value in vars(flags).items() if key not in _NOT_SAVED}
    write_settings(
        folder,
        {
            "script": flags.script,
            "command": command,
            **facts,
            "flags": saved,
            "versions": versions(),
        },
    )
    with written_whole(folder / "Acommand.txt") as temporary:
        # File names may hold bytes that are no text.
        temporary.write_text(command, encoding="utf-8", errors="surrogateescape")
    for frame, picture in enumerate(deprocess(start)):
        save_picture(picture, folder / start_file(frame))
    return folder


def optimise_pixels(
    flags: argparse.Namespace,
    name: str,
    loss: Callable,
    start: np.ndarray,
    facts: dict,
    sources: Sequence[np.ndarray] = (),
) -> None:
    """Minimises a loss of images and fills the run folder; goes on with one if asked to.

    Args:
        flags: of the script.
        name: of a new run folder.
        loss: from images (frames, height, width, 3) to a scalar.
        start: the images to start from, float64, BGR minus the mean.
        facts: more entries for `run.json`.
        sources: uint8 pictures, RGB, to be shown beside the result.

    Raises:
        UserError: something cannot be written, or the loss is not a number.
    """

    def frames(x: np.ndarray) -> np.ndarray:
        return deprocess(x.reshape(start.shape))

    evaluate = loss_and_gradient(loss, start.shape)
    first, pixels = _resumed(flags.resume, start) if flags.resume else (0, start.ravel())
    folder = Path(flags.resume) if flags.resume else _new_run(flags, name, start, facts)
    if first and first >= flags.max_iter:
        print(f"{folder} has its {first} iterations; go on with --max-iter above {first}")
        # It may have been killed just before these.
        _save_summary(flags, folder, frames(start), frames(pixels), sources)
        return
    print(f"run folder: {folder}")

    saved = None

    def save(iteration: int, x: np.ndarray) -> None:
        nonlocal saved
        pictures = frames(x)
        for frame, picture in enumerate(pictures):
            save_picture(picture, folder / iteration_file(iteration, frame))
        report.pictures(iteration, pictures)
        save_state(folder, pixels=x, iterations=iteration + 1)
        saved = iteration

    def on_iteration(iteration: int, x: np.ndarray, value: float, evaluations: int) -> None:
        report.step(iteration, value, evaluations)
        if iteration % flags.save_every == 0:
            save(iteration, x)

    report = Report(folder, flags.max_iter, first)
    try:
        outcome = minimize(evaluate, pixels, flags.max_iter, flags.tol, on_iteration, first=first)
        last = outcome.iterations - 1
        # Ctrl-C may have come in the middle of saving.
        if last >= first and saved != last:
            save(last, outcome.pixels)
    finally:
        report.close()
    _save_summary(flags, folder, frames(start), frames(outcome.pixels), sources)
    _tell(folder, outcome)


def _resumed(folder: str, start: np.ndarray) -> tuple[int, np.ndarray]:
    """The iterations made and the pixels of a run; those of its start if no state was saved yet."""
    state = load_state(folder, ("pixels", "iterations"))
    if state is None:
        return 0, start.ravel()
    first, pixels = state["iterations"], state["pixels"]
    if first.shape != () or pixels.shape != (start.size,) or not np.isfinite(pixels).all():
        raise UserError(f"the state of {folder} is damaged or of a run with other flags")
    return int(first), pixels


def _save_summary(
    flags: argparse.Namespace,
    folder: Path,
    start: np.ndarray,
    result: np.ndarray,
    sources: Sequence[np.ndarray],
) -> None:
    """Writes the pictures that only the end can make."""
    save_picture(contact_sheet([*sources, start[0], *result[:4]]), folder / "sheet.png")
    if flags.count > 1:
        save_gif(result, folder / "animation.gif")
    if flags.tileable:
        save_picture(np.tile(result[0], (2, 2, 1)), folder / "tiled.png")


def _tell(folder: Path, outcome: Outcome) -> None:
    """Says how the run ended and where its result is."""
    print(f"{outcome.message}; {outcome.iterations} iterations, loss {outcome.loss:.6g}")
    if outcome.iterations:
        print(f"result: {folder / iteration_file(outcome.iterations - 1, 0)}")
    if outcome.interrupted:
        print(f"go on with: --resume {folder}")
