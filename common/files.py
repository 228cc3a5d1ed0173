"""Files that appear whole or not at all, and the folders that take them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError


@contextlib.contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary path beside `path`; renames it to `path` when the block ends well.

    If the block raises, the temporary file is removed and an existing `path` is left as it was.

    Args:
        path: the file to make or to replace. Its folder must exist.

    Yields:
        The temporary path, with the same suffixes, to write to.

    Raises:
        UserError: the operating system refuses (no permission, disk full, no such folder).
    """
    path = Path(path)
    try:
        stem, dot, suffixes = path.name.partition(".")
        handle, name = tempfile.mkstemp(prefix=f".{stem}-", suffix=dot + suffixes, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: str | os.PathLike) -> None:
    """Makes a folder, and those that it is in, where it is missing.

    Raises:
        UserError: the operating system refuses.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None
