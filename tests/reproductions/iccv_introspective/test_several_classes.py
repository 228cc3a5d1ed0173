"""Several classes learned together, each with its prior."""

import h5py
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from reproductions.iccv_introspective.classes import ImageClass
from reproductions.iccv_introspective.learn_run import learn
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings
from reproductions.iccv_introspective.synthesis_run import synthesize
from tests.leftovers import files_below
from tests.reproductions.iccv_introspective.commands import datasets

SIZE = (20, 24, 3)
SETTINGS = LearningSettings(
    images=8, batch_size=8, patches=16, patch_size=16, filters=2, epochs=2, synthesis_steps=3
)


def pictures(count, seed):
    return np.random.RandomState(seed).randint(0, 256, (count, *SIZE)).astype(np.uint8)


#: More pictures than a round needs, and fewer.
CLASSES = [ImageClass("one", pictures(10, 1), 0.25), ImageClass("two", pictures(3, 2), 0.75)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("results") / "learn_both_texture" / "07032017_130203"
    run.mkdir(parents=True)
    learn(run, CLASSES, SETTINGS, rounds=2)
    return run


def test_positives_of_both_classes_are_stored(run):
    with h5py.File(run / "data" / "index.h5", "r") as file:
        names = [name.decode() for name in file["store/names"][:]]
        images = file["store/images"][:]
    assert names[:18] == [f"one-{i}" for i in range(10)] + [f"two-{i}" for i in range(8)]
    np.testing.assert_array_equal(images[:10], CLASSES[0].images)
    for i in range(8):
        np.testing.assert_array_equal(images[10 + i], CLASSES[1].images[i % 3])
    assert names[18:20] == ["neg0", "neg1"] and len(names) == 18 + 3 * 8


@pytest.mark.parametrize("number", [0, 1])
def test_labels_follow_the_priors(run, number):
    found = datasets(run / "data" / f"round_{number}.h5")
    half = 8 * (number + 1)
    for epoch in range(2):
        group = f"{number}/learning/epoch/{epoch}/batch"
        labels, names = found[f"{group}/labels"], found[f"{group}/names"]
        assert np.bincount(labels).tolist() == [half, half // 4, half * 3 // 4]
        kinds = {1: "one-", 2: "two-", 0: ("neg", "syn")}
        for label, name in zip(labels, names, strict=True):
            assert name.decode().startswith(kinds[int(label)])
    group = f"{number}/learning/evaluation/0/batch"
    assert np.bincount(found[f"{group}/labels"]).tolist() == [40, 10, 30]
    labels = found[f"{number}/synthesis/batch/0/synthesized/labels"]
    assert labels.tolist() == [1] * 2 + [2] * 6


def test_there_is_a_logit_for_each_class_and_one_for_the_negatives(run):
    for number in range(2):
        found = datasets(run / "checkpoints" / f"round_{number}.weights.h5")
        assert (3,) in {np.shape(value) for value in found.values()}


def test_syntheses_of_both_classes(run, tmp_path):
    settings = StageSettings(
        number_to_synthesize=4, width=18, height=16, synthesis_steps=2, batch_size=3
    )
    made = tmp_path / "results" / "synthesize_both_texture" / "07032017_140203"
    made.mkdir(parents=True)
    synthesize(made, run, settings)
    names = {name for name in files_below(made / "syntheses")}
    assert names == {"class1_syn0.png", "class2_syn1.png", "class2_syn2.png", "class2_syn3.png"}
    with Image.open(made / "syntheses" / "class2_syn3.png") as picture:
        assert picture.size == (18, 16)


def test_going_on_with_other_classes_is_refused(run):
    before = files_below(run)
    other = [ImageClass("one", CLASSES[0].images, 0.5), ImageClass("two", CLASSES[1].images, 0.5)]
    for classes, settings, what in (
        (other, SETTINGS, "classes"),
        (CLASSES[:1], SETTINGS, "priors of the classes must sum to 1"),
        (CLASSES, LearningSettings(images=9), "smaller than a patch"),
        (CLASSES, LearningSettings(images=9, patch_size=16), "settings"),
    ):
        with pytest.raises(UserError, match=what):
            learn(run, classes, settings, rounds=3)
    assert files_below(run) == before


@pytest.mark.parametrize("priors", [(0.5, 0.4), (0.5, 0.6), (-0.5, 1.5), (1, 1), (np.nan, 1)])
def test_priors_that_do_not_sum_to_1(tmp_path, priors):
    classes = [ImageClass(c.name, c.images, p) for c, p in zip(CLASSES, priors, strict=True)]
    with pytest.raises(UserError, match="must sum to 1"):
        learn(tmp_path, classes, SETTINGS, rounds=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "one class at least"),
        ([ImageClass("a", np.zeros((1, *SIZE), np.float32))], "must be uint8"),
        ([ImageClass("a", np.zeros(SIZE, np.uint8))], "must be uint8"),
        ([ImageClass("a", np.zeros((0, *SIZE), np.uint8))], "must be uint8"),
        ([ImageClass("a", np.zeros((1, 20, 15, 3), np.uint8))], "smaller than a patch"),
        (
            [CLASSES[0], ImageClass("b", np.zeros((1, 24, 20, 3), np.uint8), 0.75)],
            "must be of one size",
        ),
    ],
)
def test_classes_that_do_not_fit(tmp_path, classes, message):
    with pytest.raises(UserError, match=message):
        learn(tmp_path, classes, SETTINGS, rounds=1)
    assert not list(tmp_path.iterdir())


def test_an_odd_patch(tmp_path):
    with pytest.raises(UserError, match="must be even, got 15"):
        learn(tmp_path, CLASSES, LearningSettings(patch_size=15), rounds=1)
