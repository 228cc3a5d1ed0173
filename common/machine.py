"""Where it is computed, and how precisely: two flags of every script."""

import argparse
import os
import re
from collections.abc import Callable, Sequence

from common.errors import UserError

PRECISIONS = ("float32", "tf32")
#: The backends of Keras that `common.backend` has a file for -> what installs them.
REQUIREMENTS = {
    "tensorflow": "requirements.txt",
    "jax": "requirements-jax.txt",
    "torch": "requirements-torch.txt",
}

#: What the command line asked for.
_asked = argparse.Namespace(device="auto", precision="float32")


def chosen_backend() -> str:
    """The backend of Keras that the environment variable KERAS_BACKEND names, or TensorFlow.

    Raises:
        UserError: there is none of that name.
    """
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name not in REQUIREMENTS:
        raise UserError(f"KERAS_BACKEND must be one of {', '.join(REQUIREMENTS)}, not {name}")
    return name


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds `--device` and `--precision`."""
    add = parser.add_argument_group("where it is computed").add_argument
    add(
        "--device",
        type=_device,
        default="auto",
        metavar="auto|cpu|gpu|gpu:N",
        help="auto takes the first GPU, or the CPU where there is none",
    )
    about = "on a GPU: full float32, or TF32, which multiplies numbers of 10 bits, and is faster"
    add("--precision", choices=PRECISIONS, default="float32", help=about)


#: Where it is computed, once that is known.
_where = ""


def take_flags(values: argparse.Namespace) -> argparse.Namespace:
    """Notes what was asked for, and takes the two flags out: they are no part of a run."""
    for name in vars(_asked):
        setattr(_asked, name, getattr(values, name))
        delattr(values, name)
    return values


def begin(use: Callable[..., str], gpu: int | None = None, together: bool = False) -> str:
    """Has the backend use what was asked for; only the first call counts.

    Args:
        use: of `common.backend`.
        gpu: number of the GPU to use where `--device` is not given, or the CPU if there is none of
            that number; None: as `--device` says.
        together: with the processes that TF_CONFIG names.

    Returns:
        Where it is computed, in words.

    Raises:
        UserError: there is no such device, or the processes do not come together.
    """
    global _where
    if not _where:
        device = _asked.device
        if device != "auto" or gpu is None:
            _where = use(device, _asked.precision, together)
        else:
            try:
                _where = use(f"gpu:{gpu}" if gpu >= 0 else "cpu", _asked.precision)
            except UserError:
                _where = f"there is no GPU {gpu}: {use('cpu', _asked.precision)}"
    return _where


def where() -> str:
    """Where it is computed, and how precisely."""
    return f"{_where or 'not yet known'}, {_asked.precision}"


def take_words(words: Sequence[str]) -> list[str]:
    """What is left of the words of a command line without the flags that `as_arguments` writes."""
    names = {f"--{name}" for name in vars(_asked)}
    pairs = zip(words[::2], [*words[1::2], ""], strict=False)
    return [word for pair in pairs if pair[0] not in names for word in pair]


def as_arguments() -> list[str]:
    """The flags, for another script."""
    return ["--device", _asked.device, "--precision", _asked.precision]


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|gpu(:\d{1,3})?", text):
        raise argparse.ArgumentTypeError(f"must be auto, cpu, gpu or gpu:N, got {text!r}")
    return text


def chosen_gpu(device: str, count: int) -> int | None:
    """The number of the GPU to use; None for the CPU.

    Args:
        device: the flag.
        count: of the GPUs that there are.

    Raises:
        UserError: there is no such GPU.
    """
    if device == "cpu" or (device == "auto" and not count):
        return None
    number = int(device.partition(":")[2] or 0)
    if number >= count:
        found = f"only {count}" if count else "none"
        raise UserError(f"--device {device}: there is no GPU {number} here, {found} was found")
    return number
