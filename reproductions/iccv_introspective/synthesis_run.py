"""A synthesis run: new pictures from noise, through all saved stages of a learning run."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.images import save_picture
from common.runs import SETTINGS, read_settings
from reproductions.iccv_introspective.checkpoints import load_checkpoint
from reproductions.iccv_introspective.classes import cut_back, expanded_size
from reproductions.iccv_introspective.collection import synthesis_names
from reproductions.iccv_introspective.draws import Draw, generator, noise
from reproductions.iccv_introspective.generations import shares
from reproductions.iccv_introspective.hdf5 import failed
from reproductions.iccv_introspective.index import Index
from reproductions.iccv_introspective.journal import Journal, Stopped
from reproductions.iccv_introspective.latest import keep_latest, load_latest, save_latest
from reproductions.iccv_introspective.learned import note_run, read_learning
from reproductions.iccv_introspective.links import link_run
from reproductions.iccv_introspective.networks import build
from reproductions.iccv_introspective.pixels import to_bytes
from reproductions.iccv_introspective.report import Report
from reproductions.iccv_introspective.round_file import RoundFile, round_path
from reproductions.iccv_introspective.run_folder import (
    DATA,
    SNAPSHOTS,
    SYNTHESES,
    make_folders,
    running,
)
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings
from reproductions.iccv_introspective.sheets import save_sheet, snapshot_reader
from reproductions.iccv_introspective.stages import stages
from reproductions.iccv_introspective.steps import Steps
from reproductions.iccv_introspective.synthesis import Syntheses, Synthesis


def synthesize(
    run: Path,
    learned: Path,
    settings: StageSettings,
    last_round: int | None = None,
    save_interval: float = 300,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Synthesises pictures; goes on with a broken run.

    Args:
        run: the run's folder.
        learned: folder of the learning run.
        settings: the constants.
        last_round: number of the last stage to use; None: of all that are saved now.
        save_interval: seconds between two saves of the state inside a stage.
        facts: more entries for `run.json`, e.g. the command.

    Where the user ends the run, its pictures are those of the last step.

    Raises:
        UserError: a learning run without the stages asked for, another process at work on the
            run, a damaged state or checkpoint, a file that cannot be written.
    """
    learned = learned.absolute()
    if (run / SETTINGS).exists():
        # A run that goes on uses as many stages as it began with.
        last_round = read_settings(run).get("stages", 0) - 1
    count = stages(learned, last_round)
    learning = read_learning(learned)
    make_folders(run, DATA, SNAPSHOTS, SYNTHESES)
    with running(run), Journal(run, save_interval) as journal:
        own = {"learned": str(learned), "stages": count, "settings": dataclasses.asdict(settings)}
        note_run(run, own, facts or {})
        work = _SynthesisRun(run, learned, learning, settings, count, journal)
        try:
            try:
                while journal.round < count:
                    work.stage()
            except Stopped:
                print(f"ended, {journal.round} of {count} stages are done; --resume latest goes on")
            work.save_results()
        finally:
            work.close()
    link_run(learned, run)


class _SynthesisRun:
    def __init__(
        self,
        run: Path,
        learned: Path,
        learning: tuple[LearningSettings, list[float]],
        settings: StageSettings,
        count: int,
        journal: Journal,
    ):
        self._run, self._learned, self._settings = run, learned, settings
        self._journal = journal
        constants, priors = learning
        self._patch = constants.patch_size
        width, height = expanded_size(settings.width, settings.height, self._patch)
        self._picture = (height, width, 3)
        self._model = build(constants, len(priors))
        self._names = synthesis_names(settings.number_to_synthesize, 0)
        self._record: RoundFile | None = None
        attributes = {"name": run.parent.name, "type": "synthesis", "comment": str(learned)}
        self._index = Index(run / DATA, attributes, self._picture, len(self._names[-1]))
        for _ in range(journal.round):
            self._index.begin_round()
        self._index.publish()
        keep_latest(run, journal.round)
        shape, now = (settings.number_to_synthesize, *self._picture), journal.round
        if now:
            images = load_latest(run, now, shape)
        else:
            random = generator(settings.random_seed, Draw.SYNTHESES)
            images = noise(random, shape, settings.noise)
        counts = shares(settings.number_to_synthesize, priors)
        labels = np.repeat(np.arange(1, len(priors) + 1, dtype=np.int32), counts)
        self._syntheses = Syntheses(images, labels, self._names)
        self._report = Report(run, journal.round, count)
        self._synthesis = Synthesis(
            Steps(self._model, constants.learning_rate),
            settings,
            self._patch,
            lambda count: settings.patches_per_image * count,
            journal,
            self._report,
        )

    def stage(self) -> None:
        """Goes through one stage, or what is left of it."""
        at, number = self._settings, self._journal.round
        load_checkpoint(self._model, self._learned, number)
        self._record = RoundFile(
            self._run / DATA / round_path(number),
            number,
            epochs=0,
            evaluations=0,
            batches=math.ceil(at.number_to_synthesize / at.batch_size),
            picture=self._picture,
            longest_name=len(self._names[-1]),
        )
        self._index.begin_round()
        self._record.finish(self._synthesis.round(number, self._syntheses, self._record))
        first = to_bytes(self._syntheses.images[:1])
        name = synthesis_names(1, number)[0]
        save_picture(first[0], self._run / SNAPSHOTS / f"{name}.png")
        self._report.end_round(number, first)
        save_latest(self._run, number + 1, self._syntheses.images)
        try:
            self._journal.next_round()
        finally:
            keep_latest(self._run, self._journal.round)

    def save_results(self) -> None:
        """Writes the syntheses, each cut back to the size asked for, and a contact sheet."""
        results = to_bytes(self._syntheses.images)
        for picture, label, name in zip(results, self._syntheses.labels, self._names, strict=True):
            path = self._run / SYNTHESES / f"class{label}_{name}.png"
            save_picture(cut_back(picture, self._patch), path)
        snapshot = snapshot_reader(self._run / SNAPSHOTS, self._patch)
        if self._journal.round:
            save_sheet(self._run, [], self._journal.round - 1, snapshot)
        print(f"pictures made: {len(results)}, in {self._run / SYNTHESES}")

    def close(self) -> None:
        """Closes all files; the index gets its links."""
        if failed():
            return
        if self._record is not None:
            self._record.close()
        self._index.finish()
        self._report.close()
