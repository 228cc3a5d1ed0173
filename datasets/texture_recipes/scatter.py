"""Heaps of things: objects stamped on a torus, the higher hiding the lower."""

from collections.abc import Callable

import numpy as np

from datasets.texture_recipes.noise import FINE, SCALE
from datasets.texture_recipes.shading import slopes_of

Shape = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


class Heap:
    """What is seen from above of objects that lie on and over each other.

    Attributes:
        height: [FINE, FINE], the surface in pixels above the ground.
        along_y, along_x: [FINE, FINE], the slopes of the visible object's own surface.
        owner: [FINE, FINE], number of the visible object, -1 where the ground shows.
        u, v: [FINE, FINE], two coordinates on the visible object, as its shape gave them.
    """

    def __init__(self, ground: np.ndarray | float = 0.0):
        """Begins with bare ground: a number or [FINE, FINE]."""
        shape = (FINE, FINE)
        self.height = np.array(np.broadcast_to(ground, shape), dtype=np.float64)
        self.along_y, self.along_x = np.zeros(shape), np.zeros(shape)
        self.owner = np.full(shape, -1)
        self.u, self.v = np.zeros(shape), np.zeros(shape)
        self.count = 0

    @property
    def bare(self) -> np.ndarray:
        """[FINE, FINE, 1], whether the ground shows."""
        return (self.owner < 0)[..., None]

    def stamp(self, y: float, x: float, radius: float, shape: Shape) -> None:
        """Adds one object.

        Args:
            y: its centre, in pixels; anywhere, it is wrapped.
            x: the same along x.
            radius: half the side of a square that holds it, in pixels.
            shape: given the offsets dy, dx from the centre ([m, m] each), returns the surface's
                height there (-inf beside the object) and two coordinates of one's choice.
        """
        reach = int(np.ceil(radius * SCALE)) + 2
        rows = int(np.floor(y * SCALE)) + np.arange(-reach, reach + 1)
        columns = int(np.floor(x * SCALE)) + np.arange(-reach, reach + 1)
        dy, dx = np.meshgrid((rows + 0.5) / SCALE - y, (columns + 0.5) / SCALE - x, indexing="ij")
        height, u, v = shape(dy, dx)
        inside = np.isfinite(height)
        along_y, along_x = (_slope(height, inside, axis) for axis in (0, 1))
        window = np.ix_(rows % FINE, columns % FINE)
        on_top = inside & (height > self.height[window])
        for field, values in (
            (self.height, height),
            (self.along_y, along_y),
            (self.along_x, along_x),
            (self.owner, self.count),
            (self.u, u),
            (self.v, v),
        ):
            field[window] = np.where(on_top, values, field[window])
        self.count += 1

    def slopes(self, detail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives the visible surfaces' slopes.

        Args:
            detail: [FINE, FINE], a fine relief to lay over everything, in pixels.

        Returns:
            Slopes along y and x, each [FINE, FINE].
        """
        along_y, along_x = slopes_of(detail)
        return self.along_y + along_y, self.along_x + along_x

    def spread(self, looks: list[tuple]) -> list[np.ndarray]:
        """Gives every place the properties of the object that is seen there.

        Args:
            looks: for each object, in the order of stamping, a tuple of numbers.

        Returns:
            One [FINE, FINE] per number in the tuples. Where the ground shows they mean nothing.
        """
        return [np.asarray(column)[self.owner] for column in zip(*looks, strict=True)]


def _slope(height: np.ndarray, inside: np.ndarray, axis: int) -> np.ndarray:
    """Differentiates along an axis, with differences that stay inside the object."""
    height = np.where(inside, height, 0.0)
    total, count = np.zeros_like(height), np.zeros_like(height)
    for step in (1, -1):
        both = inside & np.roll(inside, -step, axis)
        total += np.where(both, (np.roll(height, -step, axis) - height) * step, 0.0)
        count += both
    return np.clip(total / np.maximum(count, 1) * SCALE, -4.0, 4.0)


def turned(dy: np.ndarray, dx: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Gives the coordinates along and across a direction (radians from x towards y)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return dx * cos + dy * sin, dy * cos - dx * sin


def dome(distance: np.ndarray, power: float = 2.0) -> np.ndarray:
    """Gives a rounded cap: 1 in the middle, 0 at distance 1, -inf beyond.

    Args:
        distance: from the middle, as a part of the radius.
        power: 2 is a sphere, more is flatter on top.

    Returns:
        The cap's height, distance's shape.
    """
    rest = 1.0 - np.abs(distance) ** power
    return np.where(rest > 0, np.maximum(rest, 0.0) ** (1.0 / power), -np.inf)
