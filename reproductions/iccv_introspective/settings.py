"""Every constant of the two scripts, with the original's value."""

import dataclasses

from common.errors import UserError
from common.flags import (
    finite_float,
    fraction,
    non_negative_int,
    positive_float,
    positive_int,
    seed,
)


def _constant(default, kind, meaning: str):
    return dataclasses.field(default=default, metadata={"type": kind, "help": meaning})


@dataclasses.dataclass(frozen=True)
class SynthesisSettings:
    """How pictures are synthesised, in learning and afterwards."""

    batch_size: int = _constant(100, positive_int, "pictures held at a time")
    synthesis_steps: int = _constant(500, positive_int, "synthesis steps per batch, at most")
    synthesis_learning_rate: float = _constant(0.01, positive_float, "of Adam on the pictures")
    synthesis_beta1: float = _constant(0.5, fraction, "Adam's decay of the mean gradient")
    synthesis_stop: float = _constant(
        0.62, finite_float, "loss at which a synthesis stops, just across the boundary at ln 2"
    )
    noise: float = _constant(0.3, positive_float, "standard deviation of the first pictures")
    random_seed: int = _constant(0, seed, "the same seed gives the same run")


@dataclasses.dataclass(frozen=True)
class StageSettings(SynthesisSettings):
    """The constants of synthesize-texture."""

    number_to_synthesize: int = _constant(1, positive_int, "pictures to make")
    width: int = _constant(256, positive_int, "of a picture, in pixels")
    height: int = _constant(256, positive_int, "of a picture, in pixels")
    patches_per_image: int = _constant(10, positive_int, "patches per picture and step")


@dataclasses.dataclass(frozen=True)
class LearningSettings(SynthesisSettings):
    """The constants of learn-texture."""

    network: str = _constant("dcgan", str, "the discriminator, by its name in networks.py")
    filters: int = _constant(64, positive_int, "filters of the first convolution (df_dim)")
    patch_size: int = _constant(64, positive_int, "side of the network's input, in pixels")
    images: int = _constant(
        200, positive_int, "negatives (= positives = syntheses) that a round adds"
    )
    patches: int = _constant(1000, positive_int, "patches per step")
    max_batches: int = _constant(30, positive_int, "learning batches per epoch, at most")
    retain_factor: int = _constant(1, positive_int, "learning steps per loaded batch")
    epochs: int = _constant(30, positive_int, "learning epochs per round, at most")
    learning_rate: float = _constant(0.01, positive_float, "of SGD on the network")
    learning_stop: float = _constant(
        0.005, finite_float, "mean loss of an evaluation at which learning stops"
    )
    first_stop: int = _constant(
        2, non_negative_int, "the first epoch, counted from 0, in which learning may stop"
    )
    evaluate_every: int = _constant(5, positive_int, "epochs between evaluations")
    evaluation_batches: int = _constant(10, positive_int, "batches per evaluation")
    snapshots: int = _constant(3, non_negative_int, "syntheses shown after each round")


def check_settings(settings: LearningSettings) -> None:
    """Refuses batches that cannot hold a positive and a negative.

    Raises:
        UserError: an epoch or an evaluation would have one picture.
    """
    at = settings
    if at.batch_size * min(at.max_batches, at.evaluation_batches) < 2:
        raise UserError(
            "an epoch and an evaluation need two pictures, so batches of two or two batches"
        )
