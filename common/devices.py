"""Several devices, or several machines, that share each batch of a training run."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from common.errors import UserError

KINDS = ("one", "mirrored", "multiworker")


class Workers(NamedTuple):
    """The processes of a run on several machines, as TF_CONFIG has them.

    Attributes:
        addresses: of all of them, host:port.
        index: of this one; the first is the chief.
    """

    addresses: list[str]
    index: int


def workers() -> Workers:
    """Reads the environment variable TF_CONFIG.

    Raises:
        UserError: it is missing or wrong.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        addresses, task = config["cluster"]["worker"], config["task"]
        if task["type"] != "worker" or not 0 <= task["index"] < len(addresses):
            raise ValueError
        return Workers(addresses, task["index"])
    except (ValueError, KeyError, TypeError):
        raise UserError(
            "multiworker needs the environment variable TF_CONFIG, such as "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            f'"task": {{"type": "worker", "index": 0}}}}; it is {text or "not set"}'
        ) from None


class Devices:
    """The devices that make each step together, each with an equal part of the batch.

    `common.backend.Devices` is that of the backend in use. It must be made before anything is
    computed.

    Args:
        kind: `one` device; `mirrored`: all GPUs of this machine (or its logical processors);
            `multiworker`: those of all machines that the environment variable TF_CONFIG names.

    Attributes:
        is_chief: whether this process is the one that writes files: the first worker, or the only
            process.
        count: of all devices.

    Raises:
        UserError: TF_CONFIG is missing or wrong, or the workers do not come together.
    """

    is_chief = True
    count = 1
    #: The number of this process' first device, and how many it has.
    _first, _here = 0, 1

    def part(self, batch: int) -> slice:
        """Which of a batch's examples this process needs.

        Args:
            batch: a multiple of `count`.
        """
        each = batch // self.count
        return slice(self._first * each, (self._first + self._here) * each)

    def scope(self) -> contextlib.AbstractContextManager:
        """A context; what is to be trained must be made within."""
        return contextlib.nullcontext()

    def agree(self, text: str) -> bool:
        """Whether all processes say the same; each must ask."""
        raise NotImplementedError

    def compile(self, step: Callable, variables: Sequence) -> Callable:
        """Compiles a step that all devices make together.

        Args:
            step: from a device's part of a batch, a list of tensors, and further arguments, to
                values that are the same on all devices. In it, `common.backend.replica` tells
                which part it is.
            variables: all that it reads and that change.

        Returns:
            A function of this process' part of the batch, a list of arrays, and of the further
            arguments, to tensors.
        """
        raise NotImplementedError


class Replica:
    """In a step that several devices make together: this one's place among them.

    This one is alone.

    Attributes:
        number: of the device, an integer or a tensor.
        count: of all.
    """

    number, count = 0, 1

    def sum(self, values):
        """Values, nested as you like, added up over all devices."""
        return values

    def mean(self, value):
        """A tensor's mean over all devices."""
        return value
