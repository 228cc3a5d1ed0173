import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import common.files
from common.errors import UserError
from common.files import written_whole

ROOT = Path(common.files.__file__).parent.parent


def test_appears_whole(tmp_path):
    path = tmp_path / "a.txt"
    with written_whole(path) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".txt"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_replaces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with written_whole(str(path)) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), UserError("no")])
def test_a_failure_leaves_things_as_they_were(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(failure)), written_whole(path) as temporary:
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_disk_full(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with (
        pytest.raises(UserError, match=r"cannot write .*a\.txt: No space left on device"),
        written_whole(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
@pytest.mark.parametrize(
    "write",
    [
        "np.savez(temporary, pixels=np.zeros(100_000))",
        "Image.fromarray(np.random.randint(0, 255, (200, 200, 3), 'u1')).save(temporary, 'PNG')",
        "temporary.write_text('x' * 100_000)",
    ],
)
def test_the_operating_system_stops_writing(tmp_path, write):
    code = f"""
import resource
import numpy as np
from PIL import Image
from common.files import written_whole
from common.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with written_whole("a.npz") as temporary:
        {write}
except UserError as error:
    print(error)
"""
    (tmp_path / "a.npz").write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("cannot write a.npz: ")
    assert (tmp_path / "a.npz").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.npz"]


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="No such file or directory"):
        written_whole(tmp_path / "missing" / "a.txt").__enter__()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Not a directory"):
        written_whole(tmp_path / "file" / "a.txt").__enter__()
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(UserError, match=r"cannot write .*folder"),
        written_whole(tmp_path / "folder") as temporary,
    ):
        temporary.write_text("x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
def test_permissions_are_the_usual_ones(tmp_path):
    before = os.umask(0o027)
    try:
        with written_whole(tmp_path / "a") as temporary:
            temporary.touch()
    finally:
        assert os.umask(before) == 0o027
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
