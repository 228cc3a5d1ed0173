import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common import flags
from common.errors import UserError

ROOT = Path(flags.__file__).parent.parent
PRESETS = {"quick": {"width": 64, "weights": "random"}}
SCRIPTS = ["synthesize.py", "novelty.py"]


def parser():
    parser = flags.Parser("paint.py", "Paints.")
    parser.add_argument("--width", "-w", type=flags.positive_int, default=512, help="pixels")
    parser.add_argument("--weights", choices=("gatys", "random"), default="gatys")
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 7])
    parser.add_argument("--max-iter", type=flags.non_negative_int, default=500)
    parser.add_argument("--tol", type=flags.finite_float, default=1e-9)
    parser.add_argument("--scale", type=flags.positive_float)
    parser.add_argument("--internal", action="store_true")
    parser.add_argument("--preset", choices=list(PRESETS))
    parser.add_argument("--resume")
    return parser


def resolve(*argv, saved=None, may_change=()):
    return vars(flags.resolve(parser(), argv, PRESETS, saved, may_change))


def refused(capsys, *argv, **options):
    """The one line that a bad flag gives; the exit status is 2."""
    with pytest.raises(SystemExit) as caught:
        resolve(*argv, **options)
    assert caught.value.code == 2
    line, rest = capsys.readouterr().err.split("\n", 1)
    assert rest == "" and line.startswith("paint.py: error: ")
    return line


def test_defaults():
    found = resolve()
    assert (found["width"], found["weights"], found["layers"]) == (512, "gatys", [2, 7])
    assert found["scale"] is None and found["internal"] is False


def test_a_preset_beats_defaults():
    found = resolve("--preset", "quick")
    assert (found["width"], found["weights"], found["max_iter"]) == (64, "random", 500)


@pytest.mark.parametrize("width", ["512", "100"])
def test_a_flag_given_beats_a_preset_even_with_the_default_value(width):
    for argv in (("--preset", "quick", "-w", width), ("--width", width, "--preset", "quick")):
        found = resolve(*argv)
        assert (found["width"], found["weights"]) == (int(width), "random")


def test_flags_become_words_of_a_command_line_and_back():
    given = {"layers": [2, 7], "internal": True, "tol": 1e-9}
    words = flags.as_arguments({**given, "resume": None})
    assert words == ["--layers", "2", "7", "--internal", "--tol=1e-09"]
    found = vars(parser().parse_args(words))
    assert {name: found[name] for name in given} == given
    assert flags.as_arguments({"off": False}) == []


def test_resuming_takes_the_saved_flags():
    asked = []

    def saved(folder):
        asked.append(folder)
        return {"width": 99, "max_iter": 20}

    found = resolve("--resume", "run", saved=saved, may_change=["max_iter"])
    assert (found["width"], found["max_iter"], found["resume"]) == (99, 20, "run")
    found = resolve("--resume", "run", "--max-iter", "50", saved=saved, may_change=["max_iter"])
    assert (found["width"], found["max_iter"]) == (99, 50)
    assert asked == ["run", "run"]


@pytest.mark.parametrize("extra", [("--width", "99"), ("--preset", "quick"), ("--internal",)])
def test_what_cannot_change_in_a_resumed_run(capsys, extra):
    line = refused(
        capsys, "--resume", "run", *extra, saved=lambda folder: {}, may_change=["max_iter", "tol"]
    )
    assert f"{extra[0]} cannot change in a resumed run; only --max-iter, --tol can" in line


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--width", "0"), "argument --width/-w: must be 1 or more, got 0"),
        (("--width", "-3"), "must be 1 or more, got -3"),
        (("--width", "1.5"), "must be a whole number, got '1.5'"),
        (("--width", "9" * 5000), "must be a whole number"),
        (("--width",), "expected one argument"),
        (("--max-iter", "-1"), "must be 0 or more, got -1"),
        (("--tol", "nan"), "must be a finite 32-bit number, got nan"),
        (("--tol=-inf",), "must be a finite 32-bit number, got -inf"),
        (("--tol", "1e999"), "must be a finite 32-bit number, got 1e999"),
        (("--scale", "1e39"), "must be a finite 32-bit number, got 1e39"),
        (("--tol", "x"), "must be a number, got 'x'"),
        (("--scale", "0"), "must be above 0, got 0"),
        (("--weights", "vgg"), "invalid choice: 'vgg'"),
        (("--preset", "slow"), "invalid choice: 'slow'"),
        (("--nonsense", "1"), "unrecognized arguments: --nonsense 1"),
        (("stray",), "unrecognized arguments: stray"),
    ],
)
def test_a_bad_flag_gives_one_line(capsys, argv, message):
    line = refused(capsys, *argv)
    assert message in line and line.endswith("(-h shows all flags)")


def test_help_shows_defaults(capsys):
    with pytest.raises(SystemExit) as caught:
        resolve("-h")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--width" in text and "default: 512" in text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (flags.path, "~/a b", os.path.expanduser("~/a b")),
        (flags.path, "../a", "../a"),
        (flags.whole_number(2), "2", 2),
        (flags.whole_number(8, 1024), "1024", 1024),
        (flags.width_and_height, "7", (7, 7)),
        (flags.width_and_height, "7X12", (7, 12)),
        (lambda text: flags.width_and_height(text, 4, 9), "4x9", (4, 9)),
    ],
)
def test_types(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (flags.path, "", "must not be empty"),
        (flags.path, " ", "must not be empty"),
        (flags.whole_number(2), "1", "must be 2 or more, got 1"),
        (flags.whole_number(8, 1024), "1025", "must be 1024 or less, got 1025"),
        (flags.whole_number(8, 1024), "9.5", "must be a whole number, got '9.5'"),
        (flags.width_and_height, "3x", "must be a side or WIDTHxHEIGHT, got '3x'"),
        (flags.width_and_height, "1x2x3", "must be a side or WIDTHxHEIGHT"),
        (flags.width_and_height, "0", "must be a side or WIDTHxHEIGHT"),
        (
            lambda text: flags.width_and_height(text, 4, 9),
            "4x10",
            "must be a side or WIDTHxHEIGHT, 4 to 9 pixels, got '4x10'",
        ),
    ],
)
def test_types_refuse(kind, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(message)):
        kind(text)


def test_help_with_defaults_in_words():
    formatter = flags.DefaultsInWords
    about = flags.Parser("paint.py", "Paints.", formatter=formatter)
    about.add_argument("--width", type=int, default=512, help="pixels")
    about.add_argument("--height", type=int, help="pixels; default: as the width")
    about.add_argument("--folder", help="where to")
    text = " ".join(about.format_help().split())
    assert "--width WIDTH pixels (default: 512)" in text
    assert "pixels; default: as the width --folder FOLDER where to" in text


def test_flags_that_were_given():
    """Whatever their value; neither defaults nor presets count."""
    assert flags.given(parser(), []) == set()
    argv = [
        "--width",
        "512",
        "--layers",
        "2",
        "7",
        "--internal",
        "--preset=quick",
        "--wei",
        "random",
    ]
    assert flags.given(parser(), argv) == {"width", "layers", "internal", "preset", "weights"}


def test_a_flag_without_effect(capsys):
    names, reason = ("tol", "max_iter"), "there is nothing to iterate"
    flags.refuse(parser(), ["--width", "3", "--preset", "quick"], names, reason)
    with pytest.raises(SystemExit) as caught:
        flags.refuse(parser(), ["--max-iter", "500"], names, reason)
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"paint.py: error: argument --max-iter: {reason} (-h shows all flags)\n"
    )


def run(monkeypatch, parse, main, *argv):
    """The exit status of a script."""
    monkeypatch.setattr(sys, "argv", ["paint.py", *argv])
    with pytest.raises(SystemExit) as caught:
        flags.run(parse, main)
    return caught.value.code


def test_a_script_that_ends_well(monkeypatch):
    seen = []
    code = run(monkeypatch, lambda argv: resolve(*argv), seen.append, "--width", "7")
    assert code in (None, 0) and seen[0]["width"] == 7


def test_a_users_mistake_gives_one_line(monkeypatch, capsys):
    def fail(*arguments):
        raise UserError("no such picture:\n  a.png")

    for parse, main in ((fail, print), (list, fail)):
        assert run(monkeypatch, parse, main) == 1
        assert capsys.readouterr() == ("", "error: no such picture: a.png\n")


def test_interruption(monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    assert run(monkeypatch, list, interrupt) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_too_little_memory_is_a_users_matter(monkeypatch, capsys):
    def fail(*arguments):
        raise MemoryError("Unable to allocate 3.49 TiB")

    assert run(monkeypatch, list, fail) == 1
    assert capsys.readouterr().err == "error: not enough memory: Unable to allocate 3.49 TiB\n"


def test_a_mistake_of_the_programmer_is_shown_in_full(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "argv", ["paint.py"])
    with pytest.raises(ZeroDivisionError):
        flags.run(list, fail)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_comes_at_once_and_without_tensorflow(script, tmp_path):
    path = ROOT / "reproductions" / "multiscale" / script
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, path, "-h"], cwd=tmp_path, capture_output=True, text=True
        )
        seconds.append(time.perf_counter() - begin)
        if seconds[-1] < 1:
            break
    assert (done.returncode, done.stderr) == (0, "")
    assert "--output-width" in done.stdout and "--preset" in done.stdout
    assert min(seconds) < 1
    done = subprocess.run(
        [sys.executable, "-X", "importtime", path, "-h"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "common.flags" in imported
    assert not imported & {"tensorflow", "keras", "scipy", "matplotlib"}
    assert os.listdir(tmp_path) == []
