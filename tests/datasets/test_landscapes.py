"""Painted landscapes."""

import numpy as np
import pytest
from PIL import Image

from datasets.landscapes import KINDS, paint_landscapes
from datasets.make_landscapes import make


@pytest.fixture(scope="module")
def painted() -> dict[str, np.ndarray]:
    return {kind: paint_landscapes(6, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_bytes_and_all_different(painted, kind):
    pictures = painted[kind]
    assert pictures.shape == (6, 64, 64, 3) and pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 6
    # Sky and ground differ.
    assert all(np.ptp(p.astype(float).mean(axis=(1, 2))) > 20 for p in pictures)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_paints_the_same_and_more_begin_alike(painted, kind):
    np.testing.assert_array_equal(paint_landscapes(2, kind), painted[kind][:2])
    assert (paint_landscapes(2, kind, seed=1) != painted[kind][:2]).any(axis=(1, 2, 3)).all()


def test_the_kinds_are_of_different_colours(painted):
    """By the mean colour of the ground: woods are greenest, deserts reddest, seas bluest."""
    ground = {kind: p[:, 52:].mean(axis=(0, 1, 2)) for kind, p in painted.items()}
    share = {kind: colour / colour.sum() for kind, colour in ground.items()}
    assert max(share, key=lambda kind: share[kind][0]) == "desert"
    assert max(share, key=lambda kind: share[kind][1]) == "woods"
    assert max(share, key=lambda kind: share[kind][2]) == "sea"


def test_none_is_an_empty_array():
    assert paint_landscapes(0, "sea").shape == (0, 64, 64, 3)


def test_the_program_writes_a_subfolder_for_each_class(tmp_path, capsys):
    make(7, 0, tmp_path)
    assert capsys.readouterr().out == f"9 landscapes in {tmp_path}\n"
    for kind in KINDS:
        paths = sorted((tmp_path / kind).iterdir())
        assert [path.name for path in paths] == [f"{kind}_{n:04d}.png" for n in (1, 2, 3)]
        with Image.open(paths[2]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), paint_landscapes(3, kind)[2])
