"""Scaling a folder of pictures before training, as the original's `r_format` does."""

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from reproductions.keras_gan import r_format
from reproductions.keras_gan.formatting import prepare
from tests.halves import LEFT, RIGHT, halves


@pytest.fixture
def folders(tmp_path):
    """From file names to a folder of pictures, and another that is not there yet."""

    def folders(*names):
        for number, name in enumerate(names):
            path = tmp_path / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            halves(60 + 7 * number, 200 - 40 * number % 190, (number, 40, 90)).save(path)
        return tmp_path / "raw", tmp_path / "scaled"

    return folders


def files(folder):
    """Names of all files in a folder and below, with their bytes."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def pixels(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_halves(folders, capfd):
    """Pictures of all sizes become 128x128, stretched: halves stay halves."""
    raw, scaled = folders("a.png", "b.png", "c.png", "d.png")
    found = r_format(str(raw), str(scaled))
    assert found.shape == (4, 3, 128, 128) and found.dtype == np.uint8
    for number, picture in enumerate(found):
        for at in range(3):
            left = (number, 40, 90)[at]
            assert (picture[at, :, :62] == left).all() and (picture[at, :, 66:] == RIGHT[at]).all()
    assert capfd.readouterr() == ("", "")


def test_halves_above_each_other(folders):
    """Rows stay rows, in the array and in the file."""
    raw, scaled = folders("a.png")
    halves(50, 90).transpose(Image.Transpose.ROTATE_270).save(raw / "a.png")
    found = r_format(raw, scaled)[0]
    assert (found[:, :62] == np.reshape(LEFT, (3, 1, 1))).all()
    assert (found[:, 66:] == np.reshape(RIGHT, (3, 1, 1))).all()
    np.testing.assert_array_equal(pixels(scaled / "a.png"), found.transpose(1, 2, 0))


def test_files_keep_their_names(folders):
    """JPEG and PNG stay what they are, and hold what is returned."""
    raw, scaled = folders("A.PNG", "b.jpg", "c.JPEG", "d e.png")
    before = files(raw)
    found = r_format(raw, scaled)
    assert sorted(files(scaled)) == sorted(before) and files(raw) == before
    for name, expected in zip(sorted(before), found, strict=True):
        picture = pixels(scaled / name)
        assert picture.shape == (128, 128, 3)
        lossy = not name.lower().endswith("png")
        assert files(scaled)[name].startswith(b"\xff\xd8" if lossy else b"\x89PNG")
        # JPEG halves the resolution of colours, which shows where the halves meet.
        away = np.r_[:56, 72:128]
        difference = picture[:, away].astype(int) - expected.transpose(1, 2, 0)[:, away]
        assert np.abs(difference).max() <= (8 if lossy else 0)


def test_other_formats_become_png(folders):
    """Their names tell what they were."""
    raw, scaled = folders("a.bmp", "b.GIF", "c.tif", "d.webp", "e.tiff")
    found = r_format(raw, scaled)
    names = ["a.bmp.png", "b.GIF.png", "c.tif.png", "d.webp.png", "e.tiff.png"]
    assert sorted(files(scaled)) == names
    for name, expected in zip(names, found, strict=True):
        np.testing.assert_array_equal(pixels(scaled / name), expected.transpose(1, 2, 0))


@pytest.mark.parametrize(
    "names",
    [
        ["a.bmp", "a.gif", "a.jpeg", "a.jpg", "a.png", "a.tif", "a.tiff", "a.webp"],
        ["a.bmp", "a.bmp.png"],
        ["a.bmp", "a.bmp.PNG", "a.bmp.png", "a.bmp.png.bmp", "a.bmp.png.png"],
        ["cat/a.png", "dog/a.png", "a.png"],
    ],
    ids=["endings", "one made from another", "many", "classes"],
)
def test_no_picture_takes_anothers_place(folders, names):
    """There are as many files as pictures, each picture in one of them."""
    raw, scaled = folders(*names)
    found = r_format(raw, scaled)
    written = [pixels(scaled / name) for name in files(scaled)]
    assert len(written) == len(found) == len(names)
    firsts = sorted(int(picture[60, 20, 0]) for picture in written)
    # JPEG may be off by a little.
    np.testing.assert_allclose(firsts, range(len(names)), atol=3)


def test_subfolders_are_kept(folders):
    """A class stays a class; pictures come in the order of their paths."""
    raw, scaled = folders("dog/b.png", "cat/a.png", "z.png", "dog/a.png")
    found = r_format(raw, scaled)
    assert sorted(files(scaled)) == ["cat/a.png", "dog/a.png", "dog/b.png", "z.png"]
    # By their colour: cat/a, dog/a, dog/b, z.
    assert found[:, 0, 60, 20].tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(("height", "width"), [(28, 28), (40, 90), (1, 1), (200, 4)])
def test_other_sizes(folders, height, width):
    """Any size can be asked for."""
    raw, scaled = folders("a.png", "b.png")
    assert r_format(raw, scaled, height, width).shape == (2, 3, height, width)
    assert pixels(scaled / "a.png").shape == (height, width, 3)


def test_any_picture(folders):
    """Grey, transparent and palette pictures become RGB."""
    raw, scaled = folders("a.png")
    Image.new("L", (9, 9), 77).save(raw / "b.png")
    Image.new("RGBA", (9, 9), (*LEFT, 0)).save(raw / "c.png")
    Image.new("RGB", (9, 9), LEFT).quantize(2).save(raw / "d.png")
    found = r_format(raw, scaled)
    assert found[1:, :, 5, 5].tolist() == [[77] * 3, list(LEFT), list(LEFT)]
    assert all(pixels(scaled / name).shape == (128, 128, 3) for name in files(scaled))


def test_again(folders):
    """A second time gives the same files."""
    raw, scaled = folders("a.png", "b.jpg", "cat/c.gif")
    first = r_format(raw, scaled), files(scaled)
    second = r_format(raw, scaled), files(scaled)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


def test_scaled_again(folders):
    """What is scaled already stays as it is."""
    raw, scaled = folders("a.png", "b.png")
    found = r_format(raw, scaled)
    again = r_format(scaled, scaled.with_name("again"))
    np.testing.assert_array_equal(again, found)


def test_broken_and_hidden(folders, capfd):
    """They are left out, with one line of warning for what is broken."""
    raw, scaled = folders("a.png", "b.png", "c.png", ".d.png")
    (raw / "b.png").write_bytes(b"no picture")
    found = r_format(raw, scaled)
    assert found[:, 0, 60, 20].tolist() == [0, 2]
    assert sorted(files(scaled)) == ["a.png", "c.png"]
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("warning: 1 of 3 pictures") and err.count("\n") == 1


@pytest.mark.parametrize("there", ["no folder", "nothing", "broken"])
def test_no_pictures(folders, there):
    """Where nothing can be read nothing is made."""
    raw, scaled = folders(*[] if there == "no folder" else ["a.png"])
    if there == "nothing":
        (raw / "a.png").unlink()
    elif there == "broken":
        (raw / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError):
        r_format(raw, scaled)
    assert not scaled.exists()


@pytest.mark.parametrize("name", ["raw", "raw/../raw", "link"])
def test_onto_themselves(folders, tmp_path, name):
    """Pictures are not replaced by scaled ones, whatever the folder is called."""
    raw, _ = folders("a.png", "b.png")
    (tmp_path / "link").symlink_to(raw)
    before = files(raw)
    with pytest.raises(UserError, match="holds the pictures themselves"):
        r_format(raw, tmp_path / name)
    assert files(raw) == before


def test_into_a_class(folders):
    """Nor are they if the folder for the scaled ones is one of their classes."""
    raw, _ = folders("a.png", "cat/a.png", "cat/b.png")
    before = files(raw)
    with contextlib.suppress(UserError):
        r_format(raw, raw / "cat")
    assert before.items() <= files(raw).items()


def test_into_a_new_folder_inside(folders):
    """A new folder among the pictures is a place for scaled ones."""
    raw, _ = folders("a.png")
    before = files(raw)
    r_format(raw, raw / "scaled" / "small")
    assert before.items() <= files(raw).items()
    assert sorted(files(raw)) == ["a.png", "scaled/small/a.png"]


def test_a_file_in_the_way(folders):
    """A file where the folder should be gives one line."""
    raw, scaled = folders("a.png", "cat/b.png")
    scaled.write_text("mine")
    with pytest.raises(UserError, match="cannot make the folder"):
        r_format(raw, scaled)
    assert scaled.read_text() == "mine"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_no_permission(folders, monkeypatch, what):
    """A place that cannot be written to gives one line."""
    raw, scaled = folders("a.png", "b.png")

    # Permissions do not stop an administrator, who may be running the tests.
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    if what == "folder":
        monkeypatch.setattr(os, "mkdir", refuse)
    else:
        monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(UserError, match=r"cannot .*scaled.*: Permission denied") as refused:
        r_format(raw, scaled)
    assert str(refused.value).isprintable()
    assert files(scaled) == {}


def test_what_the_script_says(folders, capfd):
    """It tells how many, how large and where; the size is WIDTHxHEIGHT."""
    raw, scaled = folders("a.png", "b.png")
    prepare(argparse.Namespace(src=str(raw), dst=str(scaled), image_size="64x32"))
    assert capfd.readouterr() == (f"2 pictures, 64x32, in {scaled}\n", "")
    assert pixels(scaled / "a.png").shape == (32, 64, 3)
