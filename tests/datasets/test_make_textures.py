"""The textures that come with the suite, and the program that makes them."""

import itertools

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from datasets.make_textures import TEXTURES, draw, main, make, parse
from datasets.texture_recipes import RECIPES
from tests.scripts import finish, start

SCRIPT = TEXTURES.parent / "make_textures.py"


def committed(name: str) -> np.ndarray:
    with Image.open(TEXTURES / f"{name}.png") as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture).astype(np.float64)


def test_the_folder_holds_what_the_recipes_make():
    assert sorted(path.name for path in TEXTURES.glob("*.png")) == [
        f"{name}.png" for name in sorted(RECIPES)
    ]
    assert len(RECIPES) >= 12


def test_the_files_are_small():
    sizes = [path.stat().st_size for path in TEXTURES.glob("*.png")]
    assert max(sizes) < 180_000
    assert sum(sizes) < 2_000_000


@pytest.mark.parametrize("name", RECIPES)
def test_a_texture_is_a_picture_with_a_full_range(name):
    picture = committed(name)
    assert picture.shape == (256, 256, 3)
    darkest, brightest = np.percentile(picture.mean(axis=-1), [1, 99])
    assert darkest < 70
    assert brightest > 140


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_texture_tiles(name, axis):
    """Across the seam neighbours differ as they do inside."""
    jumps = np.abs(np.roll(committed(name), -1, axis) - committed(name))
    jumps = jumps.mean(axis=(1 - axis, 2))  # between each line and the next; the seam is last
    # The line where the seam falls is one of 256 different ones; pebbles reach 1.35.
    assert jumps[-1] <= 1.4 * jumps[:-1].mean()


@pytest.mark.parametrize("name", ["bricks", "wicker", "tomatoes"])
def test_a_texture_is_made_the_same_again(name):
    again = draw(name)
    assert again.dtype == np.uint8
    assert np.abs(again - committed(name)).mean() < 0.5


def test_all_textures_differ():
    for one, other in itertools.combinations(RECIPES, 2):
        assert np.abs(committed(one) - committed(other)).mean() > 20, (one, other)


def test_only_the_named_ones_are_made(tmp_path, capsys):
    main(parse(["knit", "--output_dir", str(tmp_path / "new")]))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["knit.png"]
    assert "knit.png" in capsys.readouterr().out


def test_all_are_made_by_default():
    assert parse([]).names == []
    assert parse([]).output_dir == TEXTURES


def test_an_unknown_name_is_told_and_nothing_is_made(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(["knit", "velvet", "--output_dir", str(tmp_path / "new")])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "velvet" in error
    assert all(name in error for name in RECIPES)
    with pytest.raises(UserError, match="velvet"):
        make(["knit", "velvet"], tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UserError, match="velvet"):
        draw("velvet")


def test_the_script_runs_from_any_folder(tmp_path):
    asked = finish(start([SCRIPT, "velvet"], tmp_path))
    assert asked.status == 2
    assert asked.error.startswith("make_textures.py: error: no texture velvet; there are: bark, ")
