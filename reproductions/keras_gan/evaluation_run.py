"""Measuring a run: what a classifier says of its pictures."""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from common.classifier import probabilities, train_judge
from common.errors import UserError
from common.files import written_whole
from common.images import save_picture
from common.pictures import grid
from datasets.load import load_data
from reproductions.keras_gan.options import sides, trained_flags
from reproductions.keras_gan.run_folder import check_facts
from reproductions.keras_gan.runs import find_run
from reproductions.keras_gan.sampling import latent_points, load_generator, make

REPORT, SUMMARY, SHEET = "evaluation.csv", "evaluation.json", "evaluation.png"

#: Pictures of each class on the sheet.
_COLUMNS = 12


def evaluate(flags: argparse.Namespace) -> dict[str, float]:
    """Trains a classifier on a run's data, and asks it about pictures by the run's generator.

    Writes into the run's folder `evaluation.csv` (a row for each class), `evaluation.json` (what is
    returned) and `evaluation.png` (the first pictures of each class, a row each).

    Args:
        flags: of `evaluate.py`.

    Returns:
        `accuracy` on held-out pictures, `sure`: part of the generated ones that is classified with
        confidence, `present`: classes among those, and `most`: part of all generated ones that is
        in the most frequent class.

    Raises:
        UserError: nothing has been trained, its data has no classes or is another by now, or a
            file cannot be written.
    """
    run = find_run(flags.results_dir, flags.run)
    model = load_generator(run)
    of_run = trained_flags(run)
    size = sides(of_run.image_size)
    _, data = load_data(of_run.dataset, of_run.images, size, of_run.color)
    check_facts(run, data.facts)
    if data.labels is None:
        raise UserError(f"{of_run.dataset} has no classes: no labels, or no subfolders")
    count = len(data.classes)
    print(f"training a classifier on {len(data.images)} pictures", flush=True)
    judge = train_judge(data.images, data.labels, count, flags.confidence)
    pictures = make(model, latent_points(flags.samples, model.input_shape[1], flags.seed))
    says = probabilities(judge.model, pictures)
    chosen, confident = says.argmax(axis=1), says.max(axis=1) > flags.confidence
    every = np.bincount(chosen, minlength=count)
    sure = np.bincount(chosen[confident], minlength=count)
    rows = list(zip(data.classes, every.tolist(), sure.tolist(), strict=True))
    with written_whole(run / REPORT) as temporary, _table(temporary) as file:
        csv.writer(file).writerows([("class", "pictures", "confident"), *rows])
    found = {
        "accuracy": judge.accuracy,
        "sure": sure.sum() / flags.samples,
        "present": int((sure > 0).sum()),
        "most": every.max() / flags.samples,
    }
    about = {"samples": flags.samples, "seed": flags.seed, "confidence": flags.confidence}
    with written_whole(run / SUMMARY) as temporary:
        temporary.write_text(json.dumps({**found, **about}, indent=1) + "\n")
    save_picture(_sheet(pictures, chosen, count), run / SHEET)
    print(
        f"classifier: {judge.accuracy:.1%} of {judge.held_out} held-out pictures right, confidence "
        f"above {flags.confidence:g} in {judge.sure:.1%}"
    )
    print(
        f"{run}: {sure.sum() / flags.samples:.1%} of {flags.samples} generated pictures classified "
        f"with confidence above {flags.confidence:g}; {(sure > 0).sum()} of {count} classes "
        f"present; the most frequent {every.max() / flags.samples:.1%}"
    )
    for name, number, of_these in rows:
        print(f"  {name}: {number}, {of_these} with confidence")
    return found


def _table(path: Path):
    # The names of classes come from the file system.
    return open(path, "w", newline="", encoding="utf-8", errors="surrogateescape")


def _sheet(pictures: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    """A row of pictures for each class; black where there are too few."""
    rows = np.zeros((classes, _COLUMNS, *pictures.shape[1:]), np.uint8)
    for number, row in enumerate(rows):
        mine = pictures[chosen == number][:_COLUMNS]
        row[: len(mine)] = mine
    return grid(rows.reshape(-1, *pictures.shape[1:]), _COLUMNS)
