"""A knitted pullover, a wicker basket."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import SIZE, fractal, grid, smoothstep
from datasets.texture_recipes.scatter import Heap, Shape, dome, turned
from datasets.texture_recipes.shading import shade

# The pullover's colours by rows of stitches: 0 navy, 1 cream, 2 red.
PATTERN = """
00010000
00111000
01121100
11222110
01121100
00111000
00010000
20002000
02020202
00200020
"""


def knit(rng: np.random.RandomState) -> np.ndarray:
    """Makes a pullover in stocking stitch, of three wools: [SIZE, SIZE, 3], uint8."""
    columns, rows = 16, 20
    width, step = SIZE / columns, SIZE / rows
    pattern = np.array([[int(stitch) for stitch in line] for line in PATTERN.split()])
    heap = Heap(-6.0)
    looks = []
    for i, j, side in np.ndindex(rows, columns, 2):
        side = 2 * side - 1
        y = (i + 0.5) * step + rng.uniform(-0.4, 0.4)
        x = (j + 0.5 + 0.235 * side) * width + rng.uniform(-0.3, 0.3)
        heap.stamp(y, x, 1.08 * step, _stitch(rng, 0.86 * step, 0.25 * width, side))
        looks.append((pattern[i % pattern.shape[0], j % pattern.shape[1]],))
    (wool,) = heap.spread(looks)
    fibre = fractal(rng, 0.9, 6, 0.4)
    hair = smoothstep(1.9, 2.8, fractal(rng, 0.8, 10, 0.5, (1.0, 3.0)))
    hair = hair + smoothstep(1.9, 2.8, fractal(rng, 0.8, 10, 0.5, (3.0, 1.0)))
    albedo = light_of("#2b426b", "#dcd3bf", "#a8322a")[wool]
    albedo = albedo * (1 + 0.15 * fibre + 0.08 * fractal(rng, 4, 40))[..., None]
    albedo = mix(albedo, albedo * 1.3 + 0.06, 0.6 * hair)
    albedo = np.where(heap.bare, light_of("#0a0c10")[0], albedo)
    light = shade(
        np.clip(albedo, 0.01, 1),
        heap.height,
        heap.slopes(0.25 * fibre + 0.3 * hair),
        gloss=0.01,
        shine=5.0,
        wrap=0.3,
        softness=0.6,
    )
    return develop(light, rng)


def _stitch(rng: np.random.RandomState, half: float, fat: float, side: int) -> Shape:
    """Draws one leg of a stitch, the left (side -1) or the right one, of twisted plies."""
    angle = np.pi / 2 + 0.42 * side + rng.uniform(-0.05, 0.05)

    def shape(dy, dx):
        along, across = turned(dy, dx, angle)
        across = across + 0.02 * side * along**2
        t, v = along / half, across / fat
        plies = 0.4 * np.abs(np.sin(1.25 * along + 1.21 * side * across))
        # The upper end dives under the row above, the lower end lies on top.
        return fat * dome(np.hypot(np.abs(t) ** 2.5, v)) + 1.4 * t + plies, t, v

    return shape


def wicker(rng: np.random.RandomState) -> np.ndarray:
    """Makes a basket woven of peeled and unpeeled willow: [SIZE, SIZE, 3], uint8."""
    stakes, rows = 10, 32
    pitch, step = SIZE / stakes, SIZE / rows
    y, x = grid()
    y = y + 0.4 * fractal(rng, 4, 60, 1.0, (1.0, 2.0))
    x = x + 0.5 * fractal(rng, 8, 60)
    row = np.floor(y / step).astype(int) % rows
    v = 2 * (y / step - np.floor(y / step)) - 1
    v = v / rng.uniform(0.85, 1.0, rows)[row]
    # A rod passes in front of one stake and behind the next.
    rod = 3.4 * np.sqrt(np.clip(1 - v**2, 0, 1)) + 4.2 * np.cos(np.pi * (x / pitch + row))
    rod = np.where(np.abs(v) < 1, rod, -9.0)
    u = (x / pitch - np.floor(x / pitch + 0.5)) * pitch
    stake = np.where(np.abs(u) < 3.3, np.sqrt(np.clip(3.3**2 - u**2, 0, None)) - 1.0, -9.0)
    height = np.maximum(np.maximum(rod, stake), -4.0)

    along = fractal(rng, 0.9, 14, 0.6, (0.7, 8.0))
    upright = fractal(rng, 0.9, 14, 0.6, (8.0, 0.7))
    grain = np.where(rod > stake, along, upright)
    knots = smoothstep(1.8, 2.4, fractal(rng, 2, 12, 0.6))
    tone = rng.beta(1.5, 1.5, rows)[row] + 0.16 * along
    tone += 0.15 * fractal(rng, 4, 50, 1.0, (1.0, 3.0))
    willow = ramp(tone, "#6b4522", "#94683a", "#b98d55", "#d3b27c")
    dark = ramp(0.4 + 0.2 * upright, "#4a2f18", "#7a5530", "#a07a48")
    albedo = np.where((rod > stake)[..., None], willow, dark)
    albedo = albedo * (1 + 0.1 * grain - 0.4 * knots)[..., None]
    albedo = np.where((height <= -3.9)[..., None], light_of("#0c0704")[0], albedo)
    light = shade(
        np.clip(albedo, 0.006, 1),
        height + 0.16 * grain + 0.3 * knots,
        azimuth=115,
        elevation=46,
        gloss=0.05,
        shine=24.0,
        softness=0.4,
    )
    return develop(light, rng)
