"""Making pictures with a trained generator."""

import argparse
import itertools
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common.errors import UserError, warn
from common.images import save_gif, save_picture
from common.pictures import as_rgb, grid
from common.runs import STATE, load_state, read_settings
from common.state import restore
from reproductions.keras_gan.networks import generators
from reproductions.keras_gan.options import MOST, trained_flags
from reproductions.keras_gan.runs import find_run

#: The folder in the run's own for what `generate.py` makes.
GENERATED = "generated"

#: Pictures made at a time.
_BATCH = 100

#: Columns of the grid of all pictures.
_COLUMNS = 10

#: Of the animated walks, at most.
_FRAMES = 100


def latent_points(count: int, latent: int, seed: int) -> np.ndarray:
    """Draws latents from N(0, 1); float32, (count, latent). More points begin with the same."""
    return np.random.default_rng(seed).standard_normal((count, latent), np.float32)


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """From -1..1 to 0..255, rounded; the inverse of what training does.

    Args:
        pictures: floats, (pictures, height, width, 1 or 3).
    """
    return np.clip((pictures + 1) * 127.5, 0, 255).round().astype(np.uint8)


def make(generator: keras.Model, latents: np.ndarray) -> np.ndarray:
    """Makes pictures, by the running statistics of batch normalisation.

    Args:
        generator: a model.
        latents: (pictures, latent).

    Returns:
        uint8, (pictures, height, width, channels).
    """
    parts = [latents[i : i + _BATCH] for i in range(0, len(latents), _BATCH)]
    return np.concatenate(
        [as_bytes(ops.convert_to_numpy(generator(part, training=False))) for part in parts]
    )


def walk(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Goes from one latent point to another, on an arc.

    The points of a straight line would be shorter than those that the generator was trained on.

    Args:
        start: (latent,).
        end: (latent,).
        steps: points, both ends included.

    Returns:
        float32, (steps, latent).
    """
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    t = np.linspace(0, 1, steps)[:, None]
    if np.sin(angle) < 1e-6:
        return (start + t * (end - start)).astype(np.float32)
    arc = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
    return (arc / np.sin(angle)).astype(np.float32)


def load_generator(run: Path) -> keras.Model:
    """Builds a run's generator as its flags say, and gives it its trained weights.

    Raises:
        UserError: the run has none yet, or a file of it is damaged.
    """
    flags, shape = trained_flags(run), read_settings(run).get("shape")
    state = load_state(run)
    if state is None:
        raise UserError(f"{run} has not been trained yet: train.py --resume {run.name} goes on")
    try:
        height, width, channels = map(int, shape)
        if not 0 < min(height, width) <= max(height, width) <= MOST or channels not in (1, 3):
            raise ValueError(f"its shape is {shape}")
        built = (flags.architecture, (height, width, channels), flags.latent, flags.filters)
        models = generators(*built, flags.grow is not None)
        stage = int(state["stage"])
        if not 0 <= stage < len(models):
            raise ValueError(f"its stage is {stage}")
        restore({"generator": models[-1].variables}, state)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{run} is damaged: {STATE} does not fit run.json: {error}") from None
    if np.array_equal(state.get("iteration"), 0):
        warn(f"{run} was saved before its training: it makes noise")
    return models[stage]


def _folder(run: Path, output_dir: str | None) -> Path:
    """Makes the folder for the pictures; in the run's own, those of an earlier call are deleted."""
    folder = Path(output_dir) if output_dir else run / GENERATED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not output_dir:
            for pattern in ("sample_*.png", "grid.png", "interpolation.*"):
                for path in folder.glob(pattern):
                    path.unlink()
    except OSError as error:
        raise UserError(f"cannot write to the folder {folder}: {error.strerror}") from None
    return folder


def generate(flags: argparse.Namespace) -> np.ndarray:
    """Makes pictures, one by one, as a grid, and as walks through latent space.

    Args:
        flags: of `generate.py`.

    Returns:
        The pictures, uint8, (pictures, height, width, channels).

    Raises:
        UserError: nothing has been trained, or a file cannot be read or written.
    """
    run = find_run(flags.results_dir, flags.run)
    model = load_generator(run)
    folder = _folder(run, flags.output_dir)
    latent = model.input_shape[1]
    points = latent_points(max(flags.sample_size, flags.interpolate + 1), latent, flags.seed)
    pictures = make(model, points[: flags.sample_size])
    for number, picture in enumerate(as_rgb(pictures), 1):
        save_picture(picture, folder / f"sample_{number:04d}.png")
    save_picture(grid(pictures, min(_COLUMNS, len(pictures))), folder / "grid.png")
    if flags.interpolate:
        pairs = itertools.pairwise(points[: flags.interpolate + 1])
        walks = make(model, np.concatenate([walk(*pair, flags.steps) for pair in pairs]))
        save_picture(grid(walks, flags.steps), folder / "interpolation.png")
        frames = walks[:_FRAMES]
        save_gif([grid(each[None], 1) for each in frames], folder / "interpolation.gif")
    print(f"{len(pictures)} pictures by {run}: {folder / 'grid.png'}")
    return pictures
