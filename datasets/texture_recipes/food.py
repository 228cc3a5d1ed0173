"""Tomatoes and coffee beans."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import SIZE, darts, fractal, smoothstep
from datasets.texture_recipes.scatter import Heap, Shape, dome, turned
from datasets.texture_recipes.shading import shade


def tomatoes(rng: np.random.RandomState) -> np.ndarray:
    """Makes a crate of ripe tomatoes with their green stars: [SIZE, SIZE, 3], uint8."""
    heap = Heap(-30.0)
    looks = []
    for spacing, level in ((0.78, -14.0), (0.86, 0.0)):
        for (y, x), radius in zip(*darts(rng, np.linspace(20, 14, 120), spacing), strict=True):
            heap.stamp(y, x, 1.06 * radius, _tomato(rng, radius, level + rng.uniform(-3, 3)))
            looks.append((rng.beta(1.4, 3), rng.uniform(0.8, 1.1)))
    hue, tone = heap.spread(looks)
    blush = hue + 0.05 * fractal(rng, 4, 30) + 0.25 * np.exp(-((heap.v / 0.35) ** 2))
    skin = ramp(blush, "#a80c08", "#c81a0c", "#d8340f", "#dd6a18") * tone[..., None]
    freckles = smoothstep(1.6, 2.2, fractal(rng, 1, 4, 0.0))
    skin = mix(skin, light_of("#e8a060")[0], 0.15 * freckles)
    green = ramp(0.5 + 0.2 * fractal(rng, 1, 6, 0.5), "#2c4a10", "#5a8224", "#93b04a")
    is_green = heap.u > 0
    albedo = np.where(is_green[..., None], green, skin)
    albedo = np.where(heap.bare, light_of("#120604")[0], albedo)
    light = shade(
        np.clip(albedo, 0.004, 1),
        heap.height,
        heap.slopes(0.03 * fractal(rng, 1.5, 10)),
        elevation=56,
        sky=0.55,
        gloss=np.where(is_green, 0.01, 0.055),
        shine=np.where(is_green, 12.0, 130.0),
        wrap=0.2,
        softness=0.5,
    )
    return develop(light, rng, exposure=1.1)


def _tomato(rng: np.random.RandomState, radius: float, level: float) -> Shape:
    """Draws a lobed fruit; u is 1 on sepals and stalk, v the distance from the stalk."""
    lobes, phase, depth = rng.randint(4, 7), rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.035)
    tip, direction = rng.uniform(0.05, 0.62), rng.uniform(0, 2 * np.pi)
    sepals = 0.62 * rng.uniform(0.75, 1.15, 5)

    def shape(dy, dx):
        dy, dx = dy / radius, dx / radius
        # Polar coordinates around the stalk, which sits off the middle of what is seen.
        up = np.sqrt(np.clip(1 - dy**2 - dx**2, 0, 1))
        along, across = turned(dy, dx, direction)
        toward = along * np.cos(tip) - up * np.sin(tip)
        front = along * np.sin(tip) + up * np.cos(tip) > 0
        rho, phi = np.hypot(toward, across), np.arctan2(across, toward) + phase
        lobe = depth * np.cos(lobes * phi)
        body = 0.85 * dome(np.hypot(dy, dx) / (1 + lobe), 2.2)
        dent = 0.16 * np.exp(-((rho / 0.2) ** 2))
        dent = dent + 1.6 * depth * (depth - lobe) / depth * np.exp(-((rho / 0.5) ** 2))
        turn = np.mod(phi * 5 / (2 * np.pi), 5)
        off = np.abs(turn - np.floor(turn) - 0.5)
        out = rho / sepals[np.floor(turn).astype(int) % 5]
        sepal = front & (out < 1) & (off < 0.44 - 0.42 * out)
        stalk = front & (rho < 0.085)
        body = body - dent * front + 0.18 * stalk
        body = body + np.where(sepal, 0.05 + 0.16 * out**2 - 0.12 * off, 0.0)
        return level + radius * body, (sepal | stalk).astype(float), rho

    return shape


def coffee_beans(rng: np.random.RandomState) -> np.ndarray:
    """Makes roasted coffee beans, glossy with oil: [SIZE, SIZE, 3], uint8."""
    heap = Heap(-20.0)
    looks = []
    for level in np.linspace(-16.0, 36.0, 1000):
        y, x = rng.uniform(0, SIZE, 2)
        length = rng.uniform(9.5, 12.5)
        heap.stamp(y, x, 1.03 * length, _bean(rng, length, level))
        looks.append((rng.beta(2, 2), rng.uniform(0.75, 1.2)))
    hue, tone = heap.spread(looks)
    mottle = fractal(rng, 1.5, 10, 0.7)
    albedo = ramp(hue + 0.08 * mottle, "#1f1008", "#331a0c", "#482812", "#5f391b")
    albedo = albedo * tone[..., None]
    silver_skin = smoothstep(0.11, 0.05, np.abs(heap.u)) * smoothstep(-0.5, 0.1, mottle)
    albedo = mix(albedo, light_of("#a4743f")[0], 0.5 * silver_skin)
    albedo = np.where(heap.bare, light_of("#0c0603")[0], albedo)
    light = shade(
        np.clip(albedo, 0.004, 1),
        heap.height,
        heap.slopes(0.10 * fractal(rng, 1, 6, 0.6) + 0.05 * mottle),
        elevation=57,
        sky=0.75,
        gloss=0.05,
        shine=32.0,
        softness=0.5,
    )
    return develop(light, rng, exposure=1.1)


def _bean(rng: np.random.RandomState, length: float, level: float) -> Shape:
    """Draws a bean that shows its back or its crease; u is 0 in the crease."""
    plump, angle = rng.uniform(0.66, 0.78), rng.uniform(0, 2 * np.pi)
    creased = rng.uniform() < 0.6
    lean_y, lean_x = rng.uniform(-0.3, 0.3, 2)
    wave, shift = rng.uniform(-0.12, 0.12, 2)

    def shape(dy, dx):
        along, across = turned(dy / length, dx / length, angle)
        across = across / plump
        body = 0.55 * dome(np.hypot(along, across), 2.6 if creased else 2.1)
        crease = np.full_like(across, np.inf)
        if creased:
            crease = across - wave * np.sin(3 * along) - shift
            body = body - 0.32 * np.exp(-((crease / 0.075) ** 2))
            body = body - 0.10 * np.exp(-((crease / 0.16) ** 2))
        return level + length * (body + lean_x * along + lean_y * across), crease, along

    return shape
