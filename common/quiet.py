"""Importing TensorFlow without its start-up messages."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Keeps what native code writes to file descriptor 2; shows it only if the block raises."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(original, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras, without the lines about devices and CUDA libraries.

    TensorFlow writes some of them before any logging level is honoured, straight to file
    descriptor 2. Errors of the import are shown in full.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_held_back():
        tensorflow = importlib.import_module("tensorflow")
        importlib.import_module("keras")
        # The first look for devices complains about missing CUDA libraries too.
        tensorflow.config.list_physical_devices()
