"""Light on a relief: sun with soft shadows, sky with occlusion, gloss."""

import numpy as np

from datasets.texture_recipes.noise import SCALE

SUN = np.array([1.0, 0.94, 0.84])
SKY = np.array([0.78, 0.88, 1.0])


def slopes_of(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differentiates a relief, over the seam.

    Args:
        height: [FINE, FINE], in pixels.

    Returns:
        Its slopes along y and along x, each [FINE, FINE].
    """
    along_y = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * (SCALE / 2)
    along_x = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * (SCALE / 2)
    return along_y, along_x


def horizon(height: np.ndarray, azimuth: float, reach: float, steps: int) -> np.ndarray:
    """Looks from every place in one direction for the steepest thing in sight.

    Args:
        height: [FINE, FINE], in pixels.
        azimuth: direction in degrees; 0 is right, 90 up.
        reach: how far to look, in pixels.
        steps: how many places to look at, denser near by.

    Returns:
        [FINE, FINE], tangent of the horizon's elevation, at least 0.
    """
    angle = np.deg2rad(azimuth)
    steepest = np.zeros_like(height)
    distances = reach * (np.arange(1, steps + 1) / steps) ** 1.5
    shifts = {
        (round(-np.sin(angle) * d * SCALE), round(np.cos(angle) * d * SCALE)) for d in distances
    }
    for dy, dx in sorted(shifts - {(0, 0)}):
        rise = np.roll(height, (-dy, -dx), (0, 1)) - height
        np.maximum(steepest, rise * (SCALE / np.hypot(dy, dx)), out=steepest)
    return steepest


def sky_visible(height: np.ndarray, reach: float = 14.0) -> np.ndarray:
    """Measures how much of the sky each place sees (ambient occlusion).

    Args:
        height: [FINE, FINE], in pixels.
        reach: how far something can hide the sky, in pixels.

    Returns:
        [FINE, FINE], in (0, 1].
    """
    seen = np.zeros_like(height)
    for azimuth in range(10, 370, 45):
        steepest = horizon(height, azimuth, reach, 7)
        seen += 1.0 / (1.0 + steepest**2)
    return seen / 8.0


def shade(
    albedo: np.ndarray,
    height: np.ndarray,
    slopes: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    azimuth: float = 125.0,
    elevation: float = 48.0,
    sun: float = 1.0,
    sky: float = 0.45,
    gloss: np.ndarray | float = 0.0,
    shine: np.ndarray | float = 30.0,
    wrap: float = 0.0,
    softness: float = 0.25,
    reach: float = 30.0,
    occlusion: float = 1.6,
) -> np.ndarray:
    """Lights a relief that is seen from straight above.

    Args:
        albedo: [FINE, FINE, 3], in [0, 1], linear.
        height: [FINE, FINE], in pixels; throws shadows and hides the sky.
        slopes: along y and x, each [FINE, FINE]; by default those of `height`. Scattered objects
            bring their own, for at their outlines the relief jumps.
        azimuth: where the sun stands, in degrees; 0 is right, 90 up.
        elevation: how high it stands, in degrees.
        sun: its strength.
        sky: the sky's strength.
        gloss: strength of the mirror-like part, about 0.04 for a wet or waxed thing; number or
            [FINE, FINE].
        shine: how tight highlights are: 5 is dull, 200 polished; number or [FINE, FINE].
        wrap: how far sunlight creeps around an edge, in [0, 1): leaves, wax, wool.
        softness: half the width of a shadow's edge, as a difference of tangents.
        reach: how far shadows fall, in pixels.
        occlusion: power on the visible part of the sky.

    Returns:
        [FINE, FINE, 3], light reflected to the eye, at least 0, linear.
    """
    along_y, along_x = slopes_of(height) if slopes is None else slopes
    up = 1.0 / np.sqrt(1.0 + along_y**2 + along_x**2)  # the normal's third component
    high, flat = np.sin(np.deg2rad(elevation)), np.cos(np.deg2rad(elevation))
    to_sun = -np.sin(np.deg2rad(azimuth)) * flat, np.cos(np.deg2rad(azimuth)) * flat
    facing = (high - along_y * to_sun[0] - along_x * to_sun[1]) * up
    lambert = np.clip((facing + wrap) / (1.0 + wrap), 0.0, None)

    tangent = high / flat
    hidden = horizon(height, azimuth, reach, 32)
    lit = np.clip((tangent + softness - hidden) / (2 * softness), 0.0, 1.0)
    seen = sky_visible(height) ** occlusion
    # The sky above is brighter than what stands around: a normal that points up collects more.
    dome = seen * (0.5 + 0.5 * up)

    light = sun * (lambert * lit)[..., None] * SUN + sky * dome[..., None] * SKY
    # Light that bounced once off a neighbour has taken its colour.
    light += 0.25 * sky * (1.0 - seen)[..., None] * albedo
    result = albedo * light

    norm = np.sqrt(to_sun[0] ** 2 + to_sun[1] ** 2 + (high + 1.0) ** 2)
    half = (high + 1.0 - along_y * to_sun[0] - along_x * to_sun[1]) * up / norm
    highlight = np.clip(half, 0.0, 1.0) ** shine * (np.asarray(shine) + 2.0) / 8.0
    grazing = 0.25 * (1.0 - up) ** 3 * seen
    mirror = gloss * (sun * highlight * lit + 4.0 * sky * grazing)
    return result + mirror[..., None] * SUN
