"""Small real runs of the scripts: what they leave in their folders, and going on with them."""

import csv
import json
import os
import shutil
import signal
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from common.runs import load_state
from reproductions.multiscale import novelty_run
from reproductions.multiscale import run_folder as run_folder_module
from tests.leftovers import files_below
from tests.reproductions.multiscale.commands import call, script_path, start, write_texture
from tests.scripts import ROOT, finish, words

SMALL = words("-ow 64 --octaves 1 --layers 2 --weights random --random_seed 3")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with pictures `a.png` and `b.png`."""
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path / "pretrained"))
    monkeypatch.chdir(tmp_path)
    write_texture(tmp_path / "a.png", seed=1)
    write_texture(tmp_path / "b.png", width=70, height=66, seed=2)
    return tmp_path


@pytest.fixture
def script(folder, monkeypatch, capfd):
    """From arguments to what the script left on the terminal; it must end well."""

    def run(*argv, name="synthesize"):
        ended = call(name, argv, monkeypatch, capfd)
        assert ended.status == 0, ended.err
        return ended

    return run


@pytest.fixture
def made(script, folder):
    """From arguments to the new run folder."""

    def run(*argv, name="synthesize"):
        known = set((folder / "outputs").glob("*"))
        argv = (
            [*SMALL, *argv] if name == "novelty" or "-s" in argv else [*SMALL, "-s", "a.png", *argv]
        )
        script(*argv, name=name)
        [new] = set((folder / "outputs").iterdir()) - known
        return new

    return run


def pixels(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


def last_picture(run, frame=0):
    return pixels(max(run.glob(f"I*_F{frame:04d}.png")))


def losses(run):
    """Iterations and losses in the table."""
    with open(run / "losses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["seconds"]) for row in rows] == sorted(float(row["seconds"]) for row in rows)
    return [int(row["iteration"]) for row in rows], [float(row["loss"]) for row in rows]


def test_files_of_a_run(made, folder):
    run = made("-m", "6", "-n", "2")
    assert run == folder / "outputs" / "out.L2.o1.64x64"
    [events] = run.glob("events.out.tfevents.*")
    pictures = {"Aseed_F0000.png", *(f"I{i:04d}_F0000.png" for i in (0, 2, 4, 5)), "sheet.png"}
    pictures.add("source_0.png")
    rest = {"Acommand.txt", "run.json", "state.npz", "losses.csv", "loss.png", events.name}
    assert files_below(run) == pictures | rest
    assert (run / "Acommand.txt").read_text() == " ".join(sys.argv)

    start_picture = pixels(run / "Aseed_F0000.png")
    assert start_picture.shape == (64, 64, 3)
    assert 8 < start_picture.mean() < 11 and 0.5 < start_picture.std() < 1.5
    assert last_picture(run).std() > 20

    iterations, values = losses(run)
    assert iterations == list(range(6))
    assert values == sorted(values, reverse=True) and values[-1] < values[0]
    records = EventFileLoader(str(events)).Load()
    tags = [(record.step, value.tag) for record in records for value in record.summary.value]
    assert [step for step, tag in tags if tag == "loss"] == list(range(6))
    assert {step for step, tag in tags if tag.startswith("frames")} == {0, 2, 4, 5}
    assert pixels_of_any_mode(run / "loss.png").shape[:2] == (400, 600)
    assert pixels(run / "sheet.png").shape == (64 + 8, 3 * 64 + 4 * 4, 3)

    state = load_state(run, ("pixels", "iterations"))
    assert state["iterations"] == 6 and state["pixels"].shape == (64 * 64 * 3,)
    settings = json.loads((run / "run.json").read_text())
    assert settings["flags"]["random_seed"] == 3
    assert settings["sources"] == [str(folder / "a.png")]
    assert settings["weights"].startswith("random weights")
    assert keras.config.backend() in settings["versions"]


def pixels_of_any_mode(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_terminal_says_what_happens(script):
    ended = script(*SMALL, "-s", "a.png", "-m", "3")
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert "About to generate a 64x64 image" in lines[0]
    assert lines[1].startswith("with random weights")
    assert any(line.startswith("iteration 1 of 3, loss ") for line in lines)
    assert lines[-1] == "result: outputs/out.L2.o1.64x64/I0002_F0000.png"


def test_names_of_folders(made):
    assert made("-m", "1").name == "out.L2.o1.64x64"
    assert made("-m", "1").name == "out.L2.o1.64x64.0"
    assert made("-m", "1").name == "out.L2.o1.64x64.1"
    argv = "-m 1 -ow 20 -oh 30 -l 0 2 -o 2 --if-octaves 2 -op x -ss 0.9 --mul 2 -c 2 --if-order 1"
    run = made(*argv.split())
    assert run.name == "x.L0,2.o2.w0.9.c2.ifs5.0.m2.0.ifo2.20x30"
    assert last_picture(run, frame=1).shape == (30, 20, 3)


def test_the_same_seed_gives_the_same_pixels(made):
    one, two = made("-m", "4"), made("-m", "4")
    np.testing.assert_array_equal(last_picture(one), last_picture(two))
    assert losses(one) == losses(two)
    other = made("-m", "4", "--random_seed", "4")
    assert (last_picture(one) != last_picture(other)).mean() > 0.5


def test_a_seed_that_was_drawn_is_written_down(script, folder):
    argv = words("-ow 16 --octaves 1 --layers 0 --weights random -m 1 -s a.png")
    script(*argv)
    [run] = (folder / "outputs").iterdir()
    seed = json.loads((run / "run.json").read_text())["flags"]["random_seed"]
    script(*argv, "--random_seed", seed)
    np.testing.assert_array_equal(last_picture(run), last_picture(run.with_name(f"{run.name}.0")))


def test_no_iterations_still_leave_a_result(made):
    run = made("-m", "0")
    assert (run / "Aseed_F0000.png").exists() and (run / "sheet.png").exists()


def test_an_animation(made):
    run = made(*words("-c 3 -m 3 -ow 32"))
    with Image.open(run / "animation.gif") as gif:
        assert gif.n_frames == 3 and gif.info["loop"] == 0 and gif.size == (32, 32)
    frames = [last_picture(run, frame) for frame in range(3)]
    assert len({frame.tobytes() for frame in frames}) == 3
    assert len(list(run.glob("Aseed_F*.png"))) == 3


@pytest.mark.parametrize(
    "argv",
    [
        "-c 2 --if-order 1",
        "-c 4 --if-order 3 --if-octaves 2 -o 2 --if-shift 2.5",
        "-c 3 --if-distance-type lap1 -o 2",
        "-c 3 --if-distance-type lap1 -o 3 --if-shift -3",
        "-c 3 --if-order 0",
        "-c 2 --if-order 1 --if-shift 0 --tileable",
    ],
)
def test_animations_of_all_kinds(made, argv):
    run = made("-m", "2", *argv.split())
    assert np.isfinite(losses(run)[1]).all()


def test_an_order_too_high_is_cut_with_a_warning(script):
    ended = script(*SMALL, *words("-s a.png -c 2 -m 1 --if-order 5"))
    assert ended.error.startswith("warning: --if-order 5 would compare frames with themselves")


def jump(picture, axis):
    """The difference over the seam, relative to that of neighbours elsewhere."""
    inside = np.abs(np.diff(picture, axis=axis)).mean()
    return np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean() / inside


def test_tileable_images_have_no_seam(made, folder):
    write_texture(folder / "coarse.png", block=16)
    argv = words("-s coarse.png -m 20 -n 100 -ow 48")
    tileable, plain = (last_picture(made(*argv, f)) for f in ("--tileable", "--no-tileable"))
    for axis in (0, 1):
        assert 0.6 < jump(tileable, axis) < 1.4
        assert jump(plain, axis) > 1.8


def test_the_tiled_picture(made):
    run = made("-m", "2", "--tileable", "-ow", "24", "-oh", "20")
    picture = last_picture(run)
    np.testing.assert_array_equal(pixels(run / "tiled.png"), np.tile(picture, (2, 2, 1)))


def test_starting_from_a_picture(made):
    run = made("-m", "1", "--init", "b.png", "-ow", "70", "-oh", "66")
    difference = pixels(run / "Aseed_F0000.png") - pixels("b.png")
    assert np.abs(difference).max() <= 1
    run = made("-m", "1", "--init", "b.png", "-c", "2", "--if-order", "1", "-ow", "35", "-oh", "33")
    one, two = (pixels(run / f"Aseed_F000{frame}.png") for frame in range(2))
    assert 0.3 < np.abs(one - two).mean() < 3


def test_a_symmetric_start(made):
    run = made("-m", "1", "--seed", "symmetric")
    picture = pixels(run / "Aseed_F0000.png")
    assert np.abs(picture - picture[::-1]).mean() < 5
    assert np.abs(picture - picture[:, ::-1]).mean() < 5
    assert picture.std() > 5


@pytest.mark.parametrize("mode", ["average", "max", "log_euclidean", "affine_invariant", "riemann"])
def test_joining_two_sources(made, mode):
    run = made("-s", "a.png", "b.png", "-j", mode, "-m", "2")
    assert run.name == "out.L2.o1" + ("" if mode == "average" else f".j{mode}") + ".64x64"
    assert pixels(run / "sheet.png").shape == (66 + 8, 64 * 3 + 70 + 5 * 4, 3)
    values = losses(run)[1]
    assert np.isfinite(values).all() and values[1] < values[0]


def test_one_source_joined_by_averaging_is_itself(made, folder):
    (folder / "same").mkdir()
    for name in ("1.png", "2.png"):
        shutil.copy("a.png", folder / "same" / name)
    one, two = made("-m", "2"), made("-m", "2", "-s", "same")
    np.testing.assert_allclose(losses(one)[1], losses(two)[1], rtol=1e-3)


def test_same_padding(made):
    same, valid = made("-m", "3", "-p", "same"), made("-m", "3")
    assert losses(same)[1][-1] != losses(valid)[1][-1]
    # Smaller than the kernels of `valid` borders allow.
    assert last_picture(made("-m", "1", "-p", "same", "-ow", "4")).shape == (4, 4, 3)


@pytest.mark.parametrize("kind", ["grey", "16-bit", "CMYK", "RGBA", "palette", "1-bit"])
def test_sources_of_other_kinds(made, folder, kind):
    image = Image.open("a.png")
    path = folder / "source.png"
    if kind == "16-bit":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)
    elif kind == "CMYK":
        path = path.with_suffix(".jpg")
        image.convert("CMYK").save(path)
    elif kind == "palette":
        image.quantize(8).save(path, transparency=2)
    else:
        image.convert({"grey": "L", "RGBA": "RGBA", "1-bit": "1"}[kind]).save(path)
    run = made("-s", path.name, "-m", "1")
    assert np.isfinite(losses(run)[1]).all()


def test_a_source_whose_name_is_no_text(made, folder):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        shutil.copy("a.png", name)
    except OSError:
        pytest.skip("this file system takes only text")
    run = made("-s", name, "-m", "1")
    assert b"caf\xe9.png" in (run / "Acommand.txt").read_bytes()


def wait_for_iterations(process, table, count):
    """Until the table of a running script has so many rows."""
    while process.poll() is None:
        if table.exists() and table.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate())


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_killed_run_goes_on(script, made, folder):
    total, every = 80, 10
    argv = [
        *SMALL,
        "-s",
        "a.png",
        "-ow",
        "40",
        "-m",
        total,
        "-n",
        every,
        "--output-prefix",
        "killed",
    ]
    process = start([script_path("synthesize"), *argv], folder)
    run = folder / "outputs" / "killed.L2.o1.40x40"
    wait_for_iterations(process, run / "losses.csv", 35)
    process.kill()
    assert finish(process).status == -signal.SIGKILL
    # The kill may have torn the table's last line.
    with open(run / "losses.csv", "a") as file:
        file.write("99,1")
    reached = int(load_state(run, ("iterations",))["iterations"])
    assert 31 <= reached < total and reached % every == 1

    ended = script("--resume", run)
    assert ended.err == "" and f"{total} iterations" in ended.out
    iterations, values = losses(run)
    assert iterations == list(range(total))
    assert (run / f"I{total - 1:04d}_F0000.png").exists() and (run / "sheet.png").exists()
    assert len(list(run.glob("I*.png"))) == total // every + 1

    unbroken = losses(made("-m", total, "-n", every, "-ow", "40"))[1]
    np.testing.assert_allclose(values[:reached], unbroken[:reached], rtol=1e-3)
    # The memory of L-BFGS is gathered anew, so what follows is alike, not equal.
    assert values[-1] < values[reached - 1]
    assert 0.5 < values[-1] / unbroken[-1] < 2


def test_resuming_a_finished_run(script, made, folder):
    run = made("-m", "4", "-n", "3")
    before = {name: (run / name).read_bytes() for name in ("losses.csv", "state.npz")}
    ended = script("--resume", run)
    assert "has its 4 iterations; go on with a larger --max-iter" in ended.out
    assert before == {name: (run / name).read_bytes() for name in before}
    # Killed just before the end: what was left to do is done.
    (run / "sheet.png").unlink()
    script("--resume", run)
    assert (run / "sheet.png").exists()


def test_resuming_with_more_iterations_from_another_folder(script, made, folder, monkeypatch):
    run = made("-m", "3", "--tileable", "--init", "b.png", "-s", "a.png")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    script("--resume", run, "--max-iter", "6", "--save-every", "1")
    assert losses(run)[0] == list(range(6))
    assert {f"I{i:04d}_F0000.png" for i in (0, 2, 3, 4, 5)} <= files_below(run)
    assert files_below(folder / "elsewhere") == set()


def test_resuming_before_the_first_state(script, made):
    run, whole = made("-m", "3"), made("-m", "3")
    for path in (*run.glob("I*"), run / "state.npz"):
        path.unlink()
    script("--resume", run)
    assert losses(run) == losses(whole)
    np.testing.assert_array_equal(last_picture(run), last_picture(whole))


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_control_c_ends_a_run_with_its_result(script, folder):
    # As a module from the root, with all folders elsewhere.
    argv = [*SMALL, "-s", folder / "a.png", "-m", "9000", "-n", "1000", "--output-dir", "made"]
    argv[-1] = folder / "made"
    process = start(["-m", "reproductions.multiscale.synthesize", *argv], ROOT)
    run = folder / "made" / "out.L2.o1.64x64"
    wait_for_iterations(process, run / "losses.csv", 12)
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.status, ended.err) == (0, "")
    iterations, values = losses(run)
    last = iterations[-1]
    assert iterations == list(range(last + 1)) and np.isfinite(values).all()
    assert load_state(run, ("iterations",))["iterations"] == last + 1
    assert {f"I{last:04d}_F0000.png", "sheet.png", "loss.png"} <= files_below(run)
    assert f"interrupted; {last + 1} iterations" in ended.out
    assert f"go on with: --resume {run}" in ended.out
    script("--resume", run, "--max-iter", last + 3)
    assert losses(run)[0] == list(range(last + 3))


def test_control_c_while_a_picture_is_being_saved(made, monkeypatch):
    saved = []

    def interrupted(picture, path):
        saved.append(path.name)
        if saved.count("I0004_F0000.png") == 1:
            saved.append("interrupted")
            if saved.count("interrupted") == 1:
                raise KeyboardInterrupt
        save(picture, path)

    save = run_folder_module.save_picture
    monkeypatch.setattr(run_folder_module, "save_picture", interrupted)
    run = made("-m", "9", "-n", "2")
    assert (run / "I0004_F0000.png").exists()
    assert load_state(run, ("iterations",))["iterations"] == 5


def test_novelty(made, folder, monkeypatch):
    monkeypatch.setattr("reproductions.multiscale.novelty_run._TEXTURES", folder)
    run = made("-c", "3", "-m", "4", "-n", "2", name="novelty")
    assert run.name == "out.L2.o1.c3.64x64"
    frames = [last_picture(run, frame) for frame in range(3)]
    assert len({frame.tobytes() for frame in frames}) == 3
    with Image.open(run / "animation.gif") as gif:
        assert gif.n_frames == 3
    iterations, values = losses(run)
    assert iterations == list(range(4)) and values[-1] < values[0]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ("-o 2 -l 0 2 -c 2 --internal", "out.L0,2.o2.internal.c2.32x32"),
        ("-o 2 -l 0 3 -c 2 --internal -p same", "out.L0,3.o2.internal.c2.32x32"),
        ("-o 2 -c 2 -os 2 --mul 0.5 --seed symmetric", "out.L2.o2.c2.m0.5.os2.32x32"),
        ("-c 1 --tileable", "out.L2.o1.32x32"),
    ],
)
def test_novelty_of_all_kinds(made, script, folder, monkeypatch, argv, name):
    monkeypatch.setattr("reproductions.multiscale.novelty_run._TEXTURES", folder)
    run = made("-m", "2", "-ow", "32", *argv.split(), name="novelty")
    assert run.name == name and np.isfinite(losses(run)[1]).all()
    script("--resume", run, "-m", "3", name="novelty")
    assert losses(run)[0] == [0, 1, 2]


def test_novelty_normalises_random_weights_on_the_built_in_textures():
    textures = novelty_run._built_in_textures()
    assert len(textures) > 10
    assert {texture.ndim for texture in textures} == {4}


@pytest.mark.slow
@pytest.mark.parametrize("script", ["synthesize", "novelty"])
def test_the_quick_preset(folder, script):
    texture = sorted((ROOT / "datasets" / "textures").glob("*.png"))[0]
    argv = ["--preset", "quick", *(["-s", texture] if script == "synthesize" else [])]
    ended = finish(start([script_path(script), *argv], folder), seconds=900)
    assert (ended.status, ended.err) == (0, "")


def test_resuming_with_the_whole_command_again(script, made):
    """Relative paths on the command line are those that were saved."""
    run = made("-m", "3", "--init", "b.png", "-s", "a.png")
    script("--resume", run, "-s", "a.png", "--init", "b.png", "-m", "5")
    assert losses(run)[0] == list(range(5))
    assert json.loads((run / "run.json").read_text())["flags"]["max_iter"] == 5


def test_resuming_with_other_weights_is_warned_of(script, made):
    run = made("-m", "3")
    settings = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**settings, "weights": "gatys weights"}))
    ended = script("--resume", run, "-m", "5")
    assert ended.error == "warning: the run began with gatys weights"
