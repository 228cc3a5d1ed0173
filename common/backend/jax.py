"""JAX: pure functions, in which Keras' variables are arguments and results."""

import atexit
import os
import re
import sys
import zlib
from collections.abc import Callable, Sequence

import jax
import keras
import numpy as np
from jax import numpy as jnp
from jax.experimental import multihost_utils
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from common import devices
from common.arrays import ArrayCache
from common.backend import jax_convolutions
from common.backend.plain import (  # noqa: F401
    crop_and_resize,
    depth_to_space,
    leaky_relu_gradient,
    moments,
    normalize,
)
from common.errors import UserError
from common.machine import chosen_gpu
from common.quiet import native_output_held_back

jax_convolutions.hasten()


class _Scope(keras.StatelessScope):
    """Variables have the values given; others those of the scope around it, if there is one.

    Attributes:
        assigned: the variables that were assigned to in it, by identity.
    """

    def __init__(self, variables: Sequence, values: Sequence):
        super().__init__(zip(variables, values, strict=True))
        self.assigned: dict[int, keras.Variable] = {}

    def add_update(self, update):
        """Keras calls it when a variable is assigned to; gradients do not pass there."""
        variable, value = update
        self.assigned[id(variable)] = variable
        super().add_update((variable, jax.lax.stop_gradient(value)))

    def get_current_value(self, variable):
        """Keras calls it when a variable is read."""
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            return self.original_scope.get_current_value(variable)
        return value


def _values(variables: Sequence) -> list:
    return [one.value for one in variables]


def _assign(variables: Sequence, values: Sequence) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def compile(function: Callable, variables: Sequence = (), arguments: Sequence | None = None):
    """`jax.jit`, once for each shape of the arguments."""
    variables = list(variables)
    pure = jax.jit(_pure(function, variables))

    def call(*given):
        found, values = pure(_values(variables), *given)
        _assign(variables, values)
        return found

    return call


def _pure(function: Callable, variables: Sequence) -> Callable:
    """From the variables' values and the arguments to the result and the variables' new values."""

    def pure(values, *given):
        with _Scope(variables, values):
            return function(*given), _values(variables)

    return pure


def fuse(function: Callable) -> Callable:
    """The function itself: all that is compiled is fused."""
    return function


def repeat(count, body: Callable, state: Sequence, variables: Sequence = ()) -> Sequence:
    """`jax.lax.fori_loop`, which carries the variables' values."""
    pure = _pure(body, list(variables))

    def step(number, carried):
        state, values = carried
        state, values = pure(values, number, state)
        return list(state), values

    state, values = jax.lax.fori_loop(0, count, step, (list(state), _values(variables)))
    _assign(variables, values)
    return state


def vjp(function: Callable, variables: Sequence):
    """`jax.vjp`; what the function assigns to variables comes out beside its result."""
    assigned = []

    def pure(values):
        with _Scope(variables, values) as scope:
            targets, rest = function()
            assigned[:] = scope.assigned.values()
            return targets, (rest, _values(assigned))

    targets, pull_back, (rest, values) = jax.vjp(pure, _values(variables), has_aux=True)
    _assign(assigned, values)
    return targets, rest, lambda *upstream: pull_back(list(upstream))[0]


def gradients(function: Callable, x):
    """`jax.grad` of one scalar after the other; compiled, all of them share the function."""
    x, assigned = to_tensor(x), []

    def pure(x):
        with _Scope((), ()) as scope:
            scalars, rest = function(x)
            assigned[:] = scope.assigned.values()
            return list(scalars), rest, _values(assigned)

    # Called once: a second call would draw other random numbers.
    traced, shapes = jax.make_jaxpr(pure, return_shape=True)(x)
    run = jaxpr_as_fun(traced)
    scalars, rest, values = jax.tree.unflatten(jax.tree.structure(shapes), run(x))
    found = [jax.grad(lambda x, n=n: run(x)[n])(x) for n in range(len(scalars))]
    _assign(assigned, values)
    return found, scalars, rest


#: Keras' own.
custom_gradient = keras.ops.custom_gradient


def apply(optimizer, gradients: Sequence, variables: Sequence) -> None:
    """Gradients are those of the whole batch already."""
    optimizer.apply(gradients, variables)


def to_tensor(array) -> jax.Array:
    """On the default device."""
    return jnp.asarray(array)


@ArrayCache
def constant(array: np.ndarray) -> jax.Array:
    """On the device, also when it is asked for within a function that is being compiled."""
    with jax.ensure_compile_time_eval():
        return jnp.asarray(array)


def uniform(shape, seed) -> jax.Array:
    """By a key of the two numbers."""
    return jax.random.uniform(_key(seed), shape)


def normal(shape, seed) -> jax.Array:
    """By a key of the two numbers."""
    return jax.random.normal(_key(seed), shape)


def _key(seed):
    first, second = (jnp.asarray(number).astype(jnp.int32) for number in seed)
    key = jax.random.key(jax.lax.bitcast_convert_type(first, jnp.uint32))
    return jax.random.fold_in(key, jax.lax.bitcast_convert_type(second, jnp.uint32))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is that."""
    return isinstance(error, MemoryError) or (
        isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)
    )


def are_workers_gone(error: Exception) -> bool:
    """Whether an error is that of an exchange with another process that has ended."""
    gone = (
        isinstance(error, jax.errors.JaxRuntimeError)
        and jax.process_count() > 1
        and re.search("gloo|nccl|connection|unavailable|deadline", str(error), re.IGNORECASE)
    )
    if gone:
        # JAX would wait for them as it ends, two minutes, and then abort.
        atexit.register(_end_at_once)
    return bool(gone)


def _end_at_once() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def use(device: str, precision: str, together: bool = False) -> str:
    """The default device, and the only one where it is told by its number."""
    chosen = device
    if together:
        addresses, index = devices.workers()
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        gpu, _, number = device.partition(":")
        mine = [int(number)] if number else None
        try:
            # Processes look for devices together, or each finds its own alone.
            jax.distributed.initialize(addresses[0], len(addresses), index, mine)
            chosen = gpu
        except (RuntimeError, ValueError) as error:
            raise UserError(f"the workers do not come together: {error}") from None
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    # By default JAX multiplies float32 numbers as TF32 where it can.
    jax.config.update(
        "jax_default_matmul_precision", "tensorfloat32" if precision == "tf32" else "float32"
    )
    gpus = [one for one in jax.local_devices() if one.platform == "gpu"]
    number = chosen_gpu(chosen, len(gpus))
    if number is None:
        if gpus:  # JAX has begun to use them
            jax.config.update("jax_default_device", jax.local_devices(backend="cpu")[0])
        return "on the CPU"
    if device != "auto":
        jax.config.update("jax_default_device", gpus[number])
    return f"on GPU {number}, {gpus[number].device_kind}"


def be_reproducible() -> None:
    """On a CPU it is."""


def facts() -> dict[str, str]:
    """Version and devices."""
    gpus = [one.device_kind for one in jax.local_devices() if one.platform == "gpu"]
    return {"JAX": jax.__version__, "GPUs": ", ".join(gpus) or "none"}


class Devices(devices.Devices):
    """Each batch is divided by its sharding, and the step is written as if for the whole batch.

    See `common.devices.Devices`.
    """

    def __init__(self, kind: str = "one"):
        self._mesh = None
        if kind == "one":
            return
        self.is_chief = jax.process_index() == 0
        all_of_them = jax.devices()
        if kind == "mirrored" and (chosen := jax.config.jax_default_device) is not None:
            all_of_them = [chosen]
        self._here = sum(one.process_index == jax.process_index() for one in all_of_them)
        self.count, self._first = len(all_of_them), jax.process_index() * self._here
        # Not by make_mesh: its axes are explicit, and JAX refuses what leaves a result's in doubt.
        self._mesh = Mesh(np.array(all_of_them), ("batch",))
        # At the first exchange each process prints whom it is connected with.
        with native_output_held_back(1):
            self.agree("")

    def agree(self, text: str) -> bool:
        """See `common.devices.Devices`."""
        number = zlib.crc32(text.encode("utf-8", "surrogateescape"))
        numbers = multihost_utils.process_allgather(np.uint32(number))
        return len(set(np.ravel(numbers).tolist())) == 1

    def compile(self, step: Callable, variables: Sequence) -> Callable:
        """See `common.devices.Devices`."""
        if self._mesh is None:
            return compile(step, variables)
        pure = jax.jit(_pure(step, variables))
        divided = NamedSharding(self._mesh, PartitionSpec("batch"))
        whole = NamedSharding(self._mesh, PartitionSpec())

        def everywhere(value):
            return jax.make_array_from_process_local_data(whole, np.asarray(value))

        # Of each variable: its value here after the last step, and the same on all devices.
        known = [(None, None)] * len(variables)

        def call(arrays, *rest):
            arrays = [jax.make_array_from_process_local_data(divided, array) for array in arrays]
            values = [
                everywhere(value) if value is not here else shared
                for value, (here, shared) in zip(_values(variables), known, strict=True)
            ]
            found, values = pure(values, arrays, *map(everywhere, rest))
            found = jax.tree.map(lambda one: one.addressable_data(0), found)
            _assign(variables, [one.addressable_data(0) for one in values])
            known[:] = zip(_values(variables), values, strict=True)
            return found

        return call


def replica() -> devices.Replica:
    """The only one: see `Devices`."""
    return devices.Replica()
