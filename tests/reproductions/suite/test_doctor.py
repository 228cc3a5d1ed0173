"""`python -m reproductions doctor`: what it says of things in order and out of order."""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from common.errors import UserError
from common.machine import REQUIREMENTS, chosen_backend
from common.weights import MANIFEST, manifest
from reproductions.suite import doctor
from reproductions.suite.doctor import checking, device, installed, machine, originals, weights
from reproductions.suite.doctor.checks import Comparison, relative_error
from reproductions.suite.doctor.findings import Findings
from reproductions.suite.papers import PAPERS
from tests.readme_commands import ROOT


@pytest.fixture
def found(capsys):
    """From a part of the doctor to the count of what is wrong, and name -> what is said."""

    def found(look):
        findings = Findings()
        look(findings)
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
        said = [line[2:].split(maxsplit=1) for line in lines if not line.startswith("    ")]
        return findings.count, {words[0]: words[-1] for words in said}

    return found


# What is installed


def test_requirements_here(found):
    count, said = found(installed.look)
    assert count == 0
    assert said["Python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert said["numpy"].split()[0] == metadata.version("numpy")
    own, common = (ROOT / REQUIREMENTS[chosen_backend()]), ROOT / "requirements-common.txt"
    lines = [line for path in (own, common) for line in path.read_text().splitlines()]
    assert len(said) == 1 + len(lines) - 1  # with Python, without the line that names the other


@pytest.mark.parametrize("backend", REQUIREMENTS)
def test_requirements_of_each_backend(found, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(metadata, "version", lambda name: None)
    count, said = found(installed.look)
    assert {*REQUIREMENTS} & {*said} == {backend}
    assert {"keras", "numpy", "tensorboard"} <= {*said}
    assert count == len(said) - 1
    assert said[backend].endswith(f"-r {REQUIREMENTS[backend]}, or make demo")


def test_a_requirement_that_is_missing_and_one_that_is_too_old(found, monkeypatch):
    original = metadata.version

    def version(name):
        if name == "keras":
            raise metadata.PackageNotFoundError(name)
        return "1.9.9" if name == "scipy" else original(name)

    monkeypatch.setattr(metadata, "version", version)
    count, said = found(installed.look)
    assert count == 2
    assert said["keras"].startswith("WRONG: not installed: python -m pip install -r requirements")
    assert said["scipy"].startswith("WRONG: 1.9.9, but >=1.13 is needed: python -m pip install")


@pytest.mark.parametrize(
    ("version", "bounds", "holds"),
    [
        ("3.11.3", ">=3.11.3,<4", True),
        ("3.11.2", ">=3.11.3,<4", False),
        ("4.0.0", ">=3.11.3,<4", False),
        ("4", ">=4.0", True),
        ("10.1", ">=9.9", True),
        ("2.20.0rc1", ">=2.18", True),
        ("1.0", "", True),
    ],
)
def test_bounds(version, bounds, holds):
    assert installed.satisfies(version, bounds) is holds


def _doctor(*words: str, backend: str) -> subprocess.CompletedProcess:
    """In a process of its own, without the environment's packages, as on a fresh machine."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "reproductions", "doctor", *words],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("backend", REQUIREMENTS)
def test_where_nothing_is_installed_it_says_so(backend):
    ended = _doctor(backend=backend)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"  {backend:22} WRONG: not installed: python -m pip install -r" in ended.stdout
    assert "  left out               it needs Keras and its backend\n" in ended.stdout


def test_an_unknown_backend_is_one_line():
    ended = _doctor("--no_check", backend="theano")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: KERAS_BACKEND must be one of tensorflow, jax, torch, not theano\n"
    )


# Machine and device


def test_machine(found):
    count, said = found(machine.look)
    assert count == 0
    assert "unknown" not in said["memory"]
    assert int(said["processor"].split()[-1]) >= 1


def test_device(found):
    count, said = found(device.look)
    assert count == 0
    assert said["Keras"] == f"{metadata.version('keras')}, with {chosen_backend()}"
    version = metadata.version(chosen_backend()).split("+")[0]
    assert any(fact.startswith(version) for name, fact in said.items() if name != "Keras")
    assert said["GPUs"]
    assert said["computes"].startswith("on ")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ImportError("libcudnn:\ncannot open"),
            "cannot be imported: ImportError: libcudnn: cannot open",
        ),
        (UserError("torch is not installed"), "torch is not installed"),
    ],
)
def test_a_backend_that_does_not_start(found, monkeypatch, error, line):
    def fail():
        raise error

    monkeypatch.setattr("common.quiet.import_keras", fail)
    count, said = found(device.look)
    assert count == 1
    assert said["Keras'"] == f"backend         WRONG: {line}"


# Weights


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for pretrained files."""
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    return tmp_path


def test_missing_weights_are_fine(folder, found):
    count, said = found(weights.look)
    assert count == 0
    for name in manifest():
        assert said[name].startswith("not here")
        assert said[name].endswith(f"python -m common.weights get {name}")
    assert said["caffe"].startswith("not here, 575 MB")


def test_whole_weights(folder, found):
    path = folder / "generator.caffemodel"
    path.write_bytes(b"x" * 1_500_000)
    assert (
        found(weights.look)[1]["ppgn_generator"] == "2 MB, put here by hand: no checksum is known"
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    count, said = found(weights.look)
    assert (count, said["ppgn_generator"]) == (0, "2 MB, SHA-256 as when it was downloaded")


@pytest.mark.parametrize(
    ("file", "content", "name", "said"),
    [
        ("generator.caffemodel", b"", "ppgn_generator", "is empty"),
        ("generator.caffemodel", b"\n<!DOCTYPE html><p>moved", "ppgn_generator", "is a web page"),
        ("VGG_ILSVRC_19_layers.caffemodel", b"short", "caffe", "has 5 bytes, not 574,671,192"),
    ],
)
def test_damaged_weights(folder, found, file, content, name, said):
    (folder / file).write_bytes(content)
    count, lines = found(weights.look)
    assert count == 1
    assert lines[name].startswith(f"WRONG: {folder / file} {said}: remove it, then python -m")


def test_weights_that_are_others_than_those_recorded(folder, found):
    path = folder / "generator.caffemodel"
    path.write_bytes(b"new")
    (folder / f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    count, said = found(weights.look)
    assert count == 1
    assert said["ppgn_generator"].startswith(f"WRONG: {path} is another file: its SHA-256 is ")


def test_kept_networks(found, tmp_path, monkeypatch):
    names = {path.stem for path in MANIFEST.parent.glob("*.keras")}
    count, said = found(weights.look)
    assert {"ppgn_digits_encoder", "ppgn_digits_generator"} <= names
    assert all(said[name].endswith(" weights") for name in names)
    assert said["drawn_textures"].endswith(" weights")
    for path in (*MANIFEST.parent.glob("*.keras"), MANIFEST.parent / "drawn_textures.npz"):
        shutil.copy(path, tmp_path)
    path = tmp_path / "ppgn_digits_encoder.keras"
    path.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setattr(weights, "MANIFEST", tmp_path / MANIFEST.name)
    broken, said = found(weights.look)
    assert broken == count + 1
    assert said["ppgn_digits_encoder"].startswith(f"WRONG: {path} cannot be read: ")
    drawn = tmp_path / "drawn_textures.npz"
    drawn.write_bytes(drawn.read_bytes()[:-1000])
    broken, said = found(weights.look)
    assert broken == count + 2
    assert said["drawn_textures"].startswith(f"WRONG: {drawn} is damaged: ")


# Pictures


def test_pictures(found, tmp_path, monkeypatch):
    monkeypatch.setenv("ORIGINALS_DIR", str(tmp_path))
    count, said = found(originals.look)
    assert count == 0
    assert said["built-in"].endswith("textures      15 in datasets/textures")
    assert said["ppgn"].endswith("files: python datasets/download.py ppgn")
    (tmp_path / "textures").mkdir()
    shutil.copy(originals.TEXTURES / "bark.png", tmp_path / "textures")
    count, said = found(originals.look)
    assert count == 1
    assert said["originals"].startswith(f"WRONG: {tmp_path}/textures/bark.png is another file: ")


def test_a_damaged_texture(found, tmp_path, monkeypatch):
    whole = (originals.TEXTURES / "bark.png").read_bytes()
    (tmp_path / "bark.png").write_bytes(whole[:5000])
    (tmp_path / "knit.png").write_bytes(whole)
    monkeypatch.setattr(originals, "TEXTURES", tmp_path)
    monkeypatch.setenv("ORIGINALS_DIR", str(tmp_path / "none"))
    count, said = found(originals.look)
    assert count == 1
    again = "python datasets/make_textures.py bark"
    assert said["built-in"].endswith(f"WRONG: damaged: bark: {again}")


# The self-check


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.package)
def test_check(paper):
    """What the suite computes is right, by far."""
    check = importlib.import_module(f"reproductions.suite.doctor.checks.{paper.package}").check
    compared = check(checking.REFERENCES)
    assert len(compared) >= 2
    for one in compared:
        assert one.passed, one
        assert 0 < one.error <= one.allowed <= 2e-4


def test_a_check_that_fails(capsys):
    findings, nan = Findings(), float("nan")
    checking.tell(findings, "ppgn", [Comparison("a", 1e-9, 1e-6), Comparison("b", nan, 1e-6)], 1)
    out = capsys.readouterr().out
    assert findings.count == 1
    assert "  ppgn                   WRONG: FAILED, 1.0 s" in out
    assert f"    {'a':32} ok     error 1.0e-09, allowed 1e-06\n" in out
    assert f"    {'b':32} FAILED error nan, allowed 1e-06\n" in out


def test_relative_error():
    assert relative_error([3.0, 4.5], [3.0, 4.0]) == pytest.approx(0.1)
    assert relative_error([3.0], [3.0, 4.0]) == float("inf")


def test_a_check_notices_a_wrong_number(monkeypatch):
    """As on a machine whose convolutions are wrong."""
    from common import gram
    from reproductions.suite.doctor.checks import texture_nets

    right = gram.gram_matrix
    monkeypatch.setattr(gram, "gram_matrix", lambda features: right(features) * 1.001)
    failed = [one.what for one in texture_nets.check(checking.REFERENCES) if not one.passed]
    assert "the texture loss" in failed


def test_without_references_it_is_left_out(found, tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "REFERENCES", tmp_path / "none")
    count, said = found(checking.look)
    assert count == 0
    assert list(said) == ["left"]


# All of it


def test_a_part_that_fails_does_not_stop_the_others(monkeypatch, capsys):
    def fail(findings):
        raise RuntimeError("broken\nbadly")

    looked = []
    parts = {"First": fail, "Second": looked.append}
    monkeypatch.setattr(doctor, "PARTS", parts)
    assert doctor.main([]) == 1
    assert len(looked) == 1
    out = capsys.readouterr().out
    assert "  First                  WRONG: RuntimeError: broken badly\n" in out
    assert out.endswith("1 to mend: see WRONG above.\n")
    monkeypatch.setattr(doctor, "PARTS", {"Second": looked.append})
    assert doctor.main([]) == 0
    assert capsys.readouterr().out.endswith("All is well.\n")


def test_the_check_can_be_left_out(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PARTS", {"Self-check": checking.look})
    assert doctor.main(["--no_check"]) == 0
    assert "Self-check" not in capsys.readouterr().out
