"""What the READMEs tell a reader to type works: programs take the flags, files are there."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.download import table
from tests.readme_commands import (
    ROOT,
    Command,
    RottenError,
    check,
    documents,
    everything,
    make_folder,
    read,
    simple_commands,
)

COMMANDS, CODE = everything()

#: What ends within a second and needs nothing.
AT_ONCE = (["-m", "reproductions"], ["-m", "common.weights", "list"])

#: What the slow test runs besides quick settings: what draws pictures, or uses those made above.
FOLLOWING = (
    "make_digits.py",
    "make_landscapes.py",
    "extract4_2.py",
    "texture_sample.py",
    "stylization_process.py",
    "generate.py",
)
MODULES = (
    ["reproductions.ppgn.recipes", "digits"],
    ["reproductions", "doctor"],
    ["reproductions", "gallery"],
)

#: Python that is no program: what its block begins with or reads, and why.
PARTS = {"def shallow(": "a part of networks.py", '"data/index.h5"': "reads a run's own files"}


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


def is_at_once(words: list[str]) -> bool:
    return words[1:] in AT_ONCE or (words[0] == "python" and words[-1] in ("-h", "--list"))


def downloaded() -> set[str]:
    """Names of pictures that only `datasets/download.py` gets."""
    ours = {path.name for path in (ROOT / "datasets" / "textures").iterdir()}
    return {Path(row.path).name for row in table()} - ours


def is_real(command: Command, words: list[str]) -> bool:
    """Whether the slow test runs it: it takes minutes at most, and downloads nothing."""
    if not command.block or words[0] != "python" or "$" in command.text:
        return False
    if downloaded() & set(words):
        return False
    if words[2:] in MODULES or "--preset quick" in command.text:
        return True
    return words[1].endswith(FOLLOWING)


def run(words: list[str], folder) -> None:
    """Runs a command in a process of its own."""
    env = {**os.environ, "PRETRAINED_DIR": str(folder / "none"), "ORIGINALS_DIR": str(folder)}
    ended = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, (words, ended.stderr[-2000:])


def test_every_readme_is_read():
    names = {path.relative_to(ROOT).as_posix() for path in documents()}
    packages = {
        f"reproductions/{path.parent.name}" for path in ROOT.glob("reproductions/*/options.py")
    }
    assert len(packages) >= 4
    wanted = {f"{folder}/README.md" for folder in (*packages, "datasets", "pretrained")}
    wanted |= {"README.md", "reproductions/texture_nets/README.md"}
    assert wanted <= names
    assert wanted <= {command.readme for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command(command, folder):
    """Each is known for what it is, and its program takes it."""
    commands = simple_commands(command.text)
    assert commands
    for words in commands:
        assert check(words, folder)


@pytest.mark.parametrize(
    "text",
    [
        "python reproductions/multiscale/synthesise.py -s datasets/textures/bricks.png",
        "python reproductions/multiscale/synthesize.py -s datasets/textures/brick.png",
        "python reproductions/multiscale/synthesize.py -s bricks.png --octave-count 3",
        "python reproductions/multiscale/synthesize.py -s bricks.png -o three",
        "python reproductions/iccv_introspective/learn_texture.py lawn.png",
        "python reproductions/keras_gan/train.py --preset quickly",
        "python reproductions/texture_nets/texture_train.py -model_name pyramid9",
        "python -m reproductions.ppgn.recipes 9 13",
        "python -m reproductions.ppgn.recipe 1 13",
        "python -m reproductions docter",
        "python -m reproductions doctor --no_such_flag",
        "python -m common.weights get no_such_weights",
        "python datasets/make_digits.py --pictures 5",
        "python benchmarks/multiscale.py --no_such_flag",
        "sh reproductions/ppgn/8_eighth.sh 13",
        "make demonstration",
        "tensorboard --log outputs",
        "pip install -r requirement.txt",
        "source venv/bin/activate",
        "python3 synthesize.py",
        "th texture_train.lua",
    ],
)
def test_a_rotten_command_is_caught(text, folder):
    [words] = simple_commands(text)
    with pytest.raises(RottenError):
        check(words, folder)


def test_what_counts_as_a_command():
    text = """Type `make demo`, not `common/x.py`; `python a.py` does.
| original | here |
| --- | --- |
| `python old.py \\| tee`, `make x` | `python new.py a\\|b` |

| flag | |
| --- | --- |
| `python first.py` | |
```
python b.py \\
  --flag   # why
# a comment
```
```python
import a
```
    python c.py
```text
python d.py
```
"""
    commands, code = read(text)
    wanted = ["make demo", "python a.py", "python new.py a|b", "python first.py"]
    assert [(c.text, c.line) for c in commands] == [
        *zip(wanted, (1, 1, 4, 8), strict=True),
        ("python b.py --flag   # why", 10),
    ]
    assert [(c.text, c.line) for c in code] == [("import a\n", 15)]
    assert simple_commands("A=b python x.py 'a b' && make test; cd x  # y") == [
        ["A=b", "python", "x.py", "a b"],
        ["make", "test"],
        ["cd", "x"],
    ]


@pytest.mark.parametrize("code", CODE, ids=str)
def test_python(code):
    """It compiles, and what it imports is there."""
    tree = ast.parse(code.text, code.readme)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    compiled = compile(ast.Module(imports, []), code.readme, "exec")
    exec(compiled, {})
    assert imports or any(mark in code.text for mark in PARTS)


def test_what_ends_at_once(folder):
    """Such commands are run."""
    found = [w for c in COMMANDS for w in simple_commands(c.text) if is_at_once(w)]
    different = {tuple(words): words for words in found}
    assert ("python", "-m", "common.weights", "list") in different
    for words in different.values():
        run(words, folder)


@pytest.mark.slow
@pytest.mark.parametrize("readme", sorted({part.readme for part in (*COMMANDS, *CODE)}))
def test_real_runs(readme, folder):
    """Quick settings and Python run in the README's order: each may use what those above made."""
    steps = [
        (command.line, words)
        for command in COMMANDS
        if command.readme == readme
        for words in simple_commands(command.text)
        if is_real(command, words)
    ]
    for code in CODE:
        if code.readme == readme and not any(mark in code.text for mark in PARTS):
            program = folder / f"line_{code.line}.py"
            program.write_text(f"import sys; sys.path[0] = {str(ROOT)!r}\n{code.text}")
            steps.append((code.line, ["python", program.name]))
    if not steps:
        pytest.skip("nothing here is quick")
    for _, words in sorted(steps):
        run(words, folder)
