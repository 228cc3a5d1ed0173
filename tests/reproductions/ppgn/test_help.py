"""The flags of the original with their defaults, and a help that waits for nothing."""

import os
import re
import subprocess
import sys

import pytest

from reproductions.ppgn import recipes
from reproductions.ppgn.options import caption_parser, class_parser
from tests.reproductions.ppgn.commands import script_path
from tests.scripts import finish, start

BOTH = {
    "n_iters": 10,
    "threshold": -1.0,
    "save_every": 1,
    "reset_every": 0,
    "lr": 2.0,
    "lr_end": -1.0,
    "epsilon1": 1.0,
    "epsilon2": 1.0,
    "epsilon3": 1.0,
    "seed": 0,
    "xy": 0,
    "opt_layer": None,
    "act_layer": "fc8",
    "init_file": "None",
    "write_labels": False,
    "output_dir": ".",
    "net_definition": "nets/caffenet/caffenet.prototxt",
}
DEFAULTS = {
    "sampling_class": BOTH
    | {
        "units": None,
        "epsilon4": 0.0,
        "net_weights": "nets/caffenet/bvlc_reference_caffenet.caffemodel",
    },
    "sampling_caption": BOTH
    | {
        "sentence": "",
        "net_weights": "nets/lrcn/lrcn_caffenet_iter_110000.caffemodel",
        "captioner_definition": "nets/lrcn/lrcn_word_to_preds.deploy.prototxt",
    },
}
PARSERS = {"sampling_class": class_parser, "sampling_caption": caption_parser}


@pytest.mark.parametrize("script", PARSERS)
def test_defaults_are_those_of_the_original(script):
    values = vars(PARSERS[script]().parse_args([]))
    assert {name: values[name] for name in DEFAULTS[script]} == DEFAULTS[script]
    for name, value in DEFAULTS[script].items():
        assert type(values[name]) is type(value), name


def test_flags_that_only_one_of_the_scripts_has():
    names = {script: vars(parser().parse_args([])).keys() for script, parser in PARSERS.items()}
    assert {"units", "epsilon4"} <= names["sampling_class"] - names["sampling_caption"]
    more = {"sentence", "captioner_definition"}
    assert more <= names["sampling_caption"] - names["sampling_class"]


@pytest.mark.parametrize("script", PARSERS)
def test_help_shows_every_flag_with_its_default(script, tmp_path):
    ended = finish(start([script_path(script), "-h"], tmp_path))
    assert (ended.status, ended.err) == (0, "")
    text = " ".join(ended.out.split())
    assert f"usage: {script}.py" in text
    for name, value in DEFAULTS[script].items():
        shown = re.escape(str(value))
        assert re.search(rf"--{name} [^()]*(\([^()]*\)[^()]*)*\(default: ?{shown}\)", text), name
    for name in ("preset", "batch", "sweep", "resume", "gif", "weights", "generator_definition"):
        assert f"--{name} " in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", [*PARSERS, "recipes"])
def test_help_and_mistakes_need_no_tensorflow(script):
    code = f"""
import sys, runpy
for argv in (["-h"], ["--no_such_flag"], ["1", "13", "--no_such_flag"], ["--resume", "nowhere"]):
    sys.argv = ["{script}.py", *argv]
    try:
        runpy.run_path(r"{script_path(script)}", run_name="__main__")
    except SystemExit:
        pass
print("slow imports:", sorted({{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.stdout.endswith("slow imports: []\n"), ended


@pytest.mark.parametrize("argv", [["-h"], ["--help"], []], ids=str)
def test_help_of_the_recipes(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        recipes.parse(argv)
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "--preset quick" in out
    for number, recipe in recipes.RECIPES.items():
        assert re.search(rf"^  {number} {recipe.argument} .*{number} {recipe.example}$", out, re.M)


def test_scripts_start_from_any_folder(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = finish(start([script_path("recipes"), "-h"], tmp_path, env=env))
    assert (ended.status, ended.err) == (0, "")
