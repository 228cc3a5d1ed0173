"""Numbers, times and addresses as the page writes them."""

import html
import math
import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

#: Python's own month names depend on the machine's language.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def escaped(text: object) -> str:
    """Text for HTML, also within quotes."""
    return html.escape(str(text), quote=True)


def address(path: str | os.PathLike, base: str | os.PathLike) -> str:
    """A relative address of a file or a folder, for a page in the folder `base`."""
    relative = os.path.relpath(path, base).replace(os.sep, "/")
    # A first part such as `a:b` would be taken for a protocol; a name may be any bytes.
    return quote(os.fsencode(relative if relative.startswith(".") else f"./{relative}"))


def duration(seconds: float) -> str:
    """A time in words: `0.4 s`, `1 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for large, small, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60)):
        if whole >= size:
            return f"{whole // size} {large} {whole % size // part} {small}"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def number(value: float, digits: int = 4) -> str:
    """A number as people read it: `12,345`, `0.0123`, `1.35e-7`; with so many digits."""
    value = float(value)
    if not math.isfinite(value):
        return (
            "not a number"
            if math.isnan(value)
            else "infinity"
            if value > 0
            else "\N{MINUS SIGN}infinity"
        )
    if value.is_integer() and abs(value) < 1e7:
        return f"{int(value):,}".replace("-", "\N{MINUS SIGN}")
    if 1e-3 <= abs(value) < 1e6:
        text = f"{value:,.{digits}g}" if abs(value) < 10**digits - 0.5 else f"{value:,.0f}"
    else:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    return text.replace("-", "\N{MINUS SIGN}")


def moment(seconds: float) -> tuple[str, str]:
    """A time of the epoch: for machines and for people, the latter in the local zone."""
    when = datetime.fromtimestamp(seconds).astimezone()
    month = _MONTHS[when.month - 1]
    return when.isoformat(timespec="seconds"), f"{when.day} {month} {when.year}, {when:%H:%M}"


def now() -> float:
    """The time of the epoch."""
    return time.time()


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def evenly(items: Sequence, most: int) -> list:
    """At most so many (2 or more) of the items, evenly chosen, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(k * (len(items) - 1) / (most - 1))] for k in range(most)]


def shown_path(path: Path) -> str:
    """A path as people read it: relative, if it is below the current folder."""
    try:
        return str(path.relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)
