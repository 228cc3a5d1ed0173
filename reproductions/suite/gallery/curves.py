"""Curves as inline SVG: no library draws them, and the page's style colours them."""

import math
from collections.abc import Sequence
from itertools import pairwise

from common.exhibit import Curve
from reproductions.suite.gallery.words import escaped, number

#: At most so many points are drawn.
POINTS = 200

#: Of the drawing, and of the field within it that the curve is in.
_WIDTH, _HEIGHT = 300, 150

#: Part of a number that float32 does not tell.
_ROUNDING = 1e-6
_LEFT, _TOP, _RIGHT, _BOTTOM = 66, 8, 296, 126


def draw_curve(curve: Curve, axis: str) -> str:
    """Draws a curve.

    The scale is logarithmic if all values are positive and span more than a factor of ten.

    Args:
        curve: what is not a finite number is left out, and told.
        axis: what it is drawn over.

    Returns:
        HTML, a figure; empty if there is nothing to draw.
    """
    points, left_out = _finite(curve)
    if not points:
        return ""
    x, y = zip(*points, strict=True)
    lowest, highest = min(y), max(y)
    logarithmic = lowest > 0 and highest > 10 * lowest
    span = f"{number(y[0])} \N{RIGHTWARDS ARROW} {number(y[-1])}"
    told = (
        f"{curve.name}: from {number(y[0])} at {axis} {number(x[0])} to {number(y[-1])} at {axis} "
        f"{number(x[-1])}; lowest {number(lowest)}, highest {number(highest)}"
        + (", logarithmic scale" if logarithmic else "")
        + (f"; {left_out} values that are no numbers are left out" if left_out else "")
    )
    places = _places(_thinned(points), lowest, highest, logarithmic)
    labels = (
        _label(_LEFT - 6, _TOP + 4, "end", number(highest, 3)),
        _label(_LEFT - 6, _BOTTOM + 4, "end", number(lowest, 3)),
        _label(_LEFT, _BOTTOM + 18, "start", f"{axis} {number(x[0])}"),
        _label(_RIGHT, _BOTTOM + 18, "end", number(x[-1])),
    )
    return (
        f'<figure class="curve"><figcaption><b>{escaped(curve.name)}</b> '
        f"<span>{span}{' (log scale)' if logarithmic else ''}</span></figcaption>"
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">'
        f"<title>{escaped(told)}</title>"
        f'<path class="frame" d="M{_LEFT} {_TOP}H{_RIGHT}M{_LEFT} {_BOTTOM}H{_RIGHT}"/>'
        f'<path class="line" d="{_path(places)}"/>'
        f'<circle cx="{places[-1][0]}" cy="{places[-1][1]}" r="3"/>'
        f"{''.join(labels)}</svg></figure>"
    )


def _finite(curve: Curve) -> tuple[list[tuple[float, float]], int]:
    """The points that are numbers, and how many are not."""
    points = [(float(x), float(y)) for x, y in zip(curve.x, curve.y, strict=False)]
    finite = [point for point in points if all(map(math.isfinite, point))]
    return finite, len(points) - len(finite)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` of the points: the first, the last, and each stretch's extremes."""
    if len(points) <= POINTS:
        return list(points)
    stretches = (POINTS - 2) // 2
    inner = points[1:-1]
    bounds = [k * len(inner) // stretches for k in range(stretches + 1)]
    kept = [points[0]]
    for start, end in pairwise(bounds):
        stretch = range(start, end)
        ends = {
            min(stretch, key=lambda k: inner[k][1]),
            max(stretch, key=lambda k: inner[k][1]),
        }
        kept += [inner[k] for k in sorted(ends)]
    return [*kept, points[-1]]


def _places(
    points: Sequence[tuple[float, float]], lowest: float, highest: float, logarithmic: bool
) -> list[tuple[int, int]]:
    """Where the points are in the drawing."""
    scale = math.log if logarithmic else float
    x = _fractions([point[0] for point in points], points[0][0], points[-1][0])
    y = _fractions([scale(point[1]) for point in points], scale(lowest), scale(highest))
    return [
        (round(_LEFT + across * (_RIGHT - _LEFT)), round(_BOTTOM - up * (_BOTTOM - _TOP)))
        for across, up in zip(x, y, strict=True)
    ]


def _fractions(values: Sequence[float], first: float, last: float) -> list[float]:
    """From 0 at `first` to 1 at `last`; 0.5 if there is nothing but rounding between them."""
    # Halved, or the difference of two large numbers might be infinite.
    span = last / 2 - first / 2
    if abs(span) <= _ROUNDING * abs(last):
        return [0.5] * len(values)
    return [min(1.0, max(0.0, (value / 2 - first / 2) / span)) for value in values]


def _path(places: Sequence[tuple[int, int]]) -> str:
    """Steps from point to point are shorter to write than places."""
    if len(places) == 1:
        return f"M{_LEFT} {places[0][1]}H{_RIGHT}"
    steps = "".join(f"{b[0] - a[0]} {b[1] - a[1]} " for a, b in pairwise(places))
    return f"M{places[0][0]} {places[0][1]}l{steps.replace(' -', '-').strip()}"


def _label(x: int, y: int, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escaped(text)}</text>'
