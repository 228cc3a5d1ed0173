"""How close syntheses come to their texture: sliced Wasserstein distance of 7x7 patches.

python benchmarks/iccv_introspective_distance.py results/synthesize_*_texture/*
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from common.errors import UserError  # noqa: E402
from common.images import pictures_in, read_picture  # noqa: E402
from common.runs import read_settings  # noqa: E402
from reproductions.iccv_introspective.classes import cut_back  # noqa: E402


def patches_of(
    picture: np.ndarray, side: int, count: int, random: np.random.Generator
) -> np.ndarray:
    """Draws patches of a picture, each at a place of its own, uniform.

    Args:
        picture: uint8, (height, width, 3).
        side: of a patch.
        count: how many.
        random: the generator.

    Returns:
        float32, 0..255, (count, side * side * 3).
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    rows = random.integers(windows.shape[0], size=count)
    columns = random.integers(windows.shape[1], size=count)
    return windows[rows, columns].reshape(count, -1).astype(np.float32)


def sliced_wasserstein(
    one: np.ndarray,
    other: np.ndarray,
    side: int = 7,
    count: int = 20000,
    directions: int = 256,
    seed: int = 0,
) -> float:
    """The sliced Wasserstein-1 distance between the patches of two pictures.

    Along each of many random directions (unit vectors) the projections of both sets of patches
    are sorted and compared; the distance is the mean difference (Rabin et al., "Wasserstein
    barycenter and its application to texture mixing", 2011).

    Args:
        one: uint8, (height, width, 3).
        other: the like, of any size.
        side: of a patch, in pixels.
        count: patches drawn from each picture.
        directions: how many.
        seed: of patches and directions.

    Returns:
        The distance, in grey levels of 0..255.
    """
    random = np.random.default_rng(seed)
    unit = random.standard_normal((side * side * 3, directions)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=0)
    first, second = (
        np.sort(patches_of(picture, side, count, random) @ unit, axis=0) for picture in (one, other)
    )
    return float(np.abs(first - second).mean())


def learned_picture(run: Path) -> np.ndarray:
    """The texture as a run learned it, resized, uint8, (height, width, 3)."""
    with h5py.File(run / "data" / "index.h5", "r", swmr=True) as file:
        return file["store/images"][0]


def halves(texture: np.ndarray) -> float:
    """The distance of one half of a texture to the other, left to right and top to bottom."""
    height, width = (side // 2 for side in texture.shape[:2])
    pairs = (texture[:height], texture[height:]), (texture[:, :width], texture[:, width:])
    return float(np.mean([sliced_wasserstein(*pair) for pair in pairs]))


def row(run: Path) -> str:
    """A row of the table, of one synthesis run."""
    learned = Path(read_settings(run)["learned"])
    patch = read_settings(learned)["settings"]["patch_size"]
    texture = learned_picture(learned)
    inner = cut_back(texture, patch)
    pictures = [np.asarray(read_picture(path)) for path in pictures_in(run / "syntheses")]
    random = np.random.default_rng(0)
    noise = np.clip(random.normal(127.5, 0.3 * 127.5, inner.shape), 0, 255).astype(np.uint8)
    shuffled = random.permutation(inner.reshape(-1, 3)).reshape(inner.shape)
    distances = [
        np.mean([sliced_wasserstein(picture, texture) for picture in pictures]),
        sliced_wasserstein(noise, texture),
        sliced_wasserstein(shuffled, texture),
        halves(texture),
    ]
    name = read_settings(run)["texture"]
    return f"| {name} | " + " | ".join(f"{distance:.1f}" for distance in distances) + " |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="folders of synthesis runs")
    print("| texture | synthesis | noise | its pixels shuffled | half against half |")
    print("| --- | --- | --- | --- | --- |")
    for run in parser.parse_args().runs:
        try:
            print(row(run), flush=True)
        except UserError as error:
            print(f"left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
