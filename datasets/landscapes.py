"""Small landscapes, painted by a program: woods, seas and deserts, at all times of the day."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, zoom

#: Height and width of a picture, and how much finer it is painted.
SIDE, _FINE = 64, 3

_N = SIDE * _FINE

#: Sky at the top and at the horizon, and the colour of the light: day, evening, dawn.
_LIGHTS = (
    ((66, 128, 205), (186, 218, 240), (1.0, 1.0, 0.97)),
    ((66, 62, 120), (250, 158, 90), (1.0, 0.76, 0.62)),
    ((126, 148, 196), (250, 214, 200), (0.95, 0.88, 0.9)),
)

_ROWS, _COLUMNS = np.mgrid[0:_N, 0:_N] / _N


def paint_landscapes(count: int, kind: str, seed: int = 0) -> np.ndarray:
    """Paints landscapes.

    Args:
        count: how many.
        kind: `woods`, `sea` or `desert`.
        seed: the same seed gives the same pictures, and more pictures begin with the same.

    Returns:
        uint8, RGB, shape (count, 64, 64, 3).
    """
    number = list(KINDS).index(kind)
    pictures = [_paint(kind, np.random.default_rng((seed, number, i))) for i in range(count)]
    return np.stack(pictures) if pictures else np.empty((0, SIDE, SIDE, 3), np.uint8)


def _paint(kind: str, random: np.random.Generator) -> np.ndarray:
    top, low, light = (np.array(c, float) for c in _LIGHTS[random.choice(3, p=(0.5, 0.3, 0.2))])
    horizon = random.uniform(0.42, 0.62)
    canvas = _sky(top, low, horizon, random)
    KINDS[kind](canvas, horizon, low, light, random)
    small = canvas.reshape(SIDE, _FINE, SIDE, _FINE, 3).mean(axis=(1, 3))
    return np.clip(small + random.normal(0, 2, small.shape), 0, 255).round().astype(np.uint8)


def _sky(top: np.ndarray, low: np.ndarray, horizon: float, random) -> np.ndarray:
    """Sky, sun and clouds; (fine rows, fine columns, 3)."""
    share = np.clip(_ROWS / horizon, 0, 1)[..., None] ** 1.2
    canvas = top * (1 - share) + low * share
    x, y = random.uniform(0.15, 0.85), horizon * random.uniform(0.25, 0.95)
    distance = np.hypot(_COLUMNS - x, _ROWS - y)
    glow = 0.6 * np.exp(-distance / 0.16)[..., None] + _disc(distance, random.uniform(0.04, 0.07))
    canvas += (np.array((255, 244, 205)) - canvas) * np.clip(glow, 0, 1)
    clouds = _smooth(random, (5, 8)) - random.uniform(0.45, 0.9)
    cover = np.clip(clouds * 1.6, 0, 0.85)[..., None] * np.clip(1 - share, 0.15, 1)
    return canvas + (np.array((250, 246, 242)) * 0.5 + low * 0.5 - canvas) * cover


def _woods(canvas, horizon, low, light, random) -> None:
    """Hills, one behind the other, the nearer ones with firs."""
    green = np.array((52, 98, 48)) + random.uniform(-14, 14, 3)
    for depth in range(4):
        nearness = (depth + 1) / 4
        base = horizon + 0.36 * nearness**1.5 * (1 - horizon) / 0.5 - 0.06
        ridge = base + 0.09 * (1.2 - nearness) * _line(random, 3 + depth)
        if depth:
            ridge = ridge - _firs(random, 0.05 + 0.17 * nearness**1.6)
        haze = 0.75 * (1 - nearness)
        _fill(canvas, ridge, (green * light * (1.1 - 0.42 * nearness)) * (1 - haze) + low * haze)


def _sea(canvas, horizon, low, light, random) -> None:
    """Water with waves and the sky's reflection, an island, a sail."""
    deep = (np.array((22, 84, 122)) + random.uniform(-12, 12, 3)) * light
    if random.random() < 0.6:
        island = np.clip(_line(random, 3) - 0.1, 0, None) * random.uniform(0.08, 0.2)
        _fill(canvas, horizon - island, np.array((84, 92, 96)) * light * 0.6 + low * 0.4)
    below = np.clip((_ROWS - horizon) / (1 - horizon), 0, 1)
    water = low * (1 - below[..., None]) * 0.7 + deep * (0.3 + 0.7 * below[..., None])
    waves = np.sin(2 * np.pi * (9 / (below + 0.14) + 1.5 * _smooth(random, (12, 6))))
    water += (waves * 12 * (0.3 + below))[..., None]
    np.copyto(canvas, water, where=(horizon < _ROWS)[..., None])
    if random.random() < 0.6:
        x, size = random.uniform(0.15, 0.85), random.uniform(0.1, 0.22)
        foot = horizon + 0.4 * size
        rise = (foot - _ROWS) / size
        inside = (rise > 0.12) & (rise < 1) & (np.abs(_COLUMNS - x) < 0.33 * size * (1 - rise))
        hull = (rise > -0.06) & (rise < 0.08) & (np.abs(_COLUMNS - x) < 0.34 * size)
        canvas[inside] = np.array((248, 244, 236)) * light
        canvas[hull] = np.array((90, 50, 40)) * light


def _desert(canvas, horizon, low, light, random) -> None:
    """Dunes with a bright and a dark side, and a cactus."""
    sand = (np.array((222, 170, 104)) + random.uniform(-14, 14, 3)) * light
    for depth in range(3):
        nearness = (depth + 1) / 3
        ridge = horizon - 0.04 + 0.3 * (nearness - 1 / 3) + 0.1 * _line(random, 2 + depth)
        haze = 0.5 * (1 - nearness)
        steep = np.gradient(ridge) * _N
        bright = np.clip(1 - 0.55 * steep, 0.6, 1.15)[:, None]
        _fill(canvas, ridge, (sand * bright) * (1 - haze) + low * haze)
    if random.random() < 0.7:
        x, size = random.uniform(0.15, 0.85), random.uniform(0.2, 0.36)
        foot, side = random.uniform(0.74, 0.92), random.choice((-1, 1))
        green = np.array((62, 112, 66)) * light
        arm = x + side * 0.3 * size
        for (x0, y0), (x1, y1) in (
            ((x, foot), (x, foot - size)),
            ((x, foot - 0.4 * size), (arm, foot - 0.4 * size)),
            ((arm, foot - 0.4 * size), (arm, foot - 0.75 * size)),
        ):
            canvas[_segment(x0, y0, x1, y1) < 0.085 * size] = green


#: How each kind is painted below the sky.
KINDS = {"woods": _woods, "sea": _sea, "desert": _desert}


def _line(random, knots: int) -> np.ndarray:
    """A smooth line of random hills across the picture, about -1..1; (fine columns,)."""
    points = random.uniform(-1, 1, knots + 3)
    at = np.linspace(0, knots + 1, _N) + random.uniform(0, 1)
    return gaussian_filter1d(np.interp(at, np.arange(knots + 3), points), _N / knots / 5)


def _smooth(random, cells: tuple[int, int]) -> np.ndarray:
    """A smooth random field, about -1..1; (fine rows, fine columns)."""
    coarse = random.uniform(-1, 1, cells)
    return zoom(coarse, (_N / cells[0], _N / cells[1]), order=3, mode="nearest")


def _firs(random, height: float) -> np.ndarray:
    """How high the tops of firs reach; (fine columns,)."""
    reach, columns = np.zeros(_N), _COLUMNS[0]
    for x in np.arange(random.uniform(-0.1, 0), 1.1, 0.42 * height):
        tall = height * random.uniform(0.5, 1.1)
        x += random.normal(0, 0.12 * height)
        reach = np.maximum(reach, tall * np.clip(1 - np.abs(columns - x) / (0.3 * tall), 0, 1))
    return reach


def _fill(canvas: np.ndarray, ridge: np.ndarray, colour: np.ndarray) -> None:
    """Paints everything below a line; the colour is one, or one for each column."""
    np.copyto(canvas, np.broadcast_to(colour, canvas.shape), where=(ridge < _ROWS)[..., None])


def _disc(distance: np.ndarray, radius: float) -> np.ndarray:
    return np.clip((radius - distance) * _N / 2, 0, 1)[..., None]


def _segment(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """The distance of every place to a segment; (fine rows, fine columns)."""
    dx, dy = x1 - x0, y1 - y0
    share = ((_COLUMNS - x0) * dx + (_ROWS - y0) * dy) / (dx * dx + dy * dy)
    share = np.clip(share, 0, 1)
    return np.hypot(_COLUMNS - x0 - share * dx, _ROWS - y0 - share * dy)
