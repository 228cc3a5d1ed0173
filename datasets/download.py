"""Gets the originals' pictures and published models, and MNIST.

    python datasets/download.py                        everything, 22 MB
    python datasets/download.py textures mnist         two groups
    python datasets/download.py textures/bark.jpg      one file
    python datasets/download.py --list

`originals.tsv` beside this script has their addresses, sizes, SHA-256 and licences.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    # Started from any folder, the script finds the suite; `datasets/` itself holds no modules.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from common.download import fetch
from common.errors import UserError
from common.originals import originals_dir

TABLE = Path(__file__).resolve().parent / "originals.tsv"


class Original(NamedTuple):
    """A row of the table: a file, where it belongs under the output folder, where it comes from."""

    group: str
    path: str
    urls: list[str]
    bytes: int
    sha256: str
    licence: str


def table() -> list[Original]:
    """Returns the rows of `originals.tsv`."""
    with open(TABLE, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    return [
        Original(group, path, urls.split(), int(size), sha256, licence)
        for group, path, urls, size, sha256, licence in rows[1:]
    ]


def choose(names: Iterable[str], rows: Sequence[Original]) -> list[Original]:
    """Picks rows by group, path or file name.

    Args:
        names: groups (`all` for every row), paths under the output folder, or file names.
        rows: what to pick from.

    Returns:
        The chosen rows, each once, in the order of `rows`.

    Raises:
        UserError: a name fits no row.
    """
    chosen = set()
    for name in names:
        fitting = [row for row in rows if _fits(name, row)]
        if not fitting:
            groups = ", ".join(dict.fromkeys(row.group for row in rows))
            raise UserError(f"no original is called {name!r}: see --list; the groups are {groups}")
        chosen.update(row.path for row in fitting)
    return [row for row in rows if row.path in chosen]


def download(rows: Iterable[Original], folder: Path) -> int:
    """Gets the files that are not there yet; one that fails does not stop the others.

    Args:
        rows: the files.
        folder: the output folder.

    Returns:
        How many failed. Their reasons are on standard error.
    """
    errors = []
    for row in rows:
        try:
            print(fetch(row.urls, folder / row.path, sha256=row.sha256))
        except UserError as error:
            errors.append(error)
    for error in errors:
        print(error, file=sys.stderr)
    return len(errors)


def _fits(name: str, row: Original) -> bool:
    return name in ("all", row.group, row.path, row.path.rpartition("/")[2])


def _list(rows: Iterable[Original], folder: Path) -> None:
    for row in rows:
        here = "here" if (folder / row.path).is_file() else "-"
        print(f"{row.group:12}  {row.path:55}  {row.bytes:>9,}  {here:4}  {row.licence}")


def _flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        default=["all"],
        metavar="NAME or GROUP",
        help="textures, multiscale, texture_nets, ppgn, mnist, all (the default), or a file",
    )
    parser.add_argument("--list", action="store_true", help="show the files, download nothing")
    parser.add_argument(
        "--output_dir",
        type=Path,
        default=originals_dir(),
        help="where the files go (ORIGINALS_DIR, or datasets/originals)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after the script's name; by default those it was called with.

    Returns:
        The exit status: 0 if every file is there now.
    """
    flags = _flags(arguments)
    try:
        rows = choose(flags.names, table())
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    if flags.list:
        _list(rows, flags.output_dir)
        return 0
    failed = download(rows, flags.output_dir)
    if failed:
        print(f"{failed} of {len(rows)} files could not be had", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; what is there is whole", file=sys.stderr)
        sys.exit(130)
