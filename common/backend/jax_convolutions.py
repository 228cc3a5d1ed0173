"""JAX on CPUs: convolutions in the only order of dimensions that XLA has fast code for there.

XLA brings others into this order, but not within loops; and where a kernel is larger than a picture
it exchanges the two, into an order that is slow. Plain loops compute those, up to a hundred times
slower: most are gradients.
"""

import math

from jax import lax
from jax.interpreters import mlir

_CONVOLUTION = lax.conv_general_dilated_p
#: Of pictures (n, height, width, in), kernels (height, width, in, out), and the result.
_ORDER = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def hasten() -> None:
    """Has JAX write them so in whatever it compiles for CPUs from now on."""
    # Not public: without it all is computed as well, only slower.
    rules = getattr(mlir, "_platform_specific_lowerings", {}).get("cpu", {})
    rule = rules.get(_CONVOLUTION)
    rule = getattr(rule, "rule", rule)
    if rule is None:
        return
    ordered = mlir.lower_fun(_ordered, multiple_results=False)

    def lower(context, pictures, kernels, **settings):
        slow = _is_slow(*context.avals_in, *context.avals_out, settings)
        return (ordered if slow else rule)(context, pictures, kernels, **settings)

    mlir.register_lowering(_CONVOLUTION, lower, platform="cpu")


def _is_slow(pictures, kernels, result, settings) -> bool:
    groups = settings["feature_group_count"] * settings["batch_group_count"]
    if pictures.ndim != 4 or groups > 1 or 0 in result.shape:
        return False
    numbers = settings["dimension_numbers"]
    return numbers != _ORDER or _area(pictures, numbers.lhs_spec) < _area(kernels, numbers.rhs_spec)


def _area(array, order) -> int:
    return math.prod(array.shape[axis] for axis in order[2:])


def _ordered(pictures, kernels, *, dimension_numbers, **settings):
    """The same convolution, in that order, with no kernel larger than a picture."""
    (n, c, *sides), (to, of, *windows), result = dimension_numbers
    pictures = lax.transpose(pictures, (n, *sides, c))
    kernels = lax.transpose(kernels, (*windows, of, to))
    exchange = _area(pictures, _ORDER.lhs_spec) < _area(kernels, _ORDER.rhs_spec)
    if exchange:
        settings = _exchanged(pictures.shape[1:3], kernels.shape[:2], settings)
        pictures, kernels = kernels, pictures
        pictures = lax.transpose(pictures, (3, 0, 1, 2))
        kernels = lax.transpose(kernels, (1, 2, 3, 0))
    found = _CONVOLUTION.bind(pictures, kernels, dimension_numbers=_ORDER, **settings)
    if exchange:
        found = lax.transpose(lax.rev(found, (1, 2)), (3, 1, 2, 0))
    n, c, *sides = result
    return lax.transpose(found, [(n, *sides, c).index(axis) for axis in range(4)])


def _exchanged(sides, windows, settings) -> dict:
    """What convolves kernels with pictures, to the same result from its last place to its first.

    In one dimension the result at o is the sum of kernel[j] * picture[i] where
    s * o + r * j - low = d * i. At last - o that is s * o + d * i - (s * last - low) = r * j, with
    the dilations r and d in each other's place.
    """
    padding = []
    for side, window, stride, (low, high), apart, spread in zip(
        sides,
        windows,
        settings["window_strides"],
        settings["padding"],
        settings["lhs_dilation"],
        settings["rhs_dilation"],
        strict=True,
    ):
        side, window = (side - 1) * apart + 1, (window - 1) * spread + 1
        last = (side + low + high - window) // stride
        padding.append((stride * last - low, side - window + low))
    return {
        **settings,
        "padding": tuple(padding),
        "lhs_dilation": settings["rhs_dilation"],
        "rhs_dilation": settings["lhs_dilation"],
    }
