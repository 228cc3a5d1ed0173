"""A page that shows every run: `python -m reproductions gallery`.

Nothing is imported before it is needed, so that naming this package costs no time.
"""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["main", "write_gallery"]


def main(argv: Sequence[str]) -> int:
    """Writes the page that the command line asks for, and says where it is.

    Args:
        argv: the words after `gallery`.

    Returns:
        The exit status: 0.

    Raises:
        SystemExit: after `-h`, or a wrong flag (status 2).
        UserError: see `write_gallery`.
    """
    from reproductions.suite.gallery.command import run

    return run(argv)


def write_gallery(folders: Sequence[str | Path], output: str | Path) -> Path:
    """Writes a page of all runs in some folders.

    What cannot be shown is told on standard error, a line each.

    Args:
        folders: to search, with their subfolders.
        output: the page is its `index.html`; made if it is missing.

    Returns:
        The page.

    Raises:
        UserError: there is no such folder, or the page cannot be written.
    """
    from reproductions.suite.gallery.finding import find_runs
    from reproductions.suite.gallery.writing import write_page

    return write_page(find_runs(folders), output)
