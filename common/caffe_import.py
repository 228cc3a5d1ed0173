"""Builds a Keras model from any Caffe network description made of the layers in `LAYERS`.

Blobs of four dimensions are of shape (n, height, width, channels); all others are as in Caffe.
Each Caffe layer is a Keras layer of the same name. As a ReLU is a layer of its own, also where it
works in place, the output of the layer `conv5` is what Caffe has when it stops there: the value
before the ReLU.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from common.caffe import Layer, Network
from common.caffe_arithmetic import (
    Affine,
    Log,
    Product,
    Reshape,
    Sum,
    caffe_axis,
    caffe_shape,
    keras_axis,
)
from common.caffe_convolution import Convolution, Deconvolution
from common.caffe_dense import Embed, InnerProduct
from common.caffe_pooling import LRN, Pooling
from common.caffe_recurrent import LSTM
from common.caffe_weights import WeightSource
from common.errors import UserError
from common.layers import LeakyReLU

_LARGEST = 2**27  # values of an array made here: VGG-19, as a convolution, has kernels of 2**26.6
_INT_MAX = 2**31 - 1  # values of a blob in Caffe
_MOST_CHANNELS = 2**12  # that LRN sums over by a matrix of channels x channels
_MOST_GROUPS = 2**12  # each is a convolution of its own
_MOST_STEPS = 2**12  # each is a part of the compiled function


def keras_name(name: str) -> str:
    """The name that a Caffe layer has in Keras, which allows no slash: loss3.classifier.

    In a compiled function it names a scope, for which TensorFlow allows few characters only.
    """
    return re.sub(r"[^A-Za-z0-9_.>-]|^[_>-]", ".", name)


def import_network(
    network: Network,
    weights: WeightSource,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    truncated: bool = False,
) -> keras.Model:
    """Builds the network as Caffe does in its TEST phase.

    Args:
        network: of `common.caffe.read_prototxt`.
        weights: gives the blobs of its layers, see `common.caffe_weights`.
        shapes: other shapes for some of its inputs, as Caffe has them; None for any length.
        truncated: see `common.caffe_recurrent.LSTM`.

    Returns:
        A model from its inputs to all blobs that no layer reads. The first axis of the inputs may
        have any length, unless a layer goes through time.

    Raises:
        UserError: a layer of a type not known here, one that does not fit its input or its
            weights, or options that are not supported.
    """
    try:
        return _model(network, weights, shapes or {}, truncated)
    except UserError as error:
        # Names in a file may be of any length and characters.
        line = "".join(c if c.isprintable() else "?" for c in str(error))
        line = line if len(line) < 500 else f"{line[:240]} ... {line[-240:]}"
        raise UserError(line) from None


def _model(network: Network, weights: WeightSource, others: Mapping, truncated: bool):
    layers = [layer for layer in network.layers if "TEST" in layer.phases]
    blobs, firsts = _inputs(layers, others)
    inputs, unread = list(blobs.values()), {}
    for layer in layers:
        if layer.type == "Input":
            continue
        _check(layer, blobs)
        # What a layer must know beyond its own parameters.
        known = {"truncated": truncated, "examples": firsts}
        layer = dataclasses.replace(layer, params={**layer.params, **known})
        made = _build(layer, [blobs[bottom] for bottom in layer.bottoms], weights)
        for bottom in layer.bottoms:
            unread.pop(bottom, None)
        blobs[layer.tops[0]] = unread[layer.tops[0]] = made
    if not inputs or not unread:
        raise UserError(f"the network has no {'layers' if inputs else 'inputs'}")
    outputs = list(unread.values())
    single = [blobs[0] if len(blobs) == 1 else blobs for blobs in (inputs, outputs)]
    try:
        return keras.Model(*single, name=keras_name(network.name) or "network")
    except RecursionError:
        raise UserError(f"the network is too deep: it has {len(layers)} layers") from None
    except Exception as error:  # such as a name given twice
        raise UserError(f"the network cannot be built: {_words(error)}") from None


def _check(layer: Layer, blobs: Mapping) -> None:
    """Raises UserError unless the layer is of a known type and its blobs are there."""
    if layer.type not in LAYERS:
        known = ", ".join(LAYERS)
        raise UserError(
            f"the layer {layer.name} is of the type {layer.type!r}, which is not supported;"
            f" Input, {known} are"
        )
    for bottom in layer.bottoms:
        if bottom not in blobs:
            raise UserError(
                f"the layer {layer.name} reads {bottom}, which no layer before it makes"
            )
    if not layer.bottoms:
        raise UserError(f"the layer {layer.name} has no input")
    if len(layer.tops) != 1:
        raise UserError(f"the layer {layer.name} makes {len(layer.tops)} blobs, 1 is supported")
    if layer.tops[0] in blobs and layer.tops[0] not in layer.bottoms:
        raise UserError(
            f"the layer {layer.name} makes {layer.tops[0]}, which a layer before it makes too"
        )


def _inputs(layers: Sequence[Layer], others: Mapping) -> tuple[dict, set[int | None]]:
    """Makes the inputs.

    Returns:
        The inputs by name, and the lengths that the definition gives for their first axes.
    """
    in_time = any(layer.type in ("Embed", "LSTM") for layer in layers)
    blobs, firsts = {}, set()
    for layer in layers:
        if layer.type == "Input":
            for top, shape in zip(layer.tops, _input_shapes(layer), strict=True):
                if top in blobs:
                    raise UserError(f"the network has two inputs with the name {top}")
                shape = others.get(top, shape)
                _check_input(top, shape, top in others)
                firsts.add(shape[0])
                free = shape if in_time or top in others else (None, *shape[1:])
                blobs[top] = _input(top, free)
    for name in others:
        if name not in blobs:
            raise UserError(f"the network has no input {name}; it has {', '.join(blobs)}")
    return blobs, firsts


def _input_shapes(layer: Layer) -> Sequence[tuple[int, ...] | None]:
    shapes = layer.params["shape"] or (None,)
    return shapes * len(layer.tops) if len(shapes) == 1 else shapes


def _check_input(name: str, shape: Sequence[int | None] | None, may_be_open: bool) -> None:
    if not shape or (None in shape and not may_be_open):
        raise UserError(f"the input {name} has no shape in the definition")
    sides = [n for n in shape if n is not None]
    if min(sides, default=1) < 1 or math.prod(sides) > _INT_MAX:
        raise UserError(f"the input {name} has the impossible shape {tuple(shape)}")


def _input(name: str, shape: Sequence[int | None]):
    if len(shape) == 4:
        examples, channels, height, width = shape
        shape = (examples, height, width, channels)
    try:
        return keras.Input(batch_shape=tuple(shape), name=keras_name(name))
    except Exception as error:
        raise UserError(f"the input {name} cannot be made: {_words(error)}") from None


def _build(layer: Layer, blobs: list, weights: WeightSource):
    try:
        _check_numbers(layer.params)
        made = LAYERS[layer.type](layer, blobs, weights)
        _check_output(made.shape)
        return made
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"the layer {layer.name} does not fit into memory") from None
    except Exception as error:
        # Whatever does not fit is met by Keras or NumPy, in words of their own.
        raise UserError(
            f"the layer {layer.name} ({layer.type}) cannot be built: {_words(error)}"
        ) from None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_numbers(params: Mapping) -> None:
    for name, value in params.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{name} must be a finite number, got {number}")


def _check_output(shape: Sequence[int | None]) -> None:
    sides = [n for n in shape if n is not None]
    if min(sides, default=1) < 1 or math.prod(sides) > _INT_MAX:
        raise ValueError(f"its output would have the shape {caffe_shape(shape)}")


def _only(blobs: list):
    if len(blobs) != 1:
        raise ValueError(f"it takes one input, got {len(blobs)}")
    return blobs[0]


def _image(blobs: list):
    blob = _only(blobs)
    if len(blob.shape) != 4:
        raise ValueError(f"it needs a blob of 4 dimensions, got {blob.shape}")
    _count(blob.shape[1:])
    return blob


def _count(shape: Sequence[int | None]) -> int:
    """How many values a shape has."""
    if None in shape:
        raise ValueError(f"these lengths must be known: {tuple(shape)}")
    return math.prod(shape)


def _pair(params: dict, field: str, short: str, default: int) -> tuple[int, int]:
    """A size given once, twice, or as `short_h` and `short_w`."""
    given = params.get(field)
    given = given if isinstance(given, tuple) else () if given is None else (given,)
    each = (params.get(f"{short}_h"), params.get(f"{short}_w"))
    if any(n is not None and n != default for n in each):
        given = tuple(default if n is None else n for n in each)
    if len(given) > 2:
        raise ValueError(f"{field} has {len(given)} values, images have two sides")
    return (given * 2)[:2] if given else (default, default)


def _at_least(smallest: int, **sizes: Sequence[int]) -> None:
    for name, values in sizes.items():
        if min(values) < smallest:
            raise ValueError(f"{name} must be {smallest} or more, got {min(values)}")


def _bounded(what: str, *sides: float) -> None:
    if math.prod(sides) > _LARGEST:
        raise ValueError(f"its {what} would have {math.prod(sides):.0f} values, too many")


def _spatial(params: dict) -> dict:
    if params["axis"] not in (1, -3):
        raise ValueError("axis must be 1")
    sizes = {
        "stride": _pair(params, "stride", "stride", 1),
        "dilation": _pair(params, "dilation", "dilation", 1),
    }
    pad, group = _pair(params, "pad", "pad", 0), params["group"]
    _at_least(1, **sizes, group=[group], num_output=[params["num_output"] or 0])
    if group > _MOST_GROUPS:
        raise ValueError(f"group must be {_MOST_GROUPS} or less, got {group}")
    return {**sizes, "pad": pad, "group": group}


def _kernel_shape(params: dict, first: int, second: int, group: int) -> tuple[int, ...]:
    size = _pair(params, "kernel_size", "kernel", 0)
    _at_least(1, kernel_size=size)
    if first % group or second % group:
        raise ValueError(f"{first} and {second} channels cannot be split into {group} groups")
    return (first, second // group, *size)


def _extent(shape: Sequence[int], options: dict) -> tuple[int, ...]:
    """The sides of a kernel with its dilation.

    Raises:
        ValueError: the kernel, laid out for its dilation and stride, would take too much memory.
    """
    extent = tuple((k - 1) * d + 1 for k, d in zip(shape[2:], options["dilation"], strict=True))
    # The way back of a stride meets whole multiples of it.
    laid_out = (-(-n // s) * s for n, s in zip(extent, options["stride"], strict=True))
    _bounded("kernel with its dilation and stride", *shape[:2], *laid_out)
    return extent


def _blobs(layer: Layer, weights: WeightSource, shapes: list, bias: int, fan_in: float):
    """The weights of a layer, and its bias or None."""
    has_bias = layer.params["bias_term"]
    shapes = [*shapes, (bias,)] if has_bias else shapes
    blobs = weights(layer.name, shapes, fan_in)
    return blobs if has_bias else (*blobs, None)


def _convolution(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, filters, image.shape[-1], options["group"])
    padded = [n + 2 * p for n, p in zip(image.shape[1:3], options["pad"], strict=True)]
    _bounded("input with its pad", *padded, image.shape[-1])
    # A larger stride too sees the first place only, and would cost memory.
    options["stride"] = tuple(map(min, options["stride"], padded))
    extent = _extent(shape, options)
    if extent[0] > padded[0] or extent[1] > padded[1]:
        raise ValueError(f"its kernel, {extent}, is larger than its input, {tuple(padded)}")
    kernel, bias = _blobs(layer, weights, [shape], filters, math.prod(shape[1:]))
    return Convolution(kernel, bias, name=keras_name(layer.name), **options)(image)


def _deconvolution(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, image.shape[-1], filters, options["group"])
    whole = [
        s * (n - 1) + k
        for n, s, k in zip(
            image.shape[1:3], options["stride"], _extent(shape, options), strict=True
        )
    ]
    _bounded("output", *whole, filters)
    sides = (n - 2 * p for n, p in zip(whole, options["pad"], strict=True))
    _check_output((None, *sides, filters))
    fan_in = shape[0] / options["group"] * math.prod(shape[2:]) / math.prod(options["stride"])
    kernel, bias = _blobs(layer, weights, [shape], filters, fan_in)
    return Deconvolution(kernel, bias, name=keras_name(layer.name), **options)(image)


def _pooling(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    if params["pool"] not in ("MAX", "AVE"):
        raise ValueError(f"the method {params['pool']} is not supported, MAX and AVE are")
    stride, pad = _pair(params, "stride", "stride", 1), _pair(params, "pad", "pad", 0)
    _at_least(1, stride=stride)
    size = None
    if params["global_pooling"]:
        if (stride, pad) != ((1, 1), (0, 0)):
            raise ValueError("global_pooling wants a stride of 1 and a pad of 0")
    else:
        size = _pair(params, "kernel_size", "kernel", 0)
        _at_least(1, kernel_size=size)
        if pad[0] >= size[0] or pad[1] >= size[1]:
            raise ValueError(f"pad {pad} must be below kernel_size {size}")
    padded = [n + 2 * p for n, p in zip(image.shape[1:3], pad, strict=True)]
    _bounded("input with its pad", *padded, image.shape[-1])
    ceil = params["round_mode"] == "CEIL"
    return Pooling(params["pool"], size, stride, pad, ceil, name=keras_name(layer.name))(image)


def _inner_product(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = _only(blobs), layer.params
    shape = caffe_shape(blob.shape)
    axis = caffe_axis(params["axis"], len(shape))
    units = params["num_output"] or 0
    _at_least(1, num_output=[units], axis=[axis])
    fan_in = _count(shape[axis:])
    matrix = (fan_in, units) if params["transpose"] else (units, fan_in)
    matrix, bias = _blobs(layer, weights, [matrix], units, fan_in)
    matrix = matrix.T if params["transpose"] else matrix
    return InnerProduct(matrix, bias, axis, name=keras_name(layer.name))(blob)


def _relu(layer: Layer, blobs: list, weights: WeightSource):
    slope = layer.params["negative_slope"]
    if not 0 <= slope <= 1:
        raise ValueError(f"negative_slope must be from 0 to 1, got {slope}")
    kind = LeakyReLU(slope, name=keras_name(layer.name)) if slope else None
    return (kind or keras.layers.ReLU(name=keras_name(layer.name)))(_only(blobs))


def _lrn(layer: Layer, blobs: list, weights: WeightSource):
    params = layer.params
    size = params["local_size"]
    if size % 2 == 0:
        raise ValueError(f"local_size must be odd, got {size}")
    within = params["norm_region"] == "WITHIN_CHANNEL"
    options = (size, params["alpha"], params["beta"], params["k"], within)
    image = _image(blobs)
    _, height, width, channels = image.shape
    if within:
        _bounded("input with its borders", height + size, width + size, channels)
    elif channels > _MOST_CHANNELS:
        raise ValueError(f"{channels} channels are not supported, {_MOST_CHANNELS} are")
    return LRN(*options, name=keras_name(layer.name))(image)


def _dropout(layer: Layer, blobs: list, weights: WeightSource):
    return keras.layers.Identity(name=keras_name(layer.name))(_only(blobs))


def _softmax(layer: Layer, blobs: list, weights: WeightSource):
    blob = _only(blobs)
    axis = keras_axis(layer.params["axis"], len(blob.shape))
    return keras.layers.Softmax(axis=axis, name=keras_name(layer.name))(blob)


def _log(layer: Layer, blobs: list, weights: WeightSource):
    params = layer.params
    base = None if params["base"] == -1 else params["base"]
    made = Log(base, params["scale"], params["shift"], name=keras_name(layer.name))
    return made(_only(blobs))


def _reshape(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = _only(blobs), layer.params
    shape = caffe_shape(blob.shape)
    axis = caffe_axis(params["axis"], len(shape) + 1)
    end = len(shape) if params["num_axes"] == -1 else axis + params["num_axes"]
    wanted = params["shape"] or ()
    if not axis <= end <= len(shape):
        raise ValueError(f"there are no axes {axis} to {end} in {shape}")
    if axis == 0:
        if not wanted or end == 0:
            raise ValueError(f"the first axis of {shape} must stay as it is")
        first, *wanted = wanted
        # The first axis counts examples, of which there may be any number. The rest alone tells
        # whether it stays, unless a length there is to be found.
        if -1 in wanted and first != 0 and {first} != params["examples"]:
            raise ValueError(f"the first axis of {shape} must stay as it is, got {first}")
        axis = 1
    return Reshape(_reshaped(shape, wanted, axis, end), name=keras_name(layer.name))(blob)


def _reshaped(shape: Sequence, wanted: Sequence[int], axis: int, end: int) -> list[int]:
    """All but the first of the lengths of a blob of which those of axis..end are replaced."""
    count = _count(shape[1:])
    kept = [
        shape[axis + i] if n == 0 and axis + i < len(shape) else n for i, n in enumerate(wanted)
    ]
    result = [*shape[1:axis], *kept, *shape[end:]]
    if result.count(-1) == 1:
        known = math.prod(n for n in result if n != -1)
        result[result.index(-1)] = count // known if known > 0 else 0
    if min(result, default=1) < 1 or math.prod(result) != count:
        raise ValueError(f"{shape[1:]} cannot be reshaped to {tuple(wanted)}")
    return result


def _concat(layer: Layer, blobs: list, weights: WeightSource):
    axis = layer.params["axis"]
    if layer.params["concat_dim"] != 1:
        axis = layer.params["concat_dim"]
    axis = keras_axis(axis, len(blobs[0].shape))
    if len(blobs) == 1:
        return keras.layers.Identity(name=keras_name(layer.name))(blobs[0])
    return keras.layers.Concatenate(axis=axis, name=keras_name(layer.name))(blobs)


def _eltwise(layer: Layer, blobs: list, weights: WeightSource):
    params, name = layer.params, keras_name(layer.name)
    if len({tuple(blob.shape) for blob in blobs}) > 1:
        raise ValueError(f"its inputs differ in shape: {[tuple(b.shape) for b in blobs]}")
    if params["operation"] == "SUM":
        coefficients = params["coeff"] or (1.0,) * len(blobs)
        if len(coefficients) != len(blobs):
            raise ValueError(f"{len(coefficients)} coefficients for {len(blobs)} inputs")
        return Sum(coefficients, name=name)(blobs)
    if params["coeff"]:
        raise ValueError("coefficients are for a SUM only")
    if len(blobs) == 1:
        return keras.layers.Identity(name=name)(blobs[0])
    kind = keras.layers.Multiply if params["operation"] == "PROD" else keras.layers.Maximum
    return kind(name=name)(blobs)


def _batch_norm(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = _only(blobs), layer.params
    if params["use_global_stats"] is False:
        raise ValueError("use_global_stats: false is not supported")
    shape = caffe_shape(blob.shape)
    channels = _count([shape[caffe_axis(1, len(shape))]])
    sums = weights(layer.name, [(channels,), (channels,), (1,)], 1)
    mean, variance, (count,) = (blob.astype(np.float64) for blob in sums)
    with np.errstate(all="ignore"):
        # The file holds sums, and what to divide them by.
        share = 0 if count == 0 else 1 / count
        scale = 1 / np.sqrt(variance * share + params["eps"])
        shift = -mean * share * scale
    if not (np.isfinite(scale) & np.isfinite(shift)).all():
        raise ValueError("its variances are not positive")
    return Affine(scale, shift, 1, name=keras_name(layer.name))(blob)


def _scale(layer: Layer, blobs: list, weights: WeightSource):
    params, name = layer.params, keras_name(layer.name)
    shape = caffe_shape(blobs[0].shape)
    axis = caffe_axis(params["axis"], len(shape))
    if len(blobs) == 2:
        other = caffe_shape(blobs[1].shape)
        if params["bias_term"]:
            raise ValueError("two inputs and a bias are not supported")
        if shape[axis : axis + len(other)] != other:
            raise ValueError(f"{other} does not fit {shape} from axis {axis} on")
        return Product(axis, name=name)(blobs)
    end = len(shape) if params["num_axes"] == -1 else axis + params["num_axes"]
    if axis == 0 or not axis <= end <= len(shape):
        raise ValueError(f"there are no axes {axis} to {end} to scale in {shape}")
    own = shape[axis:end]
    _count(own)
    shapes = [own, own] if params["bias_term"] else [own]
    scale, *shift = weights(layer.name, shapes, 1)
    return Affine(scale, shift[0] if shift else None, axis, name=name)(_only(blobs))


def _embed(layer: Layer, blobs: list, weights: WeightSource):
    params = layer.params
    shape = (params["input_dim"] or 0, params["num_output"] or 0)
    _at_least(1, input_dim=shape[:1], num_output=shape[1:])
    matrix, bias = _blobs(layer, weights, [shape], shape[1], 1)
    return Embed(matrix, bias, name=keras_name(layer.name))(_only(blobs))


def _lstm(layer: Layer, blobs: list, weights: WeightSource):
    if layer.params["expose_hidden"] or len(blobs) not in (2, 3):
        raise ValueError("it must read x, cont and at most a static input, with no hidden state")
    units = layer.params["num_output"]
    _at_least(1, num_output=[units])
    x, cont, *static = blobs
    shape = caffe_shape(x.shape)
    if len(shape) < 3 or shape[:2] != tuple(cont.shape):
        raise ValueError(
            f"x is {shape}, cont {caffe_shape(cont.shape)}: both need the same steps, streams"
        )
    if shape[0] is None or shape[0] > _MOST_STEPS:
        raise ValueError(f"{shape[0]} steps are not supported, {_MOST_STEPS} are")
    fan_in = _count(shape[2:])
    shapes = [(4 * units, fan_in), (4 * units,)]
    if static:
        rows, *sides = caffe_shape(static[0].shape)
        if rows != shape[1] and None not in (rows, shape[1]):
            raise ValueError(f"its static input is for {rows} streams, x for {shape[1]}")
        shapes.append((4 * units, _count(sides)))
    own, bias, *others = weights(layer.name, [*shapes, (4 * units, units)], fan_in)
    options = {"truncated": layer.params["truncated"], "name": keras_name(layer.name)}
    return LSTM(own, bias, others[-1], *others[:-1], **options)(blobs)


#: The types of layers that are known, by Caffe's names, and what builds them.
LAYERS: dict[str, Callable] = {
    "Convolution": _convolution,
    "Deconvolution": _deconvolution,
    "Pooling": _pooling,
    "InnerProduct": _inner_product,
    "ReLU": _relu,
    "LRN": _lrn,
    "Dropout": _dropout,
    "Softmax": _softmax,
    "Log": _log,
    "Reshape": _reshape,
    "Concat": _concat,
    "Eltwise": _eltwise,
    "BatchNorm": _batch_norm,
    "Scale": _scale,
    "Embed": _embed,
    "LSTM": _lstm,
}
