"""Grass, autumn leaves, daisies."""

import numpy as np

from datasets.texture_recipes.camera import develop
from datasets.texture_recipes.colour import light_of, mix, ramp
from datasets.texture_recipes.noise import FINE, SCALE, SIZE, darts, fractal, smoothstep
from datasets.texture_recipes.scatter import Heap, Shape, dome, turned
from datasets.texture_recipes.shading import shade


def grass(rng: np.random.RandomState) -> np.ndarray:
    """Makes a lawn from above, a few blades dry: [SIZE, SIZE, 3], uint8."""
    heap = Heap(-6.0 + 0.5 * fractal(rng, 1, 10))
    wind = fractal(rng, 20, 120)
    looks = []
    for level in np.linspace(-5.0, 5.0, 5200):
        y, x = rng.uniform(0, SIZE, 2)
        gust = wind[int(y * SCALE) % FINE, int(x * SCALE) % FINE]
        length, angle = rng.uniform(7, 17), -1.1 + 0.9 * gust + 1.1 * rng.standard_normal()
        heap.stamp(y, x, 1.15 * length, _blade(rng, length, angle, level))
        looks.append((rng.beta(2, 2), rng.uniform(0.7, 1.25), rng.uniform() < 0.06))
    hue, tone, dry = heap.spread(looks)
    albedo = ramp(hue, "#34501f", "#4f7028", "#718f3a", "#97ad54")
    albedo = mix(albedo, ramp(hue, "#8f7a3e", "#c9b878"), 0.85 * dry)
    albedo = mix(albedo, albedo * 0.5, smoothstep(0.5, 0.0, heap.u))
    keel = 0.35 * smoothstep(0.35, 0.0, np.abs(heap.v))
    albedo = albedo * (tone * (1 + keel) * (1 + 0.03 * fractal(rng, 1, 4, 0.3)))[..., None]
    albedo = np.where(heap.bare, light_of("#20180e")[0], albedo)
    light = shade(
        np.clip(albedo, 0.005, 1),
        heap.height,
        (heap.along_y, heap.along_x),
        elevation=50,
        gloss=0.05,
        shine=18.0,
        wrap=0.25,
        softness=0.6,
        reach=14,
    )
    return develop(light, rng)


def _blade(rng: np.random.RandomState, length: float, angle: float, level: float) -> Shape:
    """Draws a bent, tapering blade with a keel; u runs from root to tip."""
    half, bend = rng.uniform(0.6, 1.3), rng.uniform(-0.03, 0.03)

    def shape(dy, dx):
        along, across = turned(dy, dx, angle)
        across = across - bend * along**2
        t = (along / length + 1) / 2
        wide = half * np.clip(1 - t**3, 0, 1) ** 0.7
        v = across / np.maximum(wide, 1e-3)
        rise = level + 5.0 * t * (1.3 - t) + 0.55 * half * np.abs(v)
        return np.where((t > 0) & (t < 1) & (np.abs(v) < 1), rise, -np.inf), t, v

    return shape


def leaves(rng: np.random.RandomState) -> np.ndarray:
    """Makes fallen leaves in the colours of October: [SIZE, SIZE, 3], uint8."""
    heap = Heap(-14.0)
    looks = []
    for level in np.linspace(-12.0, 34.0, 640):
        y, x = rng.uniform(0, SIZE, 2)
        length = rng.uniform(14, 23)
        heap.stamp(y, x, 1.4 * length, _leaf(rng, length, level))
        looks.append((rng.uniform(0, 1), rng.uniform(0.7, 1.2), rng.uniform(-0.6, 0.6)))
    hue, tone, age = heap.spread(looks)
    october = ["#5c3517", "#8a4a1c", "#b5541c", "#d0802a"]
    october += ["#d9a93c", "#c3b04a", "#8a9a3c", "#a3401f"]
    albedo = ramp(hue + 0.06 * fractal(rng, 2, 20), *october)
    albedo = albedo * (tone * (1 + 0.1 * fractal(rng, 1, 4, 0.3)))[..., None]
    rib = smoothstep(0.09, 0.03, np.abs(heap.v))
    rib = np.maximum(rib, 0.55 * smoothstep(0.22, 0.0, heap.u))
    albedo = mix(albedo, albedo * 1.2 + 0.09, 0.6 * rib)
    spots = smoothstep(1.5, 2.1, fractal(rng, 1.5, 9, 0.6) + age)
    albedo = mix(albedo, light_of("#3a2010")[0], 0.75 * spots)
    albedo = np.where(heap.bare, light_of("#1a100a")[0], albedo)
    light = shade(
        np.clip(albedo, 0.01, 1),
        heap.height,
        heap.slopes(0.22 * fractal(rng, 1.5, 8, 0.8)),
        elevation=46,
        gloss=0.035,
        shine=22.0,
        wrap=0.15,
        softness=0.4,
    )
    return develop(light, rng)


def _leaf(rng: np.random.RandomState, length: float, level: float) -> Shape:
    """Draws a toothed oval leaf, curled and folded; u is 0 on side veins, v on the middle one."""
    plump, angle = rng.uniform(0.48, 0.66), rng.uniform(0, 2 * np.pi)
    lean_y, lean_x = rng.uniform(-0.16, 0.16, 2)
    curl, fold, bend = rng.uniform(-0.09, 0.16), rng.uniform(-0.25, 0.35), rng.uniform(-0.25, 0.25)

    def shape(dy, dx):
        along, across = turned(dy / length, dx / length, angle)
        across = across - bend * (along**2 - 0.3)
        s = np.clip((along + 1) / 2, 0, 1)
        vein = np.abs(2 * np.mod(5.5 * (1.1 * np.abs(across) - along), 1) - 1)
        wide = 1.75 * plump * (s * (1 - s)) ** 0.75 * (1.25 - 0.5 * s) + 0.022 * vein - 0.02
        stalk = (np.abs(across + 0.15 * (along + 1)) < 0.03) & (along > -1.35) & (along < -0.9)
        v = across / plump
        lean = lean_x * along + lean_y * across + curl * along**2 + fold * np.abs(across)
        ribs = 0.35 * (1 - vein) * smoothstep(0.0, 0.2, np.abs(v))
        ribs = ribs - 0.5 * smoothstep(0.06, 0.0, np.abs(v))
        inside = (np.abs(across) < wide) & (np.abs(along) < 1) | stalk
        return np.where(inside, level + length * lean + ribs, -np.inf), vein, v

    return shape


def daisies(rng: np.random.RandomState) -> np.ndarray:
    """Makes ox-eye daisies over dark leaves: [SIZE, SIZE, 3], uint8."""
    heap = Heap(-18.0)
    looks = []
    for level in np.linspace(-17.0, -9.0, 700):
        y, x = rng.uniform(0, SIZE, 2)
        length = rng.uniform(7, 15)
        heap.stamp(y, x, 1.05 * length, _herb(rng, length, level))
        looks.append((False, rng.uniform(0, 1), rng.uniform(0.5, 1.1)))
    for (y, x), radius in zip(*darts(rng, np.linspace(18, 11, 150), 0.72), strict=True):
        heap.stamp(y, x, 1.05 * radius, _daisy(rng, radius, rng.uniform(-6, 2)))
        looks.append((True, 0.0, rng.uniform(0.88, 1.0)))
    flower, hue, tone = heap.spread(looks)
    eye = flower & (heap.u < 0)
    green = ramp(hue, "#34581c", "#56802c", "#7aa040")
    green = mix(green, green * 1.9, smoothstep(0.14, 0.0, np.abs(heap.v)))
    white = ramp(heap.u, "#c9cdb0", "#eeeeea", "#fbfaf7")
    furrow = (1 - 0.1 * smoothstep(0.2, 0.5, np.abs(heap.v))) * (
        1 - 0.05 * np.sin(22 * heap.v) ** 2
    )
    white = white * furrow[..., None]
    granules = fractal(rng, 1, 3.5, 0.0)
    yellow = ramp(1 + heap.u + 0.2 * granules, "#c98a08", "#e8b315", "#b87408")
    albedo = np.where(eye[..., None], yellow, np.where(flower[..., None], white, green))
    albedo = albedo * (tone * (1 + 0.05 * fractal(rng, 1, 6, 0.3)))[..., None]
    albedo = np.where(heap.bare, light_of("#10160a")[0], albedo)
    light = shade(
        np.clip(albedo, 0.005, 1),
        heap.height,
        heap.slopes(0.08 * fractal(rng, 1, 6, 0.6) + 0.35 * granules * eye),
        sky=0.5,
        gloss=0.02,
        shine=18.0,
        wrap=0.3,
        softness=0.4,
    )
    return develop(light, rng, exposure=1.7)


def _herb(rng: np.random.RandomState, length: float, level: float) -> Shape:
    """Draws a lobed leaf of the undergrowth; v is 0 on its middle."""
    angle, (lean_y, lean_x) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35, 2)

    def shape(dy, dx):
        along, across = turned(dy / length, dx / length, angle)
        wide = 0.32 * np.clip(1 - along**2, 0, None) ** 0.8 * (1 + 0.25 * np.cos(16 * along))
        rise = level + length * (lean_x * along + lean_y * across + 0.5 * np.abs(across))
        return np.where(np.abs(across) < wide, rise, -np.inf), along, across / 0.32

    return shape


def _daisy(rng: np.random.RandomState, radius: float, level: float) -> Shape:
    """Draws a flower; u is below 0 on its eye, v runs across each petal from -0.5 to 0.5."""
    petals, phase, eye = rng.randint(15, 22), rng.uniform(0, 2 * np.pi), 0.27
    (lean_y, lean_x), cup = rng.uniform(-0.22, 0.22, 2), rng.uniform(-0.25, 0.3)
    lengths, lifts = rng.uniform(0.82, 1.0, petals), rng.uniform(-0.05, 0.05, petals)

    def shape(dy, dx):
        dy, dx = dy / radius, dx / radius
        rho = np.hypot(dy, dx)
        turn = np.mod(np.arctan2(dy, dx) + phase, 2 * np.pi) * petals / (2 * np.pi)
        petal = np.floor(turn).astype(int) % petals
        off = turn - np.floor(turn) - 0.5
        tip = np.clip((rho / lengths[petal] - 0.72) / 0.28, 0, 1)
        wide = 0.48 * np.sqrt(1 - tip**2) * smoothstep(0.0, 0.35, rho)
        bow = 0.10 * (1 - 4 * off**2) + lifts[petal] + cup * rho**2 + 0.03 * np.cos(19 * off)
        button = 0.16 * dome(rho / eye, 2.5) + 0.04
        rise = np.where(rho < eye, button, np.where(np.abs(off) < wide, bow, -np.inf))
        rise = level + radius * (rise + lean_y * dy + lean_x * dx)
        return rise, np.where(rho < eye, rho / eye - 1, rho), off

    return shape
