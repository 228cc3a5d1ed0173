"""Small runs: calling the scripts, in this process or another, and looking at what they leave."""

import atexit
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reproductions.keras_gan import options
from tests.leftovers import losses, state
from tests.scripts import ROOT, Ended, run_script, words

PARSERS = {
    "train": options.parse_training,
    "generate": options.parse_generation,
    "prep": options.parse_preparation,
    "evaluate": options.parse_evaluation,
}

#: Eight iterations an epoch, and one row of the table.
ROWS = words("--dataset digits --images 40 --batch_size 5 --epochs 2")
#: With the networks that compile the fastest.
TINY = words("--architecture dcgan --filters 2 --latent 6 --image_size 8")
SMALL = [*ROWS, *TINY]
#: The same with perceptrons.
PERCEPTRONS = [*ROWS, *words("--architecture mlp --latent 6 --image_size 8")]

#: Where runs are, in the folder of a test.
RESULTS = Path("results", "keras_gan")

_MADE: dict[tuple[str, ...], tuple[Path, Ended]] = {}


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process, without XLA, which takes seconds to compile."""
    from reproductions.keras_gan import formatting, prep, train_run
    from reproductions.keras_gan.training import Training

    def unfused(*arguments, fuse):
        return Training(*arguments, fuse=False)

    monkeypatch.setattr(train_run, "Training", unfused)
    monkeypatch.setattr(prep, "main", formatting.prepare, raising=False)
    return run_script("keras_gan", script, PARSERS[script], argv, monkeypatch, capfd)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, which is empty."""
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
def trained(folder, monkeypatch, capfd):
    """From flags, beside those of `SMALL`, to a run and how it ended; each is made only once."""

    def trained(text: str = "") -> tuple[Path, Ended]:
        argv = (*SMALL, *words(text))
        if argv not in _MADE:
            home = Path(tempfile.mkdtemp(prefix="keras_gan-"))
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            with monkeypatch.context() as patched:
                patched.chdir(home)
                ended = call("train", list(argv), patched, capfd)
            assert ended.status == 0, ended.err
            _MADE[argv] = home / only(home), ended
        return _MADE[argv]

    return trained


@pytest.fixture
def run(trained, folder) -> Path:
    """A copy of a run of `SMALL`, in the current folder."""
    return copied(trained()[0], folder)


def copied(run: Path, folder: Path) -> Path:
    """Copies a run to the results of a folder."""
    return Path(shutil.copytree(run, folder / RESULTS / run.name))


def only(folder: Path) -> Path:
    """The one run of a folder, from there."""
    [run] = (folder / RESULTS).iterdir()
    return run.relative_to(folder)


def script_path(script: str) -> Path:
    return ROOT / "reproductions" / "keras_gan" / f"{script}.py"


def write_picture(path: Path, size: tuple[int, int] = (12, 10), seed: int = 0) -> Path:
    """Writes a random pattern of this width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3))
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def write_pictures(folder: Path, count: int = 8, name: str = "{}.png") -> Path:
    """Writes so many patterns into a folder."""
    for number in range(count):
        write_picture(folder / name.format(number), seed=number)
    return folder


def samples_in(folder: Path) -> list[Path]:
    """The single pictures that `generate.py` made."""
    return sorted(folder.glob("sample_*.png"))


def frames(path: Path) -> int:
    """How many pictures a GIF shows, equal ones after each other counted by their time."""
    with Image.open(path) as image:
        times = []
        for number in range(image.n_frames):
            image.seek(number)
            times.append(image.info["duration"])
    assert sum(times) % min(times) == 0
    return sum(times) // min(times)


def generator(run: Path) -> list[np.ndarray]:
    """The weights in a run's `generator.keras`."""
    import keras

    return keras.models.load_model(run / "generator.keras").get_weights()


def results(run: Path) -> dict[str, object]:
    """What a run made, by name: pictures as bytes, weights of the model, state, losses."""
    found: dict[str, object] = {"losses.csv": losses(run)}
    for path in [*run.glob("samples/*"), run / "progress.png", run / "progress.gif"]:
        # What was being written when the process was killed has a hidden name.
        if not path.name.startswith("."):
            found[path.name] = path.read_bytes()
    found |= {f"state {name}": value for name, value in state(run).items()}
    return found | {f"generator {i}": value for i, value in enumerate(generator(run))}
