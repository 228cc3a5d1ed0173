"""The numbered menu that asks which learning run to use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from reproductions.iccv_introspective.menu import choose_run
from reproductions.iccv_introspective.run_folder import runs_of, title
from tests.reproductions.iccv_introspective.commands import script_path
from tests.scripts import ROOT, finish, start

RUNS = [Path(f"learn_a_texture/{name}") for name in ("07032017_130203", "11302017_000000")]


def answers(*lines):
    """Stands for a user who types these lines, and then ends the input."""
    waiting = list(lines)

    def ask(prompt):
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    return ask


def test_the_menu_shows_the_dates_of_the_runs(capsys):
    assert choose_run(RUNS, True, answers("2")) == RUNS[1]
    assert capsys.readouterr().out.splitlines() == [
        "Select a run",
        "1) July 03 2017 at 01:02:03 PM",
        "2) November 30 2017 at 12:00:00 AM",
    ]


def test_two_runs_of_one_second_have_titles_of_their_own():
    assert title(Path("07032017_010203")) == "July 03 2017 at 01:02:03 AM"
    assert title(Path("07032017_010203.0")) == "July 03 2017 at 01:02:03 AM (2)"
    assert title(Path("07032017_010203.1")) == "July 03 2017 at 01:02:03 AM (3)"


def test_runs_are_sorted_by_date(tmp_path):
    names = ["12312016_235959", "07032017_130203", "07032017_130203.0", "07032017_130203.1"]
    names += [f"07032017_130203.{n}" for n in range(2, 12)] + ["07032017_130204", "01012018_000000"]
    for name in ["no_date", "99992017_130203", *reversed(names)]:
        (tmp_path / "learn_a_texture" / name).mkdir(parents=True)
        (tmp_path / "learn_a_texture" / name / "run.json").write_text("{}")
    (tmp_path / "learn_a_texture" / "01012019_000000").mkdir()
    assert [run.name for run in runs_of(tmp_path, "learn", "a")] == names


@pytest.mark.parametrize("wrong", ["", "0", "3", "-1", "x", "1.0", "²", "99999999999999999999"])
def test_a_wrong_answer_is_asked_again(wrong):
    assert choose_run(RUNS, True, answers(wrong, wrong, " 1 ")) == RUNS[0]


def test_the_end_of_the_input_is_no_answer():
    with pytest.raises(UserError, match=r"no run was selected; --run NAME or --run latest"):
        choose_run(RUNS, True, answers("7"))


def test_without_a_terminal_the_latest_run_is_taken(capsys):
    assert choose_run(RUNS, False, answers()) == RUNS[1]
    assert "the latest of 2 runs: 11302017_000000" in capsys.readouterr().out


@pytest.fixture
def folder(tmp_path):
    """Two runs."""
    for run in RUNS:
        (tmp_path / "results" / run).mkdir(parents=True)
        (tmp_path / "results" / run / "run.json").write_text("{}")
    return tmp_path


#: What the script does first; the rest needs TensorFlow, and time.
PARSE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from common import flags
from reproductions.iccv_introspective.options import parse_synthesis
flags.run(parse_synthesis, lambda options: print("it is", options.run.name))
"""


def on_a_terminal(command, folder, typed):
    """Calls Python with a terminal as standard input."""
    pty = pytest.importorskip("pty")
    ours, its = pty.openpty()
    try:
        process = start(command, folder, stdin=its)
        os.write(ours, typed)
        return finish(process, seconds=60)
    finally:
        os.close(ours)
        os.close(its)


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
def test_a_choice_on_a_terminal(folder):
    ended = on_a_terminal(["-c", PARSE, "a.png"], folder, b"no\n3\n1\n")
    assert (ended.status, ended.err) == (0, "")
    assert "Select a run\n1) July 03 2017 at 01:02:03 PM\n2) November 30" in ended.out
    assert ended.out.count("1-2: ") == 3
    assert ended.out.endswith("it is 07032017_130203\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
def test_the_end_of_the_input_on_a_terminal(folder):
    ended = on_a_terminal([script_path("synthesize_texture"), "a.png"], folder, b"7\n\x04")
    assert ended.status == 1
    assert ended.error == "error: no run was selected; --run NAME or --run latest selects one"


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
def test_a_run_that_is_named_is_not_asked_for(folder):
    ended = on_a_terminal(["-c", PARSE, "a.png", "--run", "latest"], folder, b"")
    assert (ended.status, ended.out, ended.err) == (0, "it is 11302017_000000\n", "")


def test_an_open_pipe_is_not_waited_for(folder):
    process = start(["-c", PARSE, "a.png"], folder, stdin=subprocess.PIPE)
    # Its standard input stays open all the time.
    assert process.wait(timeout=60) == 0
    assert process.stdout.read().endswith("it is 11302017_000000\n")
    process.stdin.close()


def test_an_empty_input_takes_the_latest_run(folder):
    ended = finish(start(["-c", PARSE, "a.png"], folder), seconds=60)
    assert (ended.status, ended.err) == (0, "")
    assert "the latest of 2 runs: 11302017_000000" in ended.out
    assert ended.out.endswith("it is 11302017_000000\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no shell of this kind")
def test_no_standard_input_at_all(folder):
    command = ["-c", 'exec "$0" "$@" <&-', sys.executable, "-c", PARSE, "a.png"]
    ended = subprocess.run(["sh", *command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("it is 11302017_000000\n")
