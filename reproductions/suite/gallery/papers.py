"""Which paper a run is of; nothing of the packages is imported."""

from functools import cache
from pathlib import Path

from reproductions.suite.papers import PAPERS, Paper


@cache
def paper_of(script: str) -> Paper | None:
    """The paper that an entry script belongs to.

    Args:
        script: a file's name, as `run.json` has it.

    Returns:
        The only paper with an entry script of that name; None if there is not exactly one.
    """
    if Path(script).name != script or not script.endswith(".py"):
        return None
    owners = [paper for paper in PAPERS if _is_entry(paper.folder / script)]
    return owners[0] if len(owners) == 1 else None


def _is_entry(path: Path) -> bool:
    return path.is_file() and '__name__ == "__main__"' in path.read_text(encoding="utf-8")
