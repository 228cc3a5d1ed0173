"""The montages and animations of the recipes."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from common.errors import warn
from common.images import save_gif
from reproductions.ppgn.montage import crop, montage, read_all, same_size
from reproductions.ppgn.outcome import Result
from reproductions.ppgn.pixels import save_jpeg, with_label

#: The part of an image that a conv5 unit at [6, 6] sees: its side, and where it begins.
FIELD, OFFSET = 163, 32

#: How many samples of a chain a recipe shows.
SHOWN = {1: 40, 3: 30, 4: 30, 5: 40, 6: 30}

#: Milliseconds of a frame.
FRAME = 50

_QUALITY = 92  # ImageMagick's


def make_pictures(number: int, results: Sequence[Result], texts: Mapping[str, str]) -> list[Path]:
    """Makes the pictures of a recipe.

    Args:
        number: of the recipe.
        results: of its chains.
        texts: flags as they were written, which file names repeat.

    Returns:
        The files.

    Raises:
        UserError: one cannot be written.
    """
    folder = results[0].final.parent
    files = []
    for result in results:
        files += _of_chain(number, result, folder, texts)
    finals = [result.final for result in results]
    if number == 5:
        files.append(_caption_sheet(finals, folder, texts["sentence"]))
    if number == 7:
        files.append(folder / "inpainting.jpg")
        save_jpeg(montage(read_all(finals), 5), files[-1], _QUALITY)
    return files


def _of_chain(
    number: int, result: Result, folder: Path, texts: Mapping[str, str]
) -> Iterator[Path]:
    if result.plan.save_every == 0 or number == 7:
        return
    if not result.samples:
        warn(f"no sample of seed {result.plan.seed} was above the threshold: no montage of them")
        return
    if number in (3, 4):
        _crop_to_field(result.samples)
    name = f"{texts['act_layer']}_chain_{texts.get('units')}_hx_{texts['epsilon1']}"
    name += f"_noise_{texts['epsilon3']}__{result.plan.seed}.jpg"
    if number == 5:
        name = f"{texts['sentence']}__{result.plan.seed}.jpg"
    if "sweep" in texts or "batch_units" in texts:
        name = f"chain_{result.final.stem}.jpg"  # those names would be the same for all
    shown = _shown(number, result)
    save_jpeg(montage(read_all(shown), 10), folder / name, _QUALITY)
    yield folder / name
    if number == 2:
        save_gif(same_size(read_all(shown)), folder / f"{name}.gif", FRAME)
        yield folder / f"{name}.gif"


def _shown(number: int, result: Result) -> Sequence[Path]:
    samples = result.samples
    most = SHOWN.get(number, len(samples))
    if number in (3, 4) and len(samples) > most:
        samples = random.Random(result.plan.seed).sample(samples, len(samples))
    return samples[:most]


def _crop_to_field(samples: Sequence[Path]) -> None:
    """Cuts the samples to what the unit sees; those that are, stay."""
    for path, pixels in zip(samples, read_all(samples), strict=True):
        if min(pixels.shape[:2]) > FIELD:
            save_jpeg(crop(pixels, FIELD, OFFSET), path, _QUALITY)


def _caption_sheet(finals: Sequence[Path], folder: Path, sentence: str) -> Path:
    path = folder / f"{sentence}.jpg"
    sheet: np.ndarray = montage(read_all(finals), 3)
    save_jpeg(with_label(sheet, sentence.replace("_", " ")), path, _QUALITY)
    return path
