import functools
import http.server
import io
import json
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from common import weights
from common.errors import UserError

ROOT = Path(weights.__file__).parent.parent
NAMES = ["gatys", "caffe", "imagenet", "caffenet", "placescnn", "ppgn_generator", "lrcn"]
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
        assert bool(row.checksum_from) == bool(row.sha256 or row.sha1 or row.md5)
        assert Path(row.file).name == row.file


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
    file = weights.manifest()["gatys"].file
    assert weights.locate("gatys", [tmp_path]) is None
    pretrained.mkdir()
    (pretrained / file).write_bytes(b"ours")
    assert weights.locate("gatys", [tmp_path]) == pretrained / file
    (tmp_path / file).write_bytes(b"the user's")
    assert weights.locate("gatys", [tmp_path]) == tmp_path / file
    assert weights.get("gatys", [tmp_path]) == tmp_path / file
    assert weights.get("gatys") == pretrained / file


def test_the_pretrained_folder_is_held_to_the_published_checksum(pretrained):
    row = weights.manifest()["caffenet"]
    pretrained.mkdir()
    (pretrained / row.file).write_bytes(b"damaged")
    with pytest.raises(UserError, match=row.sha1):
        weights.get("caffenet")


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
    assert lines[7].split()[1:4] == ["yes", "2", "MB"]
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
