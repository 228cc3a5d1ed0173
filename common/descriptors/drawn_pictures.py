"""Pictures to train the suite's own network on: drawn, every one of them.

Textures of `datasets.texture_recipes` at all scales, turned, recoloured, mixed, blurred, noisy; and
fields of noise, stripes and cells. Nothing here needs Keras.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from common.errors import UserError
from common.files import written_whole

#: Side of a training picture, which is taken to tile; pixels.
SIDE = 64
#: Pictures on their way to be like others: how many; how many of them are moved at a step; how
#: often each is moved before it makes place for another.
POOL, DESCENDING, LIFE = 48, 3, 40
#: How far a pixel moves each time, at first and in the end; Adam's constants.
FARTHEST, LEAST, BETAS = 14.0, 2.0, (0.7, 0.95)


def draw_textures(folder: Path, count: int, seed: int) -> np.ndarray:
    """Draws textures, or reads those that were drawn before.

    Args:
        folder: keeps them.
        count: how many of each recipe.
        seed: of the first of each; the others' are counted up from it.

    Returns:
        uint8, RGB, shape (recipes * count, 256, 256, 3).

    Raises:
        UserError: they cannot be written, or the file of those drawn before is damaged.
    """
    from datasets.texture_recipes import RECIPES

    path = folder / f"textures_{seed}_{count}.npy"
    if path.exists():
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is damaged: {error}") from None
    seeds = [(seed + number) % 2**32 for number in range(count)]
    jobs = [(recipe, np.random.RandomState(one)) for one in seeds for recipe in RECIPES.values()]
    bar = tqdm(jobs, "textures", ascii=True)
    textures = np.stack([recipe(random) for recipe, random in bar])
    with written_whole(path) as temporary:
        np.save(temporary, textures)
    return textures


def picture(textures: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Makes a picture to train on.

    Args:
        textures: see `draw_textures`.
        random: where it is from.

    Returns:
        float32, RGB in 0..255, (SIDE, SIDE, 3).
    """
    made = _pattern(random) if random.random() < 0.15 else _crop(textures, random)
    if random.random() < 0.1:
        share = _field(random, 1.5)[..., None]
        share = share > 0 if random.random() < 0.5 else random.uniform(0.3, 0.7)
        made = np.where(share, share * made + (1 - share) * _crop(textures, random), made)
    if random.random() < 0.5:
        made = _recoloured(made, random)
    if random.random() < 0.1:
        made = gaussian_filter(made, (*2 * [random.uniform(0.4, 2)], 0), mode="wrap")
    if random.random() < 0.2:
        made = made + random.uniform(3, 40) * random.standard_normal(made.shape)
    return np.clip(made, 0, 255).astype(np.float32)


def beginning(wanted: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Makes what a descent to a picture's statistics may begin with.

    Args:
        wanted: the picture, (SIDE, SIDE, 3).
        random: where it is from.

    Returns:
        White noise; or what an enlarged result of half or a quarter of the size looks like, the
        picture itself without details, elsewhere. float32, 0..255, (SIDE, SIDE, 3).
    """
    noise = random.standard_normal(wanted.shape)
    if random.random() < 0.6:
        made = 128 + random.uniform(5, 30) * noise
    else:
        made = np.roll(_turned(wanted, random), random.integers(SIDE, size=2), (0, 1))
        made = gaussian_filter(made, (*2 * [random.uniform(1, 3)], 0), mode="wrap")
        made = made + random.uniform(0, 5) * noise
    return np.clip(made, 0, 255).astype(np.float32)


class Pool:
    """Pictures on their way from noise to other pictures' Gram matrices.

    Args:
        textures: see `draw_textures`.
        seed: of all that is random.

    Attributes:
        arrays: all that changes, by name: the pictures that others are to be like, `wanted`; these
            others, `moving`; Adam's moments; and how often each was moved, `ages`.
    """

    def __init__(self, textures: np.ndarray, seed: int):
        self._textures, self._seed = textures, seed
        self.arrays = {
            name: np.zeros((POOL, SIDE, SIDE, 3), np.float32)
            for name in ("wanted", "moving", "first", "second")
        }
        # So that they are not all of one age.
        ages = LIFE - np.arange(POOL) // DESCENDING * LIFE // (POOL // DESCENDING)
        self.arrays["ages"] = ages

    def take(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures of a step: those to be like, and those on their way; float32, RGB."""
        rows, ages = self._rows(step), self.arrays["ages"]
        for row in range(rows.start, rows.stop):
            if ages[row] >= LIFE or not self.arrays["wanted"][row].any():
                random = np.random.default_rng((self._seed, 3, step, row))
                wanted = picture(self._textures, random)
                self.arrays["wanted"][row] = wanted
                self.arrays["moving"][row] = beginning(wanted, random)
                self.arrays["first"][row] = self.arrays["second"][row] = 0
                ages[row] %= LIFE
        return self.arrays["wanted"][rows], self.arrays["moving"][rows]

    def move(self, step: int, gradient: np.ndarray) -> None:
        """Moves those of a step by Adam, within 0..255.

        Args:
            step: its number.
            gradient: of what is to fall, at what `take` gave second.
        """
        rows = self._rows(step)
        self.arrays["ages"][rows] += 1
        first, second = self.arrays["first"][rows], self.arrays["second"][rows]
        gradient = gradient / (np.sqrt(np.square(gradient).mean((1, 2, 3), keepdims=True)) + 1e-12)
        first += (1 - BETAS[0]) * (gradient - first)
        second += (1 - BETAS[1]) * (np.square(gradient) - second)
        ages = self.arrays["ages"][rows][:, None, None, None]
        far = FARTHEST * (LEAST / FARTHEST) ** (ages / LIFE)
        ways = first / (1 - BETAS[0] ** ages) / (np.sqrt(second / (1 - BETAS[1] ** ages)) + 1e-3)
        moving = self.arrays["moving"][rows]
        moving[:] = np.clip(moving - far * ways, 0, 255)

    def _rows(self, step: int) -> slice:
        begin = step * DESCENDING % POOL
        return slice(begin, begin + DESCENDING)


def _turned(made: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turned by a multiple of 90 degrees, and mirrored half of the time."""
    made = np.rot90(made, random.integers(4))
    return made[:, ::-1] if random.random() < 0.5 else made


def _crop(textures: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A part of a texture, at a scale from 1/4 to 1.4, and often turned."""
    texture = textures[random.integers(len(textures))]
    full = texture.shape[0]
    scale = random.choice([1.0, 0.5, 0.25]) * np.exp(random.uniform(-0.35, 0.35))
    side = min(SIDE / scale, full)
    texture = np.roll(texture, random.integers(full, size=2), (0, 1))
    image = Image.fromarray(texture)
    if side < 0.7 * full and random.random() < 0.3:
        image = image.rotate(random.uniform(-45, 45), Image.Resampling.BILINEAR)
    corner = (full - side) / 2
    box = (corner, corner, corner + side, corner + side)
    image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
    return _turned(np.asarray(image, np.float32), random)


def _recoloured(made: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Channels mixed, with another contrast, brightness and gamma."""
    mean = made.mean((0, 1))
    mixing = random.standard_normal((3, 3)) * random.uniform(0, 0.8) + np.eye(3)
    mixing *= np.exp(random.uniform(-0.7, 0.4)) / np.linalg.norm(mixing, axis=0)
    if random.random() < 0.5:
        mean = mean @ np.abs(mixing) / np.abs(mixing).sum(0)
    else:
        mean = random.uniform(40, 215) + random.normal(0, 30, 3)
    made = np.clip((made - made.mean((0, 1))) @ mixing + mean, 0, 255)
    return 255 * (made / 255) ** np.exp(random.uniform(-0.5, 0.5))


def _field(random: np.random.Generator, slope: float) -> np.ndarray:
    """A Gaussian field whose amplitude goes as frequency ** -slope; mean 0, deviation 1."""
    stretch = np.exp(random.uniform(-1, 1))
    y, x = np.fft.fftfreq(SIDE)[:, None] * stretch, np.fft.rfftfreq(SIDE)
    frequency = np.hypot(y, x)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.standard_normal((SIDE, SIDE))) * frequency**-slope
    field = np.fft.irfft2(spectrum, (SIDE, SIDE))
    return field / field.std()


def _stripes(random: np.random.Generator) -> np.ndarray:
    """Bent waves, of which some have hard edges."""
    waves = random.integers(-12, 13, 2) @ np.mgrid[:SIDE, :SIDE].reshape(2, -1) / SIDE
    waves = waves.reshape(SIDE, SIDE) + random.uniform(0, 0.5) * _field(random, 2)
    return np.clip(np.exp(random.uniform(0, 3)) * np.sin(2 * np.pi * waves), -1.5, 1.5)


def _cells(random: np.random.Generator) -> np.ndarray:
    """Cells around points, of one grey each or darker towards their borders; or discs."""
    points = random.uniform(0, SIDE, (random.integers(4, 60), 2))
    apart = np.abs(np.mgrid[:SIDE, :SIDE][:, None] - points.T[:, :, None, None])
    apart = np.hypot(*np.minimum(apart, SIDE - apart))
    nearest, second = np.partition(apart, 1, axis=0)[:2]
    grey = random.standard_normal(len(points))[apart.argmin(0)]
    radius = random.uniform(0.3, 0.8) * nearest.max()
    return [
        grey,
        grey + np.clip(second - nearest, 0, 3),
        np.sqrt(np.maximum(1 - (nearest / radius) ** 2, 0)) * (2 + 0.5 * grey),
    ][random.integers(3)]


def _pattern(random: np.random.Generator) -> np.ndarray:
    """Noise, stripes or cells, one or two of them, each in two or more colours."""
    kinds: list[Callable] = [
        lambda random: _field(random, random.uniform(0, 2)),
        lambda random: np.sign(_field(random, random.uniform(1, 2))),
        _stripes,
        _cells,
    ]
    made = random.uniform(60, 195) + random.normal(0, 25, 3)
    for number in range(random.integers(1, 3)):
        pattern = kinds[random.integers(len(kinds))](random)
        colour = random.uniform(10, 60) / (1 + number) + random.normal(0, 20, 3)
        made = made + pattern[..., None] * colour
    if random.random() < 0.2:
        made = made + np.stack([_field(random, random.uniform(0, 2)) for _ in range(3)], -1) * 25
    return made
