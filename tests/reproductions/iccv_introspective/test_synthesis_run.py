"""Small synthesis runs: what they leave in their folders, and their links from learning runs."""

import json
import os
import shutil
import signal

import h5py
import numpy as np
import pytest
from PIL import Image

from reproductions.iccv_introspective.draws import Draw, generator, noise
from reproductions.iccv_introspective.journal import Journal
from tests.leftovers import assert_same, files_below, pixels
from tests.reproductions.iccv_introspective.commands import (
    PATCH,
    STEPS,
    SYNTHESIS,
    call,
    contents,
    copied,
    datasets,
    only_run,
    rows,
    script_path,
    synthesized,
    unbroken,
)
from tests.scripts import ROOT, finish, start, words

ROUNDS, COUNT, SIZE = 3, 3, (30, 20, 3)
EXPANDED = (SIZE[0] + PATCH, SIZE[1] + PATCH, 3)


@pytest.fixture(scope="module")
def made():
    return synthesized()


@pytest.fixture(scope="module")
def run(made):
    assert made.ended.status == 0, made.ended
    return made.run


@pytest.fixture
def learned(tmp_path, monkeypatch):
    """A learning run in the current folder."""
    monkeypatch.chdir(tmp_path)
    return copied(unbroken().run, tmp_path)


@pytest.fixture
def script(learned, monkeypatch, capfd):
    """From arguments to what the script left on the terminal; it must end well."""

    def run(*argv, name="synthesize_texture"):
        ended = call(name, argv, monkeypatch, capfd)
        assert ended.status == 0, ended.err
        return ended

    return run


def test_it_ends_though_nobody_answers(made):
    assert made.ended.status == 0
    lines = made.ended.out.splitlines()
    assert lines[0] == f"the latest of 1 runs: {made.learned.name} (--run takes another)"
    assert lines[1] == f"the run is results/synthesize_a_texture/{made.run.name}"
    assert [line.split(":")[0] for line in lines[2:5]] == ["round 0", "round 1", "round 2"]
    assert (
        lines[5] == f"pictures made: 3, in results/synthesize_a_texture/{made.run.name}/syntheses"
    )


def test_it_leaves_nothing_on_standard_error(made):
    assert made.ended.err == ""


def test_its_files(made, run):
    [events] = run.glob("events.out.tfevents.*")
    files = {"synthesize_texture.py", "run.json", "state.npz", events.name, "losses.csv"}
    files |= {"curves.png", "sheet.png", "data", "snapshots", "syntheses", "data/index.h5"}
    files |= {f"data/round_{r}.h5" for r in range(ROUNDS)} | {f"data/syntheses_{ROUNDS}.npy"}
    files |= {"snapshots/syn0.png", "snapshots/syn0@round1.png", "snapshots/syn0@round2.png"}
    files |= {f"syntheses/class1_syn{i}.png" for i in range(COUNT)}
    assert files_below(run) == files
    source = script_path("synthesize_texture").read_bytes()
    assert (run / "synthesize_texture.py").read_bytes() == source
    assert made.locks == {f"running.{made.pid}"}


def test_its_settings(made, run):
    saved = json.loads((run / "run.json").read_text())
    assert saved["script"] == "synthesize_texture.py" and saved["texture"] == "a"
    assert saved["stages"] == ROUNDS and saved["settings"]["width"] == 20
    assert (made.folder / saved["learned"]).samefile(made.learned)


def test_syntheses_are_cut_from_the_expanded_ones(run):
    found = datasets(run / "data" / f"round_{ROUNDS - 1}.h5")
    batches = [found[f"{ROUNDS - 1}/synthesis/batch/{b}/synthesized/images"] for b in range(2)]
    images = np.concatenate(batches)
    assert images.shape == (COUNT, *EXPANDED)
    half = PATCH // 2
    for i, image in enumerate(images):
        picture = pixels(run / "syntheses" / f"class1_syn{i}.png")
        assert picture.shape == SIZE
        np.testing.assert_array_equal(picture, image[half:-half, half:-half])
    assert len({image.tobytes() for image in images}) == COUNT


def test_its_rounds(run):
    table = rows(run)
    wanted = [[str(r), "synthesis", str(b), str(STEPS)] for r in range(ROUNDS) for b in range(2)]
    assert [row[:4] for row in table] == wanted
    for number in range(ROUNDS):
        found = datasets(run / "data" / f"round_{number}.h5")
        assert {name.split("/")[1] for name in found} == {"synthesis"}
        for batch, count in ((0, 2), (1, 1)):
            group = f"{number}/synthesis/batch/{batch}"
            assert found[f"{group}/stats/step"].tolist() == list(range(STEPS))
            assert found[f"{group}/synthesized/labels"].tolist() == [1] * count
            names = [name.decode() for name in found[f"{group}/synthesized/names"]]
            assert names == [f"syn{2 * batch + i}" for i in range(count)]
        snapshot = "syn0.png" if number == 0 else f"syn0@round{number}.png"
        first = found[f"{number}/synthesis/batch/0/synthesized/images"][0]
        np.testing.assert_array_equal(pixels(run / "snapshots" / snapshot), first)


def test_it_starts_from_noise(run):
    """A few steps of Adam move no value by more than its learning rate times their number."""
    start_values = noise(generator(0, Draw.SYNTHESES), (COUNT, *EXPANDED), 0.3)
    first = datasets(run / "data" / "round_0.h5")["0/synthesis/batch/0/synthesized/images"]
    moved = np.abs(first / 127.5 - 1 - start_values[:2])
    assert 0.01 < moved.max() < 0.01 * STEPS * 2


def test_its_index(made, run):
    with h5py.File(run / "data" / "index.h5", "r") as file:
        assert file.attrs["name"] == "synthesize_a_texture"
        assert file.attrs["type"] == "synthesis" and "comment" in file.attrs
        assert [path.decode() for path in file["round/paths"][:]] == [
            f"round_{r}.h5" for r in range(ROUNDS)
        ]
        for number in range(ROUNDS):
            assert set(file[f"round/{number}"]) == {"synthesis"}


def linked(learned):
    """The synthesis runs that the index of a learning run has, with what is behind the links."""
    with h5py.File(learned / "data" / "index.h5", "r") as file:
        group = file["syntheses"]
        kinds = {type(group.get(name, getlink=True)) for name in group}
        assert kinds <= {h5py.ExternalLink}
        return {name: group[name].attrs["type"] for name in group}


def test_the_learning_run_is_linked_to_it(made):
    assert linked(made.learned) == {made.run.name: "synthesis"}
    with h5py.File(made.learned / "data" / "index.h5", "r") as file:
        path = f"syntheses/{made.run.name}/round/1/synthesis/batch/0/synthesized/images"
        # Through the link to the run, and from there through that to the round.
        assert file[path].shape == (2, *EXPANDED)


def test_links_stay_when_the_learning_goes_on(made, tmp_path, monkeypatch, capfd):
    shutil.copytree(made.folder / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    run, learned = only_run(tmp_path, "synthesize"), only_run(tmp_path)
    # The copy belongs to the copied learning run.
    saved = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**saved, "learned": str(learned)}))
    ended = call("learn_texture", ["--resume", "latest", "--rounds", 3], monkeypatch, capfd)
    assert ended.status == 0
    assert linked(learned) == {made.run.name: "synthesis"}


def test_links_from_another_results_folder_stay_too(script, learned, tmp_path):
    argv = ["--run", learned, "--results_dir", "elsewhere", "--last_round", 0]
    script("a.png", *SYNTHESIS, *argv)
    [run] = (tmp_path / "elsewhere" / "synthesize_a_texture").iterdir()
    assert run.name in linked(learned)
    script("--resume", learned, name="learn_texture")
    assert run.name in linked(learned)


def test_the_last_round(script, learned, run, tmp_path, monkeypatch):
    """Also: a picture smaller than a patch, and a path as the run."""
    monkeypatch.chdir(ROOT)
    argv = [*SYNTHESIS, "--last_round", 1, "--run", learned, "--results_dir", tmp_path / "results"]
    script("a.png", *argv)
    one = only_run(tmp_path, "synthesize")
    assert not (one / "data" / "round_2.h5").exists()
    assert json.loads((one / "run.json").read_text())["stages"] == 2
    first, other = (contents(each, 2, learning=False) for each in (one, run))
    for name in {name for name in other if name.startswith("class1")}:
        assert not np.array_equal(first.pop(name), other.pop(name))
    assert_same(first, other)
    shutil.rmtree(one)

    sizes = words("--width 5 --height 7 --number_to_synthesize 1 --last_round 0")
    argv = [*SYNTHESIS, *sizes, "--run", learned.name, "--results_dir", tmp_path / "results"]
    script("a.png", *argv)
    picture = only_run(tmp_path, "synthesize") / "syntheses" / "class1_syn0.png"
    assert pixels(picture).shape == (7, 5, 3)


def test_a_picture_of_exactly_one_patch(script, tmp_path):
    sizes = ["--width", PATCH, "--height", PATCH, "--last_round", 0, "--number_to_synthesize", 1]
    script("a.png", *SYNTHESIS, *sizes)
    run = only_run(tmp_path, "synthesize")
    assert pixels(run / "syntheses" / "class1_syn0.png").shape == (PATCH, PATCH, 3)
    assert pixels(run / "snapshots" / "syn0.png").shape == (PATCH, PATCH, 3)


def test_resuming_uses_the_stages_that_there_were(script, learned, tmp_path):
    """Though the learning run has gone on meanwhile."""
    for name in ("checkpoints/round_2.weights.h5", "checkpoints/round_1.weights.h5"):
        (learned / name).rename(tmp_path / name.replace("/", "_"))
    script("a.png", *SYNTHESIS)
    run = only_run(tmp_path, "synthesize")
    before = contents(run, 1, learning=False)
    for name in ("checkpoints/round_2.weights.h5", "checkpoints/round_1.weights.h5"):
        (tmp_path / name.replace("/", "_")).rename(learned / name)
    (run / "syntheses" / "class1_syn1.png").unlink()
    script("--resume", "latest")
    assert not (run / "data" / "round_1.h5").exists()
    assert_same(contents(run, 1, learning=False), before)


def test_ending_it_leaves_what_there_is(script, tmp_path, monkeypatch):
    """In its first step, and in its very last."""
    made = len(unbroken_steps(script, tmp_path, monkeypatch))
    for last in (1, made):
        steps = unbroken_steps(script, tmp_path, monkeypatch, last)
        run = only_run(tmp_path, "synthesize")
        assert len(steps) == last
        assert len(list((run / "syntheses").iterdir())) == COUNT
        script("--resume", "latest")
        assert_same(contents(run, 1, learning=False), contents(tmp_path / "whole", 1, False))
        shutil.rmtree(run)


def unbroken_steps(script, folder, monkeypatch, last=None):
    """Makes a run of one stage, in which Ctrl-C is pressed in step `last`; gives its steps."""
    noted, note = [], Journal.note

    def press(self, numbers, arrays):
        noted.append(numbers)
        if len(noted) == last:
            os.kill(os.getpid(), signal.SIGINT)
        note(self, numbers, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "note", press)
        script("a.png", *SYNTHESIS, "--last_round", 0)
    if last is None:
        only_run(folder, "synthesize").rename(folder / "whole")
    return noted


def test_going_on_from_another_folder(script, tmp_path, monkeypatch):
    script("a.png", *SYNTHESIS, "--last_round", 0)
    run = only_run(tmp_path, "synthesize").absolute()
    monkeypatch.chdir("/")
    script("--resume", run)


@pytest.mark.slow
def test_the_quick_presets(tmp_path):
    """Minutes of work, whose pictures are to be looked at besides."""
    texture = sorted((ROOT / "datasets" / "textures").glob("*.png"))[0]
    for script in ("learn_texture", "synthesize_texture"):
        command = [script_path(script), texture.name, "--preset", "quick"]
        ended = finish(start(command, tmp_path), 3600)
        assert (ended.status, ended.err) == (0, "")
    run = only_run(tmp_path, "synthesize", texture.stem)
    with Image.open(run / "syntheses" / "class1_syn0.png") as picture:
        assert np.asarray(picture).std() > 10
