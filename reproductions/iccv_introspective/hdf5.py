"""Writing HDF5 files on a disk that may be full."""

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

_failures: list[Exception] = []


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failure to write an HDF5 file into a mistake that the user can mend.

    The HDF5 library tries to write what it could not whenever an object of the file dies, and
    once more when the process ends, and crashes. So after a failure all these objects are kept,
    with the frames that hold them, and the process ends without the library.

    Args:
        path: the file, for the message.

    Raises:
        UserError: the block could not write.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        # A file that could not be opened (missing folder, no permission, locked: all of these are
        # kinds of OSError) leaves nothing behind.
        if type(error) in (OSError, RuntimeError):
            if not _failures:
                atexit.register(_end)
            _failures.append(error)
        raise UserError(f"cannot write {path}: {error}") from None


def failed() -> bool:
    """Whether a file could not be written: then none should be closed either."""
    return bool(_failures)


def _end() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
