"""A user's mistake gives one line that says what is wrong, and leaves nothing half-written."""

import json
import shutil
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from common import weights
from tests.leftovers import files_below
from tests.reproductions.multiscale.commands import call, script_path, start, write_texture
from tests.scripts import finish, words

#: Small, and of weights that need no file.
SMALL = words("--octaves 1 --layers 2 --weights random --max-iter 2 --output-width 32")


def snapshot(folder):
    """Every file with the time of its last change."""
    paths = {name: folder / name for name in files_below(folder)}
    return {n: path.is_dir() or path.stat().st_mtime_ns for n, path in paths.items()}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a picture `a.png`."""
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path / "pretrained"))
    monkeypatch.chdir(tmp_path)
    write_texture(tmp_path / "a.png")
    return tmp_path


@pytest.fixture
def refused(folder, monkeypatch, capfd):
    """From the arguments of a script to the error; checks that no file was made or changed."""

    def check(*argv, script="synthesize", status=1):
        argv = [*SMALL, *argv] if "--resume" not in argv else list(argv)
        before = snapshot(folder)
        ended = call(script, argv, monkeypatch, capfd)
        line = ended.error
        assert ended.status == status, line
        assert line.startswith("error: " if status == 1 else f"{script}.py: error: ")
        assert snapshot(folder) == before
        return line

    return check


@pytest.fixture
def run_folder(folder, monkeypatch, capfd):
    """A finished run."""
    ended = call("synthesize", [*SMALL, "-s", "a.png"], monkeypatch, capfd)
    assert ended.status == 0
    return next((folder / "outputs").iterdir())


def test_sources_that_are_no_pictures(refused, folder):
    assert "no such picture: " in refused("-s", "missing.png")
    (folder / "text.jpg").write_text("no picture")
    assert "text.jpg is not a picture that Pillow can read" in refused("-s", "text.jpg")
    assert "text.jpg is not a picture" in refused("-s", "a.png", "text.jpg")
    (folder / "empty.png").touch()
    assert "empty.png is not a picture" in refused("-s", "empty.png")
    assert "cannot read the picture" in refused("-s", "a.png/b.png")
    assert "File name too long" in refused("-s", "x" * 300)


def test_a_truncated_jpeg(refused, folder):
    Image.open("a.png").save("whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    line = refused("-s", "cut.jpg")
    assert "cannot read the picture" in line and "cut.jpg" in line and "truncated" in line


def test_folders(refused, folder):
    (folder / "empty").mkdir()
    (folder / "empty" / "text.txt").touch()
    assert "no .jpg, .jpeg, .png files in the folder" in refused("-s", "empty")
    (folder / "sources").mkdir()
    shutil.copy("a.png", "sources/a.png")
    (folder / "sources" / "b.jpg").write_text("no picture")
    assert "b.jpg is not a picture" in refused("-s", "sources")


def test_an_unreadable_source(refused, folder, monkeypatch):
    # Permissions do not stop an administrator, who may be running the tests.
    def forbidden(path, *arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("common.images.Image.open", forbidden)
    line = refused("-s", "a.png")
    assert "cannot read the picture" in line and "Permission denied" in line


def test_sources_too_small(refused, folder):
    Image.new("RGB", (3, 3)).save("tiny.png")
    line = refused("-s", "tiny.png")
    assert "the source tiny.png is 3x3" in line
    assert "needs at least 6 pixels a side; not even 1 fits" in line
    line = refused("-s", "a.png", "-ow", "200", "--octaves", "4")
    assert "the source a.png is 64x64: --octaves 4 with layer 2 (pool1)" in line
    assert "at least 69 pixels a side; 3 octaves fit" in line
    line = refused("-s", "a.png", "-sw", "10", "--octaves", "2")
    assert "the source a.png is 10x10" in line and "; 1 octave fits" in line
    assert "would be scaled to nothing" in refused("-s", "a.png", "-ss", "0.001")


def test_outputs_too_small(refused):
    line = refused("-s", "a.png", "-ow", "64", "-oh", "60", "-o", "4")
    assert "the output is 64x60: --octaves 4" in line and "; 3 octaves fit" in line
    line = refused("-s", "a.png", "-ow", "5", "-p", "valid")
    assert "the output is 5x5" in line and "at least 6 pixels" in line
    line = refused(*words("-s a.png --tileable -ow 8 -o 3 -l 0 -c 3 --if-octaves 3"))
    assert "the output is 8x8: comparing frames at 3 scales needs at least 13 pixels" in line
    line = refused(*words("-s a.png --tileable -ow 8 -o 3 -l 0 -c 3 --if-distance-type lap1"))
    assert "at least 13 pixels" in line
    line = refused("-ow", "5", script="novelty")
    assert "the output is 5x5" in line


def test_absurd_sizes(refused):
    assert "the output is 100000x100000: more than" in refused("-s", "a.png", "-ow", "100000")
    assert "more than" in refused("-s", "a.png", "-ow", "9" * 30)
    assert "too large" in refused("-s", "a.png", "-sw", "10" * 10)
    assert "too large" in refused("-s", "a.png", "-ss", "3e38")
    assert "more than" in refused("-ow", "100000", script="novelty")
    assert "is too much" in refused("-s", "a.png", "-c", "1000000000")
    assert "is too much" in refused("-s", "a.png", "-c", "9" * 30)


@pytest.mark.parametrize("layer", ["21", "-1", "conv6_1", "1.5", "99999999999999999999"])
@pytest.mark.parametrize("script", ["synthesize", "novelty"])
def test_layers_that_do_not_exist(refused, layer, script):
    source = ["-s", "a.png"] if script == "synthesize" else []
    line = refused(*source, "--layers", "2", layer, script=script, status=2)
    assert f"there is no layer '{layer}' in VGG-19; there are 0 conv1_1, 1 conv1_2, 2 pool1" in line
    assert "20 pool5" in line


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("-ow 0", "--output-width/-ow: must be 1 or more, got 0"),
        ("-ow -64", "must be 1 or more, got -64"),
        ("-oh 0", "--output-height/-oh: must be 1 or more"),
        ("-sw 0", "--source-width/-sw: must be 1 or more"),
        ("-ss -1", "--source-scale/-ss: must be above 0"),
        ("-ss nan", "must be a finite 32-bit number"),
        ("-n 0", "--save-every/-n: must be 1 or more"),
        ("-c 0", "--count/-c: must be 1 or more"),
        ("-o -1", "--octaves/-o: must be 0 or more"),
        ("-o 1.5", "must be a whole number"),
        ("-m -1", "--max-iter/-m: must be 0 or more"),
        ("--mul inf", "--mul: must be a finite 32-bit number"),
        ("--tol nan", "--tol: must be a finite 32-bit number"),
        ("--join-mode mean", "invalid choice: 'mean'"),
        ("--random_seed -1", "from 0 to 4294967295, got '-1'"),
        ("--random_seed 4294967296", "from 0 to 4294967295"),
        ("-p same --tileable", "--padding-mode same and --tileable exclude each other"),
        ("--preset slow", "invalid choice: 'slow'"),
        ("--layers", "expected at least one argument"),
    ],
)
def test_bad_flags(refused, argv, message):
    assert message in refused("-s", "a.png", *argv.split(), status=2)


def test_a_source_is_required(refused):
    assert "arguments are required: --source/-s" in refused(status=2)
    assert "expected at least one argument" in refused("-s", status=2)


def test_octaves_of_an_animation(refused):
    line = refused(*words("-s a.png --octaves 2 --if-octaves 3"))
    assert "--if-octaves must not be above --octaves, but 3 > 2" in line
    line = refused(*words("-s a.png --count 3 --if-distance-type lap1"))
    assert "use --octaves 2" in line


@pytest.mark.parametrize("where", ["file", "file/outputs"])
def test_an_output_folder_that_cannot_be_made(refused, folder, where):
    (folder / "file").touch()
    assert "cannot write to file" in refused("-s", "a.png", "--output-dir", where)
    assert "cannot write to file" in refused("--output-dir", where, script="novelty")


@pytest.mark.parametrize("prefix", ["a/b", "../a", "/a"])
def test_a_prefix_is_no_path(refused, prefix):
    line = refused("-s", "a.png", "--output-prefix", prefix)
    assert "must not contain folders, got " + prefix in line


def test_a_prefix_too_long(refused, folder):
    (folder / "outputs").mkdir()
    line = refused("-s", "a.png", "--output-prefix", "x" * 300)
    assert "File name too long" in line


def test_a_start_that_is_no_picture(refused, folder):
    assert "no such picture" in refused("-s", "a.png", "--init", "missing.png")
    (folder / "text.png").write_text("no picture")
    assert "text.png is not a picture" in refused("--init", "text.png", script="novelty")


@pytest.mark.parametrize("content", ["text", "cut", "other", "nan", "wrong"])
def test_damaged_weights(refused, folder, content):
    (folder / "own").mkdir()
    path = folder / "own" / "gatys_valid.h5"
    random = np.random.RandomState(0)
    with h5py.File(path, "w") as file:
        shape = (3, 3, 3, 64) if content != "wrong" else (3, 3, 3, 63)
        kernel = random.standard_normal(shape).astype(np.float32)
        if content == "nan":
            kernel[0, 0, 0, 0] = np.nan
        name = "conv1_1" if content != "other" else "dense"
        file[f"{name}/{name}/kernel:0"] = kernel
        file[f"{name}/{name}/bias:0"] = np.zeros(64, np.float32)
    if content == "text":
        path.write_text("no weights")
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-3000])
    line = refused("-s", "a.png", "--weights", "gatys", "-l", "0", "--data-dir", "own")
    assert "gatys_valid.h5" in line
    expected = {"other": "not the weights of VGG-19", "nan": "damaged", "wrong": "has shape"}
    assert expected.get(content, "cannot read the weights") in line


def test_no_weights_and_no_network(refused, folder, monkeypatch, request):
    rows = json.loads(weights.MANIFEST.read_text())
    for row in rows:
        row["urls"] = [f"http://127.0.0.1:9/{row['file']}"]
    (folder / "manifest.json").write_text(json.dumps(rows))
    (folder / "pretrained").mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights, "MANIFEST", folder / "manifest.json")
    weights.manifest.cache_clear()
    request.addfinalizer(weights.manifest.cache_clear)
    files = {"gatys": "vgg_normalised.caffemodel", "caffe": "VGG_ILSVRC_19_layers.caffemodel"}
    for kind, file in files.items():
        line = refused("-s", "a.png", "--weights", kind)
        assert f"cannot download {file} to {folder / 'pretrained'}" in line
        assert f"http://127.0.0.1:9/{file}: no connection" in line
        assert "--weights random" in line


def test_an_overflowing_loss(monkeypatch, capfd):
    for flag in ("--mul", "--if-weight"):
        argv = [*SMALL, "-s", "a.png", "-c", "2", "--if-order", "1", flag, "3e38"]
        ended = call("synthesize", argv, monkeypatch, capfd)
        assert ended.status == 1
        assert "the loss of the start or its gradient is not a number" in ended.error


def test_resuming_what_is_no_run(refused, folder):
    assert "missing is no run folder" in refused("--resume", "missing")
    (folder / "empty").mkdir()
    assert "empty is no run folder" in refused("--resume", "empty")
    assert "a.png is no run folder" in refused("--resume", "a.png")


def test_resuming_with_damaged_settings(refused, run_folder):
    whole = (run_folder / "run.json").read_text()
    settings = json.loads(whole)
    for text in ("", whole[:-20], "[]", "\0" * 100, '"run"'):
        (run_folder / "run.json").write_text(text)
        assert "run.json is damaged" in refused("--resume", run_folder)
    for change in ({"script": "novelty.py"}, {"script": None}, {"flags": [1]}, {"flags": None}):
        (run_folder / "run.json").write_text(json.dumps({**settings, **change}))
        assert "is no run of synthesize.py" in refused("--resume", run_folder)


def test_resuming_a_run_of_the_other_script(refused, run_folder):
    assert "is no run of novelty.py" in refused("--resume", run_folder, script="novelty")


def test_resuming_with_a_damaged_state(refused, run_folder):
    whole = (run_folder / "state.npz").read_bytes()
    for text in (b"", whole[:1000], whole[:-50], b"no zip file"):
        (run_folder / "state.npz").write_bytes(text)
        line = refused("--resume", run_folder, "--max-iter", "9")
        assert "state.npz is damaged" in line


@pytest.mark.parametrize(
    "arrays",
    [
        {"pixels": np.zeros(10), "iterations": 1},
        {"pixels": np.full(32 * 32 * 3, np.nan), "iterations": 1},
        {"pixels": np.zeros(32 * 32 * 3), "iterations": [1, 2]},
    ],
)
def test_resuming_with_a_state_that_does_not_fit(refused, run_folder, arrays):
    np.savez(run_folder / "state.npz", **arrays)
    line = refused("--resume", run_folder, "--max-iter", "9")
    assert "is damaged or of a run with other flags" in line


@pytest.mark.parametrize("flag", ["-s b.png", "--layers 0", "--output-width 33", "--preset quick"])
def test_what_cannot_change_in_a_resumed_run(refused, run_folder, flag):
    line = refused("--resume", run_folder, *flag.split(), status=2)
    assert "cannot change in a resumed run; only --max-iter, --save-every, --tol" in line


def test_resuming_a_run_whose_source_is_gone(refused, run_folder, folder):
    (folder / "a.png").unlink()
    assert "no such picture" in refused("--resume", run_folder, "--max-iter", "9")


@pytest.mark.parametrize("flag", ["--source-scale", "-ss", "--source-width", "-sw", "--if-shift"])
def test_flags_that_would_do_nothing(refused, flag):
    line = refused(flag, "2", script="novelty", status=2)
    assert "has no use here: there is no source and no animation" in line


def test_novelty_takes_no_source(refused):
    assert "there is no source" in refused("--source", "a.png", script="novelty", status=2)


@pytest.mark.parametrize("script", ["synthesize", "novelty"])
def test_as_processes(script, folder):
    line = finish(start([script_path(script), *SMALL, "--count", "0"], folder))
    assert line.status == 2
    assert line.error == (
        f"{script}.py: error: argument --count/-c: must be 1 or more, got 0 (-h shows all flags)"
    )


def test_a_missing_source_as_a_process(folder):
    ended = finish(start([script_path("synthesize"), *SMALL, "-s", "missing.png"], folder))
    assert (ended.status, ended.out) == (1, "")
    assert ended.error == f"error: no such picture: {folder / 'missing.png'}"
    assert files_below(folder) == {"a.png"}


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_full_disk(folder):
    def limit_file_size():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    argv = [*SMALL, "-s", "a.png", "--output-dir", "made"]
    ended = finish(start([script_path("synthesize"), *argv], folder, preexec_fn=limit_file_size))
    assert ended.status == 1
    assert ended.error.startswith("error: cannot write made")
    [run] = (folder / "made").iterdir()
    # What is there is whole.
    assert json.loads((run / "run.json").read_text())["script"] == "synthesize.py"
    for path in run.glob("*.png"):
        Image.open(path).load()
    assert not (run / "state.npz").exists()
    assert [path for path in run.iterdir() if path.name.startswith(".")] == []
