"""The demo: what is run, gone on with, skipped, and what failing does to the others."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reproductions.suite import demo
from reproductions.suite import steps as steps_module
from reproductions.suite.demo import DEMO
from reproductions.suite.steps import Course, Step
from tests.scripts import ROOT

#: Stands for a script: makes a run's folder, and writes which words it got.
SCRIPT = """
import json, pathlib, shlex, sys
words = sys.argv[1:]
folder = pathlib.Path("results/demo/{paper}/run")
folder.mkdir(parents=True, exist_ok=True)
if "--resume" not in words:
    (folder / "run.json").write_text(json.dumps({{"command": shlex.join(sys.argv)}}))
with open("calls.txt", "a") as file:
    print("{paper}", *words, file=file)
sys.exit("fail" in words)
"""


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """From papers' names with words to steps of scripts that only write what they got."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(steps_module, "REPRODUCTIONS", tmp_path / "reproductions")

    def steps(*lines: str) -> list[Step]:
        made = []
        for line in lines:
            paper, *words = line.split()
            folder = tmp_path / "reproductions" / paper
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "do.py").write_text(SCRIPT.format(paper=paper))
            made.append(Step(paper, "something", "do", tuple(words), f"{paper}/run"))
        return made

    return steps


def run_demo(steps: list[Step]) -> list[Step]:
    return Course(DEMO, steps).run()


def calls() -> list[str]:
    with open("calls.txt") as file:
        return file.read().splitlines()


def test_all_steps_in_order(steps, capfd):
    assert run_demo(steps("a 1", "b 2", "c 3")) == []
    assert calls() == ["a 1", "b 2", "c 3"]
    lines = capfd.readouterr().out.splitlines()
    assert "[2/3] b: something" in lines
    assert "  python reproductions/b/do.py 2" in lines
    assert any(line.startswith("[3/3] c: something: 0 s") for line in lines)


def test_what_is_done_is_skipped(steps, capfd):
    run_demo(steps("a 1", "b 2"))
    capfd.readouterr()
    assert run_demo(steps("a 1", "b 2")) == []
    assert calls() == ["a 1", "b 2"]
    out = capfd.readouterr().out
    assert out.splitlines() == [
        "[1/2] a: something: done before, in 0 s",
        "[2/2] b: something: done before, in 0 s",
    ]


def test_a_failing_paper_does_not_stop_the_others(steps):
    failing = steps("a fail", "a later", "b 2")
    assert run_demo(failing) == failing[:1]
    # What a paper does later needs what failed.
    assert calls() == ["a fail", "b 2"]


def test_a_run_that_has_begun_goes_on(steps):
    run_demo(steps("a fail"))
    run_demo(steps("a fail"))
    assert calls() == ["a fail", "a --resume results/demo/a/run"]


def test_removed_results_are_made_again(steps):
    run_demo(steps("a 1"))
    (DEMO / "a" / "run" / "run.json").unlink()
    run_demo(steps("a 1"))
    assert calls() == ["a 1", "a 1"]


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_damaged_list_of_what_is_done(steps, text):
    DEMO.mkdir(parents=True)
    (DEMO / "done.json").write_text(text)
    assert run_demo(steps("a 1")) == []
    assert calls() == ["a 1"]


def test_a_removed_file_is_made_again(steps):
    """Of a step that leaves no run to go on with."""
    [step] = steps("a 1")
    step = dataclasses.replace(step, begun=None, makes="a/run/*.json")
    run_demo([step])
    run_demo([step])
    assert calls() == ["a 1"]
    (DEMO / "a" / "run" / "run.json").unlink()
    run_demo([step])
    assert calls() == ["a 1", "a 1"]


def test_other_flags_are_another_step(steps):
    """A run that was begun with others is none to go on with."""
    run_demo(steps("a 1"))
    run_demo(steps("b 1", "a 2"))
    assert calls()[1:] == ["b 1", "a 2"]


def test_what_is_made_of_removed_results_is_made_again_too(steps):
    run_demo(steps("a 1", "a 2", "b 1"))
    (DEMO / "a" / "run" / "run.json").unlink()
    run_demo(steps("a 1", "a 2", "b 1"))
    assert calls() == ["a 1", "a 2", "b 1", "a 1", "a 2"]


def test_a_damaged_run_is_begun_anew(steps):
    run_demo(steps("a fail"))
    (DEMO / "a" / "run" / "run.json").write_text("{")
    run_demo(steps("a fail"))
    assert calls() == ["a fail", "a fail"]


def test_a_demo_in_which_everything_fails(steps, monkeypatch, capfd):
    made = steps("a fail")
    monkeypatch.setattr(demo, "_steps", lambda: made)
    Path("reproductions", "a", "do.py").write_text("raise SystemExit(1)")
    assert demo.main() == 1
    told = capfd.readouterr()
    assert told.err == "failed: a; `python -m reproductions doctor` may say why\n"
    assert Path("results", "index.html").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_control_c_waits_for_what_is_running(steps, tmp_path):
    """The script gets it as well, from the terminal, and ends in its own time."""
    steps("a 1", "b 2")
    script = tmp_path / "reproductions" / "a" / "do.py"
    script.write_text(
        "import time, pathlib\n"
        "try:\n    print('at work', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.3); pathlib.Path('saved').touch()\n"
    )
    code = (
        "import pathlib, sys\n"
        "from reproductions.suite import demo, steps\n"
        "steps.REPRODUCTIONS = pathlib.Path('reproductions').resolve()\n"
        "demo._steps = lambda: [steps.Step(p, 'x', 'do', ()) for p in 'ab']\n"
        "sys.exit(demo.main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "at work" not in process.stdout.readline():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted; the same command goes on\n"
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "calls.txt").exists()


def test_the_real_steps_parse():
    """Each script takes its flags; sources and presets are there."""
    from reproductions.iccv_introspective.options import parse_learning
    from reproductions.keras_gan.options import parse_generation, parse_training
    from reproductions.multiscale.options import parse_synthesis
    from reproductions.texture_nets.training_options import parse_texture
    from reproductions.texture_nets.using_options import parse_sample

    parsers = {
        "synthesize": parse_synthesis,
        "learn_texture": parse_learning,
        "train": parse_training,
        "generate": parse_generation,
        "texture_train": parse_texture,
        "texture_sample": parse_sample,
    }
    found = demo._steps()
    assert {step.paper for step in found} == {
        *("multiscale", "iccv_introspective", "ppgn", "texture_nets", "keras_gan")
    }
    for step in found:
        assert (ROOT / "reproductions" / step.paper / f"{step.script}.py").is_file()
        if step.script in parsers:
            parsers[step.script](list(step.flags))
