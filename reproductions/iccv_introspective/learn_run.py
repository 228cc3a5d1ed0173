"""A learning run: rounds of learning and synthesis (the paper's synthesis-by-classification)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from common.errors import UserError
from common.images import save_picture
from reproductions.iccv_introspective.checkpoints import (
    load_checkpoint,
    restore_state,
    save_checkpoint,
)
from reproductions.iccv_introspective.classes import ImageClass, check_classes, cut_back
from reproductions.iccv_introspective.collection import (
    Collection,
    longest_name,
    negative_names,
    synthesis_names,
)
from reproductions.iccv_introspective.draws import Draw, generator, noise
from reproductions.iccv_introspective.generations import shares
from reproductions.iccv_introspective.hdf5 import failed
from reproductions.iccv_introspective.index import Index
from reproductions.iccv_introspective.journal import Journal, Stopped
from reproductions.iccv_introspective.latest import keep_latest, load_latest, save_latest
from reproductions.iccv_introspective.learned import note_learning
from reproductions.iccv_introspective.learning import Learning
from reproductions.iccv_introspective.links import link_syntheses, synthesis_runs
from reproductions.iccv_introspective.networks import build
from reproductions.iccv_introspective.pixels import to_bytes
from reproductions.iccv_introspective.report import Report
from reproductions.iccv_introspective.round_file import RoundFile, round_path
from reproductions.iccv_introspective.run_folder import (
    CHECKPOINTS,
    DATA,
    SNAPSHOTS,
    make_folders,
    running,
)
from reproductions.iccv_introspective.settings import LearningSettings, check_settings
from reproductions.iccv_introspective.sheets import save_sheet, snapshot_reader
from reproductions.iccv_introspective.steps import Steps
from reproductions.iccv_introspective.synthesis import Syntheses, Synthesis


def learn(
    run: Path,
    classes: Sequence[ImageClass],
    settings: LearningSettings,
    rounds: int | None = None,
    save_interval: float = 300,
    comment: str = "",
    facts: Mapping[str, object] | None = None,
) -> None:
    """Learns classes until all rounds are done or the user ends it; goes on with a broken run.

    Args:
        run: the run's folder.
        classes: what to learn; one texture, or several classes with their priors.
        settings: the constants.
        rounds: of the whole run; None: until Ctrl-C.
        save_interval: seconds between two saves of the state inside a round.
        comment: kept in `data/index.h5`.
        facts: more entries for `run.json`, e.g. the command.

    Raises:
        UserError: classes that do not fit, another process at work on the run, a damaged state,
            checkpoint or round, a file that cannot be written.
    """
    check_classes(classes, settings.patch_size)
    check_settings(settings)
    make_folders(run, DATA, CHECKPOINTS, SNAPSHOTS)
    with running(run), Journal(run, save_interval) as journal:
        note_learning(run, settings, classes, facts or {})
        attributes = {"name": run.parent.name, "type": "learning", "comment": comment}
        work = _LearningRun(run, classes, settings, rounds, attributes, journal)
        try:
            if rounds is not None and journal.round >= rounds:
                print(f"{journal.round} rounds are done; a larger number of rounds goes on")
            while rounds is None or journal.round < rounds:
                work.round()
        except Stopped:
            print(f"ended in round {journal.round}; its state is saved, --resume latest goes on")
        finally:
            work.close()


class _LearningRun:
    def __init__(
        self,
        run: Path,
        classes: Sequence[ImageClass],
        settings: LearningSettings,
        rounds: int | None,
        attributes: dict[str, str],
        journal: Journal,
    ):
        self._run, self._classes, self._settings = run, classes, settings
        self._journal = journal
        self._picture = classes[0].images.shape[1:]
        self._model = build(settings, len(classes))
        longest = longest_name(classes, settings.images)
        self._index = Index(run / DATA, attributes, self._picture, longest)
        self._longest = longest
        self._record: RoundFile | None = None
        try:
            self._collection = Collection(self._index, classes, settings.images)
            self._fill()
        except UserError:
            self._index.discard()
            raise
        self._index.publish()
        keep_latest(run, journal.round)
        self._report = Report(run, journal.round, rounds)
        steps = Steps(self._model, settings.learning_rate)
        size = self._picture[:2]
        self._learning = Learning(
            self._model, steps, settings, self._collection, size, journal, self._report
        )
        self._synthesis = Synthesis(
            steps, settings, settings.patch_size, lambda _: settings.patches, journal, self._report
        )

    def _noise(self, purpose: Draw) -> np.ndarray:
        at = self._settings
        random = generator(at.random_seed, purpose)
        return noise(random, (at.images, *self._picture), at.noise)

    def _fill(self) -> None:
        """Gathers what earlier rounds left: negatives, the network, the latest syntheses."""
        at, now = self._settings, self._journal.round
        shape = (at.images, *self._picture)
        self._collection.add_generation(
            to_bytes(self._noise(Draw.NEGATIVES)), negative_names(at.images)
        )
        for number in range(now):
            self._collection.add_generation(
                _synthesized(self._run / DATA / round_path(number), number, shape),
                synthesis_names(at.images, number),
            )
            self._index.begin_round()
        if "weight0" in self._journal.restored:
            restore_state(self._model, self._journal.restored)
        elif self._journal.restored or now:
            load_checkpoint(self._model, self._run, now if self._journal.restored else now - 1)
        labels = [[label] * n for label, n in enumerate(shares(at.images, self._priors()), 1)]
        images = self._noise(Draw.SYNTHESES) if now == 0 else load_latest(self._run, now, shape)
        self._syntheses = Syntheses(images, np.concatenate(labels).astype(np.int32), [])

    def _priors(self) -> list[float]:
        return [each.prior for each in self._classes]

    def round(self) -> None:
        """Makes one round, or what is left of it."""
        at, number = self._settings, self._journal.round
        names = synthesis_names(at.images, number)
        self._record = RoundFile(
            self._run / DATA / round_path(number),
            number,
            epochs=at.epochs,
            evaluations=math.ceil(at.epochs / at.evaluate_every),
            batches=math.ceil(at.images / at.batch_size),
            picture=self._picture,
            longest_name=self._longest,
        )
        self._index.begin_round()
        attributes = self._learning.round(number, self._record)
        if not self._journal.replaying:
            save_checkpoint(self._model, self._run, number)
        self._syntheses = self._syntheses._replace(names=names)
        attributes |= self._synthesis.round(number, self._syntheses, self._record)
        self._record.finish(attributes)
        generation = to_bytes(self._syntheses.images)
        self._show(number, generation, names)
        self._collection.add_generation(generation, names)
        save_latest(self._run, number + 1, self._syntheses.images)
        try:
            self._journal.next_round()
        finally:
            keep_latest(self._run, self._journal.round)

    def _show(self, number: int, generation: np.ndarray, names: Sequence[str]) -> None:
        shown = self._settings.snapshots
        for picture, name in zip(generation[:shown], names, strict=False):
            save_picture(picture, self._run / SNAPSHOTS / f"{name}.png")
        patch = self._settings.patch_size
        snapshot = snapshot_reader(self._run / SNAPSHOTS, patch)
        sources = [cut_back(each.images[0], patch) for each in self._classes]
        save_sheet(self._run, sources, number, snapshot)
        self._report.end_round(number, generation[:shown])

    def close(self) -> None:
        """Closes all files; the index gets its links."""
        if failed():
            return
        if self._record is not None:
            self._record.close()
        self._index.finish(lambda file: link_syntheses(file, synthesis_runs(self._run)))
        self._report.close()


def _synthesized(path: Path, number: int, shape: tuple[int, ...]):
    """Gives the pictures that a round left, one at a time; `shape` is that of all of them."""
    try:
        with h5py.File(path, "r") as file:
            batches = file[f"{number}/synthesis/batch"]
            stacks = [batches[f"{batch}/synthesized/images"] for batch in sorted(batches, key=int)]
            shapes = {stack.shape[1:] for stack in stacks}
            if shapes != {shape[1:]} or sum(map(len, stacks)) != shape[0]:
                raise UserError(f"{path} is damaged or of a run with other settings")
            for stack in stacks:
                yield from stack
    except (OSError, KeyError, RuntimeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is missing or damaged: {error}") from None
