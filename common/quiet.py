"""Importing Keras and its backend without their start-up messages."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator

from common import machine
from common.errors import UserError


@contextlib.contextmanager
def native_output_held_back(number: int = 2) -> Iterator[None]:
    """Keeps what native code writes to a file descriptor; shows it only if the block raises.

    Args:
        number: 1 or 2.
    """
    (sys.stdout if number == 1 else sys.stderr).flush()
    original = os.dup(number)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), number)
        try:
            yield
        except UserError:
            raise
        except Exception:
            os.dup2(original, number)
            held.seek(0)
            os.write(number, held.read())
            raise
        finally:
            os.dup2(original, number)
            os.close(original)


def import_keras(gpu: int | None = None, together: bool = False) -> str:
    """Imports Keras and its backend, and has it use the device that was asked for.

    TensorFlow, the default, writes lines about devices and CUDA libraries before any logging level
    is honoured, straight to file descriptor 2: they are left out. Errors are shown in full.

    Args:
        gpu: see `common.machine.begin`.
        together: likewise.

    Returns:
        Where it is computed, in words.

    Raises:
        UserError: there is no such device, or no such backend, or other processes that take part
            cannot be reached.
    """
    name = os.environ["KERAS_BACKEND"] = machine.chosen_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with native_output_held_back():
        try:
            backend = importlib.import_module("common.backend")
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise UserError(
                f"{name} is not installed: python -m pip install -r {machine.REQUIREMENTS[name]}, "
                "or have KERAS_BACKEND name another backend"
            ) from None
        # The first look for devices complains about missing CUDA libraries too.
        return machine.begin(backend.use, gpu, together)
