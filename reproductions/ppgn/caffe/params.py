"""What layers of a Caffe definition say: their names, sizes and blobs, checked.

What does not fit raises `ValueError`, which the importer makes one line of.
"""

import math
import re
from collections.abc import Mapping, Sequence

from common.caffe import Layer
from common.caffe_axes import caffe_shape
from common.caffe_weights import WeightSource

_LARGEST = 2**27  # values of an array made here: VGG-19, as a convolution, has kernels of 2**26.6
INT_MAX = 2**31 - 1  # values of a blob in Caffe


def keras_name(name: str) -> str:
    """The name that a Caffe layer has in Keras, which allows no slash: loss3-classifier.

    In a compiled function it names a scope, for which TensorFlow allows few characters only, and
    PyTorch allows no dot in that of a weight.
    """
    name = re.sub(r"[^A-Za-z0-9_>-]", "-", name)
    return re.sub(r"^(?=[_>-])", "x", name)


def check_numbers(params: Mapping) -> None:
    """Refuses parameters that are no finite numbers."""
    for name, value in params.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{name} must be a finite number, got {number}")


def check_output(shape: Sequence[int | None]) -> None:
    """Refuses an output that no blob in Caffe could be."""
    sides = [n for n in shape if n is not None]
    if min(sides, default=1) < 1 or math.prod(sides) > INT_MAX:
        raise ValueError(f"its output would have the shape {caffe_shape(shape)}")


def only(blobs: list):
    """The one input of a layer."""
    if len(blobs) != 1:
        raise ValueError(f"it takes one input, got {len(blobs)}")
    return blobs[0]


def image_of(blobs: list):
    """The one input of a layer, which must be an image whose sides are known."""
    blob = only(blobs)
    if len(blob.shape) != 4:
        raise ValueError(f"it needs a blob of 4 dimensions, got {blob.shape}")
    values_in(blob.shape[1:])
    return blob


def values_in(shape: Sequence[int | None]) -> int:
    """How many values a shape has."""
    if None in shape:
        raise ValueError(f"these lengths must be known: {tuple(shape)}")
    return math.prod(shape)


def pair(params: dict, field: str, short: str, default: int) -> tuple[int, int]:
    """A size given once, twice, or as `short_h` and `short_w`."""
    given = params.get(field)
    given = given if isinstance(given, tuple) else () if given is None else (given,)
    each = (params.get(f"{short}_h"), params.get(f"{short}_w"))
    if any(n is not None and n != default for n in each):
        given = tuple(default if n is None else n for n in each)
    if len(given) > 2:
        raise ValueError(f"{field} has {len(given)} values, images have two sides")
    return (given * 2)[:2] if given else (default, default)


def at_least(smallest: int, **sizes: Sequence[int]) -> None:
    """Refuses sizes below the smallest."""
    for name, values in sizes.items():
        if min(values) < smallest:
            raise ValueError(f"{name} must be {smallest} or more, got {min(values)}")


def bounded(what: str, *sides: float) -> None:
    """Refuses an array that would not be reasonable to make."""
    if math.prod(sides) > _LARGEST:
        raise ValueError(f"its {what} would have {math.prod(sides):.0f} values, too many")


def blobs_of(layer: Layer, weights: WeightSource, shapes: list, bias: int, fan_in: float):
    """The weights of a layer, and its bias or None."""
    has_bias = layer.params["bias_term"]
    shapes = [*shapes, (bias,)] if has_bias else shapes
    blobs = weights(layer.name, shapes, fan_in)
    return blobs if has_bias else (*blobs, None)
