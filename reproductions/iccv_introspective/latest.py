"""The latest syntheses of a run, with all their digits: where its next round starts."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import written_whole
from reproductions.iccv_introspective.run_folder import DATA


def _path(run: Path, number: int) -> Path:
    return run / DATA / f"syntheses_{number}.npy"


def save_latest(run: Path, number: int, images: np.ndarray) -> None:
    """Saves the pictures that a round starts from.

    Args:
        run: the run's folder.
        number: of the round.
        images: float32, (count, height, width, 3), [-1, 1].

    Raises:
        UserError: the file cannot be written.
    """
    with written_whole(_path(run, number)) as temporary:
        np.save(temporary, images)


def load_latest(run: Path, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """Loads the pictures that a round starts from, float32, of the given shape.

    Raises:
        UserError: the file is missing, damaged, or of another shape.
    """
    path = _path(run, number)
    try:
        images = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is missing or damaged: {error}") from None
    if images.shape != shape or images.dtype != np.float32:
        raise UserError(f"{path} is damaged or of a run with other settings")
    return images


def keep_latest(run: Path, number: int) -> None:
    """Removes the pictures that all rounds but one started from."""
    for path in (run / DATA).glob("syntheses_*.npy"):
        if path != _path(run, number):
            path.unlink(missing_ok=True)
