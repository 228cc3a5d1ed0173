"""The classes to be modelled."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from common.errors import UserError

#: Pillow's filters, by the names of the flag `--resample`.
RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclasses.dataclass(frozen=True)
class ImageClass:
    """One class: what its positives are.

    Attributes:
        name: its positives are called `NAME-0`, `NAME-1`, ...
        images: its pictures, uint8, (count, height, width, 3). Where a round needs more positives
            than that, they are taken in turn; a texture is one picture, taken every time.
        prior: its share of the positives and of the syntheses.
    """

    name: str
    images: np.ndarray
    prior: float = 1.0


def check_classes(classes: Sequence[ImageClass], patch: int) -> tuple[int, int]:
    """Returns the height and width that all pictures of all classes have.

    Raises:
        UserError: no class, not pictures, sizes that differ, a picture smaller than a patch, an
            odd patch, priors that do not sum to 1.
    """
    if not classes:
        raise UserError("there must be one class at least")
    for each in classes:
        shape = each.images.shape
        if each.images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not shape[0]:
            raise UserError(
                f"class {each.name}: pictures must be uint8, (count, height, width, 3),"
                f" got {each.images.dtype}, {shape}"
            )
    shapes = {each.images.shape[1:] for each in classes}
    if len(shapes) > 1:
        raise UserError(f"the pictures of all classes must be of one size, got {sorted(shapes)}")
    priors = [each.prior for each in classes]
    if not (min(priors) >= 0 and abs(sum(priors) - 1) <= 1e-6):
        raise UserError(f"the priors of the classes must sum to 1, got {priors}")
    height, width, _ = shapes.pop()
    if patch % 2:
        raise UserError(f"the side of a patch must be even, got {patch}")
    if min(height, width) < patch:
        raise UserError(f"pictures of {width}x{height} are smaller than a patch, {patch}x{patch}")
    return height, width


def expanded_size(width: int, height: int, patch: int) -> tuple[int, int]:
    """The size at which a texture is learned: half a patch more on every side.

    So that the borders, which few patches cover, can be cut off. A picture that is exactly one
    patch stays as it is.

    Args:
        width: of the picture.
        height: of the picture.
        patch: side of a patch.

    Returns:
        Width and height.
    """
    if (width, height) == (patch, patch):
        return width, height
    return width + patch, height + patch


def cut_back(picture: np.ndarray, patch: int) -> np.ndarray:
    """Cuts half a patch off every side of an expanded picture, (height, width, 3)."""
    if picture.shape[:2] == (patch, patch):
        return picture
    half = patch // 2
    return picture[half:-half, half:-half]


def check_texture(name: str, picture: Image.Image, patch: int) -> None:
    """Refuses a texture that no patch fits into.

    Raises:
        UserError: the picture is smaller than a patch, or a patch's side is odd.
    """
    if patch % 2:
        raise UserError(f"the side of a patch must be even, got {patch}")
    width, height = picture.size
    if min(width, height) < patch:
        raise UserError(
            f"the texture {name}, {width}x{height}, is smaller than a patch, {patch}x{patch}"
        )


def texture_class(name: str, picture: Image.Image, patch: int, resample: str) -> ImageClass:
    """The class of a texture: its picture *resized* to the expanded size.

    Args:
        name: of the texture.
        picture: RGB.
        patch: side of a patch.
        resample: a name in `RESAMPLE`.

    Raises:
        UserError: see `check_texture`.
    """
    check_texture(name, picture, patch)
    size = expanded_size(*picture.size, patch)
    return ImageClass(name, np.asarray(picture.resize(size, RESAMPLE[resample]))[None])
