"""The numbers of a training run."""

from typing import NamedTuple


class TrainingSettings(NamedTuple):
    """What a training step depends on; the defaults are the original's.

    Attributes:
        batch_size: images per iteration.
        image_size: their side, in pixels.
        learning_rate: of Adam,
        learning_rate_factor: multiplied by this
        learning_rate_every: after so many iterations.
        ema: 0, or how much an iteration keeps of the averaged weights.
        seed: of the noise.
    """

    batch_size: int = 16
    image_size: int = 256
    learning_rate: float = 0.1
    learning_rate_factor: float = 0.8
    learning_rate_every: int = 300
    ema: float = 0.0
    seed: int = 0
