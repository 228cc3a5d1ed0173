"""How the programs that make pictures end: their flags, mistakes, and Ctrl-C."""

import signal

import pytest

from common.errors import UserError
from common.files import make_folder
from datasets.making import parser
from tests.leftovers import files_below
from tests.scripts import ROOT, Ended, finish, start, wait_until

SCRIPTS = ("make_digits", "make_landscapes", "make_textures")


def ended(script: str, *argv, folder) -> Ended:
    return finish(start([ROOT / "datasets" / f"{script}.py", *argv], folder))


def test_defaults_and_types(capsys):
    flags = parser("a.py", "Draws.", 7, "there").parse_args([])
    assert (flags.images, flags.seed, str(flags.output_dir)) == (7, 0, "there")
    with pytest.raises(SystemExit, match="2"):
        parser("a.py", "Draws.", 7, "there").parse_args(["--images", "0"])
    assert capsys.readouterr().err.startswith("a.py: error: argument --images: must be 1 or more")


def test_a_folder_that_cannot_be_made(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert files_below(tmp_path) == {"a", "a/b"}
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make the folder"):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize("script", SCRIPTS)
def test_mistakes_are_one_line(script, tmp_path):
    (tmp_path / "file").touch()
    told = ended(script, "--output_dir", tmp_path / "file", folder=tmp_path)
    assert (told.status, told.out) == (1, "")
    assert told.error.startswith("error: cannot make the folder")
    told = ended(script, "--colour", folder=tmp_path)
    assert (told.status, told.out) == (2, "")
    assert told.error.startswith(f"{script}.py: error: ")


@pytest.mark.parametrize(
    ("script", "argv"),
    [
        ("make_digits", ["--images", "1000000"]),
        ("make_landscapes", ["--images", "1000000"]),
        ("make_textures", []),
    ],
)
def test_control_c(script, argv, tmp_path):
    command = [ROOT / "datasets" / f"{script}.py", *argv, "--output_dir", "out"]
    process = start(command, tmp_path)
    wait_until(process, (tmp_path / "out").exists)
    process.send_signal(signal.SIGINT)
    told = finish(process)
    assert (told.status, told.error) == (130, "interrupted")
    # What is there is whole: what is being written has a hidden name.
    assert not [path.name for path in tmp_path.rglob(".*")]
