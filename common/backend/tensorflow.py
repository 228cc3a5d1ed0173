"""TensorFlow: `tf.function`, `GradientTape`, `tf.distribute`."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from common import devices
from common.errors import UserError
from common.machine import chosen_gpu

#: Constants of more bytes are not written into graphs, which would take long to optimise.
_LARGE = 2**24


def compile(function: Callable, variables: Sequence = (), arguments: Sequence | None = None):
    """A `tf.function`; variables find themselves."""
    signature = None if arguments is None else [_spec(one) for one in arguments]
    return tf.function(function, input_signature=signature, autograph=False)


def _spec(argument):
    if isinstance(argument, list):
        return [_spec(one) for one in argument]
    return tf.TensorSpec(*argument)


def fuse(function: Callable) -> Callable:
    """Compiled by XLA. It makes small dense networks faster, and convolutions slower."""
    return tf.function(function, autograph=False, jit_compile=True)


def repeat(count, body: Callable, state: Sequence, variables: Sequence = ()) -> Sequence:
    """`tf.while_loop`."""
    start = (tf.constant(0), tuple(state))

    def step(number, state):
        return number + 1, tuple(body(number, state))

    return tf.while_loop(lambda number, _: number < count, step, start)[1]


def vjp(function: Callable, variables: Sequence):
    """By a tape that watches these variables alone."""
    values = [one.value for one in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        targets, rest = function()

    def pull_back(*upstream):
        return tape.gradient(targets, values, list(upstream), tf.UnconnectedGradients.ZERO)

    return targets, rest, pull_back


def gradients(function: Callable, x):
    """By one tape for all scalars."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        scalars, rest = function(x)
    return [tape.gradient(scalar, x) for scalar in scalars], scalars, rest


#: TensorFlow's own.
custom_gradient = tf.custom_gradient


def apply(optimizer, gradients: Sequence, variables: Sequence) -> None:
    """Keras adds up the gradients of all devices itself."""
    optimizer.apply(gradients, variables)


def to_tensor(array) -> tf.Tensor:
    """`tf.convert_to_tensor`."""
    return tf.convert_to_tensor(array)


def constant(array: np.ndarray) -> tf.Tensor:
    """Of the graph that is being made; outside of one, as any other."""
    if tf.executing_eagerly():
        return tf.convert_to_tensor(array)
    graph = tf.compat.v1.get_default_graph()
    # Kept by the graph itself, so that they go with it; graphs in each other share collections.
    known = graph.get_collection_ref("constants_of_arrays")
    for owner, known_array, tensor in known:
        if owner is graph and known_array is array:
            return tensor
    if array.nbytes > _LARGE:
        with tf.init_scope():
            tensor = tf.convert_to_tensor(array)
    else:
        tensor = tf.convert_to_tensor(array)
    known.append((graph, array, tensor))
    return tensor


def uniform(shape, seed) -> tf.Tensor:
    """Stateless."""
    return tf.random.stateless_uniform(shape, tf.stack(seed))


def normal(shape, seed) -> tf.Tensor:
    """Stateless."""
    return tf.random.stateless_normal(shape, tf.stack(seed))


def crop_and_resize(images, boxes, image, size: int, outside: float) -> tf.Tensor:
    """TensorFlow's own."""
    return tf.image.crop_and_resize(images, boxes, image, [size, size], extrapolation_value=outside)


def depth_to_space(images, block: int) -> tf.Tensor:
    """TensorFlow's own."""
    return tf.nn.depth_to_space(images, block)


def leaky_relu_gradient(upstream, output, slope: float) -> tf.Tensor:
    """TensorFlow's own, which merges with the convolution before it."""
    return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=output, alpha=slope)


def moments(x, axes: tuple[int, ...], keepdims: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """TensorFlow's own."""
    return tf.nn.moments(x, axes, keepdims=keepdims)


def normalize(x, mean, variance, gamma, beta, epsilon: float) -> tf.Tensor:
    """In one pass for float32."""
    if x.dtype != tf.float32:
        return (x - mean) * (gamma * tf.math.rsqrt(variance + epsilon)) + beta
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
    ).y


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is that."""
    return isinstance(error, tf.errors.ResourceExhaustedError | MemoryError)


def are_workers_gone(error: Exception) -> bool:
    """Whether an error is that of an exchange with another process that has ended."""
    return isinstance(error, tf.errors.UnavailableError | tf.errors.AbortedError)


def use(device: str, precision: str, together: bool = False) -> str:
    """Hides all other devices."""
    gpus = tf.config.list_physical_devices("GPU")
    number = chosen_gpu(device, len(gpus))
    if number is None:
        visible, line = [], "on the CPU"
    else:
        name = tf.config.experimental.get_device_details(gpus[number]).get("device_name", "GPU")
        visible = gpus if device == "auto" else [gpus[number]]
        line = f"on GPU {number}, {name}"
    try:
        tf.config.set_visible_devices(visible, "GPU")
    except RuntimeError:  # TensorFlow has begun to compute
        line = "on the device that TensorFlow chose"
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    return line


def be_reproducible() -> None:
    """On a CPU; for a GPU crop_and_resize has no such gradient."""
    if not tf.config.get_visible_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def facts() -> dict[str, str]:
    """Version, devices, threads, and oneDNN."""
    gpus = [_name(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "TensorFlow": tf.__version__,
        "GPUs": ", ".join(gpus) or "none",
        "threads": str(threads or "one for each core"),
        "oneDNN": _onednn(),
    }


def _name(gpu) -> str:
    return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)


def _onednn() -> str:
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:  # it is no part of TensorFlow's interface
        return "unknown"
    if _pywrap_util_port.IsMklEnabled():
        return "on"
    return "off: convolutions on an x86 processor are faster with it (TF_ENABLE_ONEDNN_OPTS=1)"


class Devices(devices.Devices):
    """By a strategy of `tf.distribute`; see `common.devices.Devices`."""

    def __init__(self, kind: str = "one"):
        # TensorFlow tells of every exchange between devices.
        logging.set_verbosity(logging.WARNING)
        if kind == "multiworker":
            self.is_chief = devices.workers().index == 0
            try:
                self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            except (RuntimeError, ValueError, tf.errors.OpError) as error:
                raise UserError(f"the workers do not come together: {error}") from None
        elif kind == "mirrored":
            self._strategy = tf.distribute.MirroredStrategy(_all_devices())
        else:
            self._strategy = tf.distribute.get_strategy()
        self.count = self._strategy.num_replicas_in_sync
        numbers = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(context.replica_id_in_sync_group)
        )
        local = [int(one) for one in self._strategy.experimental_local_results(numbers)]
        self._first, self._here = min(local), len(local)

    def agree(self, text: str) -> bool:
        """See `common.devices.Devices`."""
        number = zlib.crc32(text.encode("utf-8", "surrogateescape"))

        def compare(_):
            # Float64 holds sums of such numbers exactly.
            mine, here = tf.constant(number, tf.float64), replica()
            return here.sum(tf.abs(here.sum(mine) - mine * here.count))

        each = np.zeros((self._here, 1), np.float32)
        return float(self.compile(compare, ())([each])) == 0

    def scope(self):
        """See `common.devices.Devices`."""
        return self._strategy.scope()

    def compile(self, step: Callable, variables: Sequence) -> Callable:
        """See `common.devices.Devices`."""
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
            values = compiled(given, *map(tf.convert_to_tensor, rest))
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], values
            )

        return call


def _all_devices() -> list[str]:
    for kind in ("GPU", "CPU"):
        if found := tf.config.list_logical_devices(kind):
            return [device.name for device in found]
    raise UserError("TensorFlow finds no device")


class _Replica(devices.Replica):
    """By the context of a strategy."""

    def __init__(self):
        self._context = tf.distribute.get_replica_context()
        self.number = self._context.replica_id_in_sync_group
        self.count = self._context.num_replicas_in_sync

    def sum(self, values):
        """See `common.devices.Replica`."""
        return self._context.all_reduce(tf.distribute.ReduceOp.SUM, values)

    def mean(self, value):
        """See `common.devices.Replica`."""
        return self._context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def replica() -> _Replica:
    """See `common.devices.Replica`."""
    return _Replica()
