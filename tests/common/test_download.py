import contextlib
import errno
import hashlib
import http.server
import io
import os
import signal
import socket
import tarfile
import threading
import time

import pooch
import pytest
import requests

from common import download
from common.download import fetch, reachable, take_member
from common.errors import UserError

BODY = bytes(range(256)) * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
GIT_BLOB = hashlib.sha1(b"blob 10240\0" + BODY).hexdigest()
OTHER = "0" * 64


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path)
        if callable(answer):
            answer(self)
        elif answer is None:
            self.send_error(404)
        else:
            self.answer(answer, len(answer))

    def answer(self, body, announced):
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def running():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    running.answers = {"/right.bin": BODY}
    running.asked = []
    return running


def refused():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/file.bin"


@pytest.fixture
def deaf():
    """An address where nobody refuses and nobody answers: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file.bin"


@contextlib.contextmanager
def within(seconds):
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def one_line(raised):
    message = str(raised.value)
    assert "\n" not in message
    return message


def tar_of(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hostname"
            else:
                entry.size = len(content)
            files.addfile(entry, io.BytesIO(content or b""))
    return buffer.getvalue()


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5", "git_blob"])
def test_a_file_with_the_right_checksum_arrives_alone(server, tmp_path, algorithm):
    git = algorithm == "git_blob"
    digest = GIT_BLOB if git else hashlib.new(algorithm, BODY).hexdigest()
    destination = tmp_path / "new" / "folder" / "file.bin"
    found = fetch(f"{server.url}/right.bin", destination, **{algorithm: digest.upper()})
    assert found == destination
    assert destination.read_bytes() == BODY
    assert names(destination.parent) == ["file.bin"]


def test_a_git_blob_is_what_git_says(server, tmp_path):
    """As `printf 'hello\\n' | git hash-object --stdin`."""
    digest = "ce013625030ba8dba906f756967f9e9ca394464a"
    server.answers["/hello.txt"] = b"hello\n"
    destination = tmp_path / "hello.txt"
    fetch(f"{server.url}/hello.txt", destination, git_blob=digest.upper())
    assert names(tmp_path) == ["hello.txt"]
    assert fetch((), destination, git_blob=digest) == destination

    destination.write_bytes(b"hallo\n")
    with pytest.raises(UserError, match=f"its git blob is .{{40}}, not the published {digest}"):
        fetch((), destination, git_blob=digest)
    destination.unlink()
    server.answers["/hello.txt"] = b"hello\r\n"
    with pytest.raises(UserError, match=f"its git blob is .{{40}}, not the published {digest}"):
        fetch(f"{server.url}/hello.txt", destination, git_blob=digest)
    assert names(tmp_path) == []


def test_wrong_checksum_names_both_and_leaves_nothing(server, tmp_path):
    with pytest.raises(UserError) as raised:
        fetch(f"{server.url}/right.bin", tmp_path / "file.bin", sha256=OTHER)
    message = one_line(raised)
    assert SHA256 in message and OTHER in message
    assert names(tmp_path) == []


def test_a_present_file_is_used_without_the_network(server, tmp_path):
    destination = tmp_path / "file.bin"
    destination.write_bytes(BODY)
    assert fetch(f"{server.url}/right.bin", destination, sha256=SHA256) == destination
    assert fetch(f"{server.url}/right.bin", destination) == destination
    assert server.asked == []
    assert names(tmp_path) == ["file.bin"]


def test_a_present_file_with_another_checksum_is_left_alone(server, tmp_path):
    destination = tmp_path / "file.bin"
    destination.write_bytes(b"mine")
    with pytest.raises(UserError, match="remove it") as raised:
        fetch(f"{server.url}/right.bin", destination, sha256=SHA256)
    assert SHA256 in one_line(raised)
    assert destination.read_bytes() == b"mine"
    assert server.asked == []


def test_the_first_checksum_is_recorded_and_held_to(server, tmp_path):
    destination = tmp_path / "file.bin"
    url = f"{server.url}/right.bin"
    fetch(url, destination)
    record = tmp_path / "file.bin.sha256"
    assert record.read_text() == f"{SHA256}  file.bin\n"

    destination.write_bytes(b"changed")
    with pytest.raises(UserError, match=r"recorded in file.bin.sha256"):
        fetch(url, destination)

    destination.unlink()
    server.answers["/right.bin"] = b"another"
    with pytest.raises(UserError, match=r"recorded in file.bin.sha256"):
        fetch(url, destination)
    assert names(tmp_path) == ["file.bin.sha256"]

    server.answers["/right.bin"] = BODY
    assert fetch(url, destination).read_bytes() == BODY


def test_a_damaged_record_is_named(server, tmp_path):
    (tmp_path / "file.bin.sha256").write_text("not one\n")
    with pytest.raises(UserError, match=r"file.bin.sha256 does not begin with a SHA-256"):
        fetch(f"{server.url}/right.bin", tmp_path / "file.bin")


def test_http_404(server, tmp_path):
    with pytest.raises(UserError, match=r"missing.bin: HTTP 404 Not Found") as raised:
        fetch(f"{server.url}/missing.bin", tmp_path / "file.bin")
    one_line(raised)
    assert names(tmp_path) == []


def test_no_connection_names_file_folder_address_and_hint(server, tmp_path):
    url = refused()
    with pytest.raises(UserError) as raised:
        fetch(url, tmp_path / "file.bin", hint="use --weights random")
    assert one_line(raised) == (
        f"cannot download file.bin to {tmp_path}: {url}: no connection; use --weights random"
    )
    assert names(tmp_path) == []


def test_mirrors_are_tried_in_order(server, tmp_path):
    server.answers["/wrong.bin"] = b"wrong"
    addresses = [refused(), *(f"{server.url}/{name}.bin" for name in ("missing", "wrong", "right"))]
    assert fetch(addresses, tmp_path / "file.bin", sha256=SHA256).read_bytes() == BODY
    assert server.asked == ["/missing.bin", "/wrong.bin", "/right.bin"]

    with pytest.raises(UserError) as raised:
        fetch(addresses[:3], tmp_path / "other.bin", sha256=SHA256)
    assert all(url in one_line(raised) for url in addresses[:3])


def test_seconds_are_those_of_a_patient_person(server, tmp_path, monkeypatch):
    asked = {}

    def get(url, **settings):
        asked.update(settings)
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(UserError, match="no connection"):
        fetch(f"{server.url}/right.bin", tmp_path / "file.bin")
    assert asked["timeout"] == (download.CONNECT_SECONDS, download.ANSWER_SECONDS)
    assert download.CONNECT_SECONDS <= 5 and download.ANSWER_SECONDS <= 10


def test_where_nobody_answers_the_next_address_is_tried(server, tmp_path, deaf, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    with within(3):
        fetch([deaf, f"{server.url}/right.bin"], tmp_path / "file.bin", sha256=SHA256)
    with pytest.raises(UserError, match=f"{deaf}: no connection$"), within(3):
        fetch(deaf, tmp_path / "other.bin")


def test_where_the_answer_does_not_begin_the_next_address_is_tried(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.3)
    given_up = threading.Event()
    server.answers["/stalled.bin"] = lambda handler: given_up.wait(5)
    addresses = [f"{server.url}/{name}.bin" for name in ("stalled", "right")]
    with within(3):
        fetch(addresses, tmp_path / "file.bin", sha256=SHA256)
    with pytest.raises(UserError, match=r"stalled.bin: no answer within 0.3 seconds$"), within(3):
        fetch(addresses[0], tmp_path / "other.bin")
    given_up.set()
    assert names(tmp_path) == ["file.bin"]


def pausing(seconds):
    def answer(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.answer(BODY[:100], len(BODY))
        time.sleep(seconds)
        with contextlib.suppress(OSError):
            handler.wfile.write(BODY[100:])

    return answer


def test_an_answer_that_has_begun_may_pause(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    server.answers["/slow.bin"] = pausing(0.6)
    fetch(f"{server.url}/slow.bin", tmp_path / "file.bin", sha256=SHA256)

    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.3)
    with pytest.raises(UserError, match=r"slow.bin: the download broke off$"):
        fetch(f"{server.url}/slow.bin", tmp_path / "other.bin")
    assert names(tmp_path) == ["file.bin"]


def test_reachable(server, deaf):
    with within(3):
        assert reachable(f"{server.url}/right.bin", 2)
        assert not reachable(refused(), 2)
        assert not reachable(deaf, 0.3)
        for wrong in ("http://[/file.bin", "http://[::1/file.bin", "http://127.0.0.1:x/file.bin"):
            assert not reachable(wrong, 0.3)
    assert server.asked == []


def test_nothing_waits_long_for_a_name(tmp_path, monkeypatch):
    given_up = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: given_up.wait(9) and [])
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    url = "https://example.org/file.bin"
    with within(4):
        assert not reachable(url, 0.3)
        with pytest.raises(UserError, match=r"file.bin: no connection$"):
            fetch([url, url], tmp_path / "file.bin")
    given_up.set()


def test_one_address_of_a_host_is_enough(server, deaf, monkeypatch):
    original = socket.getaddrinfo

    def several(host, port, **settings):
        ports = [int(url.split(":")[2].split("/")[0]) for url in (deaf, refused(), server.url)]
        return [found for one in ports for found in original("127.0.0.1", one, **settings)]

    monkeypatch.setattr(socket, "getaddrinfo", several)
    with within(2):
        assert reachable("http://127.0.0.1:1/right.bin", 3)


def test_a_proxy_is_what_has_to_be_reachable(server, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    url = "http://nowhere.invalid/file.bin"
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url.removeprefix("http://"))
    assert reachable(url, 2)
    server.answers[url] = BODY
    assert fetch(url, tmp_path / "file.bin").read_bytes() == BODY
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, refused())
    assert not reachable(url, 2)
    assert not reachable(f"{server.url}/right.bin", 2)


def test_a_truncated_body_leaves_nothing(server, tmp_path):
    server.answers["/short.bin"] = lambda handler: handler.answer(BODY[:100], len(BODY))
    with pytest.raises(UserError, match="broke off"):
        fetch(f"{server.url}/short.bin", tmp_path / "file.bin")
    assert names(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"\n<!DOCTYPE html><title>Moved</title>"])
def test_what_is_no_file_is_not_taken_for_one(server, tmp_path, body):
    server.answers["/page.bin"] = body
    with pytest.raises(UserError):
        fetch(f"{server.url}/page.bin", tmp_path / "file.bin")
    assert names(tmp_path) == []


def test_a_gz_file_is_not_unpacked_on_the_way(server, tmp_path):
    body = tar_of(("inside.bin", BODY))
    server.answers["/file.tar.gz"] = lambda handler: handler.answer(
        body if handler.headers["Accept-Encoding"] == "identity" else b"unpacked", len(body)
    )
    assert fetch(f"{server.url}/file.tar.gz", tmp_path / "file.tar.gz").read_bytes() == body


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot make the folder") as raised:
        fetch(f"{server.url}/right.bin", tmp_path / "file" / "file.bin")
    one_line(raised)
    assert server.asked == []


def test_a_full_disk(server, tmp_path, monkeypatch):
    def fill(self, url, output_file, pooch):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fill)
    with pytest.raises(UserError, match=r"cannot write .*file.bin: No space left on device"):
        fetch(f"{server.url}/right.bin", tmp_path / "file.bin")
    assert names(tmp_path) == []


def test_an_interruption_leaves_nothing(server, tmp_path):
    received = threading.Event()

    def stall(handler):
        handler.answer(BODY[:100], len(BODY))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        received.wait(5)

    server.answers["/slow.bin"] = stall
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{server.url}/slow.bin", tmp_path / "file.bin")
    received.set()
    assert names(tmp_path) == []


def test_a_member_of_an_archive(server, tmp_path):
    server.answers["/files.tar.gz"] = tar_of(
        ("../escaped.bin", b"outside"), ("folder/wanted.bin", BODY), ("other.bin", b"other")
    )
    folder = tmp_path / "folder"
    url = f"{server.url}/files.tar.gz"
    assert fetch(url, folder / "file.bin", member="wanted.bin").read_bytes() == BODY
    assert names(folder) == ["file.bin", "file.bin.sha256"]
    assert names(tmp_path) == ["folder"]
    assert (folder / "file.bin.sha256").read_text().startswith(SHA256)


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    (tmp_path / "files.tar.gz").write_bytes(tar_of(("wanted.bin", None)))
    with pytest.raises(UserError, match=r"there is no file wanted.bin in the archive"):
        take_member(tmp_path / "files.tar.gz", "wanted.bin", tmp_path / "wanted.bin")
    assert names(tmp_path) == ["files.tar.gz"]


@pytest.mark.parametrize("damage", [lambda body: body[:-2000], lambda body: b"no archive"])
def test_a_damaged_archive(server, tmp_path, damage):
    body = damage(tar_of(("wanted.bin", os.urandom(10_000))))
    server.answers["/files.tar.gz"] = body
    with pytest.raises(UserError, match="not a whole tar archive") as raised:
        fetch(f"{server.url}/files.tar.gz", tmp_path / "file.bin", member="wanted.bin")
    one_line(raised)
    assert names(tmp_path) == []


def test_a_missing_archive(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        take_member(tmp_path / "files.tar.gz", "wanted.bin", tmp_path / "wanted.bin")
