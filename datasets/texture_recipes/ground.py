"""What one walks on: pebbles of a beach, dried mud."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import cells, darts, fractal, grid, lattice, smoothstep
from datasets.texture_recipes.scatter import Heap, Shape, dome, turned
from datasets.texture_recipes.shading import shade


def pebbles(rng: np.random.RandomState) -> np.ndarray:
    """Makes rounded beach pebbles of several rocks, heaped: [SIZE, SIZE, 3], uint8."""
    heap = Heap(0.4 * fractal(rng, 1, 12) - 6.0)
    looks = []
    for smallest, largest, number, spacing, level in (
        (2.5, 5, 900, 0.8, -5.0),
        (5, 10, 320, 0.85, -3.0),
        (10, 22, 150, 0.84, 0.0),
    ):
        radii = np.sort(smallest * (largest / smallest) ** rng.uniform(0, 1, number))[::-1]
        for (y, x), radius in zip(*darts(rng, radii, spacing), strict=True):
            heap.stamp(y, x, 1.2 * radius, _pebble(rng, radius, level))
            looks.append(
                (rng.randint(7), rng.uniform(0.65, 1.15), rng.uniform(0, 1), rng.uniform(0, 6.3))
            )
    rock, tone, speckled, turn = heap.spread(looks)
    rocks = light_of("#8f979d", "#a9a6a0", "#7f8b97", "#a58f7c", "#b3a394", "#6f7175", "#a88a80")
    grain, clouds = fractal(rng, 1, 4, 0.3), fractal(rng, 3, 30)
    albedo = rocks[rock] * tone[..., None]
    albedo *= (1 + (0.06 + 0.14 * speckled) * grain + 0.1 * clouds)[..., None]
    # Some stones carry a vein of quartz straight through.
    vein = heap.u * np.sin(turn) + heap.v * np.cos(turn) - 0.3 + 0.06 * clouds
    veined = (speckled > 0.8) * smoothstep(0.09, 0.03, np.abs(vein))
    albedo = mix(albedo, light_of("#cfc9bf")[0], 0.75 * veined)
    pits = smoothstep(1.6, 2.4, fractal(rng, 1.2, 6, 0.5)) * speckled
    albedo *= (1 - 0.5 * pits)[..., None]
    albedo = np.where(heap.bare, light_of("#3a342e")[0], albedo)
    light = shade(
        np.clip(albedo, 0.01, 1),
        heap.height,
        heap.slopes(0.10 * fractal(rng, 1, 8, 0.8) - 0.15 * pits),
        elevation=52,
        sky=0.5,
        gloss=0.03,
        shine=14.0,
        softness=0.5,
    )
    return develop(light, rng)


def _pebble(rng: np.random.RandomState, radius: float, level: float) -> Shape:
    """Draws a flattened ellipsoid with an outline of its own."""
    angle, slender = rng.uniform(0, np.pi), rng.uniform(0.66, 0.98)
    bumps = rng.uniform(-1, 1, (3, 2)) * [[0.09], [0.05], [0.03]]
    power, lift = rng.uniform(2.0, 2.7), level + rng.uniform(-1, 1)

    def shape(dy, dx):
        along, across = turned(dy / radius, dx / radius, angle)
        across = across / slender
        phi = np.arctan2(across, along)
        edge = 1.0
        for k, (cos, sin) in enumerate(bumps, start=2):
            edge = edge + cos * np.cos(k * phi) + sin * np.sin(k * phi)
        cap = dome(np.hypot(along, across) / edge, power)
        return lift + 0.62 * radius * slender * cap, along, across

    return shape


def cracked_earth(rng: np.random.RandomState) -> np.ndarray:
    """Makes a dried-out lake, plates of mud between cracks: [SIZE, SIZE, 3], uint8."""
    y, x = grid()
    bend_y, bend_x = 2.0 * fractal(rng, 2, 40, 1.2), 2.0 * fractal(rng, 2, 40, 1.2)
    centres = lattice(rng, 8, 7, 0.42)
    plate, wide = cells(centres, y + bend_y, x + bend_x)
    _, narrow = cells(lattice(rng, 16, 14, 0.45), y + 1.3 * bend_x, x + 1.3 * bend_y)
    wide = wide - np.clip(1.5 + 0.5 * fractal(rng, 4, 30), 0.6, 3.0)
    # Small cracks run only here and there, and are thin.
    present = smoothstep(-0.4, 0.5, fractal(rng, 10, 60))
    narrow = narrow - 0.75 * present
    small = present * smoothstep(1.1, -0.2, narrow)

    n = len(centres)
    curl = 1.3 * np.exp(-np.clip(wide, 0, None) / 4.0)
    clods = 0.35 * fractal(rng, 1, 14, 0.7)
    top = 5.0 + curl + clods + 0.7 * rng.standard_normal(n)[plate] - 1.6 * small
    height = top * smoothstep(-0.5, 0.7, wide)

    tone = 0.5 + 0.22 * fractal(rng, 1, 20, 0.6) + 0.12 * rng.standard_normal(n)[plate]
    albedo = ramp(tone, "#7b6248", "#a58a6a", "#c3ab8a", "#d9c6a6")
    albedo = albedo * (1 + 0.07 * fractal(rng, 1, 3, 0.1))[..., None]
    albedo = mix(albedo, light_of("#2b1f16")[0], 0.85 * smoothstep(0.5, -0.6, wide))
    albedo = mix(albedo, light_of("#5a4532")[0], 0.6 * small)
    light = shade(np.clip(albedo, 0.01, 1), height, elevation=38, softness=0.3, occlusion=1.8)
    return develop(light, rng)
