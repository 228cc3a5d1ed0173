"""Starts from the original's picture, and the mask of inpainting."""

import numpy as np
import pytest
from PIL import Image

from reproductions.ppgn.crops import compute_topleft, view
from reproductions.ppgn.inpainting import Context, get_mask, stitch
from reproductions.ppgn.start import MEAN_COLOUR, code_of, load_image, mean_image, resized
from tests.reproductions.ppgn.evaluation import volcano
from tests.reproductions.ppgn.references import (
    FORWARD,
    OF_PICTURES,
    arrays,
    error_of_maximum,
    need_picture,
    original,
    pictures,
    read_json,
    rows,
    texts,
    to_caffe,
)


@pytest.mark.parametrize("sizes", read_json("util")["compute_topleft"])
def test_compute_topleft(sizes):
    size, image, topleft = sizes
    assert compute_topleft(tuple(size), tuple(image)) == tuple(topleft)


def test_crop_begins_at_14():
    images = np.arange(256 * 256).reshape(1, 256, 256, 1).astype(np.float32)
    assert (np.asarray(view(images, (227, 227))) == images[:, 14:241, 14:241]).all()


@pytest.mark.parametrize("case", read_json("util")["get_mask"], ids=lambda case: case["seed"])
def test_mask(case):
    """Where it is, and that no more than two numbers are drawn for it."""
    random = np.random.RandomState(case["seed"])
    mask = get_mask(random)
    wanted = np.zeros((1, 227, 227, 1))
    wanted[:, slice(*case["rows"]), slice(*case["cols"])] = 1
    assert random.normal(size=2).tolist() == case["next_two_normals"]
    assert case["rows"][0] == case["x0_rows"]
    assert case["cols"][0] == case["y0_cols"]
    corners = np.argwhere(mask[0, ..., 0])[[0, -1]]
    # The original has it in double precision; 0 and 1 are the same.
    assert corners.tolist() == np.argwhere(wanted[0, ..., 0])[[0, -1]].tolist()
    assert (mask == wanted).all()


def test_mask_of_the_run():
    mask = get_mask(np.random.RandomState(0))[0, ..., 0]
    found = np.argwhere(mask)
    wanted = arrays("sampler_run7s0")
    assert [found[0, 0], found[-1, 0] + 1] == wanted["mask_rows"].tolist()
    assert [found[0, 1], found[-1, 1] + 1] == wanted["mask_cols"].tolist()


def test_stitch():
    random = np.random.RandomState(0)
    left, right = (random.normal(0, 50, (1, 227, 227, 3)).astype(np.float32) for _ in range(2))
    wanted = read_json("util")["stitch"]
    found = stitch(left, right)
    assert found.dtype.name == wanted["dtype"]
    found = to_caffe(found)
    assert list(found.shape) == wanted["shape"]
    assert (found[..., slice(*wanted["separator_columns"])] == wanted["separator_value"]).all()
    assert (found[..., slice(*wanted["left_is_columns"])] == to_caffe(left)).all()
    assert (found[..., slice(*wanted["right_is_columns"])] == to_caffe(right)).all()


def test_mean_colour():
    assert list(MEAN_COLOUR) == read_json("util")["image_mean"]["channel_means_BGR"]


def test_mean_image():
    need_picture()
    mean, wanted = mean_image(), read_json("util")["image_mean"]
    assert list(mean.shape) == wanted["shape"]
    assert mean.dtype.name == wanted["dtype"]
    found = mean.mean((0, 1), dtype=np.float64)
    np.testing.assert_allclose(found, wanted["channel_means_BGR"], rtol=1e-6)
    assert list(compute_topleft((227, 227), mean.shape[:2])) == wanted["crop_topleft_227"]


@pytest.mark.parametrize(("size", "key"), [((227, 227), "imresize_227"), ((20, 24), "imresize_20")])
def test_resized(size, key):
    util = arrays("util")
    found = resized(Image.fromarray(util["imresize_in"]), size)
    # The references keep every seventh column of the larger one.
    found = found[:, ::7] if key == "imresize_227" else found
    assert found.dtype == np.uint8
    assert (found == util[key]).all()


def test_pixels_of_the_picture():
    found = resized(Image.open(original("volcano.jpg")).convert("RGB"), (227, 227))
    assert (found == pictures("util")["volcano_227_rgb_uint8"]).all()


@pytest.mark.parametrize("run", OF_PICTURES)
def test_start_image(run):
    need_picture()
    found = load_image(original("volcano.jpg"), (227, 227))
    if run == "run7s0":
        found = volcano(1).picture
    assert found.dtype.name == texts(run)["start_image_dtype"]
    wanted = pictures(f"sampler_{run}")["start_image"]
    assert error_of_maximum(to_caffe(found), wanted) < 1e-6


@pytest.mark.parametrize("run", OF_PICTURES)
def test_start_code(run, encoder):
    need_picture()
    image = load_image(original("volcano.jpg"), (227, 227))
    if run == "run7s0":
        image = volcano(1).picture
    code = code_of(encoder, "fc6", 4096)(image)
    assert code.dtype.name == texts(run)["start_code_dtype"]
    assert error_of_maximum(code, rows(run)["start_code"]) < FORWARD


def test_contexts_of_several_chains():
    one = Context(np.ones((1, 4, 4, 1)), np.zeros((1, 4, 4, 3)))
    mask, picture = Context.stacked([one, Context(2 * one.mask, one.picture)])
    assert mask.shape == (2, 4, 4, 1)
    assert picture.shape == (2, 4, 4, 3)
    assert mask[:, 0, 0, 0].tolist() == [1, 2]
