"""Coarse to fine, bounds, relative losses, and descriptors other than VGG-19."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.descriptors import network_of
from common.originals import originals_dir
from common.runs import load_state
from common.vgg19_layers import MEAN_BGR
from reproductions.multiscale import options
from reproductions.multiscale.levels import end_of, enlarged, octaves_at, size_at
from reproductions.multiscale.losses import style_loss
from reproductions.multiscale.options import parse_novelty, parse_synthesis
from tests.reproductions.multiscale.commands import call, script_path, start, write_texture
from tests.scripts import finish, words

FINE = words("-s a.png --octaves 2 --layers 2 --weights random --random_seed 3")
SMALL = [*FINE, *words("-ow 48 -oh 37 --coarse-to-fine 2 --relative --bounded --tileable")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a picture `a.png`."""
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path / "pretrained"))
    monkeypatch.chdir(tmp_path)
    write_texture(tmp_path / "a.png", width=80, height=90, seed=1)
    return tmp_path


@pytest.fixture
def script(monkeypatch, capfd):
    """From arguments to how the script ended."""
    return lambda *argv, name="synthesize": call(name, argv, monkeypatch, capfd)


def only_run(folder):
    [run] = (folder / "outputs").iterdir()
    return run


def flags_of(*argv):
    return parse_synthesis([*SMALL, *map(str, argv)])


def test_sizes_octaves_and_iterations_of_the_levels():
    flags = flags_of("--octaves", 3, "--max-iter", 200)
    assert [size_at(flags, level) for level in (0, 1, 2)] == [(48, 37), (24, 19), (12, 10)]
    assert [octaves_at(flags, level) for level in (0, 1, 2, 5)] == [3, 2, 1, 1]
    assert [end_of(flags, level) for level in (2, 1, 0)] == [80, 160, 200]
    assert end_of(flags_of("--coarse-to-fine", 0, "--max-iter", 7), 0) == 7


@pytest.mark.parametrize("wrap", [False, True])
def test_enlarging_keeps_smooth_pictures(wrap):
    def waves(height, width):
        y, x = ((np.arange(n) + 0.5) / n for n in (height, width))
        plane = np.sin(2 * np.pi * y)[:, None] + np.cos(2 * np.pi * x)
        return np.stack([plane, -plane, 3 * plane], -1)[None]

    found = enlarged(waves(20, 16), (1, 39, 32, 3), wrap)
    inside = slice(None) if wrap else slice(6, -6)
    np.testing.assert_allclose(
        found[:, inside, inside], waves(39, 32)[:, inside, inside], atol=0.01
    )
    assert enlarged(found, found.shape, wrap) is found


def test_a_run(script, folder):
    ended = script(*SMALL, "--max-iter", "20", "--save-every", "1")
    assert ended.status == 0, ended.err
    run = only_run(folder)
    table = np.genfromtxt(run / "losses.csv", delimiter=",", names=True)
    assert table["iteration"].tolist() == list(range(20))
    assert (np.diff(table["evaluations"]) > 0).all()
    # 8, 8 and 4 iterations: within each the loss falls.
    for first, end in ((0, 8), (8, 16), (16, 20)):
        assert (np.diff(table["loss"][first:end]) < 0).all()
    for picture in [run / "Aseed_F0000.png", *run.glob("I*.png")]:
        assert Image.open(picture).size == (48, 37)
    state = load_state(run)
    assert state["iterations"] == 20 and state["pixels"].size == 48 * 37 * 3
    bgr = state["pixels"].reshape(-1, 3) + np.array(MEAN_BGR)
    assert bgr.min() >= -1e-9 and bgr.max() <= 255 + 1e-9


def test_the_end_is_better_than_a_flat_run_of_as_many_iterations(script, folder):
    last = {}
    for levels in (0, 2):
        words = ("--coarse-to-fine", str(levels), "--max-iter", "30", "-ow", "64", "-oh", "64")
        assert script(*SMALL, "--octaves", "3", *words).status == 0
        run = max((folder / "outputs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        last[levels] = np.genfromtxt(run / "losses.csv", delimiter=",", names=True)["loss"][-1]
    assert last[2] < last[0]


@pytest.mark.parametrize(
    "argv", [words("--init a.png"), words("--seed symmetric"), ["--no-bounded"]]
)
def test_other_starts(script, argv):
    assert script(*SMALL, *argv, "--max-iter", "5").status == 0


@pytest.mark.parametrize("kind", ["l2", "lap1"])
def test_an_animation(script, folder, kind):
    words = ("--if-distance-type", kind, "--octaves", "3", "--count", "3", "--max-iter", "5")
    assert script(*SMALL, "-oh", "48", *words).status == 0
    assert load_state(only_run(folder))["pixels"].size == 3 * 48 * 48 * 3


def test_novelty(script, folder):
    argv = words("--octaves 2 --layers 2 --weights random -ow 48 --coarse-to-fine 1 --max-iter 5")
    assert script(*argv, "--count", "2", name="novelty").status == 0
    assert load_state(only_run(folder))["pixels"].size == 2 * 48 * 48 * 3


@pytest.mark.parametrize("iterations", [5, 8, 12])
def test_a_run_broken_off_at_a_coarse_level_goes_on(script, folder, iterations):
    assert script(*SMALL, "--max-iter", "20", "--save-every", "1").status == 0
    run = only_run(folder)
    wanted = load_state(run)["pixels"]
    # As a run that was killed then would have left it.
    shutil.rmtree(run)
    other = script(*SMALL, "--max-iter", str(iterations), "--save-every", "1")
    assert other.status == 0
    state = dict(load_state(only_run(folder)))
    level = 2 if iterations <= 8 else 1
    sizes = {0: (37, 48), 1: (19, 24), 2: (10, 12)}
    height, width = sizes[level]
    state["pixels"] = np.random.RandomState(0).normal(0, 30, height * width * 3)
    np.savez(only_run(folder) / "state.npz", **state)
    ended = script("--resume", str(only_run(folder)), "--max-iter", "20")
    assert ended.status == 0, ended.err
    state = load_state(only_run(folder))
    assert state["iterations"] == 20 and state["pixels"].shape == wanted.shape


def test_a_killed_run_goes_on(folder):
    command = [script_path("synthesize"), *SMALL, "--max-iter", "400", "--save-every", "5"]
    process = start(command, folder)
    deadline = time.monotonic() + 120
    while not list(folder.glob("outputs/*/I0100_F0000.png")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(folder)
    before = int(load_state(run)["iterations"])
    assert 100 < before < 400
    process = start([script_path("synthesize"), "--resume", run], folder)
    ended = finish(process)
    assert ended.status == 0, ended.err
    table = np.genfromtxt(run / "losses.csv", delimiter=",", names=True)
    assert table["iteration"].tolist() == list(range(400))


def test_a_state_of_another_size_is_refused(script, folder):
    assert script(*SMALL, "--max-iter", "5").status == 0
    np.savez(only_run(folder) / "state.npz", pixels=np.zeros(30), iterations=np.array(2))
    ended = script("--resume", str(only_run(folder)), "--max-iter", "9")
    assert ended.status == 1 and "damaged or of a run with other flags" in ended.err


def test_a_picture_too_small_for_the_levels(script, folder):
    ended = script(*FINE, "-ow", "32", "--coarse-to-fine", "3")
    assert ended.status == 1 and not (folder / "outputs").exists()
    assert "the output, 8 times smaller, is 4x4" in ended.err
    assert ended.err.count("\n") == 1
    ended = script(*FINE, "--coarse-to-fine", "6", "--tileable")
    assert ended.status == 1 and "the source a.png is 80x90: --octaves 7" in ended.err


def test_relative_terms_do_not_depend_on_the_scale_of_the_network():
    random = np.random.RandomState(0)
    grams = [random.normal(size=(1, n, n)).astype(np.float32) for n in (3, 5)]
    targets = [random.normal(size=(n, n)).astype(np.float32) for n in (3, 5)]
    expected = sum(
        np.sum((t - g[0]) ** 2) / np.sum(t**2) for t, g in zip(targets, grams, strict=True)
    )
    for scale in (1, 1000):
        loss = style_loss(
            lambda _, s=scale: [g * s for g in grams], [t * scale for t in targets], True
        )
        assert float(loss(None)) == pytest.approx(expected, rel=1e-5)
    nothing = style_loss(lambda _: [grams[0]], [np.zeros((3, 3), np.float32)], True)
    assert float(nothing(None)) == pytest.approx(np.sum(grams[0] ** 2), rel=1e-5)


def test_defaults_of_the_original_stay(folder):
    flags = parse_synthesis(["-s", "a.png"])
    assert (flags.weights, flags.layers, flags.padding_mode) == ("gatys", [2, 7], "valid")
    assert not flags.relative and not flags.bounded and flags.coarse_to_fine == 0
    assert (flags.start_mean, flags.start_sigma) == (10, 1)


@pytest.mark.parametrize("parse", [parse_synthesis, parse_novelty])
@pytest.mark.parametrize("kind", ["squeezenet", "drawn", "random"])
def test_the_quick_preset_takes_the_best_weights(parse, kind, monkeypatch):
    monkeypatch.setattr(options, "best", lambda: kind)
    source = ["-s", "a.png"] if parse is parse_synthesis else []
    flags = parse([*source, "--preset", "quick"])
    network = network_of(kind)
    assert flags.weights == kind and flags.network is network
    assert [network.layers[number] for number in flags.layers] == list(network.texture_layers)
    assert parse([*source, "--preset", "quick", "--weights", "gatys"]).weights == "gatys"


@pytest.mark.parametrize(
    ("kind", "layers"),
    [("squeezenet", "conv3_2"), ("squeezenet", "13"), ("drawn", "fire2"), ("gatys", "fire2")],
)
def test_layers_of_another_network_are_refused(script, kind, layers):
    ended = script("-s", "a.png", "--weights", kind, "--layers", layers)
    network = network_of(kind)
    assert ended.status == 2 and ended.err.count("\n") == 1
    assert f"there is no layer '{layers}' in {network.title}; there are 0 conv1" in ended.err
    assert f"{len(network.layers) - 1} {network.layers[-1]}" in ended.err


def test_the_layers_of_other_networks_by_name_and_number():
    argv = ["-s", "a.png", "--weights", "squeezenet"]
    assert parse_synthesis([*argv, "-l", "fire2", "6", "conv1"]).layers == [2, 6, 0]
    assert parse_synthesis(argv).layers == [0, 2, 3, 4, 6]
    assert parse_synthesis([*argv, "-l", "texture", "fire6"]).layers == [0, 2, 3, 4, 6, 7]


def test_noise_of_no_effect_is_refused(script):
    ended = script(*FINE, "--seed", "symmetric", "--start-sigma", "3")
    assert ended.status == 2 and "only --seed random without --init" in ended.err


@pytest.fixture
def squeezenet(folder):
    """SqueezeNet's file, where the scripts find it."""
    path = originals_dir() / "squeezenet" / "compressed_SqueezeNet.net"
    if not path.is_file():
        pytest.skip(f"needs {path} (ORIGINALS_DIR)")
    (folder / "pretrained").mkdir()
    return shutil.copy(path, folder / "pretrained")


def test_squeezenet_makes_textures(script, folder, squeezenet):
    argv = words("-s a.png --preset quick -ow 64 --max-iter 20 --weights squeezenet")
    ended = script(*argv)
    assert ended.status == 0, ended.err
    run = only_run(folder)
    settings = json.loads((run / "run.json").read_text())
    assert settings["weights"].startswith("squeezenet weights from")
    assert settings["flags"]["weights"] == "squeezenet"
    first, *_, last = np.genfromtxt(run / "losses.csv", delimiter=",", names=True)["loss"]
    assert last < 0.5 * first
    assert script("--resume", str(run), "--max-iter", "25").status == 0


def test_a_damaged_squeezenet_is_one_line(script, folder, squeezenet):
    data = Path(squeezenet).read_bytes()
    os.mkdir("own")
    with open("own/compressed_SqueezeNet.net", "wb") as file:
        file.write(data[: len(data) // 2])
    argv = words("-s a.png --weights squeezenet --data-dir own -ow 64 --octaves 1")
    ended = script(*argv)
    assert ended.status == 1 and ended.err.count("\n") == 1
    assert "it ends within fire" in ended.err
