"""Finding a texture by its name, and reading it."""

import argparse

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from common.originals import REPOSITORY
from reproductions.iccv_introspective.textures import TEXTURE, find_texture, texture_of

BUILT_IN = REPOSITORY / "datasets" / "textures"


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """The originals' textures: one that only they have, one that is built in as well."""
    folder = tmp_path / "originals" / "textures"
    folder.mkdir(parents=True)
    for name in ("diamond.png", "pebbles.png"):
        Image.new("RGB", (70, 80), (200, 30, 40)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    monkeypatch.setenv("ORIGINALS_DIR", str(folder.parent))
    monkeypatch.chdir(tmp_path)
    return folder


def flags(tmp_path, texture, **changes):
    values = {
        "texture": str(texture),
        "texture_size": None,
        "patch_size": 64,
        "resume": None,
        "results_dir": str(tmp_path),
    }
    return argparse.Namespace(**{**values, **changes})


def test_a_built_in_texture_is_found_by_its_name(originals):
    assert find_texture("bark.png") == BUILT_IN / "bark.png"


def test_the_originals_textures_are_found_by_name(originals):
    assert find_texture("diamond.png") == originals / "diamond.png"


def test_a_built_in_texture_comes_before_an_original_and_before_the_current_folder(
    originals, tmp_path
):
    Image.new("RGB", (70, 80)).save(tmp_path / "pebbles.png")
    Image.new("RGB", (70, 80)).save(tmp_path / "diamond.png")
    assert find_texture("pebbles.png") == BUILT_IN / "pebbles.png"
    assert find_texture("diamond.png") == originals / "diamond.png"


def test_a_path_works_too(originals, tmp_path):
    for name in ("mine.png", "pebbles.png"):
        Image.new("RGB", (70, 80)).save(tmp_path / name)
        assert find_texture(str(tmp_path / name)) == tmp_path / name
    assert find_texture("mine.png").resolve() == tmp_path / "mine.png"
    assert find_texture("./pebbles.png").resolve() == tmp_path / "pebbles.png"


def test_the_home_folder_is_known(originals, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.new("RGB", (70, 80)).save(tmp_path / "mine.png")
    assert find_texture("~/mine.png") == tmp_path / "mine.png"


@pytest.mark.parametrize("name", ["granite.png", "none/granite.png", "textures", "pebbles"])
def test_an_unknown_texture_lists_those_there_are(originals, name):
    with pytest.raises(UserError) as refused:
        find_texture(name)
    message = str(refused.value)
    start, _, rest = message.partition("; there are ")
    assert start == f"there is no texture {name}"
    listed = rest.split(" (")[0].split(", ")
    assert listed == [*sorted(path.name for path in BUILT_IN.glob("*.png")), "diamond.png"]
    assert "\n" not in message and "datasets/download.py" in message


def test_a_folder_is_no_texture(originals):
    with pytest.raises(UserError, match="there is no texture"):
        find_texture(str(originals))


def test_the_whole_texture_is_read_as_rgb(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(80, 100), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    picture = texture_of(flags(tmp_path, tmp_path / "grey.png"))
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(picture, np.stack([pixels] * 3, -1))


def test_a_texture_size_scales_the_middle_square(tmp_path):
    pixels = np.zeros((80, 200, 3), np.uint8)
    pixels[:, 60:140] = (10, 200, 30)
    Image.fromarray(pixels).save(tmp_path / "middle.png")
    picture = texture_of(flags(tmp_path, tmp_path / "middle.png", texture_size=72))
    assert picture.size == (72, 72)
    np.testing.assert_array_equal(picture, np.full((72, 72, 3), (10, 200, 30)))


def test_a_texture_must_hold_a_patch(tmp_path):
    Image.new("RGB", (100, 60)).save(tmp_path / "flat.png")
    with pytest.raises(UserError, match=r"100x60, is smaller than a patch, 64x64"):
        texture_of(flags(tmp_path, tmp_path / "flat.png"))
    with pytest.raises(UserError, match=r"48x48, is smaller than a patch, 64x64"):
        texture_of(flags(tmp_path, tmp_path / "flat.png", texture_size=48))


def test_results_must_be_writable_before_anything_is_done(tmp_path):
    Image.new("RGB", (70, 80)).save(tmp_path / "mine.png")
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(UserError, match="cannot write to"):
        texture_of(flags(tmp_path, tmp_path / "mine.png", results_dir=str(taken)))


def test_what_is_no_picture(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match="is not a picture that Pillow can read"):
        texture_of(flags(tmp_path, tmp_path / "text.png"))


def test_a_run_that_goes_on_has_its_own_copy(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    Image.new("RGB", (90, 91), (1, 2, 3)).save(run / TEXTURE)
    picture = texture_of(flags(tmp_path, "gone.png", resume=run, texture_size=70))
    assert picture.size == (90, 91) and picture.getpixel((5, 5)) == (1, 2, 3)
