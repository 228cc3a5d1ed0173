"""A small learning run: what it leaves in its folder, and what a reader sees meanwhile."""

import json
import re
import time

import h5py
import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from reproductions.iccv_introspective import run_folder
from tests.leftovers import assert_same, files_below, pixels
from tests.reproductions.iccv_introspective.commands import (
    BATCH,
    EPOCHS,
    HEIGHT,
    IMAGES,
    PATCH,
    PICTURE,
    SMALL,
    STEPS,
    WIDTH,
    call,
    contents,
    datasets,
    only_run,
    rows,
    script_path,
    unbroken,
    write_texture,
)
from tests.scripts import words

ROUNDS = 3

#: Pictures of an epoch in each round, and how many batches they are.
SIZES = [2 * IMAGES * (number + 1) for number in range(ROUNDS)]
BATCHES = [-(-size // BATCH) for size in SIZES]
EVALUATIONS = [0, 5]


@pytest.fixture(scope="module")
def learned():
    return unbroken()


@pytest.fixture(scope="module")
def run(learned):
    assert learned.ended.status == 0, learned.ended
    return learned.run


@pytest.fixture(scope="module")
def store(run):
    """Pictures and names of the store."""
    with h5py.File(run / "data" / "index.h5", "r") as file:
        names = [name.decode() for name in file["store/names"][:]]
        return file["store/images"][:], names


def round_file(run, number):
    """Groups and datasets of the file of a round, below its number."""
    found = datasets(run / "data" / f"round_{number}.h5")
    prefix = f"{number}/"
    assert all(name.startswith(prefix) for name in found)
    return {name.removeprefix(prefix): value for name, value in found.items()}


def synthesized(run, number):
    """Pictures that a round made, and their names."""
    found = round_file(run, number)
    batches = [f"synthesis/batch/{b}/synthesized" for b in range(-(-IMAGES // BATCH))]
    return tuple(
        np.concatenate([found[f"{batch}/{name}"] for batch in batches])
        for name in ("images", "names")
    )


def suffix(number):
    return "" if number == 0 else f"@round{number}"


def test_it_ends_well_and_says_what_happens(learned):
    assert learned.ended.status == 0
    lines = learned.ended.out.splitlines()
    assert lines[0] == f"the run is results/learn_a_texture/{learned.run.name}"
    assert lines.pop(1) == f"learning {learned.folder / 'a.png'}"
    assert [line.split(":")[0] for line in lines[1:]] == ["round 0", "round 1", "round 2"]
    assert f"{EPOCHS * BATCHES[2]} learning steps, loss " in lines[3]
    assert f"{STEPS}+{STEPS} synthesis steps, loss " in lines[3]


def test_it_leaves_nothing_on_standard_error(learned):
    assert learned.ended.err == ""


def test_the_name_of_its_folder(learned):
    assert learned.run.parent == learned.folder / "results" / "learn_a_texture"
    assert re.fullmatch(r"\d{8}_\d{6}", learned.run.name)
    assert abs(time.time() - time.mktime(time.strptime(learned.run.name, "%m%d%Y_%H%M%S"))) < 3600


def test_its_files(learned, run):
    [events] = run.glob("events.out.tfevents.*")
    rounds = range(ROUNDS)
    files = {"learn_texture.py", "run.json", "state.npz", "texture.png", events.name}
    files |= {"losses.csv", "curves.png", "sheet.png", "data", "checkpoints", "snapshots"}
    files |= {"data/index.h5", *(f"data/round_{r}.h5" for r in rounds)}
    files |= {f"data/syntheses_{ROUNDS}.npy"}
    files |= {f"checkpoints/round_{r}.weights.h5" for r in rounds}
    files |= {f"snapshots/syn{i}{suffix(r)}.png" for r in rounds for i in range(3)}
    assert files_below(run) == files
    assert files_below(learned.folder) == {
        "a.png",
        "results",
        "results/learn_a_texture",
        f"results/learn_a_texture/{run.name}",
        *(f"results/learn_a_texture/{run.name}/{name}" for name in files),
    }


def test_the_copies_of_script_and_texture(learned, run):
    assert (run / "learn_texture.py").read_bytes() == script_path("learn_texture").read_bytes()
    np.testing.assert_array_equal(pixels(run / "texture.png"), pixels(learned.folder / "a.png"))


def test_a_lock_that_names_the_process_exists_while_it_runs(learned):
    assert learned.locks == {f"running.{learned.pid}"}
    assert not list(learned.run.glob("running.*"))


def test_a_reader_sees_it_grow(learned):
    """Both in HDF5's single-writer-multiple-reader mode."""
    for lengths, last in ((learned.stored, IMAGES * (ROUNDS + 2)), (learned.steps, EPOCHS)):
        assert lengths == sorted(lengths)
        assert len(set(lengths)) >= 3 and lengths[-1] == last


def test_its_settings(run):
    saved = json.loads((run / "run.json").read_text())
    assert saved["script"] == "learn_texture.py" and saved["texture"] == "a"
    assert saved["command"].endswith(" ".join(["a.png", *SMALL, "--rounds 3 --comment tiny"]))
    assert saved["settings"]["images"] == saved["flags"]["images"] == IMAGES
    assert saved["settings"]["noise"] == 0.3 and saved["flags"]["rounds"] == ROUNDS
    assert saved["classes"] == [{"name": "a", "prior": 1.0}]
    assert keras.config.backend() in saved["versions"]


def test_its_table(run):
    expected = []
    for number in range(ROUNDS):
        for epoch in range(EPOCHS):
            expected.append([number, "learning", epoch, BATCHES[number]])
            if epoch in EVALUATIONS:
                expected.append([number, "evaluation", epoch])
        expected += [[number, "synthesis", batch, STEPS] for batch in range(2)]
    table = rows(run)
    assert len(table) == len(expected)
    for row, wanted in zip(table, expected, strict=True):
        assert row[: len(wanted)] == list(map(str, wanted))
        loss, accuracy = map(float, row[-2:])
        assert 0 < loss < 20
        assert np.isnan(accuracy) if wanted[1] == "synthesis" else 0 <= accuracy <= 1


def test_its_pictures(run, store):
    with Image.open(run / "curves.png") as curves:
        curves.load()
        assert min(curves.size) >= 400
    assert pixels(run / "sheet.png").shape == (HEIGHT + 8, 4 * WIDTH + 5 * 4, 3)
    # A positive, then a synthesis of each round, all without their borders.
    shown = [store[0][0], *(pixels(run / f"snapshots/syn0{suffix(r)}.png") for r in range(ROUNDS))]
    half = PATCH // 2
    for i, picture in enumerate(shown):
        left = 4 + i * (WIDTH + 4)
        part = pixels(run / "sheet.png")[4:-4, left : left + WIDTH]
        np.testing.assert_array_equal(part, picture[half:-half, half:-half])


def test_its_events(run):
    [path] = run.glob("events.out.tfevents.*")
    records = list(EventFileLoader(str(path)).Load())
    seen = {(record.step, value.tag) for record in records for value in record.summary.value}
    for phase in ("learning", "evaluation", "synthesis"):
        assert {step for step, tag in seen if tag == f"{phase}/loss"} == set(range(ROUNDS))
    assert {step for step, tag in seen if tag.startswith("syntheses")} == set(range(ROUNDS))


def test_attributes_and_groups_of_the_index(run):
    with h5py.File(run / "data" / "index.h5", "r") as file:
        expected = {"name": "learn_a_texture", "type": "learning", "comment": "tiny"}
        assert dict(file.attrs) == expected
        assert set(file) == {"store", "round", "syntheses"}
        paths = [path.decode() for path in file["round/paths"][:]]
        assert paths == [f"round_{number}.h5" for number in range(ROUNDS)]
        for number in range(ROUNDS):
            link = file["round"].get(str(number), getlink=True)
            assert isinstance(link, h5py.ExternalLink) and link.filename == paths[number]
            assert set(file[f"round/{number}"]) == {"learning", "synthesis"}
            assert file[f"round/{number}/learning/epoch/0/stats/loss"].shape == (BATCHES[number],)
        assert len(file["syntheses"]) == 0
        images = file["store/images"]
        assert images.dtype == np.uint8 and images.compression == "gzip"
        assert images.shape == (IMAGES * (ROUNDS + 2), *PICTURE)


def test_names_in_the_store(store):
    expected = [f"a-{i}" for i in range(IMAGES)] + [f"neg{i}" for i in range(IMAGES)]
    for number in range(ROUNDS):
        expected += [f"syn{i}{suffix(number)}" for i in range(IMAGES)]
    assert store[1] == expected
    assert len(set(store[1])) == len(store[1])


def test_positives_in_the_store(run, store):
    with Image.open(run / "texture.png") as texture:
        expanded = texture.resize(PICTURE[1::-1], Image.Resampling.NEAREST)
    for picture in store[0][:IMAGES]:
        np.testing.assert_array_equal(picture, np.asarray(expanded))


def test_first_negatives_in_the_store(store):
    values = store[0][IMAGES : 2 * IMAGES] / 127.5 - 1
    assert abs(values.mean()) < 0.02 and 0.28 < values.std() < 0.31
    assert len({picture.tobytes() for picture in store[0][IMAGES:]}) == IMAGES * (ROUNDS + 1)


def test_syntheses_are_snapshots_and_the_next_negatives(run, store):
    for number in range(ROUNDS):
        images, names = synthesized(run, number)
        assert [name.decode() for name in names] == [
            f"syn{i}{suffix(number)}" for i in range(IMAGES)
        ]
        first = IMAGES * (number + 2)
        np.testing.assert_array_equal(images, store[0][first : first + IMAGES])
        for i in range(3):
            path = run / "snapshots" / f"syn{i}{suffix(number)}.png"
            np.testing.assert_array_equal(images[i], pixels(path))


def test_the_last_syntheses_are_kept_with_all_digits(run):
    latest = np.load(run / "data" / f"syntheses_{ROUNDS}.npy")
    assert latest.dtype == np.float32 and np.abs(latest).max() <= 1
    images, _ = synthesized(run, ROUNDS - 1)
    np.testing.assert_allclose(latest, images / 127.5 - 1, atol=0.5 / 127.5 + 1e-6)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_groups_of_a_round(run, number):
    found = round_file(run, number)
    expected = set()
    for epoch in range(EPOCHS):
        expected |= {f"learning/epoch/{epoch}/{name}" for name in SET}
    for count in range(len(EVALUATIONS)):
        expected |= {f"learning/evaluation/{count}/{name}" for name in SET}
    for kind in ("training_stats", "evaluation_stats"):
        expected |= {f"learning/{kind}/{name}" for name in ("step", "loss", "accuracy")}
    for batch in range(2):
        expected |= {f"synthesis/batch/{batch}/stats/{name}" for name in ("step", "loss")}
        group = f"synthesis/batch/{batch}/synthesized"
        expected |= {f"{group}/{name}" for name in ("images", "labels", "names")}
    assert found.keys() == expected


SET = [
    *(f"stats/{name}" for name in ("step", "loss", "accuracy")),
    *(f"batch/{name}" for name in ("identifiers", "labels", "names")),
    "age_counts",
]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_training_sets_of_a_round(run, store, number):
    found, names = round_file(run, number), np.array(store[1])
    sets = [(f"learning/epoch/{e}", SIZES[number]) for e in range(EPOCHS)]
    sets += [(f"learning/evaluation/{k}", 2 * (BATCH * 10 // 2)) for k in range(len(EVALUATIONS))]
    drawn = set()
    for group, size in sets:
        identifiers, labels = (found[f"{group}/batch/{n}"] for n in ("identifiers", "labels"))
        assert len(identifiers) == len(labels) == size
        assert names[identifiers].tolist() == [n.decode() for n in found[f"{group}/batch/names"]]
        np.testing.assert_array_equal(labels, identifiers < IMAGES)
        assert labels.sum() == size // 2
        # Nothing is drawn that is not there yet, and each generation as often as was noted.
        generations = identifiers[labels == 0] // IMAGES - 1
        counts = found[f"{group}/age_counts"]
        assert len(counts) == number + 1 and counts.sum() == size // 2
        np.testing.assert_array_equal(np.bincount(generations, minlength=number + 1), counts)
        if number == 0 and size == 2 * IMAGES:
            assert len(set(identifiers.tolist())) == size
        drawn.add(identifiers.tobytes())
    assert len(drawn) == len(sets)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_stats_of_a_round(run, number):
    found, batches = round_file(run, number), BATCHES[number]
    per_epoch = [found[f"learning/epoch/{epoch}/stats/loss"] for epoch in range(EPOCHS)]
    steps = [found[f"learning/epoch/{epoch}/stats/step"] for epoch in range(EPOCHS)]
    assert np.concatenate(steps).tolist() == list(range(EPOCHS * batches))
    np.testing.assert_allclose(found["learning/training_stats/loss"], np.mean(per_epoch, axis=1))
    ends = [(epoch + 1) * batches - 1 for epoch in range(EPOCHS)]
    assert found["learning/training_stats/step"].tolist() == ends
    assert found["learning/evaluation_stats/step"].tolist() == [ends[e] for e in EVALUATIONS]
    for count in range(len(EVALUATIONS)):
        for name in ("loss", "accuracy"):
            values = found[f"learning/evaluation/{count}/stats/{name}"]
            assert len(values) == 10
            mean = found[f"learning/evaluation_stats/{name}"][count]
            np.testing.assert_allclose(mean, values.mean())
    table = [row for row in rows(run) if row[0] == str(number)]
    for phase, name in (("learning", "training"), ("evaluation", "evaluation")):
        losses = [float(row[5]) for row in table if row[1] == phase]
        np.testing.assert_allclose(losses, found[f"learning/{name}_stats/loss"])
    for batch in range(2):
        group = f"synthesis/batch/{batch}"
        assert found[f"{group}/stats/step"].tolist() == list(range(STEPS))
        [row] = [row for row in table if row[1:3] == ["synthesis", str(batch)]]
        losses = found[f"{group}/stats/loss"]
        assert [float(row[4]), float(row[5])] == [losses[0], losses[-1]]
        assert found[f"{group}/synthesized/labels"].tolist() == [1] * (3 if batch == 0 else 2)


@pytest.fixture
def learn(tmp_path, monkeypatch, capfd):
    """From arguments to a new run, in a folder of its own."""
    made = []

    def learn(*argv):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(write_texture(folder / "a.png"))
        monkeypatch.chdir(folder)
        ended = call("learn_texture", ["a.png", *SMALL, *argv], monkeypatch, capfd)
        assert ended.status == 0, ended
        return only_run(folder)

    return learn


def test_the_same_seed_gives_the_same_run(run, learn):
    """To the bit, in another process and with a state that is saved after each step."""
    assert_same(contents(learn("--rounds", 1, "--save_interval", 0), 1), contents(run, 1))


def test_another_seed_gives_another_run(run, learn):
    one, other = contents(run, 1), contents(learn("--rounds", 1, "--random_seed", 1), 1)
    assert one.keys() == other.keys()
    for name in ("snapshots/syn0.png", "images", "rows"):
        assert not np.array_equal(one[name], other[name])
    for name in one:
        if "kernel" in name or name.endswith(("vars/0", "identifiers", "stats/loss")):
            equal = np.array_equal(one[name], other[name])
            assert not equal or not np.any(one[name]), name


def test_stopping_early(learn):
    argv = ["--rounds", 1, "--learning_stop", 3, "--synthesis_stop", 3, "--evaluate_every", 1]
    run = learn(*argv, "--first_stop", 3)
    found, batches = round_file(run, 0), BATCHES[0]
    assert {name.split("/")[2] for name in found if "learning/epoch/" in name} == set("0123")
    accuracy = found["learning/evaluation_stats/accuracy"][-1]
    assert found["learning/early_stopping@step"] == 4 * batches - 1
    assert found["learning/early_stopping@accuracy"] == accuracy
    for batch in range(2):
        [loss] = found[f"synthesis/batch/{batch}/stats/loss"]
        assert found[f"synthesis/batch/{batch}/early_stopping@loss"] == loss
        assert found[f"synthesis/batch/{batch}/early_stopping@step"] == 0


def test_a_texture_of_one_patch_is_not_expanded(tmp_path, monkeypatch, capfd):
    """A grey one below another folder, whose name is not plain."""
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "täg 1.x.png"
    with Image.open(write_texture(tmp_path / "a.png", 40, 30)) as image:
        image.convert("L").save(path)
    argv = [path, *SMALL, *words("--rounds 1 --texture_size 16 --epochs 1 --snapshots 1")]
    argv += ["--results_dir", tmp_path / "made" / "here"]
    assert call("learn_texture", argv, monkeypatch, capfd).status == 0
    [run] = (tmp_path / "made" / "here" / "learn_täg 1.x_texture").iterdir()
    assert pixels(run / "texture.png").shape == (PATCH, PATCH, 3)
    assert [path.name for path in (run / "snapshots").iterdir()] == ["syn0.png"]
    assert pixels(run / "snapshots" / "syn0.png").shape == (PATCH, PATCH, 3)
    assert "evaluation" not in {row[1] for row in rows(run)}
    index = datasets(run / "data" / "index.h5")
    assert [name.decode() for name in index["store/names"][:2]] == ["täg 1.x-0", "täg 1.x-1"]
    np.testing.assert_array_equal(index["store/images"][0], pixels(run / "texture.png"))


@pytest.mark.parametrize(
    "argv",
    [
        "--batch_size 1",
        "--images 1",
        "--network small --retain_factor 3 --random_seed 4294967295 --resample lanczos"
        " --snapshots 0 --patch_size 2",
    ],
)
def test_settings_at_the_edge(learn, argv):
    run = learn("--rounds", 1, "--epochs", 2, *words(argv))
    assert all(0 < float(row[5]) < 20 for row in rows(run))
    assert (run / "sheet.png").exists()


def test_two_runs_that_begin_within_a_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folder, "_STAMP", "01022026_030405")
    for _ in range(2):
        run = run_folder.new_run("results", "learn", "a")
    assert run.name == "01022026_030405.0"
