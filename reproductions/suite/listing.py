"""What there is to run: the papers, their scripts, their recipes. It answers at once."""

import argparse
import ast
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from reproductions.suite.papers import PAPERS, Paper, Recipe

_HEAD = """Five papers on image synthesis. Commands are for the repository's folder; with -h each
script shows its flags. What there is besides:

  python -m reproductions doctor     is everything here, and does it work?
  python -m reproductions demo       a picture of every paper, in minutes
  python -m reproductions fullscale  a paper at full size, on a GPU, in pieces
  python -m reproductions gallery    a page of all that your runs have made
"""


def main(argv: Sequence[str]) -> int:
    """Prints the list.

    Args:
        argv: the words after `list`: names of packages, or none for all.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m reproductions list",
        description="Lists papers, scripts and recipes, with the commands to type.",
    )
    names = [paper.package for paper in PAPERS]
    parser.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(names)}; default: all"
    )
    asked = parser.parse_args(argv).packages
    for name in asked:
        if name not in names:
            parser.error(f"there is no package {name}; there are {', '.join(names)}")
    papers = [paper for paper in PAPERS if not asked or paper.package in asked]
    print(_HEAD)
    print("\n\n".join("\n".join(lines(paper)) for paper in papers))
    return 0


def lines(paper: Paper) -> Iterator[str]:
    """Tells of a paper: its title, scripts and recipes."""
    folder = f"reproductions/{paper.package}"
    yield f"{paper.package}: {paper.title}"
    yield f"  {paper.authors}; the lesson is {folder}/README.md"
    yield f"  scripts, python {folder}/..."
    for name, about in scripts(paper.folder):
        first, *rest = textwrap.wrap(about, 70)
        yield f"    {name:22} {first}"
        yield from (f"    {'':22} {line}" for line in rest)
    yield "  recipes"
    for recipe in recipes(paper):
        yield f"    {recipe.about}:"
        yield f"      {recipe.command}"


def scripts(folder: Path) -> list[tuple[str, str]]:
    """Finds a package's scripts: what ends with `if __name__ == "__main__"`.

    Args:
        folder: of the package.

    Returns:
        File name and the first line of the docstring of each, sorted.
    """
    found = []
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if '\nif __name__ == "__main__":' in text:
            found.append((path.name, (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]))
    return found


def recipes(paper: Paper) -> Sequence[Recipe]:
    """A paper's recipes: PPGN's are those of its `recipes.py`."""
    return _ppgn_recipes() if paper.package == "ppgn" else paper.recipes


def _ppgn_recipes() -> list[Recipe]:
    try:
        from reproductions.ppgn.recipes import DIGITS, RECIPES
    except ImportError:  # nothing is installed yet
        return []

    run = "python -m reproductions.ppgn.recipes"
    own = Recipe("all of it on drawn digits, nothing is downloaded", f"{run} {DIGITS}")
    originals = [
        Recipe(f"{recipe.about} (with downloaded weights)", f"{run} {number} {recipe.example}")
        for number, recipe in RECIPES.items()
    ]
    return [own, *originals]
