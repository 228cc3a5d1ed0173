"""Handwritten digits, drawn by a program: every machine has them, and nobody has rights in them."""

import numpy as np

from datasets.digit_strokes import STROKES, Stroke

#: Height and width of a picture, as MNIST's.
SIDE = 28

#: Points that the pen sets on its way through all strokes of a digit.
_DOTS = 72

#: Digits drawn at a time: what fits into the processor's cache.
_AT_ONCE = 100

#: How far from the centre the pen goes.
_REACH = 11.8

#: Width of a digit's box, relative to its height.
_WIDTH = {1: (0.22, 0.45)}
_USUAL_WIDTH = (0.55, 0.92)


def draw_digits(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws digits by many hands: strokes, sizes, slants, thickness, tremor and warps vary.

    As in MNIST a digit is white on black, fits a box of 20x20 pixels more or less, and its centre
    of mass is near the middle of the picture.

    Args:
        count: how many, 0 or more.
        seed: the same number and seed give the same digits.

    Returns:
        Pictures, uint8, shape (count, 28, 28), and labels, uint8, shape (count,). Each digit comes
        equally often, give or take one, in random order.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    pictures = np.empty((count, SIDE, SIDE), np.uint8)
    for digit, ways in enumerate(STROKES):
        mine = np.flatnonzero(labels == digit)
        way = random.integers(len(ways), size=len(mine))
        for number, strokes in enumerate(ways):
            chosen = mine[way == number]
            for start in range(0, len(chosen), _AT_ONCE):
                part = chosen[start : start + _AT_ONCE]
                pictures[part] = _draw(strokes, digit, len(part), random)
    return pictures, labels


def _draw(
    strokes: tuple[Stroke, ...], digit: int, count: int, random: np.random.Generator
) -> np.ndarray:
    """Draws one way of writing a digit; uint8, (count, 28, 28)."""
    dots = _placed(_written(strokes, count, random), digit, random)
    radius = random.uniform(0.75, 1.75, (count, 1)).astype(np.float32)
    # The pen is pressed now more, now less.
    phase = random.uniform(0, 2 * np.pi, (count, 1))
    along = np.linspace(0, random.uniform(2, 7, count), dots.shape[1], axis=1)
    pressure = 1 + random.uniform(0, 0.2, (count, 1)) * np.sin(along + phase)
    radii = (radius * pressure).astype(np.float32)
    centre = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    across, down = ((centre[:, None] - dots[:, None, :, axis]) / radii[:, None] for axis in (0, 1))
    # The squared distance of each pixel to the nearest dot, in that dot's radii.
    nearest = np.empty((count, SIDE, SIDE), np.float32)
    across *= across
    down *= down
    for row in range(SIDE):
        nearest[:, row] = (across + down[:, row : row + 1]).min(axis=2)
    ink = np.clip((1 - np.sqrt(nearest)) * radius[..., None] / 0.9 + 0.5, 0, 1)
    brightness = random.uniform(0.88, 1, (count, 1, 1))
    return (ink * brightness * 255).round().astype(np.uint8)


def _written(strokes: tuple[Stroke, ...], count: int, random: np.random.Generator) -> np.ndarray:
    """Sets dots along the strokes, by a trembling hand; (count, dots, 2) in the unit box."""
    # Where strokes meet they tremble alike.
    places = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    moved = np.array(places) + random.normal(0, 0.032, (count, len(places), 2))
    lines = [moved[:, [places.index(point) for point in stroke]] for stroke in strokes]
    lengths = np.array([np.linalg.norm(np.diff(s, axis=0), axis=1).sum() for s in strokes])
    shares = np.maximum((lengths / lengths.sum() * _DOTS).round().astype(int), 4)
    return np.concatenate([_curve(*pair) for pair in zip(lines, shares, strict=True)], axis=1)


def _curve(points: np.ndarray, dots: int) -> np.ndarray:
    """A Catmull-Rom spline through points, (count, points, 2), as dots at equal distances."""
    before = 2 * points[:, :1] - points[:, 1:2]
    after = 2 * points[:, -1:] - points[:, -2:-1]
    p = np.concatenate([before, points, after], axis=1)
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    basis = 0.5 * np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2],
        axis=1,
    )
    windows = np.stack([p[:, i : p.shape[1] - 3 + i] for i in range(4)], axis=2)
    fine = np.einsum("tw,cswx->cstx", basis, windows).reshape(len(p), -1, 2)
    fine = np.concatenate([fine, points[:, -1:]], axis=1)
    steps = np.linalg.norm(np.diff(fine, axis=1), axis=2)
    way = np.concatenate([np.zeros((len(p), 1)), steps.cumsum(axis=1)], axis=1)
    goals = np.linspace(0, 1, dots)
    return np.stack(
        [
            np.stack([np.interp(goals * w[-1], w, f[:, axis]) for axis in (0, 1)], axis=1)
            for w, f in zip(way, fine, strict=True)
        ]
    )


def _placed(dots: np.ndarray, digit: int, random: np.random.Generator) -> np.ndarray:
    """From the unit box to pixels about the picture's centre: warped, slanted, turned, scaled."""
    count = len(dots)

    def draw(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (count, 1))

    x, y = dots[..., 0] - 0.5, dots[..., 1] - 0.5
    # A warp: the whole is pushed along by two slow waves.
    push, pull = (draw(0, 0.05) * np.sin(draw(2, 5) * at + draw(0, 2 * np.pi)) for at in (y, x))
    x, y = x + push, y + pull
    height = draw(15, 20.5)
    x, y = x * height * draw(*_WIDTH.get(digit, _USUAL_WIDTH)), y * height
    x = x - random.normal(0.12, 0.2, (count, 1)).clip(-0.35, 0.6) * y
    angle = random.normal(0, 0.09, (count, 1))
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    # What became too large is made smaller, so that nothing is cut off.
    extent = np.stack([np.ptp(x, axis=1), np.ptp(y, axis=1)]).max(axis=0)[:, None]
    shrink = np.minimum(1, 20.5 / extent)
    placed = np.stack([x * shrink, y * shrink], axis=2)
    placed -= placed.mean(axis=1, keepdims=True)
    placed += random.normal(0, 0.25, (count, 1, 2))
    # Whatever lies near the border is moved inwards.
    placed -= (placed.max(axis=1, keepdims=True) - _REACH).clip(0)
    placed -= (placed.min(axis=1, keepdims=True) + _REACH).clip(None, 0)
    return placed.astype(np.float32)
