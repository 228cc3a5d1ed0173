"""The help of the scripts that train and measure: every flag, and no waiting."""

import os
import subprocess
import sys

import pytest

from reproductions.ppgn.training import options
from tests.reproductions.ppgn.commands import script_path
from tests.scripts import ROOT, finish, start

PARSERS = {
    "train_generator": options.generator_parser,
    "train_classifier": options.classifier_parser,
    "train_prior": options.prior_parser,
}
SCRIPTS = [*PARSERS, "evaluate", "recipes"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_mistakes_need_no_tensorflow(script, tmp_path):
    first = ["digits"] if script == "recipes" else []
    code = f"""
import sys, runpy
for argv in (["-h"], ["--no_such_flag"], ["--seed", "-1"], ["--resume", "nowhere"]):
    sys.argv = ["{script}.py", *{first}, *argv]
    try:
        runpy.run_path(r"{script_path(script)}", run_name="__main__")
    except SystemExit as end:
        print("status", end.code)
print("slow imports:", sorted({{"tensorflow", "keras", "matplotlib", "scipy"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.stdout.endswith("slow imports: []\n"), ended
    statuses = [line for line in ended.stdout.splitlines() if line.startswith("status")]
    resumed = "status 1" if script in PARSERS else "status 2"
    assert statuses == ["status 0", "status 2", "status 2", resumed]
    assert ended.stderr.count("\n") == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", PARSERS)
def test_help_tells_of_every_flag(script, capsys):
    parser = PARSERS[script]()
    for action in parser._actions:
        assert action.help and not action.help.endswith("."), action.dest
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["-h"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: {script}.py")
    for name, value in vars(parser.parse_args([])).items():
        assert f" --{name} " in text or f" --{name}]" in text
        if value is not None and not isinstance(value, bool):
            shown = str(value)
            assert f"(default: {shown})" in text or "default: " in text, name


@pytest.mark.parametrize(
    ("parse", "name", "number"),
    [(options.parse_evaluation, "evaluate.py", 16), (options.parse_digits, "recipes.py digits", 4)],
)
def test_help_of_the_others(capsys, parse, name, number):
    with pytest.raises(SystemExit) as ended:
        parse(["-h"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {name} ")
    flags = vars(parse([]))
    assert len(flags) >= number
    for flag in flags:
        assert f"\n  --{flag}" in text


def test_scripts_start_from_any_folder(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = finish(start([script_path("train_generator"), "-h"], tmp_path, env=env))
    assert (ended.status, ended.err) == (0, "")
    env["PYTHONPATH"] = str(ROOT)
    command = ["-m", "reproductions.ppgn.recipes", "digits", "-h"]
    ended = finish(start(command, tmp_path, env=env))
    assert (ended.status, ended.err) == (0, "")


def test_presets_name_flags_that_there_are():
    for script, presets in options.PRESETS.items():
        known = vars(PARSERS[script.removesuffix(".py")]().parse_args([]))
        for flags in presets.values():
            assert flags.keys() <= known.keys()


@pytest.mark.parametrize("script", PARSERS)
def test_a_flag_beats_the_preset(script):
    parse = getattr(options, f"parse_{script.removeprefix('train_')}")
    quick = parse(["--preset", "quick"])
    assert quick.dataset == "digits" and quick.iterations < 5000
    assert parse(["--preset=quick", "--iterations=7"]).iterations == 7
