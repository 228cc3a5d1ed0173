import functools
import hashlib
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import UserError
from common.originals import originals_dir

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "datasets" / "download.py"
GROUPS = ["textures", "multiscale", "texture_nets", "ppgn", "mnist"]


def load():
    spec = importlib.util.spec_from_file_location("datasets_download", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


download = load()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder and the address under which it is served."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def two_rows(served, tmp_path, monkeypatch):
    """A table of two files, the first of them missing from the server."""
    folder, url = served
    (folder / "b.png").write_bytes(b"picture")
    digest = hashlib.sha256(b"picture").hexdigest()
    table = tmp_path / "originals.tsv"
    table.write_text(
        "group\tpath\turls\tbytes\tsha256\tlicence\n"
        f"one\tone/a.png\t{url}/a.png\t7\t{digest}\tMIT\n"
        f"two\ttwo/b.png\t{url}/gone.png {url}/b.png\t7\t{digest}\tMIT\n"
    )
    monkeypatch.setattr(download, "TABLE", table)
    return tmp_path / "originals"


def test_the_table():
    rows = download.table()
    assert list(dict.fromkeys(row.group for row in rows)) == GROUPS
    assert len({row.path for row in rows}) == len(rows) == 46
    for row in rows:
        assert len(row.sha256) == 64 and row.bytes > 0 and row.licence
        assert all(url.startswith("https://") for url in row.urls)
        assert not Path(row.path).is_absolute() and ".." not in row.path


def test_the_layout_is_that_of_the_tests():
    paths = {row.path for row in download.table()}
    for path in (
        "textures/bark.png",
        "textures/bark.jpg",
        "texture_nets/pictures/red-peppers256.o.jpg",
        "texture_nets/models/red-peppers256.o.jpg_model.t7",
        "ppgn/volcano.jpg",
        "mnist/t10k-labels-idx1-ubyte.gz",
    ):
        assert path in paths


def test_originals_there_are_those_of_the_table():
    # MNIST apart: mirrors pack the same four files anew.
    present = [
        row
        for row in download.table()
        if row.group != "mnist" and (originals_dir() / row.path).is_file()
    ]
    if not present:
        pytest.skip(f"no originals in {originals_dir()}: run datasets/download.py")
    for row in present:
        content = (originals_dir() / row.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row.bytes, row.sha256)


def test_choose():
    rows = download.table()
    assert download.choose(["all"], rows) == rows
    assert {row.group for row in download.choose(["mnist", "ppgn"], rows)} == {"mnist", "ppgn"}
    assert [row.path for row in download.choose(["multiscale"], rows)] == ["textures/bark.jpg"]
    assert [row.path for row in download.choose(["bark.jpg", "textures/bark.jpg"], rows)] == [
        "textures/bark.jpg"
    ]
    with pytest.raises(UserError, match=r"'bark'.* the groups are textures, multiscale"):
        download.choose(["bark"], rows)


def test_a_failure_is_reported_and_the_others_arrive(two_rows, capsys):
    assert download.main(["--output_dir", str(two_rows)]) == 1
    assert (two_rows / "two" / "b.png").read_bytes() == b"picture"
    assert not (two_rows / "one" / "a.png").exists()
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert "a.png" in errors[0] and "HTTP 404" in errors[0]
    assert errors[1] == "1 of 2 files could not be had"


def test_what_is_there_is_not_asked_for(two_rows, served):
    assert download.main(["two", "--output_dir", str(two_rows)]) == 0
    (served[0] / "b.png").unlink()
    assert download.main(["two", "--output_dir", str(two_rows)]) == 0


def test_a_wrong_checksum(two_rows, served, capsys):
    (served[0] / "b.png").write_bytes(b"another")
    assert download.main(["two", "--output_dir", str(two_rows)]) == 1
    assert "its SHA-256 is" in capsys.readouterr().err
    assert list((two_rows / "two").iterdir()) == []


def test_list(two_rows, capsys):
    assert download.main(["--list", "--output_dir", str(two_rows)]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "one/a.png",
        "two/b.png",
    ]
    assert not two_rows.exists()


def test_an_unknown_name(capsys):
    assert download.main(["nothing"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_script_runs_from_any_folder(tmp_path):
    environment = {**os.environ, "ORIGINALS_DIR": str(tmp_path)}
    command = [sys.executable, str(SCRIPT), "--list", "mnist"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert ended.stdout.count("\n") == 4


def test_originals_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ORIGINALS_DIR", str(tmp_path))
    assert originals_dir() == tmp_path
    monkeypatch.delenv("ORIGINALS_DIR")
    assert originals_dir() == ROOT / "datasets" / "originals"
