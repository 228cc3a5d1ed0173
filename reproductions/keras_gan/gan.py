"""The original's Python interface."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.flags import as_arguments
from common.quiet import import_keras
from reproductions.keras_gan.options import Strict, parse_generation, parse_training


class GAN:
    """A GAN to train, or one that was trained, perhaps by another process.

        GAN().train(epochs=13, batch_size=5, k=1, save_interval=5)
        GAN().generate(sample_size=100)

    Args:
        **flags: of `train.py`, such as `dataset="digits"`, `architecture="dcgan"`, `grow=True`,
            `preset="quick"`, `results_dir="..."`.

    Raises:
        UserError: a flag is wrong.
    """

    def __init__(self, **flags):
        self._flags = flags
        self._run: Path | None = None
        # What is wrong is told at once, though it is used later.
        _parse(parse_training, {**flags, "resume": None})

    def train(self, **flags) -> Path:
        """Trains; a run of its own at every call, unless `resume` is given.

        Args:
            **flags: of `train.py`: `epochs` (13), `batch_size` (5), `k` (1), `save_interval` (5)
                and all others. They win over those of the constructor.

        Returns:
            The run's folder.

        Raises:
            UserError: a flag is wrong, the data cannot be had, a file cannot be written.
        """
        parsed = _parse(parse_training, {**self._flags, **flags})
        import_keras()
        from reproductions.keras_gan.train_run import train

        # The folder that one is in may be another by the time of `generate`.
        self._run = train(parsed).resolve()
        return self._run

    def generate(self, **flags) -> np.ndarray:
        """Makes pictures by what this object has trained, else by what was trained last.

        Args:
            **flags: of `generate.py`: `sample_size` (100), `run`, `output_dir`, `interpolate`, ...

        Returns:
            uint8, shape (pictures, height, width, 1 or 3).

        Raises:
            UserError: a flag is wrong, nothing has been trained, a file cannot be read or written.
        """
        given = {name: self._flags[name] for name in ("results_dir", "seed") if name in self._flags}
        if self._run is not None:
            given["run"] = str(self._run)
        parsed = _parse(parse_generation, {**given, **flags})
        import_keras()
        from reproductions.keras_gan.sampling import generate

        return generate(parsed)


def _parse(parse: Callable, flags: dict[str, object]):
    if isinstance(flags.get("augment"), bool):
        flags = {**flags, "augment": "on" if flags["augment"] else "off"}
    return parse(as_arguments(flags, "_"), Strict)
