"""Full scale: what is run, in pieces, and what is told at the end."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from common.runs import SETTINGS
from reproductions.suite import fullscale
from reproductions.suite import steps as steps_module
from reproductions.suite.fullscale.courses import COURSES
from reproductions.suite.steps import Course, Step
from tests.scripts import ROOT

#: Stands for a script that takes long: it waits at its first call, and saves at Ctrl-C.
SCRIPT = """
import json, pathlib, shlex, sys, time
run = pathlib.Path("results/course/run")
run.mkdir(parents=True, exist_ok=True)
with open("calls.txt", "a") as file:
    print(*sys.argv[1:], file=file)
if "--resume" not in sys.argv:
    (run / "run.json").write_text(json.dumps({"command": shlex.join(sys.argv)}))
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (run / "saved").touch()
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(steps_module, "REPRODUCTIONS", tmp_path / "reproductions")
    folder = tmp_path / "reproductions" / "a"
    folder.mkdir(parents=True)
    (folder / "do.py").write_text(SCRIPT)
    step = Step("a", "something", "do", ("word",), "run")
    return Course(Path("results", "course"), [step], ["--device", "cpu"]), step


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_what_takes_too_long_is_interrupted_and_goes_on(course):
    course, step = course
    with pytest.raises(TimeoutError):
        course.run(limit=4)  # Python begins within that
    assert Path("results", "course", "run", "saved").exists()
    assert not course.is_done(step)
    first = course.seconds()[step.key]
    assert first >= 4
    assert course.run(limit=60) == []
    assert course.is_done(step)
    assert course.seconds()[step.key] > first
    calls = Path("calls.txt").read_text().splitlines()
    assert calls == ["word --device cpu", "--resume results/course/run --device cpu"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.slow
def test_what_is_made_again_is_not_done_before_its_end(course):
    """Its run was removed, and the new one broken off."""
    course, step = course
    for limit in (4, None):
        with contextlib.suppress(TimeoutError):
            course.run(limit=limit)
    assert course.is_done(step)
    shutil.rmtree(Path("results", "course", "run"))
    with pytest.raises(TimeoutError):
        course.run(limit=4)
    assert course.run_of(step) is not None
    assert not course.is_done(step)


def small(folder: Path, seed: int, random_weights: bool) -> list[Step]:
    flags = f"-s {ROOT}/datasets/textures/bricks.png -ow 80 -o 2 -m 4 --random_seed {seed}"
    assert random_weights
    flags += f" --weights random --output-dir {folder.as_posix()} --output-prefix small"
    return [Step("multiscale", "a small texture", "synthesize", tuple(flags.split()), "small.*")]


def test_a_run_and_its_report(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(COURSES, "multiscale", small)
    monkeypatch.setattr(fullscale.work, "_SIZES", (256,))
    monkeypatch.setattr(fullscale.work, "_SECONDS", 0.05)
    words = ["multiscale", "--random_weights", "--seed", "7"]
    assert fullscale.main(words) == 0
    folder = Path("results", "fullscale", "multiscale")
    report = json.loads((folder / "report.json").read_text())
    assert report["synthesize, seconds"] > 0
    work, rate = report["synthesize, TFLOP"], report["matrix product, TFLOP/s"]
    share = work / report["synthesize, seconds"] / rate
    assert report["synthesize, share"] == pytest.approx(share, rel=1e-3)
    assert rate > 0 and work > 0
    [settings] = folder.glob(f"small.*/{SETTINGS}")
    assert json.loads(settings.read_text())["flags"]["random_seed"] == 7
    capfd.readouterr()
    assert fullscale.main(words) == 0
    assert "done before" in capfd.readouterr().out


def test_too_little_time(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(COURSES, "multiscale", small)
    assert fullscale.main(["multiscale", "--random_weights", "--minutes", "0.0001"]) == 75
    told = capfd.readouterr().out.splitlines()[-1]
    assert told.startswith("time is over; `python -m reproductions fullscale multiscale")
    assert told.endswith("goes on")


@pytest.mark.parametrize("words", [[], ["ppgn"], ["multiscale", "--minutes", "0"]])
def test_mistakes(words, capsys):
    with pytest.raises(SystemExit) as error:
        fullscale.parse_fullscale(words)
    assert error.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("random_weights", [False, True])
def test_the_real_courses_parse(random_weights):
    from reproductions.iccv_introspective.options import parse_learning
    from reproductions.multiscale.options import parse_synthesis
    from reproductions.texture_nets.training_options import parse_texture
    from reproductions.texture_nets.using_options import parse_sample

    parsers = {
        "synthesize": parse_synthesis,
        "learn_texture": parse_learning,
        "texture_train": parse_texture,
        "texture_sample": parse_sample,
    }
    parsed = []
    for paper, steps in COURSES.items():
        for step in steps(Path("results", paper), 3, random_weights):
            assert (ROOT / "reproductions" / step.paper / f"{step.script}.py").is_file()
            if step.script in parsers:
                flags = parsers[step.script](list(step.flags))
                assert flags.random_seed == (0 if step.script == "texture_sample" else 3)
                parsed.append(step.script)
    assert sorted(parsed) == sorted(parsers)
