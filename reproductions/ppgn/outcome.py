"""What chains leave behind when they end: last images, animations, a contact sheet."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.images import save_gif
from reproductions.ppgn.chain import Chain, Schedule
from reproductions.ppgn.inpainting import stitch
from reproductions.ppgn.montage import montage, read_all, same_size
from reproductions.ppgn.naming import final_file
from reproductions.ppgn.pixels import letters_that_fit, save_jpeg, with_label
from reproductions.ppgn.plan import captions, columns
from reproductions.ppgn.run_folder import RunFolder

#: The side that pictures of a contact sheet have about, at least.
_SMALL = 112


class Result(NamedTuple):
    """What a chain left behind.

    Attributes:
        plan: what the chain did.
        final: its last image.
        samples: those that were kept, in order.
    """

    plan: Schedule
    final: Path
    samples: list[Path]


def finish(flags: argparse.Namespace, folder: RunFolder, chains: Sequence[Chain]) -> list[Result]:
    """Writes the last images, animations and the contact sheet of chains that have ended.

    Args:
        flags: of the script.
        folder: of the run.
        chains: each has made a step.

    Raises:
        UserError: a file cannot be written.
    """
    for chain in chains:
        print("-------------------------")
        # str: as NumPy writes a number of single precision.
        text = f"Last sample: prob [{folder.last[chain.name][1]!s}] "
        print(text if len(chains) == 1 else f"{text}\t {chain.name}")
    for chain in chains:
        file = final_file(flags.output_dir, chain.name)
        image, _ = folder.last[chain.name]
        if chain.context is not None:
            image = stitch(chain.context.picture, image)
        save_jpeg(folder.pixels(image[0]), file)
        print(os.path.join(os.getcwd(), file))
    print("Saving images...")
    for chain in chains:
        files = folder.kept_files(chain)
        if flags.gif and files:
            path = Path(flags.output_dir, f"{chain.name}.gif")
            save_gif(same_size(read_all(files)), path, 50)
            print(f"animation: {path.absolute()}")
    if len(chains) > 1:
        sheet = Path(flags.output_dir, f"sheet_{chains[0].name}.jpg")
        save_jpeg(_sheet(flags, folder, chains), sheet, quality=92)
        print(f"contact sheet: {sheet.absolute()}")
    return [
        Result(
            chain.schedule,
            Path(final_file(flags.output_dir, chain.name)),
            folder.kept_files(chain),
        )
        for chain in chains
    ]


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Small pictures by a whole factor, or the words under them would be wider than they are."""
    times = max(1, _SMALL // picture.shape[1])
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _sheet(flags: argparse.Namespace, folder: RunFolder, chains: Sequence[Chain]) -> np.ndarray:
    """The last images of all chains, each with what tells it from the others."""
    pictures, labels = [], []
    texts = captions(flags, [chain.schedule for chain in chains])
    for chain, text in zip(chains, texts, strict=True):
        image, probability = folder.last[chain.name]
        pictures.append(_enlarged(folder.pixels(image[0])))
        labels.append(f"{text}: p {probability:.2g}")
    width = pictures[0].shape[1]
    letters = min(letters_that_fit(label, width) for label in labels)
    cells = [
        with_label(picture, label, letters) for picture, label in zip(pictures, labels, strict=True)
    ]
    return montage(cells, columns(flags))
