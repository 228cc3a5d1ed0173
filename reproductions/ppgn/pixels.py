"""Images to pictures: the original's mapping, the stretch of its writer, and labels."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.errors import UserError
from common.files import written_whole

#: Values, BGR minus the mean, from black to white.
DARKEST, BRIGHTEST = -120, 120

#: Height of a label's letters, of the strip above it, in pixels.
LETTERS, STRIP = 30, 10


def deprocess(image: np.ndarray) -> np.ndarray:
    """Maps an image to 0..1.

    Args:
        image: shape (height, width, channels), BGR minus the mean.

    Returns:
        float64, RGB.
    """
    image = np.asarray(image, np.float64)[..., ::-1]
    return (np.clip(image, DARKEST, BRIGHTEST) - DARKEST) / (BRIGHTEST - DARKEST)


def to_bytes(image: np.ndarray, stretch: bool = True) -> np.ndarray:
    """Makes 8-bit pixels of an image.

    Args:
        image: shape (height, width, channels), BGR minus the mean.
        stretch: maps the picture's own smallest value to 0 and its largest to 255, as SciPy's
            `imsave` did; a constant picture becomes black.

    Returns:
        uint8, RGB.
    """
    values = deprocess(image)
    low, high = (values.min(), values.max()) if stretch else (0.0, 1.0)
    scale = 255.0 / (high - low) if high > low else 255.0
    return (np.clip((values - low) * scale, 0, 255) + 0.5).astype(np.uint8)


def save_jpeg(pixels: np.ndarray, path: str | Path, quality: int = 75) -> None:
    """Writes a JPEG, whole or not at all.

    Args:
        pixels: uint8, (height, width, 3) or (height, width, 1).
        path: the file.
        quality: 75 is what SciPy's `imsave` left it at.

    Raises:
        UserError: the file cannot be written.
    """
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    image = Image.fromarray(pixels)
    # JPEG knows no larger picture.
    if max(image.size) > 65500:
        raise UserError(f"{path} would be {image.size[0]}x{image.size[1]}, too large for a JPEG")
    with written_whole(path) as temporary:
        image.save(temporary, format="JPEG", quality=quality)


def letters_that_fit(label: str, width: int) -> int:
    """The size of letters, 30 at most, with which a label fits into a width in pixels."""
    size = LETTERS
    while size > 8 and ImageFont.load_default(size).getlength(label) > width - 4:
        size -= 1
    return size


def with_label(pixels: np.ndarray, label: str, letters: int | None = None) -> np.ndarray:
    """Writes a label under a picture.

    Args:
        pixels: uint8, (height, width, 3).
        label: one line.
        letters: their size; None: as large as the width allows.

    Returns:
        uint8, (height + the label's, width, 3); wider where the smallest letters do not fit.
    """
    height, width = pixels.shape[:2]
    font = ImageFont.load_default(letters or letters_that_fit(label, width))
    left, _, right, _ = font.getbbox(label, anchor="ls")
    ascent, descent = font.getmetrics()
    beside = max(0, int(right - left) - width)
    width += beside
    sheet = Image.new("RGB", (width, height + STRIP + ascent + descent), "white")
    sheet.paste(Image.fromarray(pixels), (beside // 2, 0))
    place = ((width - (right - left)) / 2 - left, height + STRIP + ascent)
    ImageDraw.Draw(sheet).text(place, label, fill="black", font=font, anchor="ls")
    return np.asarray(sheet)
