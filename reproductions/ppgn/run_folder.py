"""What a run writes: samples and images for the user, and a folder from which it can go on."""

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.errors import UserError
from common.files import written_whole
from common.runs import load_state, save_state, versions, write_settings
from reproductions.ppgn.chain import Chain
from reproductions.ppgn.naming import sample_file, samples_folder
from reproductions.ppgn.options import own_flags
from reproductions.ppgn.pixels import save_jpeg, to_bytes, with_label
from reproductions.ppgn.plan import caption, differ
from reproductions.ppgn.step import Terms

STEPS, CURVE = "steps.csv", "probability.png"
_COLUMNS = (
    "chain",
    "step",
    "condition",
    "probability",
    "best_unit",
    "best_probability",
    "norm_d_condition",
)


class RunFolder:
    """A run's results, and its folder `NAME.run` with settings, state and a table of the steps.

    Args:
        flags: of the script.
        chains: all of the run; those of a resumed run are set to where they were.
        facts: more entries for `run.json`.

    Attributes:
        path: the folder.
        kept: chain -> steps whose samples were kept.
        last: chain -> its last image, BGR minus the mean, and its probability.

    Raises:
        UserError: a folder cannot be made, or the state is damaged.
    """

    def __init__(self, flags: argparse.Namespace, chains: Sequence[Chain], facts: dict):
        self._flags, self._chains = flags, chains
        self.kept = {chain.name: [] for chain in chains}
        self.last: dict[str, tuple[np.ndarray, np.float32]] = {}
        self.path = Path(flags.resume or Path(flags.output_dir, f"{chains[0].name}.run"))
        self._make_folders()
        self._rows: list[list[str]] = []
        self._state: dict[str, np.ndarray] = {}
        if flags.resume:
            self._restore()
        else:
            # What an earlier run of this name left behind.
            for name in ("state.npz", STEPS):
                (self.path / name).unlink(missing_ok=True)
        own = {"script": flags.script, "flags": own_flags(flags), "versions": versions()}
        write_settings(self.path, {**own, "command": " ".join(sys.argv), **facts})
        self._write_steps()
        self._events = tf.summary.create_file_writer(str(self.path))
        self._saved = time.monotonic()

    def _make_folders(self) -> None:
        folders = [self.path]
        if self._flags.save_every:
            folders += [self.samples(chain) for chain in self._chains]
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None

    def samples(self, chain: Chain) -> Path:
        """The folder of a chain's samples."""
        return samples_folder(self._flags, chain.name, len(self._chains) == 1)

    def _restore(self) -> None:
        state = load_state(self.path)
        if state is None:
            return
        try:
            for k, chain in enumerate(self._chains):
                fields = ("h", "place", "epsilon1", "random_keys", "random_rest")
                chain.restore({field: state[f"chain{k}_{field}"] for field in fields})
                self.kept[chain.name] = [int(i) for i in state[f"chain{k}_kept"]]
                if chain.done:
                    image = _checked_image(state[f"chain{k}_image"])
                    self.last[chain.name] = image, np.float32(state[f"chain{k}_probability"])
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise UserError(
                f"the state of {self.path} is damaged, or of a run with other flags: {error}"
            ) from None
        at = {chain.name: chain.i + chain.done for chain in self._chains}
        self._rows = [row for row in read_steps(self.path) if int(row[1]) < at.get(row[0], 0)]

    def save(self) -> None:
        """Takes down the state, all chains being between two steps; saves it now and then.

        Raises:
            UserError: it cannot be written.
        """
        self._state = self._between_steps()
        if time.monotonic() - self._saved >= self._flags.save_interval:
            self._save()

    def _between_steps(self) -> dict[str, np.ndarray]:
        arrays = {}
        for k, chain in enumerate(self._chains):
            for field, value in chain.state().items():
                arrays[f"chain{k}_{field}"] = value
            arrays[f"chain{k}_kept"] = np.array(self.kept[chain.name], np.int64)
            if chain.done and chain.name in self.last:
                image, probability = self.last[chain.name]
                arrays[f"chain{k}_image"] = image
                arrays[f"chain{k}_probability"] = probability
        return arrays

    def _save(self) -> None:
        self._write_steps()
        self._events.flush()
        if self._state:
            save_state(self.path, **self._state)
        self._saved = time.monotonic()

    def note(self, chain: Chain, terms: Terms, norm: float, condition: str, label: str) -> None:
        """Notes a step, and writes its image if it is to be kept.

        Args:
            chain: about to make the step.
            terms: of its present code.
            norm: of d_condition.
            condition: in words.
            label: to be written under the image, if flags say so.

        Raises:
            UserError: the image cannot be written.
        """
        probability = terms.probability[0]
        self.last[chain.name] = terms.images, probability
        row = (chain.i, condition, probability, terms.best[0], terms.best_probability[0], norm)
        self._rows.append([chain.name, *map(str, row)])
        with self._events.as_default(step=chain.i):
            tf.summary.scalar(f"probability/{chain.name}", probability)
            tf.summary.scalar(f"norm of d_condition/{chain.name}", norm)
        if chain.keeps(probability):
            pixels = self.pixels(terms.images[0])
            with self._events.as_default(step=chain.i):
                tf.summary.image(f"samples/{chain.name}", pixels[None])
            if self._flags.write_labels:
                pixels = with_label(pixels, label)
            save_jpeg(pixels, self.samples(chain) / sample_file(chain.i))
            self.kept[chain.name].append(chain.i)

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """An image, (height, width, channels), BGR minus the mean, as flags want it; RGB."""
        pixels = to_bytes(image, stretch=not self._flags.plain_pixels)
        return np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels

    def kept_files(self, chain: Chain) -> list[Path]:
        """The samples of a chain, in order."""
        return [self.samples(chain) / sample_file(i) for i in self.kept[chain.name]]

    def close(self) -> None:
        """Saves the state and draws the probabilities of all steps.

        The state is that which `save` took down last: Ctrl-C may have come in the middle of a
        step, with its random numbers drawn and its code not moved yet.

        Raises:
            UserError: a file cannot be written.
        """
        self._save()
        self._events.close()
        several = differ(chain.schedule for chain in self._chains)
        labels = {c.name: caption(self._flags, c.schedule, several) for c in self._chains}
        draw_probabilities(self.path / CURVE, self._rows, labels)

    def _write_steps(self) -> None:
        with (
            written_whole(self.path / STEPS) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([_COLUMNS, *self._rows])


def read_steps(folder: Path) -> list[list[str]]:
    """The rows of `steps.csv`, without the head; none if there is no such file."""
    path = Path(folder, STEPS)
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if len(row) == len(_COLUMNS) and _is_sound(row)]


def _is_sound(row: list[str]) -> bool:
    try:
        return row[1].isdecimal() and np.isfinite(float(row[3]))
    except ValueError:
        return False


def _checked_image(image: np.ndarray) -> np.ndarray:
    if image.ndim != 4 or len(image) != 1 or image.dtype != np.float32:
        raise ValueError("there is no image")
    return image


def draw_probabilities(
    path: Path, rows: Sequence[Sequence[str]], labels: Mapping[str, str]
) -> None:
    """Draws the probability of the condition over the steps, a line for each chain, as a PNG.

    Args:
        path: the file.
        rows: of `steps.csv`.
        labels: chain -> what tells it from the others.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, label in labels.items():
        own = [row for row in rows if row[0] == name]
        steps, values = [int(row[1]) for row in own], [float(row[3]) for row in own]
        axes.plot(steps, values, label=label)
    axes.set(xlabel="step", ylabel="probability of the condition", ylim=(0, 1))
    axes.grid(alpha=0.3)
    if len(labels) <= 12:
        axes.legend(fontsize="small")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
