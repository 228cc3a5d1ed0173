"""Files from the network: checked, and in place whole or not at all."""

import contextlib
import errno
import gzip
import hashlib
import os
import re
import selectors
import shutil
import socket
import tarfile
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm
from urllib3.exceptions import ReadTimeoutError

from common.errors import UserError
from common.files import make_folder, written_whole

CHUNK_BYTES = 1 << 18
#: How long an address may take to accept a connection, to begin its answer, and to go on with it.
CONNECT_SECONDS = 4
ANSWER_SECONDS = 8
PAUSE_SECONDS = 30

_NAMES = {"sha256": "SHA-256", "sha1": "SHA-1", "md5": "MD5", "git_blob": "git blob"}


class _AddressError(Exception):
    """One address did not give the file; the message says why."""


class _Checksum(NamedTuple):
    algorithm: str
    digest: str
    source: str


class _Bar(tqdm):
    """A progress bar that is always true: pooch asks, and tqdm says no before a total is known."""

    def __bool__(self) -> bool:
        return True


def fetch(
    urls: str | Iterable[str],
    destination: str | os.PathLike,
    *,
    sha256: str | None = None,
    sha1: str | None = None,
    md5: str | None = None,
    git_blob: str | None = None,
    member: str | None = None,
    hint: str = "",
    progress: bool = True,
) -> Path:
    """Gives the file at `destination`, downloaded if it is not there yet.

    A file that is there is used without asking the network. Where no checksum is given, the
    SHA-256 of the first download is recorded beside the file (`NAME.sha256`, to be read by
    `sha256sum -c`), and the file and every later download of it are held to that.

    An address that does not accept a connection, or does not begin to answer, is given up within
    seconds.

    Args:
        urls: the address, or several that are tried in order.
        destination: where the file belongs. Missing folders are made.
        sha256: the published checksum, if there is one.
        sha1: likewise.
        md5: likewise.
        git_blob: likewise, the name that git gives the file's content: the SHA-1 of
            `blob SIZE`, a zero byte and the bytes.
        member: the addresses give a tar archive, and the file of this name in it is wanted.
        hint: what else the user can do; ends the message when no address works.
        progress: shows a progress bar where standard error is a terminal.

    Returns:
        `destination` as a path.

    Raises:
        UserError: no address gives the file or one with this checksum, the file that is there
            has another checksum, or the file cannot be written. Nothing half-written is left.
    """
    destination = Path(destination)
    published = _published(sha256=sha256, sha1=sha1, md5=md5, git_blob=git_blob)
    checksums = published or _recorded(destination)
    if os.path.isfile(destination):
        _check_present(destination, checksums)
        return destination
    make_folder(destination.parent)
    failures = []
    for url in [urls] if isinstance(urls, str) else urls:
        try:
            with written_whole(destination) as temporary:
                _obtain(url, temporary, member, progress and destination.name)
                _check(temporary, checksums)
                if not checksums:
                    _record(temporary, destination)
            return destination
        except _AddressError as failure:
            failures.append(f"{url}: {failure}")
    reasons = "; ".join([*failures, hint] if hint else failures)
    raise UserError(f"cannot download {destination.name} to {destination.parent}: {reasons}")


def reachable(url: str, seconds: float) -> bool:
    """Whether a connection to an address's host, or to the proxy on the way, can be made.

    Args:
        url: the address. Nothing is asked of it.
        seconds: the answer is no if it takes longer than this.
    """
    found: list[bool] = []
    # A thread of its own, for nothing limits how long looking up a name may take.
    thread = threading.Thread(target=lambda: found.append(_connects(url, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    return found == [True]


def _connects(url: str, seconds: float) -> bool:
    """Tries all addresses of the host at once: one that never answers must not hide the others."""
    end = time.monotonic() + seconds
    with (
        contextlib.suppress(OSError, ValueError),
        selectors.DefaultSelector() as waiting,
        contextlib.ExitStack() as opened,
    ):
        for family, kind, protocol, _, address in socket.getaddrinfo(
            *_host_and_port(url), type=socket.SOCK_STREAM
        ):
            with contextlib.suppress(OSError):  # such as of IPv6 where there is none
                one = opened.enter_context(socket.socket(family, kind, protocol))
                one.setblocking(False)
                if one.connect_ex(address) in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                    waiting.register(one, selectors.EVENT_WRITE)
        while waiting.get_map() and (rest := end - time.monotonic()) > 0:
            for key, _ in waiting.select(rest):
                if not key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return True
                waiting.unregister(key.fileobj)
    return False


def _host_and_port(url: str) -> tuple[str | None, int]:
    """Where a download from an address connects to: its host, or the environment's proxy."""
    proxies = requests.utils.get_environ_proxies(url)
    way = requests.utils.select_proxy(url, proxies) or url
    parts = urlsplit(way if "://" in way else f"http://{way}")
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)


def take_member(archive: str | os.PathLike, member: str, destination: str | os.PathLike) -> Path:
    """Copies one file out of a tar archive; nothing else is unpacked, whatever its paths.

    Args:
        archive: a .tar file, compressed or not.
        member: the file's name, without folders.
        destination: where it goes. Its folder must exist.

    Returns:
        `destination` as a path.

    Raises:
        UserError: the archive is missing, damaged or without that file, or the file cannot be
            written.
    """
    if not os.path.isfile(archive):
        raise UserError(f"there is no file {archive}")
    try:
        with written_whole(destination) as temporary:
            _extract(archive, member, temporary)
    except _AddressError as failure:
        raise UserError(f"cannot use {archive}: {failure}") from failure
    return Path(destination)


def _published(**digests: str | None) -> list[_Checksum]:
    return [
        _Checksum(algorithm, digest.lower(), "published")
        for algorithm, digest in digests.items()
        if digest
    ]


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded(path: Path) -> list[_Checksum]:
    record = _record_path(path)
    if not os.path.isfile(record):
        return []
    try:
        found = re.match(r"[0-9a-f]{64}\b", record.read_text(errors="replace"))
    except OSError as error:
        raise UserError(f"cannot read {record}: {error.strerror}") from error
    if not found:
        raise UserError(f"{record} does not begin with a SHA-256: remove it")
    return [_Checksum("sha256", found[0], f"recorded in {record.name}")]


def _record(file: Path, destination: Path) -> None:
    with written_whole(_record_path(destination)) as temporary:
        temporary.write_text(f"{pooch.file_hash(str(file), 'sha256')}  {destination.name}\n")


def _mismatches(path: Path, checksums: list[_Checksum]) -> Iterator[str]:
    for algorithm, digest, source in checksums:
        found = _git_blob(path) if algorithm == "git_blob" else pooch.file_hash(path, algorithm)
        if found != digest:
            yield f"its {_NAMES[algorithm]} is {found}, not the {source} {digest}"


def _git_blob(path: Path) -> str:
    """What `git hash-object` says of a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check(path: Path, checksums: list[_Checksum]) -> None:
    for mismatch in _mismatches(path, checksums):
        raise _AddressError(mismatch)


def _check_present(path: Path, checksums: list[_Checksum]) -> None:
    try:
        for mismatch in _mismatches(path, checksums):
            raise UserError(f"{path} is another file: {mismatch}; remove it to download it anew")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _obtain(url: str, path: Path, member: str | None, label: str | bool) -> None:
    """Downloads to `path`, by way of an archive beside it if a `member` is wanted."""
    if member is None:
        _download(url, path, label)
        return
    archive = path.with_name(f"{path.name}.tar")
    try:
        _download(url, archive, label)
        _extract(archive, member, path)
    finally:
        archive.unlink(missing_ok=True)


def _download(url: str, path: Path, label: str | bool) -> None:
    # Asked first, because requests would wait for each of a host's addresses, and for its name.
    if not reachable(url, CONNECT_SECONDS):
        raise _AddressError("no connection")
    # `disable=None`: no bar where standard error is not a terminal.
    with _Bar(
        desc=label or None, unit="B", unit_scale=True, leave=False, disable=None if label else True
    ) as bar:
        download = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=CHUNK_BYTES,
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            hooks={"response": _be_patient},
            # Unasked, servers may mark a .gz file as an encoding, and it would arrive unpacked.
            headers={"Accept-Encoding": "identity"},
        )
        try:
            download(url, str(path), None)
        except requests.RequestException as error:
            raise _AddressError(_reason(error)) from error
    _check_body(path, announced=bar.total or 0)


def _be_patient(response: requests.Response, *_, **__) -> None:
    """Lets an answer that has begun pause for longer than it took to begin.

    Not where the server closes the connection after it, as old ones do: the socket is hidden then.
    """
    connected = getattr(response.raw.connection, "sock", None)
    if connected is not None:
        connected.settimeout(PAUSE_SECONDS)


def _check_body(path: Path, announced: int) -> None:
    """Finds what has no error of its own: a body cut short, and an error page sent as a success."""
    size = path.stat().st_size
    if size < max(announced, 1):
        raise _AddressError(f"the download broke off after {size:,} of {announced:,} bytes")
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise _AddressError("a web page came instead of the file")


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code} {error.response.reason}"
    stalled = bool(error.args) and isinstance(error.args[0], ReadTimeoutError)
    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {ANSWER_SECONDS} seconds"
    if stalled or isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the download broke off"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return " ".join(str(error).split())


def _extract(archive: str | os.PathLike, member: str, path: Path) -> None:
    try:
        with tarfile.open(archive) as files:
            for entry in files:
                if entry.isfile() and PurePosixPath(entry.name).name == member:
                    with files.extractfile(entry) as source, open(path, "wb") as target:
                        shutil.copyfileobj(source, target, CHUNK_BYTES)
                    return
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _AddressError("it is not a whole tar archive") from error
    raise _AddressError(f"there is no file {member} in the archive")
