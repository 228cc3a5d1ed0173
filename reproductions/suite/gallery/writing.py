"""Puts the page together."""

import base64
import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from string import Template

from common.errors import UserError
from common.files import written_whole
from reproductions.suite.gallery.article import GALLERY, Article, shown_pictures
from reproductions.suite.gallery.finding import Run
from reproductions.suite.gallery.thumbnails import make_thumbnails, remove_others
from reproductions.suite.gallery.words import address, counted, escaped, moment, now
from reproductions.suite.papers import Paper

_HERE = Path(__file__).parent

_NOTHING = """<div class="nothing"><h2>Nothing to see yet</h2>
<p>Every run of a script will hang here: its pictures, how they grew, how its loss fell, and
the command that makes it again.</p>
<p>The first ones take some minutes and no pretrained weights:</p>
<pre><code>make demo</code></pre>
<p>Then <code>python -m reproductions gallery</code> writes this page anew.</p></div>
"""


def write_page(runs: Sequence[Run], output: str | Path) -> Path:
    """Writes `index.html` and its thumbnails.

    The page is replaced in one step when all is done.

    Args:
        runs: sorted by paper.
        output: the folder; made if it is missing.

    Returns:
        The page.

    Raises:
        UserError: it cannot be written.
    """
    output = Path(output)
    base = output.resolve()
    wanted = [picture for run in runs for picture in shown_pictures(run)]
    thumbnails = make_thumbnails(wanted, base / GALLERY)
    sections, buttons = [], []
    for paper, found in groupby(runs, key=lambda run: run.paper):
        group = list(found)
        articles = [
            Article(run, f"{paper.package}-{number}", thumbnails, base).html()
            for number, run in enumerate(group, 1)
        ]
        sections.append(_section(paper, articles, base))
        buttons.append(_button(paper.package, paper.package, len(group)))
    filters = "".join([_button("", "all", len(runs)), *buttons]) if runs else ""
    text = _filled(filters, "".join(sections) or _NOTHING, _summary(runs, len(sections)))
    with written_whole(output / "index.html") as temporary:
        # A file's name may hold bytes that are no text.
        temporary.write_text(text, encoding="utf-8", errors="replace")
    try:
        remove_others(base / GALLERY, thumbnails.values())
    except OSError as error:
        raise UserError(f"cannot remove old thumbnails: {error}") from None
    return output / "index.html"


def _section(paper: Paper, articles: Sequence[str], base: Path) -> str:
    lesson = f'<a href="{address(paper.folder / "README.md", base)}">the lesson</a>'
    return (
        f'<section id="{paper.package}" data-paper="{paper.package}" '
        f'aria-labelledby="{paper.package}-title">'
        f'<h2 id="{paper.package}-title">{escaped(paper.title)}</h2>'
        f'<p class="origin">{escaped(paper.authors)} \N{MIDDLE DOT} '
        f"<code>{paper.package}</code> \N{MIDDLE DOT} {lesson}</p>\n"
        f"{''.join(articles)}</section>\n"
    )


def _button(package: str, label: str, count: int) -> str:
    return (
        f'<button type="button" data-paper="{package}" '
        f'aria-pressed="{"false" if package else "true"}">{label} <span>{count}</span></button>'
    )


def _summary(runs: Sequence[Run], sections: int) -> str:
    machine, people = moment(now())
    written = f'as of <time datetime="{machine}">{people}</time>'
    if not runs:
        return f"No runs, {written}"
    return f"{counted(len(runs), 'run')} of {counted(sections, 'paper')}, {written}"


def _filled(filters: str, content: str, summary: str) -> str:
    style, script, page = (
        (_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "page.html")
    )
    return Template(page).substitute(
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        filters=filters,
        summary=summary,
        content=content,
    )


def _hash(text: str) -> str:
    """What lets the browser take this text only, whatever else gets into the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
