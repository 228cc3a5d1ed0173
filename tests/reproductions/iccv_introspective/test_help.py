"""Every constant of the original is a flag, and its value the flag's default."""

import re
import subprocess
import sys

import pytest

from reproductions.iccv_introspective.options import learning_parser, synthesis_parser
from tests.reproductions.iccv_introspective.commands import script_path
from tests.scripts import finish, start

#: Of synthesis, in learning and afterwards.
BOTH = {
    "synthesis_steps": 500,
    "synthesis_learning_rate": 0.01,
    "synthesis_beta1": 0.5,
    "synthesis_stop": 0.62,
    "noise": 0.3,
    "batch_size": 100,
}
CONSTANTS = {
    "learn_texture": BOTH
    | {
        "patch_size": 64,
        "images": 200,
        "patches": 1000,
        "filters": 64,
        "max_batches": 30,
        "retain_factor": 1,
        "epochs": 30,
        "learning_rate": 0.01,
        "learning_stop": 0.005,
        "first_stop": 2,
        "evaluate_every": 5,
        "evaluation_batches": 10,
        "snapshots": 3,
        "rounds": None,
        "texture_size": None,
        "resample": "nearest",
        "network": "dcgan",
    },
    "synthesize_texture": BOTH
    | {
        "width": 256,
        "height": 256,
        "number_to_synthesize": 1,
        "patches_per_image": 10,
        "last_round": None,
        "run": None,
    },
}
PARSERS = {"learn_texture": learning_parser, "synthesize_texture": synthesis_parser}


@pytest.mark.parametrize("script", PARSERS)
def test_defaults_are_the_constants_of_the_original(script):
    values = vars(PARSERS[script]().parse_args(["a.png"]))
    assert {name: values[name] for name in CONSTANTS[script]} == CONSTANTS[script]
    kinds = {name: type(value) for name, value in CONSTANTS[script].items()}
    assert {name: type(values[name]) for name in kinds} == kinds


@pytest.mark.parametrize("script", PARSERS)
def test_help_shows_every_flag_with_its_default(script, tmp_path):
    ended = finish(start([script_path(script), "-h"], tmp_path))
    assert (ended.status, ended.err) == (0, "")
    text = " ".join(ended.out.split())
    assert f"usage: {script}.py" in text
    for name, value in CONSTANTS[script].items():
        assert re.search(rf"--{name} [^()]*(\([^()]*\)[^()]*)*\(default: {value}\)", text), name
    for name in ("preset", "results_dir", "resume", "save_interval"):
        assert f"--{name} " in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", PARSERS)
def test_help_and_mistakes_need_no_tensorflow(script):
    code = f"""
import sys, runpy
for argv in (["-h"], ["--no_such_flag"], ["missing.png"]):
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
