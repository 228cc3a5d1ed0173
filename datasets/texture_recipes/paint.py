"""An oil painting."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, ramp
from datasets.texture_recipes.noise import FINE, SCALE, SIZE, fractal, smoothstep
from datasets.texture_recipes.scatter import Heap, Shape, turned
from datasets.texture_recipes.shading import shade, slopes_of


def brush_strokes(rng: np.random.RandomState) -> np.ndarray:
    """Makes a swirling night sky in short thick strokes of oil: [SIZE, SIZE, 3], uint8."""
    glow = fractal(rng, 14, 50, 1.5)
    # Strokes run along the contours of a field, as a fluid would.
    slope_y, slope_x = slopes_of(fractal(rng, 30, 110, 1.8))
    flow = np.arctan2(-slope_x, slope_y)
    heap = Heap(0.25 * fractal(rng, 2, 10) - 1.0)
    looks = []
    for level in np.linspace(0.0, 4.0, 5200):
        y, x = rng.uniform(0, SIZE, 2)
        here = _pixel(y, x)
        angle, length = flow[here] + 0.12 * rng.standard_normal(), rng.uniform(5, 10.5)
        turn = flow[_pixel(y + 4 * np.sin(angle), x + 4 * np.cos(angle))] - angle
        bend = np.clip((np.mod(turn + np.pi / 2, np.pi) - np.pi / 2) / 8, -0.06, 0.06)
        heap.stamp(y, x, 1.2 * length, _stroke(rng, length, angle, bend, level))
        bright = glow[here] + 0.35 * rng.standard_normal()
        looks.append((bright, rng.uniform(0.7, 1.2), rng.uniform()))
    bright, tone, odd = heap.spread(looks)
    night = ["#0d1638", "#16306e", "#2456a0", "#4a86bf", "#9cc0c8", "#e6d98a", "#f0b92c"]
    albedo = ramp(0.42 + 0.22 * bright, *night)
    albedo = np.where((odd > 0.95)[..., None], light_of("#e9e4c4")[0], albedo)
    albedo = np.where((odd < 0.06)[..., None], light_of("#0f2a3a")[0], albedo)
    streaks = 0.12 * np.sin(11 * heap.v) + 0.08 * fractal(rng, 1, 4, 0.2)
    albedo = albedo * (tone * (1 + streaks))[..., None]
    light = shade(
        np.clip(albedo, 0.004, 1),
        heap.height,
        heap.slopes(0.05 * fractal(rng, 1, 3, 0.0)),
        elevation=50,
        gloss=0.05,
        shine=30.0,
        softness=0.5,
        reach=6,
        occlusion=1.2,
    )
    return develop(light, rng, exposure=1.1)


def _pixel(y: float, x: float) -> tuple[int, int]:
    """Finds a place on the fine grid."""
    return int(np.floor(y * SCALE)) % FINE, int(np.floor(x * SCALE)) % FINE


def _stroke(
    rng: np.random.RandomState, length: float, angle: float, bend: float, level: float
) -> Shape:
    """Draws a bent stroke with bristle marks and ragged ends; v numbers its bristles."""
    half, phase = rng.uniform(1.1, 2.0), rng.uniform(0, 100)

    def shape(dy, dx):
        along, across = turned(dy, dx, angle)
        across = across - bend * along**2
        t, v = along / length, across / half
        ragged = 0.10 * np.sin(9 * v + phase) + 0.06 * np.sin(23 * v + 2 * phase)
        inside = (np.abs(v) < np.clip(1 - np.abs(t) ** 6, 0, 1)) & (np.abs(t + ragged) < 1)
        groove = 0.16 * np.sin(7.5 * across + phase) + 0.1 * np.sin(12 * across + 2 * phase)
        # The brush pushes paint aside and leaves a ridge where it is lifted.
        lip = 0.45 * np.abs(v) ** 3 + 0.5 * smoothstep(0.6, 1.0, t)
        return np.where(inside, level + groove + lip, -np.inf), t, v + phase

    return shape
