"""Several devices, or several machines, that share each batch of a training run."""

import json
import os
import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import logging

from common.errors import UserError


class Devices:
    """The devices that make each step together, each with an equal part of the batch.

    Args:
        kind: `one` device; `mirrored`: all GPUs of this machine (or its logical processors);
            `multiworker`: those of all machines that the environment variable TF_CONFIG names.
            It must be made before anything is computed.

    Attributes:
        is_chief: whether this process is the one that writes files: the first worker, or the only
            process.
        count: of all devices.

    Raises:
        UserError: TF_CONFIG is missing or wrong.
    """

    def __init__(self, kind: str = "one"):
        self.is_chief = True
        # TensorFlow tells of every exchange between devices.
        logging.set_verbosity(logging.WARNING)
        if kind == "multiworker":
            self.is_chief = _is_chief()
            try:
                self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            except (RuntimeError, ValueError, tf.errors.OpError) as error:
                raise UserError(f"the workers do not come together: {error}") from None
        elif kind == "mirrored":
            self._strategy = tf.distribute.MirroredStrategy(_devices())
        else:
            self._strategy = tf.distribute.get_strategy()
        self.count = self._strategy.num_replicas_in_sync
        numbers = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(context.replica_id_in_sync_group)
        )
        local = [int(one) for one in self._strategy.experimental_local_results(numbers)]
        self._first, self._here = min(local), len(local)

    def agree(self, text: str) -> bool:
        """Whether all processes say the same; each must ask."""
        number = zlib.crc32(text.encode("utf-8", "surrogateescape"))

        def compare(_):
            # Float64 holds sums of such numbers exactly.
            mine = tf.constant(number, tf.float64)
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, mine)
            away = tf.abs(total - mine * context.num_replicas_in_sync)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, away)

        each = np.zeros((self._here, 1), np.float32)
        return float(self.compile(compare)([each])) == 0

    def scope(self):
        """A context; what is to be trained must be made within."""
        return self._strategy.scope()

    def part(self, batch: int) -> slice:
        """Which of a batch's examples this process needs.

        Args:
            batch: a multiple of `count`.
        """
        each = batch // self.count
        return slice(self._first * each, (self._first + self._here) * each)

    def compile(self, step: Callable) -> Callable:
        """Compiles a step that all devices make together.

        Args:
            step: from a device's part of a batch, a list of tensors, and further arguments, to
                values that are the same on all devices.

        Returns:
            A function of this process' part of the batch, a list of arrays, and of the further
            arguments.
        """
        strategy = self._strategy

        @tf.function(autograph=False)
        def compiled(arrays, *rest):
            return strategy.run(step, args=(arrays, *rest))

        def call(arrays: list[np.ndarray], *rest):
            each = len(arrays[0]) // self._here

            def share(context):
                number = int(context.replica_id_in_sync_group) - self._first
                mine = slice(number * each, (number + 1) * each)
                return [tf.convert_to_tensor(array[mine]) for array in arrays]

            given = strategy.experimental_distribute_values_from_function(share)
            values = compiled(given, *rest)
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], values
            )

        return call


def _devices() -> list[str]:
    for kind in ("GPU", "CPU"):
        if found := tf.config.list_logical_devices(kind):
            return [device.name for device in found]
    raise UserError("TensorFlow finds no device")


def _is_chief() -> bool:
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        if task["type"] != "worker" or not 0 <= task["index"] < len(workers):
            raise ValueError
        return task["index"] == 0
    except (ValueError, KeyError, TypeError):
        raise UserError(
            "multiworker needs the environment variable TF_CONFIG, such as "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            f'"task": {{"type": "worker", "index": 0}}}}; it is {text or "not set"}'
        ) from None
