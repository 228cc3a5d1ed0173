"""`python -m reproductions`: the list, and how its commands are found."""

import os
import subprocess
import sys

import pytest

from common.errors import UserError
from reproductions import __main__ as suite
from reproductions.ppgn.recipes import RECIPES
from reproductions.suite import listing
from reproductions.suite.papers import PAPERS, REPRODUCTIONS
from tests.readme_commands import ROOT, check, make_folder, simple_commands


@pytest.fixture
def printed(capsys):
    """From words after `python -m reproductions` to the status and what is printed."""

    def printed(*argv):
        try:
            status = suite.main(argv)
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return printed


def test_all_packages_are_listed(printed):
    status, out, err = printed()
    assert (status, err) == (0, "")
    assert {path.parent.name for path in REPRODUCTIONS.glob("*/README.md")} == {
        paper.package for paper in PAPERS
    }
    for paper in PAPERS:
        assert f"{paper.package}: {paper.title}" in out
        assert f"reproductions/{paper.package}/README.md" in out


def test_all_scripts_are_listed_with_what_they_do():
    found = {paper.package: dict(listing.scripts(paper.folder)) for paper in PAPERS}
    assert found["multiscale"] == {
        "novelty.py": "Makes textures that differ from each other, from no source.",
        "synthesize.py": "Makes a new texture from source pictures.",
    }
    assert "options.py" not in found["ppgn"]
    for scripts in found.values():
        assert len(scripts) >= 2
        assert all(about[0].isupper() and about.endswith(".") for about in scripts.values())


def test_nothing_slow_is_imported():
    """It has to answer at once."""
    code = (
        "import sys, runpy; runpy.run_module('reproductions.suite.listing')['main']([]);"
        "assert not {'tensorflow', 'keras', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_ppgns_recipes_are_its_own():
    [paper] = [paper for paper in PAPERS if paper.package == "ppgn"]
    found = [recipe.command.split()[3:] for recipe in listing.recipes(paper)]
    assert found == [["digits"], *([str(n), recipe.example] for n, recipe in RECIPES.items())]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.package)
def test_programs_take_the_commands_that_are_listed(paper, tmp_path):
    folder, recipes = make_folder(tmp_path), listing.recipes(paper)
    assert len(recipes) >= 2
    for recipe in recipes:
        [words] = simple_commands(recipe.command)
        assert check(words, folder) == "program"
        assert f"      {recipe.command}" in list(listing.lines(paper))


def test_some_of_the_packages(printed):
    status, out, _ = printed("list", "ppgn", "keras_gan")
    assert status == 0
    assert [p.package for p in PAPERS if f"{p.package}: {p.title}" in out] == ["ppgn", "keras_gan"]
    status, _, err = printed("list", "pgn")
    assert status == 2
    assert "there is no package pgn; there are multiscale, " in err


def test_lines_fit(printed):
    """All but commands, which must not be broken."""
    _, out, _ = printed()
    assert max(len(line) for line in out.splitlines() if not line.startswith(" " * 6)) <= 100


def test_help(printed):
    status, out, _ = printed("-h")
    assert status == 0
    for command in ("list", "demo", "gallery", "doctor"):
        assert f"\n  {command} " in out


@pytest.mark.parametrize("command", list(suite.COMMANDS))
def test_help_of_commands(command, printed):
    status, out, _ = printed(command, "-h")
    assert status == 0
    assert out.startswith(f"usage: python -m reproductions {command} [-h]")


@pytest.mark.parametrize("words", [["dctor"], ["--doctor"], [""], ["demo", "now"]])
def test_an_unknown_command_is_refused_in_a_line(words, printed):
    status, out, err = printed(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(
        ("python -m reproductions: error: ", "python -m reproductions demo: error: ")
    )


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (UserError("no such\nrun"), 1, "error: no such run\n"),
        (ModuleNotFoundError(name="numpy.linalg"), 1, "error: numpy is not installed; python -m "),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_how_a_command_ends(raised, status, said, printed, monkeypatch):
    def fail(words):
        assert words == ["multiscale"]
        raise raised

    monkeypatch.setattr(listing, "main", fail)
    found, out, err = printed("list", "multiscale")
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert err.startswith(said)


def test_nobody_reads_on():
    """As with `| head`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "reproductions"]
    ended = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_a_module_of_the_suite_that_is_missing_is_no_users_mistake(printed, monkeypatch):
    monkeypatch.setitem(suite.COMMANDS, "demo", ("reproductions.suite.nothing", ""))
    with pytest.raises(ModuleNotFoundError):
        printed("demo")
