"""Small runs of the training scripts, in this process or another, and what they leave."""

import atexit
import contextlib
import functools
import json
import os
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.table import Table
from reproductions.ppgn.training import options
from reproductions.ppgn.training.classifier import classifier
from tests.leftovers import losses, pixels, state
from tests.reproductions.ppgn.commands import PARSERS as SAMPLING
from tests.scripts import Ended, run_script, start_code, words

#: Scripts, also by the names that tests give to their kinds of runs.
PARSERS = {
    "train_generator": options.parse_generator,
    "train_classifier": options.parse_classifier,
    "train_prior": options.parse_prior,
    "evaluate": options.parse_evaluation,
    **SAMPLING,
}

ENCODER = "encoder.keras"
RESULTS = Path("results", "ppgn")

_DIGITS = "--dataset digits --images 60 --batch_size 4"
_CODES = f"{_DIGITS} --encoder_definition {ENCODER}"
SMALL = {
    "generator": f"{_CODES} --filters 2 --discriminator_filters 2 --learning_rate 1e-3",
    "classifier": f"{_DIGITS} --filters 2 --code 6",
    "prior_h": _CODES,
    "prior_x": f"{_DIGITS} --of x --filters 2",
}
KINDS = tuple(SMALL)
#: The files of the networks that they leave.
NETWORKS = {
    "generator": ["generator.keras"],
    "classifier": ["classifier.keras"],
    "prior_h": ["prior.keras"],
    "prior_x": ["prior.keras", "generator.keras", "encoder.keras"],
}
#: One row of the table in the midst of a run, one at its end.
TWO_ROWS = "--iterations 25 --save_interval 10"

_MADE: dict[tuple[str, str], tuple[Path, Ended]] = {}


def script_of(kind: str) -> str:
    return f"train_{kind.partition('_')[0]}"


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("ppgn", script, PARSERS[script], argv, monkeypatch, capfd)


@functools.cache
def _encoder() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(0)
        path = Path(folder, ENCODER)
        classifier((28, 28, 1), 10, filters=2, code=6).save(path)
        return path.read_bytes()


def write_encoder(folder: Path) -> None:
    """Writes a small classifier of grey pictures, 28x28, with random weights."""
    (folder / ENCODER).write_bytes(_encoder())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with a small encoder."""
    write_encoder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(folder, monkeypatch, capfd):
    """From a script's name and flags to how it ended; it runs in this process."""

    def script(name: str, *argv) -> Ended:
        given = [word for one in argv for word in ([one] if isinstance(one, Path) else words(one))]
        return call(name, given, monkeypatch, capfd)

    return script


@pytest.fixture
def train(script):
    """From a kind of run and more flags to how it ended."""
    return lambda kind, text="": script(script_of(kind), f"{SMALL[kind]} {text}")


@pytest.fixture
def trained(folder, monkeypatch, capfd):
    """From a kind of run and more flags to a run and how it ended; each is made only once."""

    def trained(kind: str, text: str = TWO_ROWS) -> tuple[Path, Ended]:
        if (kind, text) not in _MADE:
            home = Path(tempfile.mkdtemp(prefix="ppgn-"))
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            write_encoder(home)
            with monkeypatch.context() as patched:
                patched.chdir(home)
                ended = call(script_of(kind), words(f"{SMALL[kind]} {text}"), patched, capfd)
            assert ended.status == 0, ended.err
            _MADE[kind, text] = home / only(home), ended
        return _MADE[kind, text]

    return trained


def copied(run: Path, folder: Path, name: str | None = None) -> Path:
    """Copies a run to the results of a folder; where it is, from there."""
    target = folder / RESULTS / (name or run.name)
    return Path(shutil.copytree(run, target)).relative_to(folder)


def only(folder: Path) -> Path:
    """The one run of a folder, from there."""
    [run] = (folder / RESULTS).iterdir()
    return run.relative_to(folder)


def settings(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


def report(run: Path) -> dict:
    return json.loads((run / "report.json").read_text())


def weights(path: Path) -> list[np.ndarray]:
    """Of a Keras model file, as Keras alone reads it."""
    return keras.models.load_model(path).get_weights()


def results(kind: str, run: Path) -> dict[str, object]:
    """What a run made, by name: samples, weights of the networks, state, losses, figures."""
    found: dict[str, object] = {"report.json": report(run)}
    for path in run.glob("samples/[!.]*"):
        found[path.name] = pixels(path)
    found |= {f"state {name}": value for name, value in state(run).items()}
    for name in NETWORKS[kind]:
        found |= {f"{name} {i}": value for i, value in enumerate(weights(run / name))}
    return found | {"losses.csv": losses(run)}


def assert_differ(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert [a.shape for a in one] == [a.shape for a in other]
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


@contextlib.contextmanager
def copies_of(moments: list[tuple[str, Path]]):
    """Copies the run at each moment at which it might be killed.

    Args:
        moments: gets the name of what was written last and the copy's folder, for each.
    """
    replace, add = os.replace, Table.add

    def copy(last):
        [run] = RESULTS.iterdir()
        copied = shutil.copytree(run, f"copy{len(moments)}")
        moments.append((last, Path(copied)))

    def replaced(source, target):
        replace(source, target)
        copy(os.path.basename(target))

    def added(table, row):
        add(table, row)
        copy("row")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "replace", replaced)
        patched.setattr(Table, "add", added)
        yield


def start_dying(kind: str, argv: str, folder: Path, calls: int):
    """Starts a script that kills itself, as `kill -9` does, after its n-th step."""
    trainer = f"{script_of(kind).removeprefix('train_').title()}Trainer"
    module = f"{script_of(kind).removeprefix('train_')}_run"
    code = f"""
import os, signal, sys
from common import flags
from common.quiet import import_keras
from reproductions.ppgn import {script_of(kind)} as script
from reproductions.ppgn.training import options
import_keras()
from reproductions.ppgn.training.{module} import {trainer} as Trainer
whole, made = Trainer.step, []
def dying(*arguments):
    values = whole(*arguments)
    made.append(1)
    if len(made) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
    return values
Trainer.step = dying
flags.run(options.{PARSERS[script_of(kind)].__name__}, script.main)
"""
    return start_code(code, folder, *words(f"{SMALL[kind]} {argv}"))


def write_pictures(folder: Path, classes=("red", "green"), each: int = 6, side: int = 32) -> Path:
    """Writes a folder of coloured squares, with a subfolder for each class."""
    random = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for picture in range(each):
            pixels = random.integers(0, 60, (side, side, 3))
            first = int(random.integers(0, side // 2))
            pixels[first : first + side // 2, first:, number] += 180
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(folder / name / f"{picture}.png")
    return folder


def curves(run: Path) -> dict[str, list[int]]:
    """TensorBoard's curves and pictures: by name the steps at which they have values."""
    events = EventAccumulator(str(run), {"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    found = {tag: events.Scalars(tag) for tag in tags["scalars"]}
    found |= {tag: events.Images(tag) for tag in tags["images"]}
    return {tag: [event.step for event in of_tag] for tag, of_tag in found.items()}


def is_drawn(run: Path) -> bool:
    """Whether the curves are a picture with more than one colour."""
    with Image.open(run / "loss.png") as image:
        return np.asarray(image.convert("L")).std() > 0


@pytest.fixture
def sampled(script, folder, trained):
    """From flags of sampling_class.py to its pictures: of the small networks."""
    generator = trained("generator")[0] / "generator.keras"

    def sampled(argv: str, networks: str = f"--generator_definition {generator}") -> list[Path]:
        base = f"--net_definition {ENCODER} --encoder_definition {ENCODER} {networks}"
        small = "--n_iters 3 --lr 0.1 --epsilon1 1e-3 --epsilon3 1e-3 --output_dir out"
        ended = script("sampling_class", f"{base} {small} {argv}")
        assert (ended.status, ended.err) == (0, "")
        return sorted((folder / "out").glob("*.jpg"))

    return sampled
