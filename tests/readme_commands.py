"""The commands and Python code of all READMEs, and whether the programs take them."""

import argparse
import contextlib
import functools
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from common import flags
from common.errors import UserError
from common.weights import REPOSITORY as ROOT

#: Folders without documents of ours.
_SKIPPED = {"node_modules", "outputs", "output", "results", "data", "originals", "references"}
_SHELL = {"", "sh", "bash", "console", "shell"}
_SPAN = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"(?:\.venv/bin/)?(python|make|tensorboard|pip|sh) |\.\.\. recipes ")

#: What stands for something of the reader's, and what it is tried with.
PLACEHOLDERS = {
    "FOLDER": "folder",
    "DIR": "folder",
    "FILE": "file.png",
    "FILE.t7": "file.t7",
    "NAME": "name",
    "RUN": "run",
    "NAME.run": "name.run",
    "N": "2",
    "SIGMA": "2",
    "PYTHON": "python",
}
#: Words of a shell that call nothing of ours.
_OTHERS = {"cd", "git", "export", "mkdir"}
#: Files below these are in the repository.
_OURS = ("benchmarks/", "common/", "datasets/", "pretrained/", "reproductions/", "tests/")
_DOWNLOADED = ("datasets/originals", "datasets/mnist")
#: What programs say while they parse if an earlier command has not been run.
_MADE_BY_RUNS = re.compile(
    r"has not been learned in results|no run latest in results|is no run folder: .*No such file"
)


class Command(NamedTuple):
    """A command, and where it stands."""

    readme: str
    line: int
    text: str
    block: bool

    def __str__(self):
        return f"{self.readme}:{self.line}: {self.text}"


class Code(NamedTuple):
    """A block of Python, and where it begins."""

    readme: str
    line: int
    text: str

    def __str__(self):
        return f"{self.readme}:{self.line}"


class RottenError(Exception):
    """A command that does not work; the message says why."""


class _Parsed(BaseException):
    """A program has taken its command line."""


@functools.cache
def documents() -> tuple[Path, ...]:
    """All Markdown files of the repository."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in _SKIPPED)
        found += [Path(folder, file) for file in files if file.endswith(".md")]
    return tuple(sorted(found))


def read(text: str, name: str = "README.md") -> tuple[list[Command], list[Code]]:
    """The commands and the Python code of a document.

    Commands are the lines of shell blocks, and spans of code that begin as one; but for spans in
    the first column of a table headed `original`, which are the originals' own.
    """
    commands, code = [], []
    fence = begin = original = None
    block: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            if fence is None:
                fence, begin, block = line.strip("` "), number + 1, []
                continue
            if fence in _SHELL:
                commands += [Command(name, n, t, True) for n, t in _lines(block, begin)]
            elif fence == "python":
                code.append(Code(name, begin, "\n".join(block) + "\n"))
            fence = None
        elif fence is not None:
            block.append(line)
        else:
            row = line.startswith("|")
            if row and original is None:
                original = line[1:].split("|")[0].strip().lower() == "original"
            elif not row:
                original = None
            skipped = len(re.match(r"\|(\\\||[^|])*", line)[0]) if original else 0
            commands += [
                Command(name, number, span[1].replace("\\|", "|"), False)
                for span in _SPAN.finditer(line, skipped)
                if _COMMAND.match(span[1])
            ]
    return commands, code


def _lines(block: list[str], begin: int) -> Iterator[tuple[int, str]]:
    """The commands of a shell block: continued lines are joined."""
    joined, first = "", begin
    for number, line in enumerate(block, begin):
        first = first if joined else number
        joined += line.strip().removeprefix("$ ")
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        if joined and not joined.startswith("#"):
            yield first, joined
        joined = ""


@functools.cache
def everything() -> tuple[list[Command], list[Code]]:
    """The commands and code of all documents, in their order."""
    commands, code = [], []
    for path in documents():
        more = read(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
        commands, code = commands + more[0], code + more[1]
    return commands, code


def simple_commands(text: str) -> list[list[str]]:
    """The words of each command of a line; `&&` and `;` part them, `#` begins a comment."""
    text = text.replace("... recipes ", "python -m reproductions.ppgn.recipes ", 1)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set(";&|>"):
            found.append([])
        else:
            found[-1].append(PLACEHOLDERS.get(word, word))
    return [words for words in found if words]


def check(words: list[str], folder: Path) -> str:
    """Checks a simple command.

    Args:
        words: of the command.
        folder: in which it is tried; see `make_folder`.

    Returns:
        What it was taken for.

    Raises:
        RottenError: it does not work.
    """
    program, *rest = words
    if re.fullmatch(r"\w+=.*", program):
        # A value for what follows, or for the lines below.
        return check(rest, folder) if rest else "variable"
    if program == "source":
        return _need(rest == [".venv/bin/activate"], "environment", "another environment")
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        missing = [word for word in rest if "=" not in word and word not in targets]
        return _need(not missing, "make", f"no target {missing}")
    if program == "tensorboard":
        return _need("--logdir" in rest and len(rest) == 2, "tensorboard", "no --logdir")
    if rest[:2] == ["-m", "venv"]:
        return _need(rest[2:] == [".venv"], "environment", "another environment")
    if rest[:2] == ["-m", "pytest"]:
        paths = [word for word in rest if word.startswith("tests/")]
        return _need(all((ROOT / p).exists() for p in paths), "pytest", f"no such test {paths}")
    if program == "pip" or rest[:2] == ["-m", "pip"]:
        files = [word for word in rest if word.endswith(".txt")]
        return _need(all((ROOT / f).is_file() for f in files), "pip", f"no file {files}")
    if program == "sh":
        script = rest[0].removeprefix("./")
        recipe = re.fullmatch(r"reproductions/ppgn/(\d)_\w+\.sh", script)
        _need(recipe and (ROOT / script).is_file(), "", f"no recipe {script}")
        return check(["python", "reproductions/ppgn/recipes.py", recipe[1], *rest[1:]], folder)
    if program in ("python", ".venv/bin/python"):
        _check_files(rest)
        parse(rest, folder)
        return "program"
    return _need(program in _OTHERS, "shell", f"{program} is unknown to this test")


def _need(holds, kind: str, otherwise: str) -> str:
    if not holds:
        raise RottenError(otherwise)
    return kind


def _check_files(words: list[str]) -> None:
    """What seems to be in the repository has to be."""
    from datasets.download import table

    pictures = {path.name for path in (ROOT / "datasets" / "textures").iterdir()}
    pictures |= {Path(row.path).name for row in table()} | set(PLACEHOLDERS.values())
    for word in words:
        path = word.rpartition("=")[2]
        if path.startswith(_OURS) and not path.startswith(_DOWNLOADED):
            _need((ROOT / path).exists(), "", f"there is no {path}")
        elif re.fullmatch(r"[\w.-]+\.(png|jpe?g)", path):
            _need(path in pictures, "", f"nobody has a picture {path}")


def make_folder(folder: Path) -> Path:
    """Makes a folder in which commands for the repository's can be tried: it has no results."""
    for name in ("benchmarks", "common", "datasets", "pretrained", "reproductions", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def parse(words: list[str], folder: Path) -> None:
    """Has a program of the suite take its command line, and stops it there.

    A run, or a file, that an earlier command would have made may be missing.

    Args:
        words: those after `python`.
        folder: in which it is tried.

    Raises:
        RottenError: there is no such program, or it refuses.
    """
    module = words[0] == "-m"
    name, *argv = words[1:] if module else words
    path = Path(name.replace(".", "/")) if module else Path(name)
    file = ROOT / (path / "__main__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))
    _need(file.is_file(), "", f"there is no {'module' if module else 'script'} {name}")
    # A name is missing in `get ...`; what else there is dots is for.
    argv = ["caffenet" if word == "..." else word for word in argv]
    err = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # runpy's, of modules that are imported already
        patch.chdir(folder)
        patch.syspath_prepend(ROOT)
        patch.setattr(sys, "argv", [str(file), *argv])
        _stop_after_parsing(patch, commands=name == "reproductions" and argv[:1] != ["-h"])
        streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err)
        with streams[0], streams[1]:
            try:
                if module:
                    runpy.run_module(name, run_name="__main__", alter_sys=False)
                else:
                    runpy.run_path(str(file), run_name="__main__")
            except _Parsed:
                return
            except UserError as error:
                err.write(str(error))
            except SystemExit as end:
                if not end.code:  # after -h
                    return
    message = err.getvalue().strip()
    _need(_MADE_BY_RUNS.search(message), "", message or "ended without a word")


def _stop_after_parsing(patch: pytest.MonkeyPatch, commands: bool) -> None:
    """Scripts end by `flags.run(parse, main)`, or by a `main` that calls `parse_args`.

    Args:
        patch: of pytest.
        commands: whether what is parsed first is the name of a command that parses the rest.
    """
    original = argparse.ArgumentParser.parse_args
    whole = [commands]

    def parse_args(self, *args, **kwargs):
        values = original(self, *args, **kwargs)
        if whole[0]:
            whole[0] = False
            return values
        raise _Parsed

    def run(parse, main):
        patch.setattr(argparse.ArgumentParser, "parse_args", original)
        parse(sys.argv[1:])
        raise _Parsed

    def refuse(*args, **kwargs):
        raise RottenError("it begins to work without a look at its command line")

    patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    patch.setattr(flags, "run", run)
    patch.setattr("common.quiet.import_keras", refuse)
    patch.setattr(subprocess, "Popen", refuse)
