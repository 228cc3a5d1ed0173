"""The recipe `digits`: everything that the sampler does, on networks of the suite's own.

python -m reproductions.ppgn.recipes digits
"""

import argparse
import contextlib
import io
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.files import make_folder
from common.flags import as_arguments
from common.images import save_picture
from common.pictures import titled
from common.runs import check_writable
from datasets.digits import draw_digits
from reproductions.ppgn.montage import montage, read_all
from reproductions.ppgn.networks import KEPT, Loader
from reproductions.ppgn.options import parse_class
from reproductions.ppgn.sampling_run import sample_classes
from reproductions.ppgn.training.classifier_run import CLASSIFIER, train_classifier
from reproductions.ppgn.training.generator_run import GENERATOR, train_generator
from reproductions.ppgn.training.options import (
    DIGITS,
    HOLES,
    parse_classifier,
    parse_generator,
)
from reproductions.ppgn.training.training_run import read_figures

#: How much pictures are enlarged, and the width of the sheet, in pixels.
_TIMES, _WIDTH = 3, 880

#: The digit to start from, and to make a hole in; the digit that the first is to become.
_START, _GOAL = 4, 9


def run(flags: argparse.Namespace) -> Path:
    """Runs the recipe.

    Args:
        flags: see `reproductions.ppgn.training.options.parse_digits`.

    Returns:
        The contact sheet.

    Raises:
        UserError: see `reproductions.ppgn.sampling_run`.
    """
    folder = Path(flags.output_dir)
    check_writable(folder)
    networks = _networks(flags.train)
    loader = Loader()

    def sample(part: str, **more) -> list:
        base = HOLES if "epsilon4" in more else DIGITS
        options = {**base, **networks, **more, "output_dir": str(folder / part)}
        words = as_arguments(options, "_")
        print(shlex.join(["sampling_class.py", *words]), flush=True)
        # Ten chains tell of a hundred steps each.
        with contextlib.redirect_stdout(io.StringIO()):
            return sample_classes(parse_class(words), loader)

    start = folder / "start.png"
    make_folder(folder)
    save_picture(_a_digit(_START, flags.seed).repeat(3, axis=2), start)
    common = {"seed": flags.seed, "save_every": 0}
    every = "_".join(map(str, range(10)))
    rows = {
        "classes 0 to 9": _finals(
            sample("classes", units=every, batch_units=True, batch=flags.each, **common)
        ),
        "one chain from 3 to 8 to 0": _samples(
            sample("many", units="3_8_0", **{**common, "save_every": 10, "lr_end": 1.0})
        ),
        "what units of conv2 detect": _finals(
            sample("hidden", act_layer="conv2", xy=7, units=every, batch_units=True, **common)
        ),
        f"from a {_START} to a {_GOAL}": _samples(
            sample(
                "start",
                units=_GOAL,
                init_file=str(start),
                **{**common, "save_every": 5, "lr": 0.3, "epsilon1": 1e-3},
            )
        ),
        f"holes in a {_START}: given, filled in": _finals(
            sample(
                "holes",
                units=_START,
                init_file=str(start),
                batch=10,
                epsilon4=HOLES["epsilon4"],
                **common,
            )
        ),
    }
    path = folder / "digits.png"
    save_picture(_sheet(rows), path)
    print(path.resolve())
    return path


def _networks(train: bool) -> dict[str, str]:
    """Flags that name the networks: those that are kept, or trained here where they are not."""
    if not train and all(Path(path).is_file() for path in KEPT.values()):
        return {}
    classifier = _whole(train_classifier, parse_classifier(["--preset=quick"])) / CLASSIFIER
    words = ["--preset=quick", f"--encoder_definition={classifier}"]
    generator = _whole(train_generator, parse_generator(words)) / GENERATOR
    return {
        "net_definition": str(classifier),
        "encoder_definition": str(classifier),
        "generator_definition": str(generator),
    }


def _whole(train: Callable, flags: argparse.Namespace) -> Path:
    """Trains to the end, or ends the program where that was interrupted."""
    folder = train(flags)
    if read_figures(folder)["iterations"] < flags.iterations:
        raise KeyboardInterrupt
    return folder


def _a_digit(digit: int, number: int) -> np.ndarray:
    """A drawn digit that no network has seen, uint8, (28, 28, 1)."""
    images, labels = draw_digits(100, 2000 + number)
    return images[labels == digit][0][..., None]


def _finals(results: list) -> list[Path]:
    return [result.final for result in results]


def _samples(results: list) -> list[Path]:
    return [path for result in results for path in result.samples]


def _sheet(rows: dict[str, list[Path]]) -> np.ndarray:
    """A row of pictures, or more, under each title."""
    blocks = []
    for title, paths in rows.items():
        pictures = [one.repeat(_TIMES, axis=0).repeat(_TIMES, axis=1) for one in read_all(paths)]
        columns = _WIDTH // (pictures[0].shape[1] + 2)
        blocks.append(titled(montage(pictures, columns), title))
    width = max(one.shape[1] for one in blocks)
    padded = [
        np.pad(one, ((0, 8), (0, width - one.shape[1]), (0, 0)), constant_values=255)
        for one in blocks
    ]
    return np.concatenate(padded)
