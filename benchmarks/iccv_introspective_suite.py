"""One measurement of this suite's introspective learning, in its own process: prints JSON.

Called by `benchmarks/iccv_introspective.py`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.suite_side import TEXTURE, product_rate  # noqa: E402
from common.images import read_picture  # noqa: E402
from reproductions.iccv_introspective import learn_run  # noqa: E402
from reproductions.iccv_introspective.classes import ImageClass, texture_class  # noqa: E402
from reproductions.iccv_introspective.collection import (  # noqa: E402
    Collection,
    longest_name,
    negative_names,
)
from reproductions.iccv_introspective.draws import Draw, generator, noise  # noqa: E402
from reproductions.iccv_introspective.index import Index  # noqa: E402
from reproductions.iccv_introspective.networks import build  # noqa: E402
from reproductions.iccv_introspective.patches import draw_patches  # noqa: E402
from reproductions.iccv_introspective.pixels import to_bytes  # noqa: E402
from reproductions.iccv_introspective.settings import LearningSettings  # noqa: E402
from reproductions.iccv_introspective.steps import Steps  # noqa: E402


def _texture(patch: int) -> ImageClass:
    return texture_class("pebbles", read_picture(TEXTURE), patch, "nearest")


def _collection(folder: Path, texture: ImageClass, at: LearningSettings) -> Collection:
    """What round 0 of a run learns from."""
    picture = texture.images.shape[1:]
    attributes = {"name": "benchmark", "type": "learning", "comment": ""}
    index = Index(folder, attributes, picture, longest_name([texture], at.images))
    collection = Collection(index, [texture], at.images)
    random = generator(at.random_seed, Draw.NEGATIVES)
    negatives = to_bytes(noise(random, (at.images, *picture), at.noise))
    collection.add_generation(negatives, negative_names(at.images))
    return collection


def traces(steps: Steps, patch: int) -> dict[str, int]:
    """How often each step has been traced, after batches of sizes that it has not seen."""
    random = np.random.default_rng(0)
    for pictures, side, count in ((1, patch, 2), (3, patch + 7, 5), (4, patch + 20, 6)):
        shape = (pictures, side, side + 1, 3)
        picture, boxes = draw_patches(random, count, pictures, shape[1:3], patch)
        labels = np.ones(count, np.int32)
        for step in (steps.learn, steps.evaluate):
            step(np.zeros(shape, np.uint8), picture, boxes, labels)
        images = np.zeros(shape, np.float32)
        constants = (np.float32(1), np.float32(0.01), np.float32(0.5))
        steps.synthesize(images, images, images, picture, boxes, labels, *constants)
    names = {"learning": steps.learn, "evaluation": steps.evaluate, "synthesis": steps.synthesize}
    return {name: step.experimental_get_tracing_count() for name, step in names.items()}


class Stepper(NamedTuple):
    """What is measured.

    Attributes:
        calls: `synthesis`, which comes first and leaves the network as it is, and `learning`: each
            makes a step.
        losses: of the steps that were made, by the same names.
        load: loads the pictures of a batch.
        draw: draws the patches of a step.
        steps: the compiled steps.
        size: height and width of a picture.
    """

    calls: dict[str, Callable]
    losses: dict[str, list[float]]
    load: Callable
    draw: Callable
    steps: Steps
    size: tuple[int, int]


def stepper(patches: int, count: int, folder: str, batch: int = 100) -> Stepper:
    """Steps of learning and of synthesis at the original's sizes.

    Args:
        patches: of a step.
        count: how many steps of each kind there are to make, at most.
        folder: takes the index of the pictures, and `exchange.npz` for the alternative: weights,
            pictures, and the patches of each step.
        batch: pictures that the patches are of.
    """
    at = LearningSettings(patches=patches, batch_size=batch)
    texture = _texture(at.patch_size)
    size = texture.images.shape[1:3]
    collection = _collection(Path(folder), texture, at)
    model = build(at, 1)
    steps = Steps(model, at.learning_rate)
    drawn = collection.draw(generator(0, Draw.LEARNING_SET, 0, 0), at.batch_size)

    def load():
        return collection.load(drawn.pictures)

    def draw(step: int = 0):
        random = generator(0, Draw.LEARNING_PATCHES, 0, 0, step)
        return draw_patches(random, patches, at.batch_size, size, at.patch_size)

    pictures, slots = load()
    draws = [draw(step) for step in range(count)]
    np.savez(
        Path(folder, "exchange.npz"),
        pictures=pictures,
        slots=slots,
        labels=drawn.labels,
        picture=[picture for picture, _ in draws],
        boxes=[boxes for _, boxes in draws],
        **{variable.path: variable.numpy() for variable in model.variables},
    )

    images = ops.convert_to_tensor(pictures[slots] / np.float32(127.5) - 1)
    moved = [images, ops.zeros_like(images), ops.zeros_like(images)]
    losses = {"learning": [], "synthesis": []}

    def synthesize():
        step = len(losses["synthesis"])
        picture, boxes = draws[step]
        loss, *moved[:] = steps.synthesize(
            *moved,
            picture,
            boxes,
            np.ones(patches, np.int32),
            np.float32(step + 1),
            np.float32(at.synthesis_learning_rate),
            np.float32(at.synthesis_beta1),
        )
        losses["synthesis"].append(float(loss))

    def learn():
        picture, boxes = draws[len(losses["learning"])]
        loss, accuracy = steps.learn(pictures, slots[picture], boxes, drawn.labels[picture])
        losses["learning"].append(float(loss))
        return float(accuracy)

    return Stepper({"synthesis": synthesize, "learning": learn}, losses, load, draw, steps, size)


def speed(patches: int, count: int, folder: str) -> dict:
    """Measures steps of learning and of synthesis.

    Args:
        patches: of a step.
        count: how many steps of each kind to time.
        folder: see `stepper`.
    """
    at = stepper(patches, count + 1, folder)
    result = {"size": at.size}
    for name, call in at.calls.items():
        call()
        result[name] = time_calls(call, count)
        result[f"{name}_loss"] = at.losses[name][0]
    result["memory"] = peak_memory()
    result["load"], result["draw"] = time_calls(at.load, 9), time_calls(at.draw, 99)
    result["traces"] = traces(at.steps, LearningSettings().patch_size)
    result["matrix_product"] = product_rate(3)
    return result


def _resident() -> float:
    """The resident size of this process, in megabytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        size = subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())])
        return int(size) * 1024 / 1e6


def memory(rounds: int, images: int, epochs: int, folder: str) -> dict:
    """Makes a run with a tiny network, and reads the resident size after each round."""
    at = LearningSettings(
        filters=2, images=images, patches=20, max_batches=2, epochs=epochs, synthesis_steps=2
    )
    texture, resident = _texture(at.patch_size), []

    class Journal(learn_run.Journal):
        def next_round(self):
            super().next_round()
            resident.append(_resident())

    learn_run.Journal = Journal
    begin = time.perf_counter()
    learn_run.learn(Path(folder, "run"), [texture], at, rounds)
    seconds = time.perf_counter() - begin
    size = texture.images.shape[1:3]
    return {"size": size, "resident": resident, "memory": peak_memory(), "seconds": seconds}


if __name__ == "__main__":
    measurement = {"speed": speed, "memory": memory}[sys.argv[1]]
    print(json.dumps(measurement(*map(int, sys.argv[2:-1]), sys.argv[-1])))
