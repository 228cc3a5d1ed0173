"""Help and mistakes in flags, which wait for nothing."""

import os
import re
import subprocess
import sys

import pytest

from tests.reproductions.texture_nets.commands import PARSERS, script_path
from tests.reproductions.texture_nets.test_options import DEFAULTS, MORE, NEEDED
from tests.scripts import finish, start

OWN = {
    "texture_train": "weights normalization ema learning_rate_factor learning_rate_every"
    " pictures_every model_every save_interval random_seed resume preset texture_weight",
    "stylization_train": "weights normalization ema learning_rate_factor learning_rate_every"
    " pictures_every model_every save_interval random_seed resume preset",
    "texture_sample": "running_statistics random_seed samples zero_noise fix_noise tiled",
    "stylization_process": "running_statistics random_seed longer_side",
    "extract4_2": "weights content_layer save_every",
}


@pytest.mark.parametrize("script", PARSERS)
def test_help_shows_every_flag_with_its_default(script, capsys):
    with pytest.raises(SystemExit) as ended:
        PARSERS[script](["-h"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    text = " ".join(out.split())
    assert text.startswith(f"usage: {script}.py ")
    for name in (*DEFAULTS[script], *MORE[script], *OWN[script].split()):
        assert re.search(rf" -{name}( [^-]*)?, --{name} ", text), name
    for name, value in DEFAULTS[script].items():
        about = text.split(f", --{name} ", 1)[1]
        assert about[about.index("(default: ") :].startswith(f"(default: {value})"), name
    original, own = out.split("beyond the original")
    assert all(f"--{name} " in own or f"--{name}\n" in own for name in OWN[script].split())
    assert all(f"--{name} " in original for name in DEFAULTS[script])


def test_help_and_mistakes_need_no_backend(tmp_path):
    """All scripts in one process, which also counts the files that they leave."""
    code = f"""
import sys, runpy
for script, needed in {NEEDED!r}.items():
    for argv in (["-h"], ["--help"], [], ["-no_such_flag"], [*needed.split(), "-gpu", "x"]):
        sys.argv = [script + ".py", *argv]
        try:
            runpy.run_path(r"{script_path("")}".replace(".py", script + ".py"), run_name="__main__")
        except SystemExit as ended:
            print(script, ended.code)
slow = {{"tensorflow", "jax", "torch", "keras", "matplotlib", "h5py"}}
print("slow imports:", sorted(slow & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.stdout.endswith("slow imports: []\n"), ended
    codes = [line.split() for line in ended.stdout.splitlines() if len(line.split()) == 2]
    for script in PARSERS:
        assert [code for name, code in codes if name == script] == ["0", "0", "2", "2", "2"]
    assert ended.stderr.count("\n") == 3 * len(PARSERS)
    assert not list(tmp_path.iterdir())


def test_a_script_starts_from_any_folder(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = finish(start([script_path("texture_train"), "-h"], tmp_path, env=env))
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("usage: texture_train.py ")
    assert not list(tmp_path.iterdir())
