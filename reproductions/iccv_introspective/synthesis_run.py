"""A synthesis run: new pictures from noise, through all saved stages of a learning run."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.images import save_picture
from common.runs import SETTINGS, read_settings, versions, write_settings
from reproductions.iccv_introspective.checkpoints import load_checkpoint, saved_rounds
from reproductions.iccv_introspective.classes import cut_back, expanded_size
from reproductions.iccv_introspective.collection import synthesis_names
from reproductions.iccv_introspective.draws import Draw, generator, noise
from reproductions.iccv_introspective.generations import shares
from reproductions.iccv_introspective.index import Index, round_path
from reproductions.iccv_introspective.journal import Journal, Stopped
from reproductions.iccv_introspective.latest import load_latest, remove_latest, save_latest
from reproductions.iccv_introspective.learned import read_learning
from reproductions.iccv_introspective.links import link_run
from reproductions.iccv_introspective.network import build
from reproductions.iccv_introspective.pixels import to_bytes
from reproductions.iccv_introspective.report import Report
from reproductions.iccv_introspective.round_file import RoundFile
from reproductions.iccv_introspective.run_folder import (
    DATA,
    SNAPSHOTS,
    SYNTHESES,
    make_folders,
    running,
)
from reproductions.iccv_introspective.settings import StageSettings
from reproductions.iccv_introspective.sheets import save_sheet, snapshot_reader
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

    Raises:
        UserError: a learning run without the stages asked for, another process at work on the
            run, a damaged state or checkpoint, a file that cannot be written.
    """
    stages = _stages(run, learned, last_round)
    make_folders(run, DATA, SNAPSHOTS, SYNTHESES)
    with running(run), Journal(run, save_interval) as journal:
        before = read_settings(run) if (run / SETTINGS).exists() else {}
        own = {"learned": str(learned), "stages": stages, "settings": dataclasses.asdict(settings)}
        write_settings(run, {**before, **(facts or {}), **own, "versions": versions()})
        work = _SynthesisRun(run, learned, settings, stages, journal)
        try:
            while journal.round < stages:
                work.stage()
            work.save_results()
        except Stopped:
            print(f"ended in stage {journal.round}; its state is saved")
        finally:
            work.close()
    link_run(learned, run)


def _stages(run: Path, learned: Path, last_round: int | None) -> int:
    """How many stages to use; a run that goes on uses as many as it began with."""
    saved = len(saved_rounds(learned))
    if (run / SETTINGS).exists():
        stages = read_settings(run).get("stages", saved)
    else:
        stages = saved if last_round is None else last_round + 1
    if not 1 <= stages <= saved:
        raise UserError(f"the last round of {learned} is {saved - 1}, {stages - 1} was asked for")
    return stages


class _SynthesisRun:
    def __init__(
        self, run: Path, learned: Path, settings: StageSettings, stages: int, journal: Journal
    ):
        self._run, self._learned, self._settings = run, learned, settings
        self._journal, self._stages = journal, stages
        learning, priors = read_learning(learned)
        self._patch = learning.patch_size
        width, height = expanded_size(settings.width, settings.height, self._patch)
        if min(width, height) < self._patch:
            raise UserError(f"pictures must be {self._patch} pixels high and wide at least")
        self._picture = (height, width, 3)
        self._model = build(learning, len(priors))
        self._names = synthesis_names(settings.number_to_synthesize, 0)
        self._record: RoundFile | None = None
        attributes = {"name": run.parent.name, "type": "synthesis", "comment": str(learned)}
        self._index = Index(run / DATA, attributes, self._picture, len(self._names[-1]))
        for _ in range(journal.round):
            self._index.begin_round()
        shape, now = (settings.number_to_synthesize, *self._picture), journal.round
        if now:
            images = load_latest(run, now, shape)
        else:
            random = generator(settings.random_seed, Draw.SYNTHESES)
            images = noise(random, shape, settings.noise)
        counts = shares(settings.number_to_synthesize, priors)
        labels = np.repeat(np.arange(1, len(priors) + 1, dtype=np.int32), counts)
        self._syntheses = Syntheses(images, labels, self._names)
        self._report = Report(run, journal.round, stages)
        self._synthesis = Synthesis(
            Steps(self._model, learning.learning_rate),
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
            0,
            0,
            -(-at.number_to_synthesize // at.batch_size),
            self._picture,
            len(self._names[-1]),
        )
        self._index.begin_round()
        self._record.finish(self._synthesis.round(number, self._syntheses, self._record))
        first = to_bytes(self._syntheses.images[:1])
        name = synthesis_names(1, number)[0]
        save_picture(first[0], self._run / SNAPSHOTS / f"{name}.png")
        self._report.end_round(number, first)
        save_latest(self._run, number + 1, self._syntheses.images)
        self._journal.next_round()
        remove_latest(self._run, number)

    def save_results(self) -> None:
        """Writes the syntheses, each cut back to the size asked for, and a contact sheet."""
        results = to_bytes(self._syntheses.images)
        for picture, label, name in zip(results, self._syntheses.labels, self._names, strict=True):
            path = self._run / SYNTHESES / f"class{label}_{name}.png"
            save_picture(cut_back(picture, self._patch), path)
        snapshot = snapshot_reader(self._run / SNAPSHOTS, self._patch)
        save_sheet(self._run, [], self._stages - 1, snapshot)
        print(f"{len(results)} syntheses are in {self._run / SYNTHESES}")

    def close(self) -> None:
        """Closes all files; the index gets its links."""
        if self._record is not None:
            self._record.close()
        self._report.close()
        self._index.finish()
