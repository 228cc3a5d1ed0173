import os
import subprocess
import sys

import pytest

from common.errors import UserError
from common.machine import REQUIREMENTS, chosen_backend, chosen_gpu
from common.originals import REPOSITORY


@pytest.mark.parametrize(
    ("value", "name"), [(None, "tensorflow"), ("", "tensorflow"), ("jax", "jax")]
)
def test_the_backend(monkeypatch, value, name):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if value is not None:
        monkeypatch.setenv("KERAS_BACKEND", value)
    assert chosen_backend() == name


def test_an_unknown_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(UserError, match="must be one of tensorflow, jax, torch, not numpy"):
        chosen_backend()


def test_each_backend_has_its_requirements_and_its_file():
    files = {path.stem for path in (REPOSITORY / "common" / "backend").glob("[!_]*.py")}
    assert files == {"plain", "jax_convolutions", *REQUIREMENTS}
    assert all((REPOSITORY / path).is_file() for path in REQUIREMENTS.values())


def _python(*words: str, backend: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_a_script_tells_an_unknown_backend_in_one_line(tmp_path):
    script = ("reproductions/keras_gan/train.py", "--preset=quick", f"--results_dir={tmp_path}")
    line = "error: KERAS_BACKEND must be one of tensorflow, jax, torch, not theano\n"
    assert _python(*script, backend="theano") == (1, line)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", REQUIREMENTS)
def test_a_backend_that_is_not_installed(backend):
    code = f"""
import sys
from common import flags
from common.quiet import import_keras

class Without:
    def find_spec(self, name, path, target=None):
        if name == "{backend}":
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Without())
flags.run(lambda argv: None, lambda values: import_keras())
"""
    status, line = _python("-c", code, backend=backend)
    assert (status, line.count("\n")) == (1, 1)
    assert line.startswith(f"error: {backend} is not installed: python -m pip install -r req")


@pytest.mark.parametrize(
    ("device", "count", "number"),
    [("auto", 0, None), ("auto", 2, 0), ("cpu", 2, None), ("gpu", 1, 0), ("gpu:1", 2, 1)],
)
def test_the_gpu(device, count, number):
    assert chosen_gpu(device, count) == number


@pytest.mark.parametrize(("device", "count"), [("gpu", 0), ("gpu:2", 2)])
def test_a_gpu_that_is_not_there(device, count):
    with pytest.raises(UserError, match=f"--device {device}: there is no GPU"):
        chosen_gpu(device, count)
