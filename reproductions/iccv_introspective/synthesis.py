"""The synthesis of one round: pictures move until the discriminator takes them for the class."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

from common.backend import to_tensor
from common.errors import UserError
from reproductions.iccv_introspective.draws import Draw, generator
from reproductions.iccv_introspective.journal import Journal
from reproductions.iccv_introspective.patches import draw_patches
from reproductions.iccv_introspective.pixels import to_bytes
from reproductions.iccv_introspective.report import Report
from reproductions.iccv_introspective.round_file import RoundFile
from reproductions.iccv_introspective.settings import SynthesisSettings
from reproductions.iccv_introspective.steps import Steps


class Syntheses(NamedTuple):
    """Pictures on their way.

    Attributes:
        images: float32, (count, height, width, 3), [-1, 1]; changed in place.
        labels: the class that each is to become, int32, from 1.
        names: of the pictures.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]


class Synthesis:
    """Synthesises, one round at a time.

    Args:
        steps: the compiled steps of the discriminator.
        settings: the constants.
        patch: side of a patch.
        patches: from the pictures of a batch to the patches of a step.
        journal: of the run.
        report: of the run.
    """

    def __init__(
        self,
        steps: Steps,
        settings: SynthesisSettings,
        patch: int,
        patches: Callable[[int], int],
        journal: Journal,
        report: Report,
    ):
        self._steps, self._settings = steps, settings
        self._patch, self._patches = patch, patches
        self._journal, self._report = journal, report

    def round(
        self, number: int, syntheses: Syntheses, record: RoundFile
    ) -> dict[str, dict[str, float]]:
        """Moves all pictures, batch by batch, until a step's loss is small or for all steps.

        Args:
            number: of the round, from 0.
            syntheses: the pictures; they are changed.
            record: the round's file.

        Returns:
            The attributes of `synthesis/batch/{b}/early_stopping` of the batches that stopped.
        """
        size, stops = self._settings.batch_size, {}
        batches = math.ceil(len(syntheses.images) / size)
        self._report.begin(number, "synthesis", batches * self._settings.synthesis_steps)
        restored = self._restored(syntheses.images)
        for batch in range(batches):
            part = slice(batch * size, (batch + 1) * size)
            group = f"synthesis/batch/{batch}"
            moments = restored["moments"] if restored.get("batch") == batch else None
            loss, step = self._batch(number, batch, syntheses, part, moments, record)
            if loss <= self._settings.synthesis_stop:
                stops[f"{group}/early_stopping"] = {"step": step, "loss": loss}
            record.add(
                f"{group}/synthesized",
                images=to_bytes(syntheses.images[part]),
                labels=syntheses.labels[part],
                names=[name.encode() for name in syntheses.names[part]],
            )
        return stops

    def _restored(self, images: np.ndarray) -> dict:
        """Takes over the pictures of a state, and gives the number and moments of its batch."""
        state = self._journal.restored
        if "syntheses" not in state:
            return {}
        saved, batch = state["syntheses"], int(state["batch"])
        moments = state["moments"]
        part = images[batch * self._settings.batch_size :][: self._settings.batch_size]
        if saved.shape != images.shape or moments.shape != (2, *part.shape):
            raise UserError("the state of the run is damaged or of a run with other settings")
        images[:] = saved
        return {"batch": batch, "moments": moments}

    def _batch(
        self,
        number: int,
        batch: int,
        syntheses: Syntheses,
        part: slice,
        moments: np.ndarray | None,
        record: RoundFile,
    ) -> tuple[float, int]:
        """Moves one batch; Adam begins anew for each.

        Returns:
            The last loss and the number of its step, from 0.
        """
        at, labels = self._settings, syntheses.labels[part]
        images = to_tensor(syntheses.images[part])
        mean, square = map(
            to_tensor, (np.zeros_like(syntheses.images[part]),) * 2 if moments is None else moments
        )

        def arrays():
            syntheses.images[part] = ops.convert_to_numpy(images)
            state = {"batch": batch, "syntheses": syntheses.images}
            return {**state, "moments": ops.convert_to_numpy(ops.stack([mean, square]))}

        loss = np.inf
        for step in range(at.synthesis_steps):
            replayed = self._journal.replayed()
            if replayed is None:
                picture, boxes = draw_patches(
                    generator(at.random_seed, Draw.SYNTHESIS_PATCHES, number, batch, step),
                    self._patches(len(labels)),
                    len(labels),
                    images.shape[1:3],
                    self._patch,
                )
                value, images, mean, square = self._steps.synthesize(
                    images,
                    mean,
                    square,
                    picture,
                    boxes,
                    labels[picture],
                    np.float32(step + 1),
                    np.float32(at.synthesis_learning_rate),
                    np.float32(at.synthesis_beta1),
                )
                loss = float(value)
                if not math.isfinite(loss):
                    raise UserError(
                        f"the loss of synthesis is {loss}: try a lower synthesis_learning_rate"
                    )
                self._journal.note((loss, np.nan), arrays)
            else:
                loss, _ = replayed
            record.add(f"synthesis/batch/{batch}/stats", step=[step], loss=[loss])
            self._report.step(loss)
            if loss <= at.synthesis_stop:
                break
        syntheses.images[part] = ops.convert_to_numpy(images)
        self._report.batch(number, batch)
        return loss, step
