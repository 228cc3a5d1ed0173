"""Small runs for the gallery, and exhibits of them that need no package's own."""

import json
import os
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
from PIL import Image

from common.exhibit import Curve, Exhibit, Picture

FLAGS = {"source": ["pebbles.png"], "max_iter": 12, "tileable": True, "init": None}


def exhibit(run: Path, settings: dict) -> Exhibit:
    """Shows the pictures of a run by their names, and what `run.json` says of it."""

    def pictures(kind: str) -> list[Picture]:
        return [Picture(path, path.stem) for path in sorted(run.glob(f"{kind}*"))]

    curves = [Curve(name, range(1, len(y) + 1), y) for name, y in settings["curves"].items()]
    return Exhibit(
        title=settings["title"],
        sources=pictures("source"),
        growth=pictures("stage"),
        results=pictures("result"),
        curves=curves,
        seconds=settings.get("seconds"),
        figures=settings.get("figures", {}),
    )


def show_with(monkeypatch, package: str, function=exhibit) -> None:
    """Lets this function show the runs of a package."""
    module = ModuleType(f"reproductions.{package}.exhibit")
    module.exhibit = function
    monkeypatch.setitem(sys.modules, module.__name__, module)


def write_picture(path: Path, size: tuple[int, int] = (12, 8), shade: int = 0) -> Path:
    """Writes a picture of two colours."""
    pixels = np.full((size[1], size[0], 3), (shade % 256, 90, 160), np.uint8)
    pixels[: size[1] // 2] = 255 - shade % 256
    Image.fromarray(pixels).save(path)
    return path


def make_run(
    folder: Path,
    title: str = "pebbles",
    script: str = "synthesize.py",
    stages: int = 0,
    size: tuple[int, int] = (12, 8),
    **settings,
) -> Path:
    """Makes a run with a source, some stages and a result."""
    folder.mkdir(parents=True)
    for number, name in enumerate(["source", "result", *(f"stage{k:03d}" for k in range(stages))]):
        write_picture(folder / f"{name}.png", size, 40 * number)
    told = {
        "script": script,
        "command": f"reproductions/multiscale/{script} --preset quick -m 12",
        "flags": FLAGS,
        "versions": {"python": "3.11.7", "keras": "3.11.3"},
        "weights": "random",
        "title": title,
        "curves": {},
        **settings,
    }
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")
    # Runs that were made in one second come in the order of their making all the same.
    os.utime(folder / "run.json", (1.7e9 + settings.get("age", 0),) * 2)
    return folder


class Element(NamedTuple):
    """A start tag: its name, its attributes, and the names of the elements that it is in."""

    tag: str
    attributes: dict[str, str | None]
    within: tuple[str, ...]


_VOID = ("meta", "img", "input", "path", "circle", "br")


class Page(HTMLParser):
    """A page, parsed; an element that is not closed in turn is an error.

    Attributes:
        elements: all start tags, in order.
        text: what a reader sees, and the scripts.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.source = path, path.read_text(encoding="utf-8")
        self.elements: list[Element] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), self.get_starttag_text()
        self.elements.append(Element(tag, dict(attrs), tuple(self._open)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs), tuple(self._open)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, self.getpos()

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [element.attributes for element in self.elements if element.tag == tag]

    def target(self, address: str) -> Path:
        """The file that a relative address leads to."""
        return self.path.parent / unquote(address)


def frames_of(growth: dict[str, str | None]) -> Sequence[list[str]]:
    """The frames that an element `growth` tells the script: thumbnail, address, caption."""
    return json.loads(growth["data-frames"])
