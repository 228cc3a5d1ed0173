"""Of trees: bark, boards."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import SIZE, cells, fractal, grid, lattice, smoothstep
from datasets.texture_recipes.shading import shade


def bark(rng: np.random.RandomState) -> np.ndarray:
    """Makes an old oak's bark, long plates between fissures: [SIZE, SIZE, 3], uint8."""
    y, x = grid()
    bend_x = 2.6 * fractal(rng, 3, 50, 1.5, (1.4, 1.0))
    bend_y = 5.0 * fractal(rng, 3, 50, 1.5)
    centres = lattice(rng, 8, 16, 0.45)
    plate, border = cells(centres, y + bend_y, x + bend_x, squeeze=(0.36, 1.0))
    border = border - 1.0 - 0.6 * fractal(rng, 2, 16, 0.8, (2.0, 1.0))
    small = lattice(rng, 26, 24, 0.45)
    _, split = cells(small, y + 1.5 * bend_y, x + bend_x, squeeze=(0.6, 1.0))
    fibre = fractal(rng, 1, 24, 0.7, (3.0, 0.8))
    crust = 1 - np.abs(fractal(rng, 1, 12, 0.8, (1.3, 0.9)))

    n = len(centres)
    top = 3.5 + 3.0 * smoothstep(0, 3.0, border) + 0.38 * fibre + 0.4 * crust
    top += 0.25 * fractal(rng, 1, 4, 0.2) + 0.9 * rng.standard_normal(n)[plate]
    top -= 1.8 * smoothstep(0.8, 0.0, split + 0.2 * fibre)
    height = top * smoothstep(-1.2, 1.2, border) + 0.4 * fibre

    tone = 0.45 + 0.16 * fibre + 0.12 * crust + 0.1 * rng.standard_normal(n)[plate]
    tone += 0.12 * fractal(rng, 4, 40)
    albedo = ramp(tone, "#3a2f2c", "#6d5f5a", "#8f827c", "#b3a8a0")
    warm = smoothstep(0.0, 1.5, fractal(rng, 3, 30))
    albedo = mix(albedo, albedo * np.array([1.2, 0.95, 0.72]), warm)
    lichen = smoothstep(1.3, 1.9, fractal(rng, 1, 18, 0.7)) * smoothstep(1.0, 3.0, border)
    albedo = mix(albedo, light_of("#9aa37f")[0], 0.6 * lichen)
    albedo = mix(light_of("#1d1512")[0], albedo, smoothstep(-1.5, 1.5, border))
    albedo = np.clip(albedo, 0.008, 1)
    light = shade(albedo, height, azimuth=150, elevation=40, softness=0.4, occlusion=2.0)
    return develop(light, rng)


def planks(rng: np.random.RandomState) -> np.ndarray:
    """Makes weathered boards with rings, knots and cracks: [SIZE, SIZE, 3], uint8."""
    number = 7
    width = SIZE / number
    y, x = grid()
    x = x + 0.35 * fractal(rng, 10, 120, 1.0, (3.0, 1.0))
    board = np.floor(x / width).astype(int) % number
    across = x - np.floor(x / width) * width  # 0 to width on each board
    edge = np.minimum(across, width - across) - 0.8

    season, core = _rings(rng, y, across, board, number)
    late = smoothstep(0.25, 0.92, season) * smoothstep(1.0, 0.92, season)
    fibre = fractal(rng, 0.8, 8, 0.3, (9.0, 0.6))
    streak = fractal(rng, 1, 30, 0.8, (14.0, 1.0))
    crack = smoothstep(1.8, 2.4, fractal(rng, 1, 10, 0.6, (16.0, 0.8)))
    height = 3.5 + 0.3 * fibre + 0.27 * late + 0.2 * streak - 1.3 * crack
    height += rng.uniform(-0.5, 0.5, number)[board] - 0.8 * smoothstep(1.5, 0.0, edge)
    height = np.where(edge > 0, height, -3.0)

    tone = rng.uniform(0.4, 0.65, number)[board] + 0.11 * fibre + 0.12 * streak - 0.33 * late
    grey = fractal(rng, 4, 50, 1.0, (4.0, 1.0)) + rng.uniform(-0.7, 0.7, number)[board]
    fresh = ramp(tone, "#4a3523", "#7d5c3d", "#a98259", "#cdab7f")
    silver = ramp(tone, "#4b4641", "#7b746b", "#a39b8f", "#c6bfb2")
    albedo = mix(fresh, silver, 0.85 * smoothstep(-0.7, 1.5, grey))
    albedo = mix(albedo, light_of("#3b2413")[0], 0.75 * core)
    albedo = mix(albedo, light_of("#1b130d")[0], 0.85 * crack)
    albedo = np.where((edge > 0)[..., None], albedo, light_of("#0d0a08")[0])
    albedo = np.clip(albedo, 0.005, 1)
    return develop(shade(albedo, height, azimuth=160, elevation=38, softness=0.3), rng)


def _rings(
    rng: np.random.RandomState, y: np.ndarray, across: np.ndarray, board: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts boards out of trunks.

    Args:
        rng: the source of the trunks.
        y: [FINE, FINE], along the boards, in pixels.
        across: [FINE, FINE], across them, in pixels.
        board: [FINE, FINE], which board.
        number: how many boards there are.

    Returns:
        How far the year has come where the saw met it, in [0, 1), and how much of a place is
        knot, in [0, 1]; both [FINE, FINE].
    """
    width = SIZE / number
    y_knot, x_knot = rng.uniform(0, SIZE, number), rng.uniform(0.3, 0.7, number) * width
    has_knot = (rng.uniform(0, 1, number) < 0.7)[board]
    far = np.mod(y - y_knot[board] + SIZE / 2, SIZE) - SIZE / 2
    side = across - x_knot[board]
    knot = has_knot * np.exp(-((far / 8.0) ** 2) - (side / 5.0) ** 2)
    pull = has_knot * 9.0 * np.exp(-((far / 20.0) ** 2) - (side / 12.0) ** 2)
    # The trunk's axis wanders below the plane of the cut, and rings make way for knots.
    wander = 7.0 * fractal(rng, 30, 300, 1.5, (3.0, 1.0))
    wander += 0.6 * fractal(rng, 3, 30, 1.0, (6.0, 1.0))
    axis, depth = rng.uniform(-0.6, 1.6, number) * width, rng.uniform(3, 16, number)
    radius = np.hypot(across - axis[board] + wander, depth[board]) + pull
    years = radius / rng.uniform(2.4, 4.2, number)[board]
    return years - np.floor(years), smoothstep(0.35, 0.7, knot)
