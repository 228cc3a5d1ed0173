import argparse
import sys

import pytest

from benchmarks import backends
from common.machine import REQUIREMENTS, chosen_backend


def begin(*chosen: str, **pythons: str) -> dict[str, str]:
    return backends.begin(argparse.Namespace(backends=chosen, **pythons))


def test_a_python_that_is_missing_is_left_out(capsys, tmp_path):
    missing = str(tmp_path / "python")
    assert begin("jax", python_jax=missing) == {}
    line = f"jax is left out: there is no {missing} (make test BACKEND=jax)\n"
    assert capsys.readouterr().out.endswith(line)


def test_a_python_without_the_backend_is_left_out(capsys, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'error: jax is not installed' >&2\nexit 1\n")
    python.chmod(0o755)
    assert begin("jax", python_jax=str(python)) == {}
    assert "does not import it: error: jax is not installed\n" in capsys.readouterr().out


def test_a_backend_tells_what_it_is(capsys):
    here = chosen_backend()
    assert begin(here, **{f"python_{here}": sys.executable}) == {here: sys.executable}
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"{here}: Python {sys.version_info[0]}.{sys.version_info[1]}.")
    assert "computes on " in line


def test_every_backend_has_a_python_of_its_own():
    assert backends._PYTHONS.keys() == REQUIREMENTS.keys()
    assert len({*backends._PYTHONS.values()}) == len(REQUIREMENTS)


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        ({"first": 5.0, "seconds": [1.0, 2.0, 3.0]}, 3.0),
        ({"first": 45.0, "seconds": [2.0], "steps": 20}, 5.0),
        ({"first": 1.0, "seconds": [2.0]}, 0.0),
    ],
)
def test_compiling_is_what_the_first_call_takes_longer(run, seconds):
    assert backends.compiling([run]) == seconds


def test_the_table(capsys):
    backends.table("seconds", {"ppgn": [0.25, 0.5]}, ["jax", "torch"])
    assert capsys.readouterr().out == (
        f"\n{'seconds':30}{'jax':>12}{'torch':>12}\n{'ppgn':30}{'0.25':>12}{'0.5':>12}\n"
    )
