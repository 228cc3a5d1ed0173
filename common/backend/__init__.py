"""What differs between Keras' backends; all else is written with Keras alone.

Each backend has a file here with the same names in it, which this module hands on. The environment
variable KERAS_BACKEND chooses; the others are not imported.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence

import keras
from keras import ops

from common.errors import UserError
from common.machine import REQUIREMENTS

if keras.config.backend() not in REQUIREMENTS:
    raise UserError(f"KERAS_BACKEND must be one of {', '.join(REQUIREMENTS)}")
_chosen = importlib.import_module(f"common.backend.{keras.config.backend()}")

#: compile(function, variables=(), arguments=None): compiles a function of arrays or tensors.
#: All Keras variables that it reads and that may change, by it or by others, have to be named.
#: `arguments` are shapes, with None where they vary, and types, for one compiled function for all.
compile = _chosen.compile
#: fuse(function): has a part of a compiled function compiled by XLA, where that is a choice.
fuse = _chosen.fuse
#: repeat(count, body, state, variables): in a compiled function, the state after `count` calls of
#: body(number, state); a state is a sequence of tensors.
repeat = _chosen.repeat
#: vjp(function, variables): function() is a list of tensors, and anything else. Returns both, and
#: what takes a tensor like each to the sum of their products' gradients, one for each of the Keras
#: variables: Jacobian's transpose, times them.
vjp = _chosen.vjp
#: gradients(function, x): function(x) is a list of scalars, and anything else; returns the gradient
#: of each scalar with respect to the tensor x, the scalars, and that.
gradients = _chosen.gradients
#: custom_gradient(function): function(*tensors) is a tensor, and a function from the gradient at it
#: to those at the arguments, one or a tuple. Returns the function of tensors to the tensor.
custom_gradient = _chosen.custom_gradient
#: apply(optimizer, gradients, variables): one step; several devices add up their gradients.
apply = _chosen.apply

#: to_tensor(array): on the device that computes.
to_tensor = _chosen.to_tensor
#: constant(array): the tensor of an array that is kept, and never changed, by a network; the same
#: within a compiled function, which otherwise would hold a network's weights once a use.
constant = _chosen.constant
#: uniform(shape, seed), of U(0, 1), and normal(shape, seed), of N(0, 1): float32, the same for the
#: same seed, a pair of integers, wherever a run begins. Other backends draw other numbers.
uniform, normal = _chosen.uniform, _chosen.normal

#: See `common.backend.plain`.
crop_and_resize, depth_to_space = _chosen.crop_and_resize, _chosen.depth_to_space
leaky_relu_gradient, normalize = _chosen.leaky_relu_gradient, _chosen.normalize
#: moments(x, axes, keepdims): see `common.backend.plain`.
moments = _chosen.moments

#: See `common.devices`.
Devices, replica = _chosen.Devices, _chosen.replica
#: use(device, precision, together): to be called before anything is computed; see
#: `common.machine`. `together`: with the processes that TF_CONFIG names.
use = _chosen.use
#: be_reproducible(): sums in a fixed order, in the whole process, where that is a choice.
be_reproducible = _chosen.be_reproducible
#: facts(): what it is and what it computes with, by what is told: for people to read.
facts = _chosen.facts


def weight_gradients(function: Callable, variables: Sequence) -> tuple:
    """A loss, and its gradients with respect to Keras variables.

    Args:
        function: without arguments, to a scalar and anything else.
        variables: that may change.

    Returns:
        The scalar, the anything else, and a list of gradients.
    """

    def targets():
        value, rest = function()
        return [value], rest

    (value,), rest, pull_back = vjp(targets, variables)
    return value, rest, pull_back(ops.ones_like(value))


@contextlib.contextmanager
def memory_needed(remedy: str) -> Iterator[None]:
    """A context in which memory may not suffice.

    Args:
        remedy: such as `try a smaller --batch_size`.

    Raises:
        UserError: it does not.
    """
    try:
        yield
    except Exception as error:
        if not _chosen.is_out_of_memory(error):
            raise
        raise UserError(f"not enough memory; {remedy}") from None


@contextlib.contextmanager
def workers_needed(remedy: str) -> Iterator[None]:
    """A context in which all workers of a run are needed.

    Args:
        remedy: what to do if one has ended.

    Raises:
        UserError: one has.
    """
    try:
        yield
    except Exception as error:
        if not _chosen.are_workers_gone(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the other workers are gone; {remedy}: {reason}") from None
