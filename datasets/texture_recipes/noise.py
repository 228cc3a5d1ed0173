"""Random fields and cells on a torus: whatever is built from them repeats without a seam.

Everything is measured in pixels of the finished picture. Fields are computed at `SCALE` times its
resolution, so that an element one pixel wide is still drawn with a smooth edge.
"""

import functools

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

SIZE = 256  # the finished picture
SCALE = 2  # finer grid that recipes compute on
FINE = SIZE * SCALE


@functools.cache
def grid() -> tuple[np.ndarray, np.ndarray]:
    """Gives the coordinates of the fine grid's points.

    Returns:
        y and x, each [FINE, FINE], in [0, SIZE).
    """
    line = (np.arange(FINE) + 0.5) / SCALE
    y, x = np.meshgrid(line, line, indexing="ij")
    y.flags.writeable = x.flags.writeable = False
    return y, x


def fractal(
    rng: np.random.RandomState,
    finest: float,
    coarsest: float,
    slope: float = 1.0,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Draws a Gaussian field whose amplitude falls with frequency.

    Args:
        rng: where the white noise comes from.
        finest: shortest wavelength, in pixels.
        coarsest: longest wavelength, in pixels.
        slope: the amplitude goes as frequency ** -slope; 0 is white, 2 is smooth.
        stretch: how many times longer the wavelengths are along y and along x.

    Returns:
        [FINE, FINE], mean 0, standard deviation 1.
    """
    fy = np.fft.fftfreq(FINE)[:, None] * SCALE * stretch[0]
    fx = np.fft.rfftfreq(FINE)[None, :] * SCALE * stretch[1]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1.0
    gain = frequency ** -(slope + 1.0)  # + 1: in two dimensions a ring holds f times more waves
    gain *= np.exp(-((frequency * finest) ** 4)) * (1 - np.exp(-((frequency * coarsest) ** 4)))
    gain[0, 0] = 0.0
    field = fft.irfft2(fft.rfft2(rng.standard_normal((FINE, FINE))) * gain, s=(FINE, FINE))
    return (field - field.mean()) / field.std()


def cells(
    points: np.ndarray, y: np.ndarray, x: np.ndarray, squeeze: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Divides the torus among points (Voronoi).

    Args:
        points: [n, 2], y and x of the cells' centres.
        y: [FINE, FINE], where to look (the grid, bent as one likes).
        x: [FINE, FINE].
        squeeze: factors on y and x before distances are taken; below 1 it draws cells out.

    Returns:
        The number of the cell that each place lies in, and the distance to that cell's border,
        zero on it; both [FINE, FINE].
    """
    squeeze = np.asarray(squeeze)
    box = SIZE * squeeze
    centres = np.mod(points, SIZE) * squeeze
    places = np.mod(np.stack([y, x], axis=-1), SIZE) * squeeze
    places = np.where(places >= box, 0.0, places)  # np.mod may round up to the box itself
    distance, index = cKDTree(centres, boxsize=box).query(places, k=5)
    apart = np.abs(centres[index[..., 1:]] - centres[index[..., :1]])
    apart = np.sqrt((np.minimum(apart, box - apart) ** 2).sum(axis=-1))
    # A place is this far from the line halfway between its own centre and another.
    border = (distance[..., 1:] ** 2 - distance[..., :1] ** 2) / (2 * apart)
    return index[..., 0], border.min(axis=-1)


def courses(
    y: np.ndarray, x: np.ndarray, widths: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lays stones in rows of equal height.

    Args:
        y: [FINE, FINE], where to look (the grid, bent as one likes).
        x: [FINE, FINE].
        widths: [rows, m], of the stones, as parts of the picture's width; each row sums to 1.
        starts: [rows], where a row begins, as a part of the picture's width.

    Returns:
        The number of the stone at each place, in [0, rows * m), and the place's coordinates along
        y and x on that stone, from -1 to 1; all [FINE, FINE].
    """
    rows, columns = widths.shape
    ends = np.cumsum(widths, axis=1)
    row = np.floor(y * rows / SIZE)
    part_y = 2 * (y * rows / SIZE - row) - 1
    row = row.astype(int) % rows
    along = np.mod(x / SIZE - starts[row], 1.0)
    column = (along[..., None] >= ends[row]).sum(axis=-1).clip(0, columns - 1)
    part_x = 2 * (along - ends[row, column]) / widths[row, column] + 1
    return row * columns + column, part_y, part_x


def lattice(rng: np.random.RandomState, rows: int, columns: int, jitter: float) -> np.ndarray:
    """Places points on a lattice whose odd rows are shifted by half a step, and shakes them.

    Args:
        rng: the source of the shaking.
        rows: number of rows; even, or the shift does not close over the seam.
        columns: number of points in a row.
        jitter: how far a point may move, in steps of the lattice.

    Returns:
        [rows * columns, 2], y and x.
    """
    i, j = np.mgrid[:rows, :columns]
    shake = rng.uniform(-jitter, jitter, (2, rows, columns))
    y = (i + 0.5 + shake[0]) * SIZE / rows
    x = (j + 0.5 * (i % 2) + 0.25 + shake[1]) * SIZE / columns
    return np.mod(np.stack([y.ravel(), x.ravel()], axis=1), SIZE)


def darts(
    rng: np.random.RandomState, radii: np.ndarray, spacing: float, tries: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """Throws discs on the torus; one that lands on another is thrown again, in the end dropped.

    Args:
        rng: the source of places.
        radii: [n], in the order of throwing; large ones first fills best.
        spacing: two discs must be `spacing` times the sum of their radii apart.
        tries: throws per disc.

    Returns:
        Centres [m, 2] and radii [m], m <= n.
    """
    centres, kept = np.empty((0, 2)), np.empty(0)
    for radius in radii:
        throws = rng.uniform(0, SIZE, (tries, 2))
        apart = np.abs(throws[:, None] - centres[None])
        apart = np.sqrt((np.minimum(apart, SIZE - apart) ** 2).sum(axis=-1))
        free = np.flatnonzero((apart >= spacing * (kept + radius)).all(axis=1))
        if free.size:
            centres = np.vstack([centres, throws[free[0]]])
            kept = np.append(kept, radius)
    return centres, kept


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Rises smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
