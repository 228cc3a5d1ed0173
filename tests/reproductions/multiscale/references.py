"""The original's numbers, and the pictures and measures that compare with them."""

import functools
import json
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parents[2] / "references" / "multiscale"

#: Seed, width and height of the source pictures.
PICTURES = ((60, 128, 112), (61, 176, 144), (62, 144, 160), (63, 128, 128))


def read_json(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


#: Kind -> name of the run -> its arguments and what came out.
CASES = read_json("cases")


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def picture(seed: int, width: int, height: int) -> np.ndarray:
    """Four octaves of integer value noise, uint8 RGB."""
    random = np.random.RandomState(seed)
    total = np.zeros((height, width, 3), np.int64)
    for size, weight in ((16, 4), (8, 3), (4, 2), (1, 1)):
        noise = random.randint(0, 256, (-(-height // size), -(-width // size), 3))
        total += weight * np.repeat(np.repeat(noise, size, 0), size, 1)[:height, :width]
    return (total // 10).astype(np.uint8)


def write_sources(folder: Path) -> None:
    """Writes the source pictures, and a folder with two of them."""
    (folder / "sources_dir").mkdir()
    for seed, width, height in PICTURES:
        image = Image.fromarray(picture(seed, width, height))
        image.save(folder / f"synthetic{seed}_{width}x{height}.png")
        if seed in (60, 61):
            image.save(folder / "sources_dir" / f"{'ab'[seed - 60]}.png")


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """The L2 norm of the difference as a part of the L2 norm of what is wanted."""
    wanted = np.asarray(wanted, np.float64)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def error_of_maximum(
    found: np.ndarray, wanted: np.ndarray, whole: np.ndarray | None = None
) -> float:
    """The largest difference as a part of the largest value wanted, or of `whole` if given.

    Where `found` is every fourth row and column of a matrix, `whole` is that matrix.
    """
    wanted = np.asarray(wanted, np.float64)
    return float(np.abs(found - wanted).max() / np.abs(wanted if whole is None else whole).max())
