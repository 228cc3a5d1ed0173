"""A run as HTML."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.exhibit import Picture
from reproductions.suite.gallery.curves import draw_curve
from reproductions.suite.gallery.finding import Run
from reproductions.suite.gallery.thumbnails import Thumbnail
from reproductions.suite.gallery.words import (
    address,
    counted,
    duration,
    escaped,
    evenly,
    moment,
    number,
    shown_path,
)

#: How many frames of a run's growth are shown, and how many of them without JavaScript.
FRAMES, _STRIP = 24, 6

#: How many sources, and how many results, are shown; the folder has the others.
PICTURES = 12

#: Where the thumbnails are, from the page.
GALLERY = "gallery"

#: Longer values of settings are cut.
_LONGEST = 400

#: What `run.json` says that has a place of its own.
_PLACED = ("script", "command", "resumed", "flags", "versions", "weights")


def shown_pictures(run: Run) -> list[Picture]:
    """All pictures that the page shows of a run."""
    exhibit = run.exhibit
    return [
        *exhibit.sources[:PICTURES],
        *evenly(exhibit.growth, FRAMES),
        *exhibit.results[:PICTURES],
    ]


class Article:
    """Writes an article on a run.

    Args:
        run: to be shown.
        name: for the `id` of the article; letters, digits and hyphens.
        thumbnails: by picture; pictures without one are left out.
        base: the page's folder, absolute.
    """

    def __init__(self, run: Run, name: str, thumbnails: Mapping[Picture, Thumbnail], base: Path):
        self._run, self._name = run, name
        self._thumbnails, self._base = thumbnails, base
        self._title = escaped(" ".join(run.exhibit.title.split()) or run.folder.name)

    def html(self) -> str:
        """The article: heading, pictures, curves, figures, command, settings."""
        return (
            f'<article id="{self._name}" aria-labelledby="{self._name}-title">'
            f"{self._heading()}{self._pictures()}{self._measured()}{self._command()}"
            f"{self._details()}</article>\n"
        )

    def _heading(self) -> str:
        machine, people = moment(self._run.modified)
        seconds = self._run.exhibit.seconds
        facts = [
            f"<code>{escaped(self._run.settings['script'])}</code>",
            f'<time datetime="{machine}">{people}</time>',
            *([] if seconds is None else [duration(float(seconds))]),
            f'<a href="{address(self._run.folder, self._base)}/">'
            f"{escaped(shown_path(self._run.folder))}</a>",
        ]
        items = "".join(f"<li>{fact}</li>" for fact in facts)
        return f'<h3 id="{self._name}-title">{self._title}</h3><ul class="facts">{items}</ul>'

    def _pictures(self) -> str:
        exhibit = self._run.exhibit
        growth = self._shown(evenly(exhibit.growth, FRAMES))
        results = self._shown(exhibit.results[:PICTURES])
        if len(growth) > 1:
            # The last frame is shown at first: no need for the same picture beside it.
            results = [each for each in results if each.path != growth[-1].path]
        else:
            shown = {each.path for each in results}
            results += [each for each in growth if each.path not in shown]
        figures = [
            *(self._figure("Source", each) for each in self._shown(exhibit.sources[:PICTURES])),
            *([self._growth(growth)] if len(growth) > 1 else []),
            *(self._figure("Result", each) for each in results),
        ]
        more = len(exhibit.sources[PICTURES:]) + len(exhibit.results[PICTURES:])
        if more:
            folder = address(self._run.folder, self._base)
            figures.append(
                f'<p class="more"><a href="{folder}/">{counted(more, "more picture")} in the '
                "folder</a></p>"
            )
        return f'<div class="pictures">{"".join(figures)}</div>' if figures else ""

    def _shown(self, pictures: Sequence[Picture]) -> list[Picture]:
        return [each for each in pictures if each in self._thumbnails]

    def _figure(self, kind: str, picture: Picture) -> str:
        return (
            f'<figure class="{kind.lower()}">{self._image(kind, picture)}<figcaption><b>{kind}</b> '
            f"{escaped(picture.caption)}</figcaption></figure>"
        )

    def _image(self, kind: str, picture: Picture) -> str:
        thumbnail = self._thumbnails[picture]
        return (
            f'<a href="{address(picture.path, self._base)}"><img src="{GALLERY}/{thumbnail.name}" '
            f'width="{thumbnail.width}" height="{thumbnail.height}" loading="lazy" '
            f'decoding="async" alt="{kind} of {self._title}: {escaped(picture.caption)}"></a>'
        )

    def _growth(self, frames: Sequence[Picture]) -> str:
        """The last frame, and what the script needs for showing the others."""
        last = len(frames) - 1
        folder = address(self._run.folder, self._base) + "/"
        listed = []
        for frame in frames:
            full = address(frame.path, self._base)
            listed.append((self._thumbnails[frame].name, full.removeprefix(folder), frame.caption))
        strip = "".join(f"<li>{self._image('Stage', each)}</li>" for each in evenly(frames, _STRIP))
        return (
            f'<figure class="growth" data-folder="{folder}" data-frames=\'{_attribute(listed)}\'>'
            f"{self._image('Stage', frames[-1])}<figcaption><b>How it grew</b> "
            f"<output>{escaped(frames[-1].caption)}</output></figcaption>"
            '<div class="player" hidden><button type="button" class="play" '
            f'aria-label="Play how it grew: {self._title}">Play</button>'
            f'<input type="range" min="0" max="{last}" value="{last}" step="1" '
            f'aria-label="Stage of {self._title}" '
            f'aria-valuetext="{escaped(frames[-1].caption)}"></div>'
            f'<noscript><ol class="strip">{strip}</ol></noscript></figure>'
        )

    def _measured(self) -> str:
        exhibit = self._run.exhibit
        curves = "".join(draw_curve(curve, exhibit.axis) for curve in exhibit.curves)
        figures = "".join(
            f"<div><dt>{escaped(name)}</dt><dd>{number(value)}</dd></div>"
            for name, value in exhibit.figures.items()
        )
        return (f'<div class="curves">{curves}</div>' if curves else "") + (
            f'<dl class="figures">{figures}</dl>' if figures else ""
        )

    def _command(self) -> str:
        command = self._run.settings.get("command")
        if not isinstance(command, str):
            return ""
        return (
            f'<div class="command"><pre><code>python {escaped(command)}</code></pre>'
            '<button type="button" class="copy" hidden '
            f'aria-label="Copy the command of {self._title}">Copy</button></div>'
        )

    def _details(self) -> str:
        settings = self._run.settings
        flags, versions, weights = (settings.get(k) for k in ("flags", "versions", "weights"))
        rest = {name: value for name, value in settings.items() if name not in _PLACED}
        resumed = settings.get("resumed")
        gone_on = [f"python {line}" for line in resumed] if isinstance(resumed, list) else []
        parts = (
            _table("Settings", flags),
            _table("Weights", {"weights": weights} if weights else {}),
            _table("Gone on with", {str(k): line for k, line in enumerate(gone_on, 1)}),
            _table("Further facts", rest),
            _table("Versions", versions),
        )
        if not any(parts):
            return ""
        return f"<details><summary>All settings</summary>{''.join(parts)}</details>"


def _attribute(value: object) -> str:
    """JSON for an attribute in single quotes, which its double quotes need no escaping in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")


def _table(heading: str, values: object) -> str:
    if not isinstance(values, Mapping) or not values:
        return ""
    rows = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{_value(value)}</dd></div>"
        for name, value in values.items()
    )
    return f"<h4>{heading}</h4><dl>{rows}</dl>"


def _value(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = "; ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    cut = f"{text[:_LONGEST]} \N{HORIZONTAL ELLIPSIS}" if len(text) > _LONGEST else text
    return escaped(cut)
