"""Stones in rows: a brick wall, a paved street."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import SIZE, courses, fractal, grid, smoothstep
from datasets.texture_recipes.shading import shade


def bricks(rng: np.random.RandomState) -> np.ndarray:
    """Makes an old wall of hand-made bricks in Flemish bond: [SIZE, SIZE, 3], uint8."""
    rows, pairs = 14, 3
    n = rows * pairs * 2
    y, x = grid()
    y = y + SIZE / rows / 2 + 0.7 * fractal(rng, 1.5, 30, 0.9)  # no joint along the edge
    x = x + 0.7 * fractal(rng, 1.5, 30, 0.9)
    # A long and a short face in turn; every second row is shifted by half a pair.
    long = 0.667 + rng.uniform(-0.02, 0.02, (rows, pairs))
    widths = np.stack([long, 1 - long], axis=-1).reshape(rows, -1) / pairs
    shift = 0.15 + 0.5 * (np.arange(rows) % 2)
    starts = (shift + rng.uniform(-0.03, 0.03, rows)) / pairs
    number, part_y, part_x = courses(y, x, widths, starts)
    from_side = (1 - np.abs(part_x)) / 2 * SIZE * widths.ravel()[number]
    from_bed = (1 - np.abs(part_y)) / 2 * SIZE / rows
    # The smaller of the two distances, but rounded at the corners.
    edge = np.minimum(from_side, from_bed) - 0.9 * np.exp(-np.abs(from_side - from_bed) / 1.5)
    edge -= 1.0 + 0.35 * fractal(rng, 1, 8, 0.4) + rng.uniform(0, 0.5, n)[number]
    edge -= 2.5 * smoothstep(1.1, 2.0, fractal(rng, 2, 14, 0.8)) * smoothstep(5.0, 1.0, edge)
    face = smoothstep(-0.2, 1.0, edge)

    rough = fractal(rng, 1, 8, 0.4)
    holes = smoothstep(2.1, 2.7, fractal(rng, 1.5, 6, 0.4)) * face
    brick = 2.6 + 0.5 * rng.standard_normal(n)[number] + 0.22 * rough + 0.3 * fractal(rng, 3, 20)
    mortar = 0.6 + 0.35 * fractal(rng, 1, 6, 0.2) + 0.4 * fractal(rng, 4, 30)
    height = mortar + (brick - mortar) * face - 0.9 * holes

    fired = ramp(rng.beta(1.6, 1.6, n), "#54393a", "#84463a", "#9c5340", "#aa6550", "#a87c66")
    fired *= rng.uniform(0.75, 1.15, (n, 1))
    albedo = fired[number] * (1 + 0.13 * rough + 0.16 * fractal(rng, 3, 24))[..., None]
    sooty = fractal(rng, 2, 40, 0.8) + 0.5 * rng.standard_normal(n)[number]
    albedo = mix(albedo, light_of("#3c2f2d")[0], 0.55 * smoothstep(0.2, 1.8, sooty))
    lime = smoothstep(0.9, 2.2, fractal(rng, 1, 30, 0.6))
    albedo = mix(albedo, light_of("#c9b8a4")[0], 0.5 * lime)
    sand = ramp(0.5 + 0.25 * fractal(rng, 1, 10, 0.3), "#7d7365", "#aca08d", "#d3c9b6")
    albedo = mix(sand, albedo, smoothstep(-0.1, 0.5, edge))
    albedo = albedo * (1 - 0.55 * holes)[..., None]
    light = shade(np.clip(albedo, 0.01, 1), height, azimuth=118, elevation=42, softness=0.35)
    return develop(light, rng)


def cobblestones(rng: np.random.RandomState) -> np.ndarray:
    """Makes worn granite setts in sand, with moss in the joints: [SIZE, SIZE, 3], uint8."""
    rows, columns = 14, 12
    n = rows * columns
    y, x = grid()
    y = y + SIZE / rows / 2 + 0.8 * fractal(rng, 4, 30, 1.2)
    x = x + 0.8 * fractal(rng, 4, 30, 1.2)
    widths = rng.uniform(0.75, 1.3, (rows, columns))
    widths /= widths.sum(axis=1, keepdims=True)
    number, part_y, part_x = courses(y, x, widths, rng.uniform(0, 1, rows))
    # A worn head: flat in the middle, falling off to rounded corners.
    away = (np.abs(part_y) ** 3.2 + np.abs(part_x) ** 3.2) ** (1 / 3.2)
    edge = (0.93 - 0.05 * rng.uniform(0, 1, n)[number] - away) * 9
    on_stone = smoothstep(-0.3, 0.5, edge)

    tilt_y, tilt_x = rng.uniform(-0.4, 0.4, (2, n))
    stone = 5.0 * np.sqrt(np.clip(1 - away**2.5, 0, 1)) + 0.5 * rng.standard_normal(n)[number]
    stone += tilt_y[number] * part_y + tilt_x[number] * part_x
    stone += 0.16 * fractal(rng, 1, 10, 0.5) + 0.3 * fractal(rng, 3, 14)
    sand = 0.8 + 0.35 * fractal(rng, 1, 6, 0.3)
    height = sand + (np.maximum(stone, 0.3) - sand) * on_stone

    hues = light_of("#8e8a86", "#79777a", "#9a8f83", "#857b76", "#6c7078", "#a39c92")
    albedo = hues[rng.randint(len(hues), size=n)] * rng.uniform(0.7, 1.15, (n, 1))
    crystals = 0.12 * fractal(rng, 1, 3, 0.0) + 0.08 * fractal(rng, 3, 30)
    albedo = albedo[number] * (1 + crystals)[..., None]
    sandy = ramp(0.5 + 0.25 * fractal(rng, 1, 8, 0.4), "#3d352b", "#6b5d4a", "#8d7c62")
    albedo = mix(sandy, albedo, on_stone)
    damp = smoothstep(0.1, 0.9, fractal(rng, 6, 60) + 0.4 * fractal(rng, 1, 6, 0.3))
    moss = damp * smoothstep(1.2, -0.6, edge)
    tufts = fractal(rng, 1, 4, 0.2)
    albedo = mix(albedo, ramp(0.5 + 0.3 * tufts, "#25300f", "#4d5f22", "#7f8f3a"), 0.9 * moss)
    light = shade(
        np.clip(albedo, 0.01, 1),
        height + moss * (0.9 + 0.5 * tufts),
        elevation=40,
        gloss=0.035 * on_stone * (1 - moss),
        shine=20.0,
        softness=0.4,
    )
    return develop(light, rng)
