"""What a run writes: samples and images for the user, and a folder from which it can go on."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from common.errors import UserError, warn
from common.events import Events
from common.files import make_folder
from common.runs import SETTINGS, STATE, load_state, read_settings, record, save_state
from reproductions.ppgn.chain import Chain
from reproductions.ppgn.naming import sample_file, samples_folder
from reproductions.ppgn.options import MAY_CHANGE, own_flags
from reproductions.ppgn.pixels import save_jpeg, to_bytes, with_label
from reproductions.ppgn.plan import captions
from reproductions.ppgn.step import Terms
from reproductions.ppgn.table import CURVE, STEPS, draw_probabilities, read_steps, write_steps


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
        self.last: dict[str, tuple[Any, np.float32]] = {}
        self.path = Path(flags.resume or Path(flags.output_dir, f"{chains[0].name}.run"))
        self._make_folders()
        self._rows: list[list[str]] = []
        self._state: dict[str, np.ndarray] = {}
        if flags.resume:
            self._restore()
        else:
            self._forget()
        recipe = getattr(flags, "recipe", None)
        if recipe is not None and not flags.resume:
            facts = {**facts, "recipe": recipe}
        record(self.path, flags.script, own_flags(flags), facts, bool(flags.resume))
        write_steps(self.path, self._rows)
        self._events = Events(self.path)
        self._spent = float(self._rows[-1][-1] or 0) if self._rows else 0.0
        self._saved = self._begun = time.monotonic()

    def _make_folders(self) -> None:
        folders = [self.path]
        if self._flags.save_every:
            folders += [self.samples(chain) for chain in self._chains]
        for folder in folders:
            make_folder(folder)

    def _forget(self) -> None:
        """Removes what an earlier run of this name left behind."""
        if (self.path / SETTINGS).exists():
            before, now = _flags_of(self.path), own_flags(self._flags)
            others = [
                name
                for name, value in now.items()
                if before.get(name) != value and name not in MAY_CHANGE
            ]
            if others:
                warn(
                    f"the results of {self.path}, a run with another {', '.join(others[:4])}, are "
                    "replaced; --output_dir keeps runs apart"
                )
        for path in (self.path / STATE, self.path / STEPS, *self.path.glob("events.*")):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(f"cannot remove {path}: {error.strerror}") from None

    def samples(self, chain: Chain) -> Path:
        """The folder of a chain's samples."""
        return samples_folder(self._flags, chain.name, len(self._chains) == 1)

    def _restore(self) -> None:
        self._warn_of_other_samples()
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

    def _warn_of_other_samples(self) -> None:
        """Chains that run alone share a folder of samples, as the original's do."""
        if not self._flags.save_every or len(self._chains) > 1:
            return
        began = (self.path / SETTINGS).stat().st_mtime
        for other in sorted(self.path.absolute().parent.glob("*.run")):
            settings = other / SETTINGS
            if (
                not other.samefile(self.path)
                and settings.exists()
                and settings.stat().st_mtime > began
            ):
                warn(f"{other} began after this run: samples of both may be mixed in samples/")

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
                image = ops.convert_to_numpy(image)
                self.last[chain.name] = image, probability
                arrays[f"chain{k}_image"] = image
                arrays[f"chain{k}_probability"] = probability
        return arrays

    def _save(self) -> None:
        write_steps(self.path, self._rows)
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
        seconds = self._spent + time.monotonic() - self._begun
        self._rows.append([chain.name, *map(str, row), f"{seconds:.3f}"])
        self._events.scalars(
            chain.i,
            {
                f"probability/{chain.name}": probability,
                f"norm of d_condition/{chain.name}": norm,
            },
        )
        if chain.keeps(probability):
            pixels = self.pixels(terms.images[0])
            self._events.images(chain.i, f"samples/{chain.name}", pixels[None])
            if self._flags.write_labels:
                pixels = with_label(pixels, label)
            save_jpeg(pixels, self.samples(chain) / sample_file(chain.i))
            self.kept[chain.name].append(chain.i)

    def pixels(self, image) -> np.ndarray:
        """An image, (height, width, channels), BGR minus the mean, as flags want it; RGB."""
        pixels = to_bytes(ops.convert_to_numpy(image), stretch=not self._flags.plain_pixels)
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
        labels = captions(self._flags, [chain.schedule for chain in self._chains])
        names = [chain.name for chain in self._chains]
        draw_probabilities(self.path / CURVE, self._rows, dict(zip(names, labels, strict=True)))


def _flags_of(run: Path) -> dict:
    """The flags of an earlier run; none if they cannot be read."""
    try:
        flags = read_settings(run).get("flags")
    except UserError:
        return {}
    return flags if isinstance(flags, dict) else {}


def _checked_image(image: np.ndarray) -> np.ndarray:
    if image.ndim != 4 or len(image) != 1 or image.dtype != np.float32:
        raise ValueError("there is no image")
    return image
