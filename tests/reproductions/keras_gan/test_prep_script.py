"""Scaling pictures, from the command line."""

import numpy as np
import pytest
from PIL import Image

from reproductions.keras_gan import r_format
from tests.leftovers import pixels, snapshot
from tests.reproductions.keras_gan.commands import script_path, write_picture, write_pictures
from tests.scripts import finish, start


@pytest.fixture
def src(folder):
    """A folder with pictures of several kinds and in subfolders."""
    write_picture(folder / "src" / "a.png", (20, 10))
    write_picture(folder / "src" / "b.bmp", (8, 30), 1)
    write_picture(folder / "src" / "sea" / "c.jpg", (33, 21), 2)
    write_picture(folder / "src" / "sea" / "a.png", (5, 5), 3)
    (folder / "src" / "notes.txt").write_text("no picture")
    return folder / "src"


#: The pictures of `src`, in the order in which they are read.
SCALED = ["a.png", "b.bmp.png", "sea/a.png", "sea/c.jpg"]


def test_every_picture_is_scaled(folder, src, script):
    ended = script("prep", "src dst")
    assert (ended.status, ended.err, ended.out) == (0, "", "4 pictures, 128x128, in dst\n")
    files = {path for path in (folder / "dst").rglob("*") if path.is_file()}
    assert files == {folder / "dst" / name for name in SCALED}
    assert {pixels(path).shape for path in files} == {(128, 128, 3)}


def test_pictures_are_stretched(folder, src, script):
    """Not cropped: Pillow's bilinear resizing to both sides at once."""
    assert script("prep", "src dst --image_size 40x24").status == 0
    for name, original in (("a.png", "a.png"), ("b.bmp.png", "b.bmp")):
        with Image.open(src / original) as image:
            expected = np.asarray(image.resize((40, 24), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(pixels(folder / "dst" / name), expected)


def test_python_gives_the_same_as_one_array(folder, src, script):
    assert script("prep", "src dst").status == 0
    found = r_format("src", "python")
    assert (found.shape, found.dtype) == ((4, 3, 128, 128), np.uint8)
    for picture, name in zip(found, SCALED, strict=True):
        assert (folder / "dst" / name).read_bytes() == (folder / "python" / name).read_bytes()
        if name.endswith(".png"):
            np.testing.assert_array_equal(picture.transpose(1, 2, 0), pixels(folder / "dst" / name))


def test_unreadable_pictures_are_left_out(folder, src, script):
    """With one line of warning; the others keep their names."""
    (src / "aa.png").write_text("no picture")
    ended = script("prep", "src dst")
    assert ended.status == 0
    assert ended.error.startswith("warning: 1 of 5 pictures cannot be read, and are left out: ")
    assert sorted(path.name for path in (folder / "dst").glob("*.png")) == ["a.png", "b.bmp.png"]


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        ("", 2, "the following arguments are required: src, dst"),
        ("src", 2, "the following arguments are required: dst"),
        ("src dst --image_size 0", 2, "must be a side or WIDTHxHEIGHT"),
        ("src dst --image_size big", 2, "must be a side or WIDTHxHEIGHT"),
        ("nowhere dst", 1, "cannot read the folder nowhere: No such file"),
        ("src/a.png dst", 1, "cannot read the folder src/a.png: Not a directory"),
        ("empty dst", 1, "no pictures in the folder empty"),
        ("bad dst", 1, "none of the 2 pictures can be read; the first: bad/a.png is not"),
        ("src src", 1, "the scaled ones would replace them"),
        ("src empty/../src", 1, "the scaled ones would replace them"),
        ("src src/a.png", 1, "src/a.png"),
        ("src src/a.png/x", 1, "src/a.png/x"),
    ],
)
def test_bad_input(folder, src, script, argv, status, message):
    """One line, and nothing is written."""
    (folder / "empty").mkdir()
    (folder / "bad").mkdir()
    for name in ("a.png", "b.png"):
        (folder / "bad" / name).write_text("no picture")
    before = snapshot(folder)
    ended = script("prep", argv)
    assert (ended.status, ended.out) == (status, "")
    assert ended.error.startswith("error: " if status == 1 else "prep.py: error: ")
    assert message in ended.error
    assert snapshot(folder) == before


def test_the_scaled_folder_may_be_trained_on(folder, script):
    write_pictures(folder / "src")
    assert script("prep", "src dst --image_size 8").status == 0
    argv = "--dataset dst --image_size 8 --architecture dcgan --filters 2 --epochs 1"
    assert script("train", argv).status == 0


def test_the_script_needs_no_tensorflow(folder, src):
    code = f"""
import runpy, sys
sys.argv = ["prep.py", "src", "dst"]
try:
    runpy.run_path({str(script_path("prep"))!r}, run_name="__main__")
except SystemExit as ended:
    print(ended.code, sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    ended = finish(start(["-c", code], folder))
    assert ended == (0, "4 pictures, 128x128, in dst\nNone []\n", "")
