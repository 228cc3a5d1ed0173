"""The learning of one round: the discriminator learns to tell the class from all negatives."""

import math

import keras
import numpy as np

from common.errors import UserError
from reproductions.iccv_introspective.checkpoints import state_of
from reproductions.iccv_introspective.collection import Collection
from reproductions.iccv_introspective.draws import Draw, generator
from reproductions.iccv_introspective.generations import TrainingSet, learning_set_size
from reproductions.iccv_introspective.journal import Journal
from reproductions.iccv_introspective.patches import draw_patches
from reproductions.iccv_introspective.report import Report
from reproductions.iccv_introspective.round_file import RoundFile
from reproductions.iccv_introspective.settings import LearningSettings
from reproductions.iccv_introspective.steps import Steps


class Learning:
    """Learns, one round at a time.

    Args:
        model: the discriminator.
        steps: its compiled steps.
        settings: the constants.
        collection: the pictures.
        size: height and width of the pictures.
        journal: of the run.
        report: of the run.
    """

    def __init__(
        self,
        model: keras.Model,
        steps: Steps,
        settings: LearningSettings,
        collection: Collection,
        size: tuple[int, int],
        journal: Journal,
        report: Report,
    ):
        self._model, self._steps, self._settings = model, steps, settings
        self._collection, self._size = collection, size
        self._journal, self._report = journal, report

    def round(self, number: int, record: RoundFile) -> dict[str, dict[str, float]]:
        """Learns until an evaluation's loss is small, or for all epochs.

        Args:
            number: of the round, from 0.
            record: the round's file.

        Returns:
            If it stopped early, the attributes of `learning/early_stopping`.
        """
        at, made, evaluations = self._settings, 0, 0
        size = learning_set_size(at.batch_size, at.max_batches, self._collection.negatives)
        batches = math.ceil(size / at.batch_size)
        self._report.begin(number, "learning", at.epochs * batches * at.retain_factor)
        for epoch in range(at.epochs):
            drawn = self._collection.draw(
                generator(at.random_seed, Draw.LEARNING_SET, number, epoch), size
            )
            group = f"learning/epoch/{epoch}"
            made = self._epoch(drawn, (number, epoch), record, group, made)
            if epoch % at.evaluate_every == 0 and epoch < at.epochs - 1:
                loss, accuracy = self._evaluation((number, epoch), record, evaluations, made)
                evaluations += 1
                if loss <= at.learning_stop and epoch >= at.first_stop:
                    return {"learning/early_stopping": {"step": made - 1, "accuracy": accuracy}}
        return {}

    def _epoch(self, drawn: TrainingSet, place: tuple, record: RoundFile, group: str, made: int):
        self._note_set(drawn, record, group)
        losses, accuracies = [], []
        for batch, pictures, labels in self._batches(drawn):
            loaded = None
            for repeat in range(self._settings.retain_factor):
                numbers = self._journal.replayed()
                if numbers is None:
                    loaded = loaded or self._collection.load(pictures)
                    purpose = Draw.LEARNING_PATCHES
                    numbers = self._apply(
                        self._steps.learn, loaded, labels, purpose, *place, batch, repeat
                    )
                loss, accuracy = numbers
                record.add(f"{group}/stats", step=[made], loss=[loss], accuracy=[accuracy])
                self._report.step(loss)
                losses.append(loss)
                accuracies.append(accuracy)
                made += 1
        row = {"loss": [np.mean(losses)], "accuracy": [np.mean(accuracies)]}
        record.add("learning/training_stats", step=[made - 1], **row)
        self._report.epoch(*place, np.mean(accuracies))
        return made

    def _evaluation(self, place: tuple, record: RoundFile, count: int, made: int):
        at, group = self._settings, f"learning/evaluation/{count}"
        drawn = self._collection.draw(
            generator(at.random_seed, Draw.EVALUATION_SET, *place),
            at.batch_size * at.evaluation_batches,
        )
        self._note_set(drawn, record, group)
        results = []
        for batch, pictures, labels in self._batches(drawn):
            numbers = self._journal.replayed()
            if numbers is None:
                loaded = self._collection.load(pictures)
                purpose = Draw.EVALUATION_PATCHES
                numbers = self._apply(self._steps.evaluate, loaded, labels, purpose, *place, batch)
            results.append(numbers)
            stats = {"loss": [numbers[0]], "accuracy": [numbers[1]]}
            record.add(f"{group}/stats", step=[batch], **stats)
        loss, accuracy = np.mean(results, axis=0)
        stats = {"loss": [loss], "accuracy": [accuracy]}
        record.add("learning/evaluation_stats", step=[made - 1], **stats)
        self._report.evaluation(*place, loss, accuracy)
        return loss, accuracy

    def _batches(self, drawn: TrainingSet):
        size = self._settings.batch_size
        for batch, first in enumerate(range(0, len(drawn.pictures), size)):
            yield batch, drawn.pictures[first : first + size], drawn.labels[first : first + size]

    def _note_set(self, drawn: TrainingSet, record: RoundFile, group: str) -> None:
        names = self._collection.names(drawn.pictures)
        record.add(f"{group}/batch", identifiers=drawn.pictures, labels=drawn.labels, names=names)
        record.add(group, age_counts=drawn.age_counts)

    def _apply(self, step, loaded: tuple, labels: np.ndarray, purpose: Draw, *place: int):
        """Draws patches from a batch, makes a step on them, and notes what it gave."""
        at = self._settings
        picture, boxes = draw_patches(
            generator(at.random_seed, purpose, *place),
            at.patches,
            len(labels),
            self._size,
            at.patch_size,
        )
        pictures, slots = loaded
        loss, accuracy = step(pictures, slots[picture], boxes, labels[picture])
        numbers = float(loss), float(accuracy)
        if not math.isfinite(numbers[0]):
            raise UserError(f"the loss of learning is {numbers[0]}: try a lower learning_rate")
        self._journal.note(numbers, lambda: state_of(self._model))
        return numbers
