"""The pretrained files of the suite: which there are, where they lie, and getting them.

`pretrained/manifest.json` is the list. On the command line:

    python -m common.weights list
    python -m common.weights get caffenet ppgn_generator
"""

import argparse
import functools
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.originals import REPOSITORY

MANIFEST = REPOSITORY / "pretrained" / "manifest.json"

_BY_HAND = "put the file there yourself, or use"
#: Weights that can take VGG-19's place, the best first, and what is to be said of each.
_REMARKS = {
    "squeezenet": " (0.7 MB)",
    "drawn": " (a small network of the suite's own, kept here: no download)",
}
#: The largest file, in bytes, that is fetched without having been asked for.
_SMALL = 5_000_000


@dataclass(frozen=True)
class Pretrained:
    """A row of the manifest.

    Args:
        name: what flags and functions call it.
        file: its file name.
        urls: its addresses, tried in order.
        what: what it is.
        used_by: the reproductions that use it.
        member: set if the addresses give a tar archive: the file's name in there.
        sha256: the published checksum, where there is one.
        sha1: likewise.
        md5: likewise.
        git_blob: likewise; see `common.download.fetch`.
        checksum_from: who published it.
        bytes: its size, about, where it is known.
        licence: as its publisher states it.
        instead: what else `--weights` can name where the file cannot be had, the best first, but
            for `random`, which always can.
    """

    name: str
    file: str
    urls: Sequence[str]
    what: str
    used_by: Sequence[str]
    member: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    git_blob: str | None = None
    checksum_from: str | None = None
    bytes: int | None = None
    licence: str | None = None
    instead: Sequence[str] = ()

    @property
    def hint(self) -> str:
        """What to do where the file cannot be downloaded; a line without its full stop."""
        if not self.instead:
            return f"{_BY_HAND} random weights (--weights random): no file needed"
        trained = "|".join(name for name in self.instead if name not in _REMARKS)
        others = [name + _REMARKS[name] for name in self.instead if name in _REMARKS]
        ways = ", ".join(f"--weights {way}" for way in (trained, *others, "random") if way)
        return f"{_BY_HAND}, the best first: {ways}"


def pretrained_dir() -> Path:
    """Returns the folder of the downloaded files: `PRETRAINED_DIR`, by default `pretrained/`."""
    return Path(os.environ.get("PRETRAINED_DIR") or MANIFEST.parent)


@functools.cache
def manifest() -> dict[str, Pretrained]:
    """Returns the manifest's rows by name, in its order."""
    rows = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return {row["name"]: Pretrained(**row) for row in rows}


def locate(name: str, folders: Iterable[str | os.PathLike] = ()) -> Path | None:
    """Finds a pretrained file on this machine; the network is not asked.

    Args:
        name: a name in the manifest.
        folders: where to look before the pretrained folder, such as one that a flag names.

    Returns:
        The file's path, or None if it is in none of the folders.

    Raises:
        UserError: the manifest has no such name.
    """
    file = _row(name).file
    for folder in (*folders, pretrained_dir()):
        path = Path(folder).expanduser() / file
        if os.path.isfile(path):
            return path
    return None


def get(name: str, folders: Iterable[str | os.PathLike] = (), progress: bool = True) -> Path:
    """Finds a pretrained file, or downloads it into the pretrained folder.

    A file in one of `folders` is the user's own and is used as it is. One in the pretrained
    folder is held to its checksum, published or recorded at the first download.

    Args:
        name: a name in the manifest.
        folders: where to look before the pretrained folder.
        progress: shows a progress bar.

    Returns:
        The file's path.

    Raises:
        UserError: the manifest has no such name, the file cannot be downloaded, or it has
            another checksum.
    """
    # Imported here, so that `-h` and `list` need not wait for it.
    from common.download import fetch, take_member

    row = _row(name)
    destination = pretrained_dir() / row.file
    found = locate(name, folders)
    if found is not None and found != destination:
        return found
    archive = destination.with_name(row.urls[0].rpartition("/")[2])
    if found is None and row.member and os.path.isfile(archive):
        return take_member(archive, row.member, destination)
    return fetch(
        row.urls,
        destination,
        sha256=row.sha256,
        sha1=row.sha1,
        md5=row.md5,
        git_blob=row.git_blob,
        member=row.member,
        hint=row.hint,
        progress=progress,
    )


def obtainable(name: str, seconds: float = 3) -> Path | None:
    """Finds a small pretrained file, or fetches it if that can be done at once.

    The network is not asked if the environment variable `PRETRAINED_OFFLINE` says anything.

    Args:
        name: a name in the manifest.
        seconds: how long to wait, about, for a connection to where the file is.

    Returns:
        The file's path; None if it is neither here nor to be had at once, for whatever reason:
        no network, another file at the address, no place to write it, more than 5 MB.

    Raises:
        UserError: the manifest has no such name, or the file that is here has another checksum.
    """
    if locate(name) is not None:
        return get(name)
    row = _row(name)
    if os.environ.get("PRETRAINED_OFFLINE") or row.bytes is None or row.bytes > _SMALL:
        return None
    from common.download import reachable

    if not any(reachable(url, seconds / len(row.urls)) for url in row.urls):
        return None
    try:
        return get(name)
    except UserError:
        return None


def describe() -> str:
    """Returns a table of the manifest: name, whether the file is here, size, what it is for."""
    lines = [("name", "here", "size", "used by", "what")]
    for row in manifest().values():
        path = locate(row.name)
        size = path.stat().st_size if path else row.bytes
        lines.append(
            (
                row.name,
                "yes" if path else "no",
                size_in_words(size),
                ", ".join(row.used_by),
                row.what,
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*table, f"folder: {pretrained_dir()}"])


def _row(name: str) -> Pretrained:
    try:
        return manifest()[name]
    except KeyError:
        known = ", ".join(manifest())
        raise UserError(f"there are no pretrained weights {name!r}; there are {known}") from None


def size_in_words(count: int | None) -> str:
    """A size in bytes, which may not be known, as people say it."""
    if count is None:
        return "unknown"
    return f"{count / 1e6:,.{1 if count < 1e6 else 0}f} MB"


def _get_all(names: Iterable[str]) -> int:
    """Gets several files, one failing or not; returns the exit status."""
    failed = 0
    for name in names:
        try:
            print(get(name))
        except UserError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after the program's name; by default those it was called with.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m common.weights", description="Lists or downloads the pretrained files."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show what there is, and what is on this machine")
    getting = commands.add_parser("get", help="download what is not on this machine")
    getting.add_argument("names", nargs="+", metavar="NAME", choices=list(manifest()))
    flags = parser.parse_args(arguments)
    if flags.command == "list":
        print(describe())
        return 0
    return _get_all(flags.names)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing half-written is left")
