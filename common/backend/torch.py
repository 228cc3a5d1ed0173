"""PyTorch: step by step, with its own autograd."""

import zlib
from collections.abc import Callable, Sequence

import keras
import numpy as np
import torch
import torch.distributed as dist
from keras import ops, tree

from common import devices
from common.arrays import ArrayCache
from common.backend.plain import (  # noqa: F401
    crop_and_resize,
    depth_to_space,
    leaky_relu_gradient,
    normalize,
)
from common.errors import UserError
from common.machine import chosen_gpu

# Gradients are asked for where they are needed, and nowhere else.
torch.set_grad_enabled(False)


def compile(function: Callable, variables: Sequence = (), arguments: Sequence | None = None):
    """The function itself: nothing is compiled."""
    return lambda *given: function(*tree.map_structure(_argument, given))


def _argument(value):
    # Numbers stay where they are: on a GPU, each look at one would wait for all that is under way.
    return value.item() if isinstance(value, np.generic) else to_tensor(value)


def fuse(function: Callable) -> Callable:
    """The function itself."""
    return function


def repeat(count, body: Callable, state: Sequence, variables: Sequence = ()) -> Sequence:
    """A loop."""
    for number in range(int(count)):
        state = body(number, state)
    return state


def vjp(function: Callable, variables: Sequence):
    """By autograd; gradients can be asked for once."""
    values = [one.value for one in variables]
    with torch.enable_grad():
        targets, rest = function()

    def pull_back(*upstream):
        return list(torch.autograd.grad(targets, values, upstream, materialize_grads=True))

    return [one.detach() for one in targets], _detached(rest), pull_back


def gradients(function: Callable, x):
    """By autograd, of one scalar after the other."""
    x = to_tensor(x).detach().requires_grad_()
    with torch.enable_grad():
        scalars, rest = function(x)
    last = len(scalars) - 1
    found = [
        torch.autograd.grad(one, x, retain_graph=number < last)[0]
        for number, one in enumerate(scalars)
    ]
    return found, [one.detach() for one in scalars], _detached(rest)


def _detached(values):
    return tree.map_structure(
        lambda one: one.detach() if isinstance(one, torch.Tensor) else one, values
    )


class _Custom(torch.autograd.Function):
    """Keras' own would call a function again, without a gradient, that Ctrl-C has broken off."""

    @staticmethod
    def forward(context, function, *given):
        output, context.gradient = function(*given)
        # Another tensor for the same numbers: a gradient that holds its own output, and is held by
        # it, would stay in memory, with all that it needs, until Python looks for such circles.
        return output.detach()

    @staticmethod
    def backward(context, upstream):
        found = context.gradient(upstream)
        return None, *(found if isinstance(found, tuple) else (found,))


def custom_gradient(function: Callable) -> Callable:
    """An autograd function."""
    return lambda *given: _Custom.apply(function, *given)


def apply(optimizer, gradients: Sequence, variables: Sequence) -> None:
    """Adds up what all processes have."""
    if dist.is_initialized():
        # Those of kernels are views in another order, which only CPUs exchange.
        gradients = [gradient.contiguous() for gradient in gradients]
        for gradient in gradients:
            dist.all_reduce(gradient)
    optimizer.apply(gradients, variables)


def to_tensor(array) -> torch.Tensor:
    """On Keras' device."""
    return ops.convert_to_tensor(array)


#: Of an array: on a GPU it would be copied at every use.
constant = ArrayCache(to_tensor)


def uniform(shape, seed) -> torch.Tensor:
    """By a generator of its own."""
    generator = _generator(seed)
    return torch.rand(tuple(shape), generator=generator, device=generator.device)


def normal(shape, seed) -> torch.Tensor:
    """By a generator of its own."""
    generator = _generator(seed)
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def _generator(seed) -> torch.Generator:
    # Of a seed, generators for CPUs see 32 bits.
    words = [int(number) % 2**32 for number in seed]
    state = np.random.SeedSequence(words).generate_state(1)[0]
    return torch.Generator(_device()).manual_seed(int(state))


def _device() -> torch.device:
    return ops.zeros(()).device


def moments(x, axes: tuple[int, ...], keepdims: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """PyTorch's own: Keras subtracts squares here, which gives variances below 0."""
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=keepdims)
    return mean, variance


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is that."""
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def are_workers_gone(error: Exception) -> bool:
    """Whether an error is that of an exchange with another process that has ended."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and dist.is_initialized() and "gloo" in str(error).lower()
    )


#: Kept, since it ends with its last reference.
_scope = []


def use(device: str, precision: str, together: bool = False) -> str:
    """Keras' device for all that is made from now on."""
    number = chosen_gpu(device, torch.cuda.device_count())
    _scope.append(keras.device("cpu" if number is None else f"gpu:{number}"))
    _scope[-1].__enter__()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if number is None:
        return "on the CPU"
    torch.cuda.set_device(number)  # by which processes know whose GPU is whose
    return f"on GPU {number}, {torch.cuda.get_device_name(number)}"


def be_reproducible() -> None:
    """On a CPU it is, but for sums of what is gathered several times."""
    torch.use_deterministic_algorithms(True, warn_only=True)


def facts() -> dict[str, str]:
    """Version, devices and threads."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "PyTorch": torch.__version__,
        "GPUs": ", ".join(gpus) or "none",
        "threads": str(torch.get_num_threads()),
    }


class Devices(devices.Devices):
    """A process for each device; see `common.devices.Devices`."""

    def __init__(self, kind: str = "one"):
        several = torch.cuda.device_count() > 1 and _device().type != "cpu"
        if kind == "mirrored" and several:
            raise UserError(
                "with PyTorch, each GPU takes a process: begin one for each, with "
                "--distribute multiworker, --device gpu:N, and TF_CONFIG"
            )
        if kind != "multiworker":
            return
        addresses, index = devices.workers()
        self.is_chief, self.count, self._first = index == 0, len(addresses), index
        try:
            dist.init_process_group(
                "gloo" if _device().type == "cpu" else "nccl",
                init_method=f"tcp://{addresses[0]}",
                rank=index,
                world_size=self.count,
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(f"the workers do not come together: {error}") from None

    def agree(self, text: str) -> bool:
        """See `common.devices.Devices`."""
        if self.count == 1:
            return True
        number = zlib.crc32(text.encode("utf-8", "surrogateescape"))
        numbers = [None] * self.count
        dist.all_gather_object(numbers, number)
        return len(set(numbers)) == 1

    def compile(self, step: Callable, variables: Sequence) -> Callable:
        """See `common.devices.Devices`."""
        return compile(step, variables)


class _Replica(devices.Replica):
    """By `torch.distributed`."""

    def __init__(self):
        self.number, self.count = dist.get_rank(), dist.get_world_size()

    def sum(self, values):
        """See `common.devices.Replica`."""

        def over_all(value):
            value = value.clone()
            dist.all_reduce(value)
            return value

        return tree.map_structure(over_all, values)

    def mean(self, value):
        """See `common.devices.Replica`."""
        return self.sum(value) / self.count


def replica() -> devices.Replica:
    """See `common.devices.Replica`."""
    return _Replica() if dist.is_initialized() else devices.Replica()
