"""JAX on CPUs: 2-d convolutions in the one layout that XLA, its compiler, has fast code for.

That is pictures (n, height, width, channels) and kernels (height, width, in, out). XLA brings other
layouts into it, but not within loops. And where a kernel is larger than the picture XLA exchanges
the two, which changes little in what is computed, into a layout that is not this one. Plain loops
compute what is left, up to eighty times slower: gradients above all, since the kernel in that of
a kernel is as large as a picture.

Layouts are changed where JAX writes a convolution for XLA, after gradients have been taken.
"""

import math

from jax import lax
from jax.interpreters import mlir

_CONVOLUTION = lax.conv_general_dilated_p
#: That layout: which axes of pictures, kernels and results are their n (out), channels (in), height
#: and width.
_LAYOUT = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def hasten() -> None:
    """Has JAX do so, in the whole process, in all that it compiles for CPUs from now on."""
    # JAX's own rule cannot be asked for in public: without it all is computed as well, but slower.
    rules = getattr(mlir, "_platform_specific_lowerings", {}).get("cpu", {})
    rule = rules.get(_CONVOLUTION)
    rule = getattr(rule, "rule", rule)
    if rule is None:
        return
    laid_out = mlir.lower_fun(_laid_out, multiple_results=False)

    def lower(context, pictures, kernels, **settings):
        slow = _is_slow(*context.avals_in, *context.avals_out, settings)
        return (laid_out if slow else rule)(context, pictures, kernels, **settings)

    mlir.register_lowering(_CONVOLUTION, lower, platform="cpu")


def _is_slow(pictures, kernels, result, settings) -> bool:
    """Whether XLA might have no fast code for it; what `_laid_out` makes of it never is."""
    groups = settings["feature_group_count"] * settings["batch_group_count"]
    if pictures.ndim != 4 or groups > 1:
        return False
    for array in (pictures, kernels, result):
        # JAX may export functions of any size.
        if not all(isinstance(side, int) and side > 0 for side in array.shape):
            return False
        if any(getattr(getattr(array, "sharding", None), "spec", ())):
            return False  # it is divided by explicit axes, of which this would change the meaning
    numbers = settings["dimension_numbers"]
    small = _area(pictures, numbers.lhs_spec) < _area(kernels, numbers.rhs_spec)
    return small or numbers != _LAYOUT


def _area(array, axes) -> int:
    return math.prod(array.shape[axis] for axis in axes[2:])


def _laid_out(pictures, kernels, *, dimension_numbers, **settings):
    """The same convolution in that layout, with no kernel larger than a picture."""
    (n, c, *sides), (to, of, *windows), result = dimension_numbers
    pictures = lax.transpose(pictures, (n, *sides, c))
    kernels = lax.transpose(kernels, (*windows, of, to))
    exchange = _area(pictures, _LAYOUT.lhs_spec) < _area(kernels, _LAYOUT.rhs_spec)
    if exchange:
        settings = _exchanged(pictures.shape[1:3], kernels.shape[:2], settings)
        pictures, kernels = kernels, pictures
        pictures = lax.transpose(pictures, (3, 0, 1, 2))
        kernels = lax.transpose(kernels, (1, 2, 3, 0))
    found = _CONVOLUTION.bind(pictures, kernels, dimension_numbers=_LAYOUT, **settings)
    if exchange:
        found = lax.transpose(lax.rev(found, (1, 2)), (3, 1, 2, 0))
    n, c, *sides = result
    return lax.transpose(found, [(n, *sides, c).index(axis) for axis in range(4)])


def _exchanged(sides, windows, settings) -> dict:
    """The settings with picture and kernel in each other's place, for the same back to front.

    In one dimension, with stride s, the picture dilated by d (`apart`) and padded by `low`, and the
    kernel dilated by r (`spread`), the result at o is the sum of kernel[j] * picture[i] where
    s * o + r * j - low = d * i. At last - o that is s * o + d * i - (s * last - low) = r * j: the
    picture slides over the kernel, which is padded by s * last - low, and at its end by what makes
    as many results.
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
        wide_side, wide_window = (side - 1) * apart + 1, (window - 1) * spread + 1
        last = (wide_side + low + high - wide_window) // stride
        padding.append((stride * last - low, wide_side - wide_window + low))
    return {
        **settings,
        "padding": tuple(padding),
        "lhs_dilation": settings["rhs_dilation"],
        "rhs_dilation": settings["lhs_dilation"],
    }
