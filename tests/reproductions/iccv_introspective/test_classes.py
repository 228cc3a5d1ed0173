"""The classes: sizes, resizing, cutting back, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from reproductions.iccv_introspective.classes import (
    RESAMPLE,
    ImageClass,
    check_classes,
    check_texture,
    cut_back,
    expanded_size,
    texture_class,
)


def specks(height, width, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def of_class(height=20, width=30, prior=1.0, name="a", count=1):
    return ImageClass(name, np.stack([specks(height, width, seed=i) for i in range(count)]), prior)


def nearest(picture, width, height):
    """Every pixel is the one under its centre."""
    rows = np.floor((np.arange(height) + 0.5) * picture.shape[0] / height).astype(int)
    columns = np.floor((np.arange(width) + 0.5) * picture.shape[1] / width).astype(int)
    return picture[rows][:, columns]


def refusal(classes, patch=16):
    with pytest.raises(UserError) as refused:
        check_classes(classes, patch)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("size", "patch", "wanted"),
    [
        ((256, 256), 64, (320, 320)),
        ((128, 300), 64, (192, 364)),
        ((64, 64), 64, (64, 64)),
        ((64, 65), 64, (128, 129)),
        ((64, 100), 64, (128, 164)),
        ((16, 16), 16, (16, 16)),
        ((20, 16), 16, (36, 32)),
    ],
)
def test_a_texture_grows_by_a_patch_unless_it_is_one(size, patch, wanted):
    assert expanded_size(*size, patch) == wanted


@pytest.mark.parametrize("size", [(20, 16), (31, 40), (16, 17), (16, 16)])
def test_cutting_back_gives_the_asked_size_from_the_middle(size):
    width, height = expanded_size(*size, 16)
    picture = specks(height, width)
    found = cut_back(picture, 16)
    assert found.shape == (size[1], size[0], 3)
    top, left = ((height - size[1]) // 2, (width - size[0]) // 2)
    assert (top, left) == ((0, 0) if size == (16, 16) else (8, 8))
    np.testing.assert_array_equal(found, picture[top : top + size[1], left : left + size[0]])


@pytest.mark.parametrize("size", [(40, 24), (16, 33), (57, 19)])
def test_a_texture_is_resized_by_its_nearest_pixels(size):
    width, height = size
    picture = specks(height, width)
    made = texture_class("leaf", Image.fromarray(picture), 16, "nearest")
    assert made.name == "leaf" and made.prior == 1
    assert made.images.dtype == np.uint8
    assert made.images.shape == (1, height + 16, width + 16, 3)
    np.testing.assert_array_equal(made.images[0], nearest(picture, width + 16, height + 16))


def test_a_texture_of_one_patch_stays_as_it_is():
    picture = specks(16, 16)
    made = texture_class("leaf", Image.fromarray(picture), 16, "nearest")
    np.testing.assert_array_equal(made.images, picture[None])


def test_other_filters_blend():
    picture = Image.fromarray(specks(20, 20))
    made = {name: texture_class("leaf", picture, 16, name).images for name in RESAMPLE}
    assert set(made) == {"nearest", "bilinear", "bicubic", "lanczos"}
    for name, images in made.items():
        assert images.shape == (1, 36, 36, 3)
        for other in set(made) - {name}:
            assert (images != made[other]).any()
    assert np.isin(made["nearest"], np.asarray(picture)).all()


def test_good_classes_give_their_size():
    assert check_classes([of_class()], 16) == (20, 30)
    assert check_classes([of_class(16, 16)], 16) == (16, 16)
    several = [of_class(prior=0.1, count=3), of_class(prior=0.2), of_class(prior=0.7)]
    assert check_classes(several, 16) == (20, 30)


def test_no_class():
    assert refusal([]) == "there must be one class at least"


@pytest.mark.parametrize("priors", [(0.5,), (0.5, 0.6), (1.0, 1.0), (0.5, 0.4999)])
def test_priors_that_do_not_sum_to_one(priors):
    message = refusal([of_class(prior=prior) for prior in priors])
    assert message == f"the priors of the classes must sum to 1, got {list(priors)}"


def test_a_negative_prior():
    message = refusal([of_class(prior=1.5), of_class(prior=-0.5)])
    assert message == "the priors of the classes must sum to 1, got [1.5, -0.5]"


def test_an_odd_patch():
    assert refusal([of_class()], 15) == "the side of a patch must be even, got 15"
    with pytest.raises(UserError, match="the side of a patch must be even, got 15"):
        check_texture("a.png", Image.new("RGB", (20, 30)), 15)


@pytest.mark.parametrize(("height", "width"), [(14, 30), (30, 14), (15, 15)])
def test_pictures_that_are_too_small(height, width):
    message = refusal([of_class(height, width)])
    assert message == f"pictures of {width}x{height} are smaller than a patch, 16x16"
    with pytest.raises(UserError) as refused:
        texture_class("a.png", Image.new("RGB", (width, height)), 16, "nearest")
    wanted = f"the texture a.png, {width}x{height}, is smaller than a patch, 16x16"
    assert str(refused.value) == wanted


def test_pictures_of_different_sizes():
    message = refusal([of_class(20, 30, 0.5), of_class(30, 20, 0.5)])
    assert message.startswith("the pictures of all classes must be of one size, got")
    assert "(20, 30, 3)" in message and "(30, 20, 3)" in message


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 20, 30, 3), np.float32),
        np.zeros((1, 20, 30, 3), np.int64),
        np.zeros((20, 30, 3), np.uint8),
        np.zeros((0, 20, 30, 3), np.uint8),
    ],
    ids=["float32", "int64", "one picture", "no picture"],
)
def test_what_are_no_pictures(images):
    message = refusal([ImageClass("b", images)])
    assert message.startswith("class b: pictures must be uint8, (count, height, width, 3), got")
    assert str(images.dtype) in message and str(images.shape) in message


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_that_are_not_of_three_channels(channels):
    message = refusal([ImageClass("b", np.zeros((1, 20, 30, channels), np.uint8))])
    assert message.startswith("class b: pictures must be uint8, (count, height, width, 3), got")
