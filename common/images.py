"""Pictures in and out, with Pillow."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from common.errors import UserError
from common.files import written_whole

#: The endings that count as pictures when a folder is given.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


def read_picture(path: str | Path) -> Image.Image:
    """Reads any picture as 8-bit RGB.

    Grey, palette, 16-bit, CMYK and transparent pictures are converted; transparency is dropped
    (the colours under it stay), as Keras does.

    Args:
        path: a picture file.

    Returns:
        A Pillow image of mode RGB.

    Raises:
        UserError: missing, unreadable, damaged, cut short, or not a picture.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder, not a picture")
    try:
        with _without_remarks(), Image.open(path) as image:
            # A file that claims an absurd size is refused, not decoded.
            if image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return _as_rgb(image)
    except FileNotFoundError:
        raise UserError(f"no such picture: {path}") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture that Pillow can read") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path} claims more than {Image.MAX_IMAGE_PIXELS} pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(f"cannot read the picture {path}: {error}") from None


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Silences Pillow's remarks on odd but readable files; in the main thread only.

    The list of filters is the process's: threads that change it leave it changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Pillow clips 16-bit grey to 255 instead of scaling it.
        values = np.asarray(image, np.float64)
        wide = image.mode.startswith("I;16") or values.max(initial=0) > 255
        scale = 257.0 if wide else 1.0
        image = Image.fromarray(np.clip(values / scale, 0, 255).round().astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def pictures_in(folder: str | Path) -> list[Path]:
    """The .jpg, .jpeg and .png files of a folder, sorted by name; subfolders are not searched.

    Raises:
        UserError: the folder cannot be read or holds no picture.
    """
    try:
        names = sorted(Path(folder).iterdir())
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {error.strerror}") from None
    found = [p for p in names if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]
    if not found:
        raise UserError(f"no {', '.join(PICTURE_SUFFIXES)} files in the folder {folder}")
    return found


def save_picture(pixels: np.ndarray, path: str | Path) -> None:
    """Writes a PNG, or a JPEG if the name ends so, whole or not at all.

    Args:
        pixels: uint8, shape (height, width, 3), RGB.
        path: the file.

    Raises:
        UserError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        kind = "JPEG" if Path(path).suffix.lower() in (".jpg", ".jpeg") else "PNG"
        Image.fromarray(pixels).save(temporary, format=kind, quality=95)


def save_gif(frames: Sequence[np.ndarray], path: str | Path, milliseconds: int = 80) -> None:
    """Writes an animated GIF that loops for ever, whole or not at all.

    Args:
        frames: uint8 pictures, each (height, width, 3), RGB, of one size.
        path: the file.
        milliseconds: how long each frame is shown.

    Raises:
        UserError: the file cannot be written.
    """
    # One palette for all frames, or colours would flicker.
    strip = Image.fromarray(np.concatenate(list(frames), axis=0))
    palette = strip.quantize(256)
    images = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    with written_whole(path) as temporary:
        images[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=milliseconds,
            loop=0,
            disposal=1,
        )


def contact_sheet(pictures: Sequence[np.ndarray], gap: int = 4) -> np.ndarray:
    """Lays pictures side by side on white, aligned at the top.

    Args:
        pictures: uint8, each (height, width, 3).
        gap: white pixels between and around them.

    Returns:
        uint8, shape (height, width, 3).
    """
    height = max(p.shape[0] for p in pictures) + 2 * gap
    width = sum(p.shape[1] + gap for p in pictures) + gap
    sheet = np.full((height, width, 3), 255, np.uint8)
    left = gap
    for picture in pictures:
        sheet[gap : gap + picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return sheet
