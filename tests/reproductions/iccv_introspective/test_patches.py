"""Where patches lie, and how they are cut out."""

import numpy as np
import pytest
from keras import ops

from common.backend import to_tensor
from reproductions.iccv_introspective.patches import draw_patches, extract
from tests.reproductions.iccv_introspective.resampling import crop_and_resize

pytestmark = pytest.mark.reference


def drawn(count, pictures, size, patch, seed=0):
    return draw_patches(np.random.default_rng(seed), count, pictures, size, patch)


def extracted(pictures, boxes, picture, patch):
    return ops.convert_to_numpy(extract(*map(to_tensor, (pictures, boxes, picture)), patch))


def corners(boxes, size):
    """x and y of the top left pixels of patches."""
    height, width = size
    return np.rint(boxes[:, 1] * width).astype(int), np.rint(boxes[:, 0] * height).astype(int)


def cut_out(picture, box, patch):
    """One patch in float64, as the documentation of crop_and_resize defines it."""
    rows = blend(picture.astype(np.float64), box[0], box[2], patch)
    return blend(rows.transpose(1, 0, 2), box[1], box[3], patch).transpose(1, 0, 2)


def blend(picture, low, high, patch):
    """Samples rows, evenly from low to high, where 1 is the centre of the last row."""
    last = len(picture) - 1
    at = np.linspace(float(low), float(high), patch) * last
    before = np.minimum(np.floor(at).astype(int), last)
    after = np.minimum(before + 1, last)
    share = (at - before)[:, None, None]
    return (1 - share) * picture[before] + share * picture[after]


def waves(count, height, width):
    """Smooth pictures, uint8, no two channels alike."""
    y, x = np.mgrid[:height, :width]
    turns = np.random.default_rng(0).uniform(0, 6, (count, 1, 1, 3))
    values = np.sin(0.05 * x[None, :, :, None] + turns) * np.cos(0.04 * y[None, :, :, None] + turns)
    return np.rint(127.5 * (values + 1)).astype(np.uint8)


def specks(count, height, width):
    shape = (count, height, width, 3)
    return np.random.default_rng(1).integers(256, size=shape, dtype=np.uint8)


def scaled(pictures):
    return (pictures / 127.5 - 1).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "patch"), [((320, 320), 64), ((20, 31), 16), ((40, 17), 16), ((16, 16), 16)]
)
def test_boxes_are_pixels_divided_by_the_size(size, patch):
    height, width = size
    picture, boxes = drawn(500, 9, size, patch)
    assert picture.dtype == np.int32 and picture.shape == (500,)
    assert boxes.dtype == np.float32 and boxes.shape == (500, 4)
    x, y = corners(boxes, size)
    wanted = np.array([y / height, x / width, (y + patch) / height, (x + patch) / width])
    np.testing.assert_array_equal(boxes, wanted.T.astype(np.float32))
    assert x.min() >= 0 and y.min() >= 0
    assert x.max() <= width - patch and y.max() <= height - patch


def test_the_originals_patches_reach_all_borders():
    picture, boxes = drawn(20000, 100, (320, 352), 64)
    x, y = corners(boxes, (320, 352))
    assert (picture.min(), picture.max()) == (0, 99)
    assert (x.min(), x.max()) == (0, 288)
    assert (y.min(), y.max()) == (0, 256)


def test_picture_x_and_y_are_uniform_and_independent():
    picture, boxes = drawn(105000, 7, (20, 30), 16)
    x, y = corners(boxes, (20, 30))
    counts = np.zeros((7, 15, 5))
    np.add.at(counts, (picture, x, y), 1)
    # 200 patches in every cell; the sum of 524 squares has a deviation of sqrt(2 * 524) = 32.4.
    squares = np.sum((counts - 200) ** 2 / 200)
    assert abs(squares - 524) < 4 * 32.4
    for one, other in ((picture, x), (picture, y), (x, y)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(105000)


def test_one_patch_exactly_lies_at_the_only_place():
    picture, boxes = drawn(200, 3, (16, 16), 16)
    np.testing.assert_array_equal(boxes, np.tile([0, 0, 1, 1], (200, 1)))
    assert set(picture.tolist()) == {0, 1, 2}


def test_patches_are_drawn_anew():
    first, again, other = (drawn(50, 5, (40, 50), 16, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any() and (first[1] != other[1]).any()


@pytest.mark.parametrize("scale", [lambda pictures: pictures, scaled], ids=["uint8", "float32"])
@pytest.mark.parametrize(
    ("make", "tolerance"), [(waves, 1e-6), (specks, 2e-5)], ids=["smooth", "noise"]
)
@pytest.mark.parametrize(
    ("size", "patch"),
    [((40, 40), 16), ((23, 50), 16), ((90, 70), 64), ((32, 32), 32), ((64, 128), 64)],
)
@pytest.mark.long_to_compile
def test_patches_are_blended_as_documented(size, patch, make, tolerance, scale):
    pictures = scale(make(4, *size))
    picture, boxes = drawn(60, 4, size, patch)
    found = extracted(pictures, boxes, picture, patch)
    assert found.dtype == np.float32 and found.shape == (60, patch, patch, 3)
    wanted = [cut_out(pictures[p], box, patch) for p, box in zip(picture, boxes, strict=True)]
    reach = float(pictures.max()) - float(pictures.min())
    assert np.abs(found - wanted).max() < tolerance * reach


def test_samples_lie_where_one_is_the_centre_of_the_last_pixel():
    """Pictures of coordinates show where the samples were taken."""
    y, x = np.mgrid[:40, :30].astype(np.float32)
    picture, boxes = drawn(30, 1, (40, 30), 16)
    found = extracted(np.stack([x, y], -1)[None], boxes, picture, 16)
    left, top = corners(boxes, (40, 30))
    steps = np.arange(16) * 16 / 15
    across = (left[:, None] + steps) * 29 / 30
    down = (top[:, None] + steps) * 39 / 40
    wanted = np.stack(
        [np.broadcast_to(across[:, None], (30, 16, 16)), np.tile(down[:, :, None], (1, 1, 16))], -1
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    # So it is no plain slice.
    plain = x[top[0] : top[0] + 16, left[0] : left[0] + 16]
    assert np.abs(found[0, ..., 0] - plain).max() > 0.1


def test_a_picture_of_one_patch_comes_out_as_it_is():
    pictures = specks(3, 16, 16)
    picture, boxes = drawn(10, 3, (16, 16), 16)
    found = extracted(pictures, boxes, picture, 16)
    np.testing.assert_allclose(found, pictures[picture], atol=1e-3)


@pytest.mark.parametrize("size", [(40, 40), (23, 50), (70, 33)])
@pytest.mark.long_to_compile
def test_patches_of_scaled_pictures_are_those_of_crop_and_resize(size):
    pictures = scaled(specks(5, *size))
    picture, boxes = drawn(80, 5, size, 16)
    wanted = crop_and_resize(pictures, boxes, picture, 16)
    found = extracted(pictures, boxes, picture, 16)
    np.testing.assert_array_equal(found, wanted)
    bytes_ = extracted(specks(5, *size), boxes, picture, 16) / 127.5 - 1
    np.testing.assert_allclose(bytes_, wanted, atol=1e-6)
