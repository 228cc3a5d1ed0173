"""The HDF5 file of content features."""

import os
import shutil

import h5py
import numpy as np
import pytest

from common.descriptors import network_of
from common.vgg19_random import normalised, random_weights
from reproductions.texture_nets import extraction_run
from reproductions.texture_nets.descriptor import descriptor
from reproductions.texture_nets.pictures import for_descriptor, load_picture
from reproductions.texture_nets.scaling import scale
from tests.leftovers import snapshot
from tests.reproductions.texture_nets.commands import EXTRACT, PICTURES, warnings_of
from tests.scripts import error, words


def content(path):
    with h5py.File(path) as file:
        return {name: item[()] for name, item in file.items()}


def test_layout_and_values(folder, script):
    """Channels first, float32; the pictures stretched to squares, RGB in 0..1."""
    ended = script("extract4_2", EXTRACT)
    assert warnings_of(ended) == []
    assert ended.out.endswith("x.hdf5: 5 pictures\n")
    found = content("x.hdf5")
    assert set(found) == {f"{name}_{kind}" for name in PICTURES for kind in ("content", "image")}
    textures = [for_descriptor(load_picture("textures/a.png"))]
    known = normalised(random_weights("conv2_1"), textures, "max")
    network = descriptor(network_of("random"), known, ["conv2_1"], False)
    for name in PICTURES:
        image, features = found[f"{name}_image"], found[f"{name}_content"]
        assert (image.shape, features.shape) == ((3, 32, 32), (128, 16, 16))
        assert image.dtype == features.dtype == np.float32
        picture = scale(load_picture(folder / "pics" / name), 32, 32)
        np.testing.assert_array_equal(image, picture.transpose(2, 0, 1))
        assert image.min() >= 0 and image.max() <= 1 + 1e-6
        # BGR in 0..255 minus the mean.
        bgr = picture[None, :, :, ::-1] * 255 - np.float32([103.939, 116.779, 123.68])
        expected = np.asarray(network(bgr)[0])[0].transpose(2, 0, 1)
        np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)
    assert not (folder / "x.hdf5.parts").exists()


def test_the_layer_of_the_original(folder, script):
    argv = [*EXTRACT, "--content_layer", "relu4_2", "-vgg_no_pad", "-resize_to", "96"]
    assert warnings_of(script("extract4_2", argv)) == []
    # Convolutions take 2 pixels each, pooling half: 96, 92, 46, 42, 21, 13, 7 (rounded up), 3.
    shape = content("x.hdf5")["a.JPEG_content"].shape
    assert shape == (512, 3, 3)


def test_killed_and_started_again(folder, monkeypatch, script):
    """Parts that are there are kept, and the file is as if made at once."""
    assert warnings_of(script("extract4_2", EXTRACT)) == []
    whole = content("x.hdf5")
    (folder / "x.hdf5").unlink()
    replace, copied = os.replace, []

    def watched(source, target):
        replace(source, target)
        if os.path.basename(target) == "00000002.hdf5":
            shutil.copytree(folder / "x.hdf5.parts", folder / "copy")
            copied.append(target)

    argv = [*EXTRACT, "--save_every", "2"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", watched)
        assert warnings_of(script("extract4_2", argv)) == []
    assert len(copied) == 1
    (folder / "x.hdf5").unlink()
    (folder / "copy").rename(folder / "x.hdf5.parts")
    seen, inside = [], extraction_run.load_square
    monkeypatch.setattr(
        extraction_run, "load_square", lambda p, s: seen.append(p.name) or inside(p, s)
    )
    assert warnings_of(script("extract4_2", argv)) == []
    assert seen == ["e.jpeg"]
    made = content("x.hdf5")
    assert made.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(made[name], value)


def test_parts_of_other_settings_are_made_anew(folder, script):
    (folder / "x.hdf5.parts").mkdir()
    (folder / "x.hdf5.parts" / "settings.json").write_text("{}")
    (folder / "x.hdf5.parts" / "00000000.hdf5").write_bytes(b"")
    [warning] = warnings_of(script("extract4_2", EXTRACT))
    assert warning == "x.hdf5.parts, begun with other pictures or settings, is begun anew"
    assert len(content("x.hdf5")) == 10


def test_a_folder_in_the_way_is_kept(folder, script):
    (folder / "x.hdf5.parts").mkdir()
    (folder / "x.hdf5.parts" / "letter.txt").write_text("mine")
    ended = script("extract4_2", EXTRACT)
    assert (ended.status, error(ended)) == (1, "error: the folder x.hdf5.parts is in the way")
    assert (folder / "x.hdf5.parts" / "letter.txt").read_text() == "mine"


def test_a_damaged_part(folder, monkeypatch, script):
    with monkeypatch.context() as patched:
        patched.setattr(extraction_run, "_join", lambda *a: None)
        script("extract4_2", EXTRACT)
    (folder / "x.hdf5.parts" / "00000000.hdf5").write_bytes(b"no part")
    ended = script("extract4_2", EXTRACT)
    assert ended.status == 0 or (ended.status == 1 and "error: " in error(ended))


def test_pictures_that_cannot_be_read(folder, script):
    (folder / "pics" / "b.jpg").write_bytes(b"no picture")
    (folder / "pics" / "notes.txt").write_text("no picture")
    ended = script("extract4_2", EXTRACT)
    [warning] = warnings_of(ended)
    assert warning == "pics/b.jpg is not a picture that Pillow can read; left out"
    assert ended.out.endswith("x.hdf5: 4 pictures; 1 could not be read and are left out\n")
    assert {name.split("_")[0] for name in content("x.hdf5")} == {*PICTURES} - {"b.jpg"}


def test_no_pictures(folder, script):
    (folder / "empty").mkdir()
    (folder / "bad").mkdir()
    (folder / "bad" / "a.png").write_bytes(b"no picture")
    (folder / "x.hdf5").write_bytes(b"kept")
    before = snapshot(folder)
    ended = script("extract4_2", [*EXTRACT, "-images_path", "empty"])
    assert (ended.status, error(ended)) == (
        1,
        "error: no .jpg, .jpeg, .png files in the folder empty",
    )
    ended = script("extract4_2", [*EXTRACT, "-images_path", "nowhere"])
    assert ended.status == 1 and "cannot read the folder nowhere" in error(ended)
    assert snapshot(folder) == before
    ended = script("extract4_2", [*EXTRACT, "-images_path", "bad"])
    assert (ended.status, error(ended)) == (1, "error: none of the 1 pictures in bad can be read")
    after = snapshot(folder)
    assert after == before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("-resize_to 8 -vgg_no_pad", "-resize_to, 8 pixels, is too small for relu2_1 with"),
        ("-save_to a.png/x.hdf5", "cannot write to a.png"),
    ],
)
def test_refused(folder, script, argv, message):
    before = snapshot(folder)
    ended = script("extract4_2", [*EXTRACT, *words(argv)])
    assert ended.status == 1 and message in error(ended)
    assert snapshot(folder) == before
