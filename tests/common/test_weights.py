import contextlib
import functools
import http.server
import io
import json
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from common import weights
from common.errors import UserError

ROOT = Path(weights.__file__).parent.parent
NAMES = [
    *("gatys", "caffe", "imagenet", "squeezenet"),
    *("caffenet", "placescnn", "ppgn_generator", "lrcn"),
]
DEAD = "http://127.0.0.1:9"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def pretrained(tmp_path, monkeypatch):
    folder = tmp_path / "pretrained"
    monkeypatch.setenv("PRETRAINED_DIR", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


@pytest.fixture
def served(tmp_path):
    """A folder and the address under which it is served."""
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
def rows(tmp_path, monkeypatch):
    """Replaces the manifest by other rows."""

    def replace(*rows):
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps([{"what": "x", "used_by": ["ppgn"], **row} for row in rows]))
        monkeypatch.setattr(weights, "MANIFEST", path)
        weights.manifest.cache_clear()

    yield replace
    weights.manifest.cache_clear()


def tar_of(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        files.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_the_manifest():
    assert list(weights.manifest()) == NAMES
    for row in weights.manifest().values():
        assert row.urls and all(url.startswith(("http://", "https://")) for url in row.urls)
        published = row.sha256 or row.sha1 or row.md5 or row.git_blob
        assert bool(row.checksum_from) == bool(published)
        assert Path(row.file).name == row.file


def test_what_can_be_had_of_gatys_is_tried_first_and_held_to_gits_name():
    row = weights.manifest()["gatys"]
    assert "raw.githubusercontent.com" in row.urls[0]
    assert all("bethgelab.org" in url for url in row.urls[1:])
    assert row.git_blob == "ca7ac268742c67ac31284cc23b781108891a9083"


def test_what_can_be_used_instead():
    """Better first, and nothing that is for other programs."""
    hints = {name: row.hint for name, row in weights.manifest().items()}
    small = (
        "--weights squeezenet (0.7 MB), --weights drawn (a small network of the suite's own, kept "
        "here: no download), --weights random"
    )
    begin = "put the file there yourself, or use, the best first:"
    assert hints["gatys"] == f"{begin} --weights caffe|imagenet|normalised, {small}"
    assert hints["caffe"] == f"{begin} --weights gatys|imagenet|normalised, {small}"
    # `normalised` is made of imagenet or caffe.
    assert hints["imagenet"] == f"{begin} --weights gatys|caffe, {small}"
    assert hints["squeezenet"] == f"{begin} {small.partition(', ')[2]}"
    for name in ("caffenet", "placescnn", "ppgn_generator", "lrcn"):
        assert hints[name] == (
            "put the file there yourself, or use random weights (--weights random): no file needed"
        )


def test_what_can_be_used_instead_are_weights_of_the_flag():
    from common.descriptors import KINDS

    for name, row in weights.manifest().items():
        assert set(row.instead) <= set(KINDS) - {name, "random"}


def test_keras_publishes_the_imagenet_file():
    row = weights.manifest()["imagenet"]
    applications = "keras/src/applications/vgg19.py"
    sources = [Path(folder) / applications for folder in sys.path]
    source = next((path.read_text() for path in sources if path.is_file()), None)
    if source is None:
        pytest.skip("Keras is not installed")
    assert row.md5 in source and row.file in source


def test_the_folder_moves_with_the_environment(pretrained, monkeypatch):
    assert weights.pretrained_dir() == pretrained
    monkeypatch.delenv("PRETRAINED_DIR")
    assert weights.pretrained_dir() == ROOT / "pretrained"


def test_locate_prefers_the_users_folder(pretrained, tmp_path):
    file = weights.manifest()["lrcn"].file
    assert weights.locate("lrcn", [tmp_path]) is None
    pretrained.mkdir()
    (pretrained / file).write_bytes(b"ours")
    assert weights.locate("lrcn", [tmp_path]) == pretrained / file
    (tmp_path / file).write_bytes(b"the user's")
    assert weights.locate("lrcn", [tmp_path]) == tmp_path / file
    assert weights.get("lrcn", [tmp_path]) == tmp_path / file
    assert weights.get("lrcn") == pretrained / file


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [("caffenet", "sha1"), ("imagenet", "md5"), ("squeezenet", "sha256"), ("gatys", "git_blob")],
)
def test_the_pretrained_folder_is_held_to_the_published_checksum(pretrained, name, algorithm):
    row = weights.manifest()[name]
    pretrained.mkdir()
    (pretrained / row.file).write_bytes(b"damaged")
    with pytest.raises(UserError, match=getattr(row, algorithm)):
        weights.get(name)


@pytest.fixture
def small(served, rows, monkeypatch):
    """A small row, its file, and the row of one that is not small."""
    monkeypatch.delenv("PRETRAINED_OFFLINE", raising=False)
    folder, url = served
    (folder / "a.net").write_bytes(b"weights")
    row = {"name": "a", "file": "a.net", "urls": [f"{url}/a.net"], "bytes": 7}
    unknown = {"name": "c", "file": "c.net", "urls": row["urls"]}
    rows(row, {**row, "name": "b", "file": "b.net", "bytes": 80_000_000}, unknown)
    return folder / "a.net"


def test_a_small_file_is_obtained(small, pretrained):
    assert weights.obtainable("a") == pretrained / "a.net"
    small.unlink()
    assert weights.obtainable("a").read_bytes() == b"weights"


def test_a_large_file_is_obtained_only_if_it_is_here(small, pretrained):
    assert weights.obtainable("b") is weights.obtainable("c") is None
    pretrained.mkdir()
    (pretrained / "b.net").write_bytes(b"large")
    assert weights.obtainable("b") == pretrained / "b.net"


def test_with_pretrained_offline_only_what_is_here_is_obtained(small, pretrained, monkeypatch):
    monkeypatch.setenv("PRETRAINED_OFFLINE", "yes")
    assert weights.obtainable("a") is None
    assert not pretrained.exists()
    pretrained.mkdir()
    (pretrained / "a.net").write_bytes(b"weights")
    assert weights.obtainable("a") == pretrained / "a.net"


def test_what_fails_on_the_way_is_not_obtained(small, pretrained, monkeypatch, tmp_path):
    (tmp_path / "in the way").touch()
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path / "in the way"))
    assert weights.obtainable("a") is None
    monkeypatch.setenv("PRETRAINED_DIR", str(pretrained))
    small.write_bytes(b"<html>Log in to this network")
    assert weights.obtainable("a") is None
    small.unlink()
    assert weights.obtainable("a") is None
    assert list(pretrained.iterdir()) == []


def test_without_a_network_obtaining_is_given_up_at_once(small, rows):
    row = {"name": "a", "file": "a.net", "bytes": 7}
    rows({**row, "urls": [f"{DEAD}/a.net"]})
    assert weights.obtainable("a") is None
    with socket.socket() as listener, contextlib.ExitStack() as queue:
        # Full: whoever connects is neither refused nor answered.
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.net"
        rows({**row, "urls": [url, f"{url}.mirror"]})
        begin = time.monotonic()
        assert weights.obtainable("a", seconds=0.5) is None
        assert 0.4 < time.monotonic() - begin < 2


def test_without_an_answer_to_a_name_obtaining_is_given_up(small, monkeypatch):
    given_up = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: given_up.wait(5) and [])
    begin = time.monotonic()
    assert weights.obtainable("a", seconds=0.3) is None
    assert time.monotonic() - begin < 2
    given_up.set()


def test_a_damaged_file_is_not_passed_over(small, pretrained):
    weights.obtainable("a")
    (pretrained / "a.net").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"a.net is another file"):
        weights.obtainable("a")


def test_an_unknown_name():
    with pytest.raises(UserError, match="'vgg'; there are gatys, caffe"):
        weights.locate("vgg")


def test_get_downloads(pretrained, served, rows):
    folder, url = served
    (folder / "a.caffemodel").write_bytes(b"weights")
    rows({"name": "a", "file": "a.caffemodel", "urls": [f"{url}/a.caffemodel"]})
    assert weights.get("a", progress=False) == pretrained / "a.caffemodel"
    assert weights.locate("a").read_bytes() == b"weights"
    assert (pretrained / "a.caffemodel.sha256").is_file()


def test_get_takes_a_member_of_an_archive(pretrained, served, rows):
    folder, url = served
    (folder / "a.tar.gz").write_bytes(tar_of("a/a.caffemodel", b"weights"))
    rows(
        {"name": "a", "file": "b.caffemodel", "member": "a.caffemodel", "urls": [f"{url}/a.tar.gz"]}
    )
    assert weights.get("a").read_bytes() == b"weights"
    assert not (pretrained / "a.tar.gz").exists()


def test_an_archive_put_there_by_hand_will_do(pretrained, rows):
    rows({"name": "a", "file": "b.caffemodel", "member": "a.caffemodel", "urls": [f"{DEAD}/a.tgz"]})
    pretrained.mkdir()
    (pretrained / "a.tgz").write_bytes(tar_of("a.caffemodel", b"weights"))
    assert weights.get("a").read_bytes() == b"weights"


def test_no_network_names_everything(pretrained, rows):
    url = f"{DEAD}/a.caffemodel"
    rows({"name": "a", "file": "a.caffemodel", "urls": [url]})
    with pytest.raises(UserError) as raised:
        weights.get("a")
    message = str(raised.value)
    assert "\n" not in message
    for part in ("a.caffemodel", str(pretrained), url, "--weights random"):
        assert part in message


def test_list(pretrained, capsys):
    pretrained.mkdir()
    (pretrained / weights.manifest()["lrcn"].file).write_bytes(b"x" * 2_000_000)
    assert weights.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["name", "here", "size"]
    assert [line.split()[0] for line in lines[1:-1]] == NAMES
    assert lines[2].split()[1:4] == ["no", "575", "MB"]
    assert lines[4].split()[1:4] == ["no", "0.7", "MB"]
    assert lines[8].split()[1:4] == ["yes", "2", "MB"]
    assert lines[1].split()[1:3] == ["no", "unknown"]
    assert lines[-1] == f"folder: {pretrained}"


def test_one_failure_does_not_stop_the_others(pretrained, served, rows, capsys):
    folder, url = served
    (folder / "a.h5").write_bytes(b"weights")
    rows(
        {"name": "b", "file": "b.h5", "urls": [f"{DEAD}/b.h5"]},
        {"name": "a", "file": "a.h5", "urls": [f"{url}/a.h5"]},
    )
    assert weights.main(["get", "b", "a"]) == 1
    output = capsys.readouterr()
    assert output.out == f"{pretrained / 'a.h5'}\n"
    assert output.err.count("\n") == 1
    assert weights.main(["get", "a"]) == 0


def test_a_wrong_name_is_a_mistake_of_flags(capsys):
    with pytest.raises(SystemExit) as ended:
        weights.main(["get", "vgg"])
    assert ended.value.code == 2


def test_help_needs_no_tensorflow():
    program = (
        "import sys; from common import weights\n"
        "try: weights.main(['-h'])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert not {'tensorflow', 'keras', 'pooch', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
