"""What runs print and write."""

import json
import os
import re

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from reproductions.ppgn import run_folder, sampling_run
from reproductions.ppgn.chain import Chain, Schedule
from reproductions.ppgn.options import parse_class
from reproductions.ppgn.run_folder import RunFolder
from reproductions.ppgn.start import MEAN_COLOUR
from reproductions.ppgn.update import Epsilons
from tests.leftovers import files_below, pixels
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    CODE,
    NETWORKS,
    SEEN,
    SMALL,
    assert_only_warnings,
    call,
    network_text,
    only,
    prepare,
    results,
    rows,
    script_path,
)
from tests.scripts import finish, start, words

NAME = "fc8_0003_0004_0.1_h_0.001_1.0_0.001_0.0__0"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def run(folder, monkeypatch, capfd):
    """Runs a script with small networks, in a folder of the current one; it must end well."""

    def run(*argv, script="sampling_class", to="out"):
        flags = SMALL if script == "sampling_class" else CAPTIONED
        ended = call(script, [*flags, "--output_dir", to, *argv], monkeypatch, capfd)
        assert_only_warnings(ended)
        return ended

    return run


def test_what_is_printed(run, folder):
    ended = run("--units", "3", "--n_iters", "4", "--lr_end", "0.05")
    lines = ended.out.splitlines()
    assert lines[:22] == [
        "-------------",
        " units: 3    xy: 0",
        " n_iters: 4",
        " reset_every: 0",
        " save_every: 1",
        " threshold: -1.0",
        " epsilon1: 0.001",
        " epsilon2: 1.0",
        " epsilon3: 0.001",
        " epsilon4: 0.0",
        " start learning rate: 0.1",
        " end learning rate: 0.05",
        " seed: 0",
        " opt_layer: None",
        " act_layer: fc8",
        " init_file: None",
        "-------------",
        " output dir: out",
        " net weights: nets/caffenet/bvlc_reference_caffenet.caffemodel",
        " net definition: network.prototxt",
        "-------------",
        ">> -0.977277879876411 2.240893199201458",
    ]
    steps = lines[22:27]
    for i, (line, row) in enumerate(zip(steps, rows(only(folder, "out/*.run")), strict=True)):
        best = float(row["best_probability"])
        assert line == (
            f"step: {i:04d}\t max: {int(row['best_unit']):4d} [{best:.2f}]"
            f"\t obj:    3 [{float(row['probability']):.2f}]"
            f"\t norm: [{float(row['norm_d_condition']):.2f}]"
        )
    last = rows(only(folder, "out/*.run"))[-1]["probability"]
    assert lines[27:] == [
        "-------------------------",
        f"Last sample: prob [{last}] ",
        f"{folder}/out/{NAME}.jpg",
        "Saving images...",
    ]
    assert ended.err.count("\n") == 1 and "random networks" in ended.err


def test_what_is_printed_from_a_picture(run):
    ended = run("--units=3", "--n_iters=1", "--init_file=a.png")
    assert f"-------------\nLoaded init code:  (1, {CODE})\nstep: 0000\t" in ended.out
    assert ended.err.count("\n") == 2 and "mean colour" in ended.err


def test_the_path_of_a_folder_elsewhere(run, folder):
    to = folder / "some where" / "else"
    ended = run("--units=3", "--n_iters=1", to=to)
    path = only(to, "*.jpg")
    assert f"\n{path}\n" in ended.out
    ended = run("--units=3", "--n_iters=1", to=".")
    assert f"\n{os.getcwd()}/./{path.name}\n" in ended.out


def test_files(run, folder):
    run("--units", "3", "--n_iters", "4")
    made = files_below(folder / "out")
    events = {name for name in made if "/events.out.tfevents." in name}
    assert len(events) == 1
    run_files = ("run.json", "steps.csv", "state.npz", "probability.png")
    assert made - events == {
        f"{NAME}.jpg",
        f"{NAME}.run",
        *(f"{NAME}.run/{name}" for name in run_files),
        "samples",
        *(f"samples/{i:05d}.jpg" for i in range(5)),
    }
    for name in [f"{NAME}.jpg", *(f"samples/{i:05d}.jpg" for i in range(5))]:
        picture = pixels(folder / "out" / name)
        assert picture.shape == (SEEN, SEEN, 3) and picture.std() > 10
    # The last sample is the last image.
    assert (folder / "out" / f"{NAME}.jpg").read_bytes() == (
        folder / "out" / "samples" / "00004.jpg"
    ).read_bytes()


def test_settings(run, folder):
    run("--units", "3", "--n_iters", "4")
    saved = json.loads((folder / "out" / f"{NAME}.run" / "run.json").read_text())
    assert saved["script"] == "sampling_class.py"
    flags = vars(parse_class([*SMALL, "--units", "3", "--n_iters", "4", "--output_dir", "out"]))
    paths = {"output_dir": "out", "net_definition": "network.prototxt"}
    paths |= {"generator_definition": "generator.prototxt"}
    paths |= {"encoder_definition": "network.prototxt"}
    expected = {name: value for name, value in flags.items() if name not in ("resume", "script")}
    expected |= {name: str(folder / value) for name, value in paths.items()}
    assert saved["flags"] == expected
    assert {keras.config.backend(), "keras", "numpy", "python"} <= saved["versions"].keys()
    assert "--units 3" in saved["command"]
    assert all("random weights" in text for text in saved["weights"])


def test_events(run, folder):
    run("--units", "3", "--n_iters", "4", "--save_every", "2")
    path = only(folder, "out/*.run/events*")
    tags = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            tags.setdefault(value.tag, []).append(event.step)
    assert tags == {
        f"probability/{NAME}": [0, 1, 2, 3, 4],
        f"norm_of_d_condition/{NAME}": [0, 1, 2, 3, 4],
        f"samples/{NAME}": [0, 2, 4],
    }


def test_several_units_one_after_the_other(run, folder):
    ended = run("--units", "3_5", "--n_iters", "2")
    assert [row["condition"] for row in rows(only(folder, "out/*.run"))] == list("33355")
    assert re.findall(r"step: (\d+)\t .* obj: +(\d) ", ended.out) == [
        ("0000", "3"),
        ("0001", "3"),
        ("0002", "3"),
        ("0003", "5"),
        ("0004", "5"),
    ]


def test_no_samples(run, folder):
    run("--units", "3", "--n_iters", "2", "--save_every", "0")
    assert not (folder / "out" / "samples").exists()
    run("--units", "3", "--n_iters", "2", "--threshold", "1", "--gif", to="none")
    assert not list((folder / "none").rglob("samples/*.jpg"))
    assert not list(folder.rglob("*.gif"))


def test_a_threshold(run, folder):
    run("--units", "3", "--n_iters", "8", to="all")
    probabilities = [float(row["probability"]) for row in rows(only(folder, "all/*.run"))]
    # Between two of them: the table has them rounded.
    limit = sum(sorted(probabilities)[4:6]) / 2
    run("--units", "3", "--n_iters", "8", "--save_every", "2", "--threshold", limit)
    wanted = {f"{i:05d}.jpg" for i in range(0, 9, 2) if probabilities[i] > limit}
    assert 0 < len(wanted) < 5
    assert files_below(folder / "out" / "samples") == wanted


@pytest.mark.parametrize("threshold", [0.98, 0.7, 0.1, 0.3, 0.5, 1e-9])
def test_a_probability_of_single_precision_is_compared_exactly(threshold):
    """0.98 in single precision is a little above 0.98, 0.7 a little below 0.7."""
    plan = Schedule((3,), 4, 1.0, 1.0, Epsilons(1.0, 1.0, 1.0, 0.0), 0, 1, threshold, 0)
    chain = Chain(plan, "chain", np.random.RandomState(0), np.zeros((1, CODE)))
    probability = np.float32(threshold)
    assert chain.keeps(probability) == (float(probability) > threshold)
    assert chain.keeps(np.nextafter(probability, np.float32(1)))
    assert not chain.keeps(np.nextafter(probability, np.float32(0)))


def test_roundings_that_tell_the_precision_of_a_threshold():
    assert float(np.float32(0.98)) > 0.98 and float(np.float32(0.7)) < 0.7


@pytest.fixture
def labels(monkeypatch):
    """What is written under samples."""
    written, whole = [], run_folder.with_label

    def with_label(pixels, label, *more):
        written.append(label)
        return whole(pixels, label, *more)

    monkeypatch.setattr(run_folder, "with_label", with_label)
    return written


def test_labels(run, folder, labels):
    (folder / "labels.txt").write_text("".join(f"thing{i}\n" for i in range(10)))
    run("--units", "3", "--n_iters", "1", to="plain")
    plain = pixels(folder / "plain" / "samples" / "00001.jpg")
    seen = {}
    for to, more in {
        "synset": [],
        "own": ["--labels", "labels.txt"],
        "hidden": ["--act_layer", "fc6"],
    }.items():
        run("--units", "3", "--n_iters", "1", "--write_labels", *more, to=to)
        seen[to] = pixels(folder / to / "samples" / "00001.jpg")
        height, width = seen[to].shape[:2]
        # As wide as the label, whose letters do not get smaller without end.
        assert width >= SEEN and height > SEEN + 10
        left = (width - SEEN) // 2
        # Only samples have labels.
        assert pixels(only(folder, f"{to}/*.jpg")).shape == (SEEN, SEEN, 3)
        # White, with something dark in it.
        strip = seen[to][SEEN + 4 :]
        assert np.median(strip) > 250 and strip.min() < 128
        inner = seen[to][2 : SEEN - 4, left + 2 : left + SEEN - 2].astype(int)
        if to != "hidden":
            assert np.abs(inner - plain[2 : SEEN - 4, 2:-2]).mean() < 20
    assert set(labels) == {"fc8 3", "thing3", "fc6 3"}


@pytest.mark.parametrize(
    ("units", "layer", "unit", "expected"),
    [
        (1000, "fc8", 13, "junco"),
        (1000, "prob", 980, "volcano"),
        (1000, "fc6", 3, "fc6 3"),
        (1000, "conv5", 3, "conv5 3"),
        (205, "fc8", 0, "abbey"),
        (205, "fc6", 0, "fc6 0"),
        (1001, "fc8", 3, "fc8 3"),
        (999, "fc8", 3, "fc8 3"),
        (206, "fc8", 3, "fc8 3"),
    ],
)
def test_names_of_classes(run, folder, labels, units, layer, unit, expected):
    """Whatever the network is called, its number of units tells what it knows."""
    (folder / "other.prototxt").write_text(network_text(units))
    argv = f"--net_definition other.prototxt --act_layer {layer} --units {unit} --n_iters 1"
    run(*words(f"{argv} --write_labels"))
    assert labels == [expected] * 2


def test_names_of_a_file_count_for_any_layer(run, folder, labels):
    (folder / "labels.txt").write_text("".join(f"thing{i}\n" for i in range(5)))
    (folder / "other.prototxt").write_text(network_text(1000))
    argv = "--net_definition other.prototxt --labels labels.txt --n_iters 1 --write_labels --units"
    run(*words(f"{argv} 3"))
    # The file knows no more.
    run(*words(f"{argv} 13"), to="beyond")
    run(*words(f"{argv} 4 --act_layer conv5"), to="hidden")
    assert labels == ["thing3"] * 2 + ["fc8 13"] * 2 + ["thing4"] * 2


def test_the_label_of_a_sentence_is_the_sentence(run, labels):
    run(*words("--sentence a_dog --n_iters 1 --write_labels"), script="sampling_caption")
    assert labels == ["a dog"] * 2


def test_plain_pixels(run, folder):
    # Random weights by another name, with which the pictures have little contrast.
    argv = ["--units", "3", "--n_iters", "1", "--generator_weights", "lrcn"]
    run(*argv, to="stretched")
    run(*argv, "--plain_pixels", to="plain")
    stretched, plain = (pixels(only(folder, f"{to}/*.jpg")) for to in ("stretched", "plain"))
    # 0 to 255, before the JPEG smoothed it.
    assert np.ptp(stretched.astype(int)) > 5 * np.ptp(plain.astype(int)) > 0
    assert abs(plain.mean() - 127.5) < 20


def test_an_animation(run, folder):
    ended = run("--units", "3", "--n_iters", "4", "--save_every", "2", "--gif")
    assert ended.out.endswith(f"Saving images...\nanimation: {folder}/out/{NAME}.gif\n")
    with Image.open(folder / "out" / f"{NAME}.gif") as image:
        assert (image.n_frames, image.size) == (3, (SEEN, SEEN))
        assert (image.info["duration"], image.info["loop"]) == (50, 0)


def test_the_same_seed_and_another(run, folder):
    argv = ["--units", "3", "--n_iters", "4", "--reset_every", "3"]
    run(*argv, to="one")
    run(*argv, to="two")
    run(*argv, "--seed", "1", to="three")
    one, two, three = (results(folder / to) for to in ("one", "two", "three"))
    assert one == two
    assert len(one) == 7
    assert one["samples/00000.jpg"] != three["samples/00000.jpg"]


def test_random_numbers_are_drawn_in_the_order_of_the_original(run, folder):
    """Each draw of a run with a reset, against the same draws made by hand."""
    run("--units", "3", "--n_iters", "3", "--reset_every", "2", "--seed", "7")
    random = np.random.RandomState(7)
    first = random.normal(0, 1, (1, CODE))
    for _ in range(3):
        random.normal(0, 0.001, (1, CODE))
    random.normal(0, 1, (1, CODE))
    epsilon1 = random.uniform(1e-6, 1e-2)
    random.normal(0, 0.001, (1, CODE))
    with np.load(only(folder, "out/*.run/state.npz")) as state:
        np.testing.assert_array_equal(state["chain0_random_keys"], random.get_state()[1])
        assert state["chain0_random_rest"][0] == random.get_state()[2]
        assert state["chain0_epsilon1"] == epsilon1
        assert state["chain0_h"].dtype == np.float64
    ended = run("--units", "3", "--n_iters", "1", "--seed", "7", to="again")
    assert f">> {first.min()} {first.max()}\n" in ended.out


def test_a_run_of_the_same_name_begins_anew(run, folder):
    run("--units", "3", "--n_iters", "4", "--threshold", "1")
    ended = run("--units", "3", "--n_iters", "4")
    assert ended.out.count("step: ") == 5
    assert len(rows(folder / "out" / f"{NAME}.run")) == 5


def test_a_sentence(run, folder):
    ended = run("--sentence=a_dog_barks", "--n_iters=2", script="sampling_caption")
    lines = ended.out.splitlines()
    assert lines[1] == " sentence: a_dog_barks"
    assert not any("epsilon4" in line for line in lines)
    assert lines[19] == " captioner definition: captioner.prototxt"
    run_rows = rows(only(folder, "out/*.run"))
    assert [row["condition"] for row in run_rows] == ["a dog barks"] * 3
    for i, row in enumerate(run_rows):
        probability = float(row["probability"])
        assert 0 < probability < 1
        norm = float(row["norm_d_condition"])
        assert (
            lines[21 + i] == f"step: {i:04d}\t a dog barks [{probability:.2f}]\t norm: [{norm:.2f}]"
        )
    final = only(folder, "out/*.jpg")
    assert final.name == "fc8_0002_2.0_h_1.0_1.0_1.0__0.jpg"
    assert lines[24:] == [
        "-------------------------",
        f"Last sample: prob [{run_rows[-1]['probability']}] ",
        f"{folder}/out/{final.name}",
        "Saving images...",
    ]


def test_a_sentence_from_a_picture(run):
    argv = ["--sentence=a_dog", "--n_iters=1", "--init_file=a.png"]
    assert f"Loaded start code:  (1, {CODE})\n" in run(*argv, script="sampling_caption").out


def test_sentences_make_a_difference(run, folder):
    for to in ("a_dog_barks", "dog_dog", "a dog barks"):
        run("--sentence", to, "--n_iters=4", "--epsilon3=0", script="sampling_caption", to=to)
    one, other, blanks = (
        rows(only(folder, f"{to}/*.run")) for to in ("a_dog_barks", "dog_dog", "a dog barks")
    )
    assert one[0]["probability"] != other[0]["probability"]
    assert one == blanks


def test_the_preset(folder, monkeypatch, capfd):
    definitions = [word for word in NETWORKS if word not in ("--weights", "random")]
    argv = [*definitions, "--preset", "quick", "--units", "3", "--output_dir", "out"]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert_only_warnings(ended)
    assert ended.out.count("step: ") == 21
    assert "random networks" in ended.err


def test_as_a_process(folder):
    (folder / "elsewhere").mkdir()
    argv = [f"../{word}" if word.endswith(".prototxt") else word for word in SMALL]
    ended = finish(
        start(
            [script_path("sampling_class"), *argv, "--units=3", "--n_iters=2"], folder / "elsewhere"
        )
    )
    assert_only_warnings(ended)
    assert ended.err.count("\n") == 1
    final = only(folder / "elsewhere", "*.jpg")
    assert ended.out.endswith(f"{folder}/elsewhere/./{final.name}\nSaving images...\n")
    assert len(rows(only(folder / "elsewhere", "*.run"))) == 3


INPAINTING = "--units 3 --init_file a.png --epsilon3 0 --patch 5 --n_iters 4"


def masked(seed, patch=5):
    """The mask that the original draws: its column, then its row."""
    random = np.random.RandomState(seed)
    left, top = random.randint(0, SEEN - patch), random.randint(0, SEEN - patch)
    mask = np.zeros((SEEN, SEEN, 1))
    mask[top : top + patch, left : left + patch] = 1
    return mask


@pytest.fixture
def saved(monkeypatch):
    """The images that are saved, as they are before they become bytes."""
    images, whole = [], RunFolder.pixels

    def pixels(self, image):
        images.append(image)
        return whole(self, image)

    monkeypatch.setattr(RunFolder, "pixels", pixels)
    return images


@pytest.mark.parametrize("seed", [0, 3])
def test_inpainting(run, folder, saved, seed):
    run(*words(f"{INPAINTING} --epsilon4 1e-2 --save_every 0 --seed {seed}"))
    mask = masked(seed)
    with Image.open("a.png") as image:
        small = np.asarray(image.resize((SEEN, SEEN), Image.Resampling.BILINEAR), np.float32)
    picture = (small[..., ::-1] - np.float32(MEAN_COLOUR)) * (1 - mask)
    [final] = saved
    assert final.shape == (SEEN, 2 * SEEN + 1, 3)
    np.testing.assert_allclose(final[:, :SEEN], picture, atol=1e-4)
    assert (final[:, SEEN] == 255).all()
    right = final[:, SEEN + 1 :]
    np.testing.assert_array_equal(right * (1 - mask), final[:, :SEEN])
    assert np.abs(right * mask).max() > 0
    assert pixels(only(folder, "out/*.jpg")).shape == (SEEN, 2 * SEEN + 1, 3)


def test_the_context_takes_part(run, folder):
    """Without its weight the same start, and from the second step on another chain."""
    found = {}
    for epsilon4 in ("1e-2", "1e-9"):
        run(*words(f"{INPAINTING} --epsilon4 {epsilon4}"), to=epsilon4)
        found[epsilon4] = results(folder / epsilon4)
    one, other = found.values()
    assert one["samples/00000.jpg"] == other["samples/00000.jpg"]
    assert one["samples/00004.jpg"] != other["samples/00004.jpg"]


def test_samples_of_inpainting_are_whole_pictures(run, folder):
    run(*words(f"{INPAINTING} --epsilon4 1e-2 --write_labels --gif"))
    for path in folder.glob("out/samples/*.jpg"):
        # Not the picture beside it too; the label is wider than the picture.
        assert SEEN <= pixels(path).shape[1] < 2 * SEEN + 1
    assert len(list(folder.glob("out/samples/*.jpg"))) == 5


def test_no_inpainting_without_its_weight(run, folder, saved):
    run(*words(f"{INPAINTING} --save_every 0"))
    assert saved[0].shape == (SEEN, SEEN, 3)


@pytest.mark.parametrize(("more", "expected"), [("", 1), ("--epsilon4 1e-2 --patch 5", 3)])
def test_a_picture_is_encoded_once(run, monkeypatch, more, expected):
    """But with a mask of its own for each chain of inpainting."""
    calls, whole = [], sampling_run.code_of

    def code_of(*arguments):
        encode = whole(*arguments)
        return lambda image: calls.append(image) or encode(image)

    monkeypatch.setattr(sampling_run, "code_of", code_of)
    run(*words(f"--units 3 --n_iters 1 --init_file a.png --batch 3 --epsilon3 0 {more}"))
    assert len(calls) == expected


def test_a_code_of_single_precision_stays_so(run, folder):
    run(*words("--units 3 --init_file a.png --n_iters 2"))
    with np.load(only(folder, "out/*.run/state.npz")) as state:
        assert state["chain0_h"].dtype == np.float32


def test_pictures_of_all_kinds_to_start_from(run, folder):
    for mode, name in (
        ("L", "grey.png"),
        ("RGBA", "clear.png"),
        ("P", "palette.gif"),
        ("1", "b.bmp"),
    ):
        Image.open("a.png").convert(mode).save(name)
        ended = run(*words(f"--units 3 --n_iters 1 --init_file {name}"), to=f"from_{name}")
        assert "Loaded init code" in ended.out


def test_a_new_start_every_few_steps(run, folder):
    """After a reset epsilon1 is a random one; the sample of that step is still the old code's."""
    run(*words("--units 3 --n_iters 5 --reset_every 2 --epsilon3 0 --lr 0.01"))
    values = [float(row["norm_d_condition"]) for row in rows(only(folder, "out/*.run"))]
    jumps = np.abs(np.diff(values))
    assert sorted(np.argsort(jumps)[-2:]) == [2, 4]
