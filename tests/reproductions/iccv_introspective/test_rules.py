"""Learning and synthesis of a round with scripted steps: when they evaluate, when they stop."""

from typing import NamedTuple
from unittest import mock

import h5py
import numpy as np
import pytest

from reproductions.iccv_introspective import report as report_module
from reproductions.iccv_introspective.classes import ImageClass
from reproductions.iccv_introspective.collection import (
    Collection,
    negative_names,
    synthesis_names,
)
from reproductions.iccv_introspective.index import Index
from reproductions.iccv_introspective.journal import Journal
from reproductions.iccv_introspective.learning import Learning
from reproductions.iccv_introspective.report import Report, read_losses
from reproductions.iccv_introspective.round_file import RoundFile, round_path
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings
from reproductions.iccv_introspective.synthesis import Syntheses, Synthesis

#: Small pictures; all other constants are the original's.
PATCH, SIZE = 2, (3, 5)
BOUNDARY = 0.62


class Call(NamedTuple):
    """What a step was called with."""

    kind: str
    arguments: tuple


class Script:
    """Steps that give the numbers they are told to, and keep what they were called with.

    Args:
        learn: from the number of a learning step to (loss, accuracy).
        evaluate: from the numbers of an evaluation and of its batch to (loss, accuracy).
        synthesize: from the numbers of a batch and of its step to the loss.
        evaluation_batches: batches of an evaluation.
    """

    def __init__(self, learn=None, evaluate=None, synthesize=None, evaluation_batches=10):
        self.calls: list[Call] = []
        self._learn, self._evaluate, self._synthesize = learn, evaluate, synthesize
        self._batches = evaluation_batches
        self._batch = -1

    def of_kind(self, kind):
        return [call.arguments for call in self.calls if call.kind == kind]

    def order(self):
        """Kinds of the calls with their counts, e.g. [("learn", 4), ("evaluate", 10)]."""
        runs: list[list] = []
        for call in self.calls:
            if runs and runs[-1][0] == call.kind:
                runs[-1][1] += 1
            else:
                runs.append([call.kind, 1])
        return [tuple(run) for run in runs]

    def learn(self, *arguments):
        self.calls.append(Call("learn", arguments))
        return (self._learn or (lambda _: (1.0, 0.5)))(len(self.of_kind("learn")) - 1)

    def evaluate(self, *arguments):
        number = len(self.of_kind("evaluate"))
        self.calls.append(Call("evaluate", arguments))
        return (self._evaluate or (lambda *_: (1.0, 0.5)))(*divmod(number, self._batches))

    def synthesize(self, *arguments):
        images, mean, square = (np.array(each) for each in arguments[:3])
        self._batch += arguments[6] == 1
        self.calls.append(Call("synthesize", (images, mean, square, *arguments[3:])))
        loss = self._synthesize(self._batch, int(arguments[6]) - 1)
        return loss, images + np.float32(1e-3), mean + 1, square + 2


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder, and what closes its files."""
    # TensorBoard's files and the curves take longer than the rest.
    monkeypatch.setattr(report_module, "Events", lambda _: mock.MagicMock())
    monkeypatch.setattr(report_module, "draw_curves", lambda *_: None)
    (tmp_path / "data").mkdir()
    closing = []
    yield tmp_path, closing
    for each in closing:
        each()


def index_of(run):
    folder, closing = run
    index = Index(folder / "data", {"name": "n", "type": "learning", "comment": ""}, (*SIZE, 3), 20)
    index.publish()
    closing.append(index.finish)
    return index


def report_of(run):
    folder, closing = run
    report = Report(folder, 0, None)
    closing.append(report.close)
    return report


def random_pictures(count, seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, *SIZE, 3), dtype=np.uint8)


def learn(run, script, number=0, **changes):
    """Learns a round, and gives its attributes and its file, read after it was finished."""
    folder, _ = run
    settings = LearningSettings(patch_size=PATCH, **changes)
    texture = ImageClass("a", random_pictures(1))
    collection = Collection(index_of(run), [texture], settings.images)
    for each in range(number + 1):
        names = negative_names if each == 0 else lambda n, r=each: synthesis_names(n, r - 1)
        generation = random_pictures(settings.images, seed=1 + each)
        collection.add_generation(generation, names(settings.images))
    learning = Learning(
        None, script, settings, collection, SIZE, Journal(folder, 1e9), report_of(run)
    )
    evaluations = -(-settings.epochs // settings.evaluate_every)
    path = folder / "data" / round_path(number)
    record = RoundFile(path, number, settings.epochs, evaluations, 0, (*SIZE, 3), 20)
    attributes = learning.round(number, record)
    record.finish(attributes)
    return attributes, h5py.File(path)[str(number)]


def synthesize(run, script, count=200, labels=None, per_step=None, number=0, **changes):
    """Synthesises a round: gives pictures before and after it, attributes, and its file."""
    folder, _ = run
    settings = LearningSettings(patch_size=PATCH, **changes)
    start = np.random.default_rng(0).uniform(-0.9, 0.9, (count, *SIZE, 3)).astype(np.float32)
    labels = np.ones(count, np.int32) if labels is None else labels
    syntheses = Syntheses(start.copy(), labels, synthesis_names(count, number))
    synthesis = Synthesis(
        script,
        settings,
        PATCH,
        per_step or (lambda _: settings.patches),
        Journal(folder, 1e9),
        report_of(run),
    )
    path = folder / "data" / round_path(number)
    batches = -(-count // settings.batch_size)
    record = RoundFile(path, number, 0, 0, batches, (*SIZE, 3), 20)
    attributes = synthesis.round(number, syntheses, record)
    record.finish(attributes)
    return start, syntheses, attributes, h5py.File(path)[str(number)]


def tiny(**changes):
    """A round with few steps: 8 negatives, 4 batches of 4, evaluations of 2 batches."""
    values = {"images": 8, "batch_size": 4, "patches": 6, "evaluation_batches": 2}
    return {**values, **changes}


def test_evaluations_are_in_every_fifth_epoch_but_not_in_the_last(run):
    script = Script()
    attributes, file = learn(run, script)
    assert attributes == {}
    wanted = [("learn", 4), ("evaluate", 10), *[("learn", 20), ("evaluate", 10)] * 5]
    # Epochs 26 to 29 follow the evaluation in epoch 25.
    assert script.order() == [*wanted, ("learn", 16)]
    steps = file["learning/evaluation_stats/step"][:]
    assert (steps // 4).tolist() == [0, 5, 10, 15, 20, 25]
    assert len(file["learning/epoch"]) == 30
    rows = read_losses(run[0])
    assert [row.number for row in rows if row.phase == "evaluation"] == [0, 5, 10, 15, 20, 25]
    assert [row.number for row in rows if row.phase == "learning"] == list(range(30))


@pytest.mark.parametrize(
    ("epochs", "wanted"),
    [(1, []), (2, [0]), (5, [0]), (6, [0]), (7, [0, 5]), (11, [0, 5]), (12, [0, 5, 10])],
)
def test_the_last_epoch_is_never_evaluated(run, epochs, wanted):
    learn(run, Script(evaluation_batches=2), **tiny(epochs=epochs))
    rows = read_losses(run[0])
    assert [row.number for row in rows if row.phase == "evaluation"] == wanted
    assert sum(row.phase == "learning" for row in rows) == epochs


@pytest.mark.parametrize(("number", "batches"), [(0, 4), (1, 8), (7, 30)])
def test_batches_and_patches_of_the_originals_rounds(run, number, batches):
    script = Script()
    _, file = learn(run, script, number, epochs=2)
    assert script.order() == [("learn", batches), ("evaluate", 10), ("learn", batches)]
    size = min(400 * (number + 1), 3000)
    for epoch in range(2):
        group = file[f"learning/epoch/{epoch}"]
        assert len(group["batch/identifiers"]) == size
        assert np.bincount(group["batch/labels"]).tolist() == [size // 2] * 2
        ages = group["age_counts"][:]
        assert len(ages) == number + 1 and ages.sum() == size // 2
    assert len(file["learning/evaluation/0/batch/identifiers"]) == 1000
    assert file["learning/evaluation/0/age_counts"][:].sum() == 500
    for pictures, picture, boxes, labels in script.of_kind("learn") + script.of_kind("evaluate"):
        assert picture.shape == labels.shape == (1000,) and boxes.shape == (1000, 4)
        assert pictures.dtype == np.uint8 and picture.max() < len(pictures) <= 101


def test_a_smaller_last_batch_is_learned_too(run):
    script = Script(evaluation_batches=2)
    learn(run, script, **tiny(images=7, batch_size=4, epochs=1))
    # 14 pictures: batches of 4, 4, 4 and 2.
    assert len(script.of_kind("learn")) == 4
    assert len(script.of_kind("learn")[-1][0]) <= 2


def test_labels_and_pictures_passed_are_those_of_the_set(run):
    script = Script()
    _, file = learn(run, script, 1, epochs=2)
    texture = random_pictures(1)[0]
    generations = [random_pictures(200, seed) for seed in (1, 2)]
    known = np.concatenate([[texture] * 200, *generations])
    for epoch in range(2):
        batch = file[f"learning/epoch/{epoch}/batch"]
        identifiers, labels, names = (batch[k][:] for k in ("identifiers", "labels", "names"))
        for i, call in enumerate(script.of_kind("learn")[epoch * 8 : epoch * 8 + 8]):
            part = slice(i * 100, i * 100 + 100)
            pictures, picture, _, passed = call
            # Patches come from the pictures of the batch, with the labels of these.
            here = zip(identifiers[part], labels[part], strict=True)
            pairs = {(known[n].tobytes(), k) for n, k in here}
            got = {(pictures[p].tobytes(), k) for p, k in zip(picture, passed, strict=True)}
            assert got <= pairs and len(got) > 0.99 * len(pairs)
            assert passed.dtype == np.int32 and 380 < passed.sum() < 620
        for n, label, name in zip(identifiers, labels, names, strict=True):
            wanted = f"a-{n}" if n < 200 else f"neg{n - 200}" if n < 400 else f"syn{n - 400}"
            assert name.decode() == wanted and label == (n < 200)
    first, second = (file[f"learning/epoch/{e}/batch/identifiers"][:] for e in (0, 1))
    assert (first != second).any()


def test_patches_are_drawn_anew_for_every_step(run):
    script = Script()
    learn(run, script, epochs=2, retain_factor=2)
    assert script.order() == [("learn", 8), ("evaluate", 10), ("learn", 8)]
    calls = script.of_kind("learn") + script.of_kind("evaluate")
    assert len({call[2].tobytes() for call in calls}) == 26
    assert len({call[1].tobytes() for call in calls}) == 26
    # Two steps on the pictures of each batch.
    for one, other in zip(calls[:16:2], calls[1:16:2], strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_learning_stops_at_an_evaluation_of_small_loss(run):
    script = Script(
        evaluate=lambda number, _: (0.006 if number < 2 else 0.0049, 0.9 + number / 100)
    )
    attributes, file = learn(run, script)
    # Epochs 0 to 10.
    assert len(script.of_kind("learn")) == 44 and script.order()[-1] == ("evaluate", 10)
    stop = attributes["learning/early_stopping"]
    assert stop["step"] == 43 and stop["accuracy"] == pytest.approx(0.92)
    assert dict(file["learning/early_stopping"].attrs) == pytest.approx(stop)
    assert len(file["learning/epoch"]) == 11 and len(file["learning/evaluation"]) == 3


@pytest.mark.parametrize(("every", "stops_in"), [(1, 2), (2, 2), (3, 3), (5, 5)])
def test_learning_stops_from_the_third_epoch_on_only(run, every, stops_in):
    script = Script(evaluate=lambda *_: (0.0, 1.0), evaluation_batches=2)
    attributes, _ = learn(run, script, **tiny(epochs=9, evaluate_every=every))
    assert len(script.of_kind("learn")) == 4 * (stops_in + 1)
    assert attributes["learning/early_stopping"]["step"] == 4 * (stops_in + 1) - 1
    assert [row.number for row in read_losses(run[0]) if row.phase == "evaluation"][-1] == stops_in


@pytest.mark.parametrize(
    ("losses", "stops"),
    [((0.0, 2**-7), True), ((0.0, 2**-7 + 1e-9), False), ((2**-8,) * 2, True), ((9, 0), False)],
)
def test_the_mean_over_all_batches_decides_and_the_boundary_counts(run, losses, stops):
    script = Script(evaluate=lambda _, batch: (losses[batch], 0.5), evaluation_batches=2)
    attributes, file = learn(run, script, **tiny(epochs=8, learning_stop=2**-8))
    assert bool(attributes) == stops
    assert ("early_stopping" in file["learning"]) == stops
    assert len(script.of_kind("learn")) == (24 if stops else 32)
    np.testing.assert_allclose(file["learning/evaluation_stats/loss"], np.mean(losses), rtol=1e-15)


def test_the_originals_stop_of_learning_is_at_0_005():
    assert LearningSettings().learning_stop == 0.005


def test_the_loss_of_learning_steps_does_not_stop_it(run):
    script = Script(learn=lambda _: (0.0, 1.0), evaluation_batches=2)
    attributes, _ = learn(run, script, **tiny(epochs=7))
    assert attributes == {} and len(script.of_kind("learn")) == 28


def test_what_is_recorded_of_learning(run):
    script = Script(
        learn=lambda step: (step + 0.5, step / 100),
        evaluate=lambda number, batch: (10 * number + batch + 1, (number + batch) / 10),
        evaluation_batches=2,
    )
    _, file = learn(run, script, **tiny(epochs=7))
    for epoch in range(7):
        stats, steps = file[f"learning/epoch/{epoch}/stats"], np.arange(4) + 4 * epoch
        np.testing.assert_array_equal(stats["step"], steps)
        np.testing.assert_array_equal(stats["loss"], steps + 0.5)
        np.testing.assert_array_equal(stats["accuracy"], steps / 100)
    training = file["learning/training_stats"]
    np.testing.assert_array_equal(training["step"], np.arange(7) * 4 + 3)
    np.testing.assert_allclose(training["loss"], np.arange(7) * 4 + 2, rtol=1e-15)
    np.testing.assert_allclose(training["accuracy"], (np.arange(7) * 4 + 1.5) / 100, rtol=1e-14)
    for number in range(2):
        stats = file[f"learning/evaluation/{number}/stats"]
        np.testing.assert_array_equal(stats["loss"], [10 * number + 1, 10 * number + 2])
        np.testing.assert_array_equal(stats["accuracy"], [number / 10, (number + 1) / 10])
    evaluated = file["learning/evaluation_stats"]
    np.testing.assert_array_equal(evaluated["step"], [3, 23])
    np.testing.assert_allclose(evaluated["loss"], [1.5, 11.5], rtol=1e-15)
    np.testing.assert_allclose(evaluated["accuracy"], [0.05, 0.15], rtol=1e-14)


def test_synthesis_makes_all_steps_where_no_loss_is_small(run):
    script = Script(synthesize=lambda *_: 0.6201)
    _, _, attributes, file = synthesize(run, script, count=200, per_step=lambda _: 5)
    assert attributes == {} and len(script.calls) == 1000
    for batch in ("0", "1"):
        stats = file[f"synthesis/batch/{batch}/stats"]
        np.testing.assert_array_equal(stats["step"], np.arange(500))
        np.testing.assert_array_equal(stats["loss"], np.full(500, 0.6201))
        assert "early_stopping" not in file[f"synthesis/batch/{batch}"]
    assert [row.steps for row in read_losses(run[0])] == [500, 500]


@pytest.mark.parametrize("last", [0.62, 0.61, 0.0])
def test_each_batch_stops_at_its_first_small_loss(run, last):
    script = Script(synthesize=lambda batch, step: last if step == (6, 2)[batch] else 0.7)
    start, syntheses, attributes, file = synthesize(run, script, per_step=lambda _: 5)
    assert [call[6] for call in script.of_kind("synthesize")] == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
    assert attributes == {
        "synthesis/batch/0/early_stopping": {"step": 6, "loss": last},
        "synthesis/batch/1/early_stopping": {"step": 2, "loss": last},
    }
    assert dict(file["synthesis/batch/1/early_stopping"].attrs) == {"step": 2, "loss": last}
    assert file["synthesis/batch/0/stats/loss"][:].tolist() == [0.7] * 6 + [last]
    # The step that had the small loss is made: 7 and 3 steps of 0.001.
    np.testing.assert_allclose(syntheses.images[:100], start[:100] + 0.007, atol=1e-6)
    np.testing.assert_allclose(syntheses.images[100:], start[100:] + 0.003, atol=1e-6)


def test_the_first_step_may_stop_a_synthesis(run):
    script = Script(synthesize=lambda batch, _: (0.1, 0.7)[batch])
    *_, attributes, _ = synthesize(run, script, per_step=lambda _: 5, synthesis_steps=4)
    assert list(attributes) == ["synthesis/batch/0/early_stopping"]
    assert len(script.calls) == 1 + 4


def test_adam_begins_anew_for_every_batch(run):
    script = Script(synthesize=lambda *_: 1.0)
    start, *_ = synthesize(run, script, count=5, **tiny(batch_size=2, synthesis_steps=3))
    calls = script.of_kind("synthesize")
    assert len(calls) == 9
    for i, call in enumerate(calls):
        batch, step = divmod(i, 3)
        images, mean, square = call[:3]
        before = start[2 * batch : 2 * batch + 2]
        assert images.shape == mean.shape == square.shape == before.shape
        np.testing.assert_allclose(images, before + step * 1e-3, atol=1e-6)
        np.testing.assert_array_equal(mean, np.full(before.shape, step))
        np.testing.assert_array_equal(square, np.full(before.shape, 2 * step))
        assert call[6] == step + 1


def test_constants_passed_to_synthesis_steps(run):
    script = Script(synthesize=lambda *_: 0.1)
    synthesize(run, script)
    for call in script.of_kind("synthesize"):
        *_, picture, boxes, labels, step, rate, beta1 = call
        assert len(picture) == len(boxes) == len(labels) == 1000
        assert (step, rate, beta1) == (1, np.float32(0.01), np.float32(0.5))
        assert all(each.dtype == np.float32 for each in (boxes, step, rate, beta1))
        assert picture.dtype == labels.dtype == np.int32
        # All of 100 pictures are among 1000.
        assert picture.min() == 0 and picture.max() == 99


def test_patches_of_a_step_may_follow_the_number_of_pictures(run):
    """As when pictures are made of a learned texture: 10 a picture."""
    script = Script(synthesize=lambda *_: 0.1)
    per_image = StageSettings().patches_per_image
    synthesize(run, script, count=130, per_step=lambda count: per_image * count)
    assert [len(call[3]) for call in script.of_kind("synthesize")] == [1000, 300]


def test_patches_of_synthesis_are_drawn_anew(run):
    script = Script(synthesize=lambda *_: 1.0)
    synthesize(run, script, count=8, **tiny(synthesis_steps=4, patches=40))
    calls = script.of_kind("synthesize")
    assert len({call[4].tobytes() for call in calls}) == len(calls) == 8


def test_synthesis_moves_pictures_towards_their_own_labels(run):
    script = Script(synthesize=lambda *_: 0.1)
    labels = np.repeat([1, 2, 3], [3, 2, 3]).astype(np.int32)
    *_, file = synthesize(run, script, count=8, labels=labels, **tiny(patches=50))
    for batch, call in enumerate(script.of_kind("synthesize")):
        _, _, _, picture, _, passed, *_ = call
        np.testing.assert_array_equal(passed, labels[4 * batch : 4 * batch + 4][picture])
        saved = file[f"synthesis/batch/{batch}/synthesized/labels"]
        np.testing.assert_array_equal(saved, labels[4 * batch : 4 * batch + 4])


def test_what_is_recorded_of_syntheses(run):
    script = Script(synthesize=lambda *_: 0.1)
    start, syntheses, _, file = synthesize(run, script, number=3)
    wanted = np.rint((start.astype(np.float64) + np.float32(1e-3) + 1) * 127.5)
    for batch in range(2):
        part = slice(100 * batch, 100 * batch + 100)
        group = file[f"synthesis/batch/{batch}/synthesized"]
        assert group["images"].dtype == np.uint8
        assert np.abs(group["images"][:] - wanted[part]).max() <= 1
        assert np.mean(group["images"][:] != wanted[part]) < 1e-3
        names = [name.decode() for name in group["names"]]
        assert names == [f"syn{i}@round3" for i in range(*part.indices(200))]
    assert syntheses.images.dtype == np.float32
