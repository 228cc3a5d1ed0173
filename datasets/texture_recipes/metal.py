"""A tread plate."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import SIZE, fractal, grid, smoothstep
from datasets.texture_recipes.shading import shade, slopes_of


def diamond_plate(rng: np.random.RandomState) -> np.ndarray:
    """Makes steel tread plate, scratched, with grime on it: [SIZE, SIZE, 3], uint8."""
    lozenge = _lozenges(SIZE / 20)
    brushed = fractal(rng, 0.8, 10, 0.4, (0.7, 6.0))
    rolled, dents = fractal(rng, 3, 40), fractal(rng, 8, 50, 1.5)
    scratches = smoothstep(2.2, 3.0, fractal(rng, 0.8, 12, 0.5, (0.6, 14.0)))
    scratches = scratches + smoothstep(2.2, 3.0, fractal(rng, 0.8, 12, 0.5, (9.0, 0.7)))
    height = 2.3 * lozenge + 0.02 * brushed + 0.5 * dents - 0.12 * scratches

    # Steel mirrors its surroundings, smeared: a bright hall above, a row of lamps in it.
    along_y, along_x = slopes_of(height)
    up = 2.0 / (1.0 + along_y**2 + along_x**2)
    hall = smoothstep(-0.7, 0.9, up * (along_y + 0.45 * along_x) + 0.25 * dents)
    lamps = np.exp(-(((0.55 - up * along_y) / 0.22) ** 2))
    mirrored = 0.05 + 0.5 * hall + 1.3 * lamps + 0.4 * smoothstep(0.6, 1.0, lozenge)
    mirrored = mirrored * (1 + 0.10 * brushed + 0.12 * rolled) + 0.35 * scratches
    grey = np.full((*height.shape, 3), 0.25)
    lit = shade(grey, height, elevation=44, gloss=0.25, shine=40.0, softness=0.3)
    light = (0.75 * mirrored[..., None] + 0.5 * lit) * light_of("#aeb2b6")[0]

    dirt = ramp(0.5 + 0.25 * fractal(rng, 1, 6, 0.4), "#1c1916", "#38302a", "#5a4a3c")
    grime = smoothstep(-0.05, 0.8, 0.8 * fractal(rng, 1, 24, 0.8)) * smoothstep(0.35, 0.0, lozenge)
    light = mix(light, dirt * (0.4 + lit), 0.75 * grime)
    rust = smoothstep(1.9, 2.5, fractal(rng, 1.2, 5, 0.3))
    light = mix(light, 0.6 * light_of("#4a2c18")[0], 0.6 * rust)
    return develop(np.clip(light, 0, None), rng, exposure=1.25)


def _lozenges(pitch: float) -> np.ndarray:
    """Draws lozenges on every second square of a board of `pitch` pixels: [FINE, FINE], 0 to 1."""
    y, x = grid()
    lozenges = np.zeros_like(y)
    # They reach over their squares: every place looks at its own and the eight around it.
    for di, dj in np.ndindex(3, 3):
        i, j = np.floor(y / pitch) + di - 1, np.floor(x / pitch) + dj - 1
        dy, dx = y - (i + 0.5) * pitch, x - (j + 0.5) * pitch
        # Rows slope up and down in turn, so that each points at the flank of the next.
        sign = np.where(i % 2 == 0, 1.0, -1.0)
        along, across = (dx + sign * dy) / np.sqrt(2), (dy - sign * dx) / np.sqrt(2)
        wide = 2.9 * (1 - (along / 9.2) ** 2)
        level = smoothstep(-0.5, 1.9, wide - np.abs(across)) * ((i + j) % 2 == 0)
        lozenges = np.maximum(lozenges, level)
    return lozenges
