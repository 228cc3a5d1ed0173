"""Builds a Keras model from any Caffe network description made of the layers in `LAYERS`.

Blobs of four dimensions are of shape (n, height, width, channels); all others are as in Caffe.
Each Caffe layer is a Keras layer of the same name. As a ReLU is a layer of its own, also where it
works in place, the output of the layer `conv5` is what Caffe has when it stops there: the value
before the ReLU.
"""

import dataclasses
import math
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


def keras_name(name: str) -> str:
    """The name that a Caffe layer has in Keras, which allows no slash: loss3.classifier."""
    return name.replace("/", ".")


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
        shapes: other shapes for some of its inputs, as Caffe has them.
        truncated: see `common.caffe_recurrent.LSTM`.

    Returns:
        A model from its inputs to all blobs that no layer reads. The first axis of the inputs may
        have any length, unless a layer goes through time.

    Raises:
        UserError: a layer of a type not known here, one that does not fit its input or its
            weights, or options that are not supported.
    """
    layers = [layer for layer in network.layers if "TEST" in layer.phases]
    in_time = any(layer.type in ("Embed", "LSTM") for layer in layers)
    inputs, blobs, unread = [], {}, {}
    for layer in layers:
        if layer.type == "Input":
            for top, shape in zip(layer.tops, _input_shapes(layer), strict=True):
                blobs[top] = _input(top, shape, in_time, (shapes or {}).get(top))
                inputs.append(blobs[top])
            continue
        if layer.type not in LAYERS:
            known = ", ".join(LAYERS)
            raise UserError(
                f"the layer {layer.name} is of the type {layer.type!r}, which is not supported;"
                f" Input, {known} are"
            )
        missing = [bottom for bottom in layer.bottoms if bottom not in blobs]
        if missing or not layer.bottoms or len(layer.tops) != 1:
            raise UserError(
                f"the layer {layer.name} reads {missing[0]}, which no layer before it makes"
                if missing
                else f"the layer {layer.name} has no input"
                if not layer.bottoms
                else f"the layer {layer.name} makes {len(layer.tops)} blobs, 1 is supported"
            )
        if layer.type == "LSTM":
            layer = dataclasses.replace(layer, params={**layer.params, "truncated": truncated})
        made = _build(layer, [blobs[bottom] for bottom in layer.bottoms], weights)
        for bottom in layer.bottoms:
            unread.pop(bottom, None)
        blobs[layer.tops[0]] = unread[layer.tops[0]] = made
    if not inputs or not unread:
        raise UserError(f"the network has no {'layers' if inputs else 'inputs'}")
    try:
        outputs = list(unread.values())
        single = [blobs[0] if len(blobs) == 1 else blobs for blobs in (inputs, outputs)]
        return keras.Model(*single, name=keras_name(network.name) or "network")
    except ValueError as error:
        raise UserError(f"the network cannot be built: {error}") from None


def _input_shapes(layer: Layer) -> Sequence[tuple[int, ...] | None]:
    shapes = layer.params["shape"] or (None,)
    return shapes * len(layer.tops) if len(shapes) == 1 else shapes


def _input(name: str, shape: tuple[int, ...] | None, in_time: bool, other: Sequence | None):
    if other is not None:
        return keras.Input(batch_shape=tuple(other), name=keras_name(name))
    if not shape or min(shape) < 1:
        raise UserError(f"the input {name} has no shape in the definition")
    if len(shape) == 4:
        frames, channels, height, width = shape
        shape = (frames, height, width, channels)
    first = shape[0] if in_time else None
    return keras.Input(batch_shape=(first, *shape[1:]), name=keras_name(name))


def _build(layer: Layer, blobs: list, weights: WeightSource):
    try:
        return LAYERS[layer.type](layer, blobs, weights)
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"the layer {layer.name} does not fit into memory") from None
    except Exception as error:
        # Whatever does not fit is met by Keras or NumPy, in words of their own.
        reason = " ".join(str(error).split())
        raise UserError(f"the layer {layer.name} ({layer.type}) cannot be built: {reason}") from (
            None
        )


def _only(blobs: list):
    (blob,) = blobs
    return blob


def _image(blobs: list):
    blob = _only(blobs)
    if len(blob.shape) != 4:
        raise ValueError(f"it needs a blob of 4 dimensions, got {blob.shape}")
    return blob


def _pair(params: dict, field: str, short: str, default: int) -> tuple[int, int]:
    """A size given once, twice, or as `short_h` and `short_w`."""
    given = params.get(field)
    given = given if isinstance(given, tuple) else () if given is None else (given,)
    each = (params.get(f"{short}_h"), params.get(f"{short}_w"))
    if any(each):
        given = tuple(default if n is None else n for n in each)
    if len(given) > 2:
        raise ValueError(f"{field} has {len(given)} values, images have two sides")
    return (given * 2)[:2] if given else (default, default)


def _at_least(smallest: int, **sizes: Sequence[int]) -> None:
    for name, values in sizes.items():
        if min(values) < smallest:
            raise ValueError(f"{name} must be {smallest} or more, got {min(values)}")


def _spatial(params: dict) -> dict:
    if params["axis"] != 1:
        raise ValueError("axis must be 1")
    sizes = {
        "stride": _pair(params, "stride", "stride", 1),
        "dilation": _pair(params, "dilation", "dilation", 1),
    }
    pad, group = _pair(params, "pad", "pad", 0), params["group"]
    _at_least(1, **sizes, group=[group], num_output=[params["num_output"] or 0])
    return {**sizes, "pad": pad, "group": group}


def _kernel_shape(params: dict, first: int, second: int, group: int) -> tuple[int, ...]:
    size = _pair(params, "kernel_size", "kernel", 0)
    _at_least(1, kernel_size=size)
    if first % group or second % group:
        raise ValueError(f"{first} and {second} channels cannot be split into {group} groups")
    return (first, second // group, *size)


def _blobs(layer: Layer, weights: WeightSource, shapes: list, bias: int, fan_in: float):
    """The weights of a layer, and its bias or None."""
    has_bias = layer.params["bias_term"]
    shapes = [*shapes, (bias,)] if has_bias else shapes
    blobs = weights(layer.name, shapes, fan_in)
    return blobs if has_bias else (*blobs, None)


def _checked(blob, what: str):
    if min(n for n in blob.shape if n is not None) < 1:
        raise ValueError(f"its {what} would have the shape {caffe_shape(blob.shape)}")
    return blob


def _convolution(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, filters, image.shape[-1], options["group"])
    kernel, bias = _blobs(layer, weights, [shape], filters, math.prod(shape[1:]))
    made = Convolution(kernel, bias, name=keras_name(layer.name), **options)(image)
    return _checked(made, "output")


def _deconvolution(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, image.shape[-1], filters, options["group"])
    fan_in = shape[0] / options["group"] * math.prod(shape[2:]) / math.prod(options["stride"])
    kernel, bias = _blobs(layer, weights, [shape], filters, fan_in)
    made = Deconvolution(kernel, bias, name=keras_name(layer.name), **options)(image)
    return _checked(made, "output")


def _pooling(layer: Layer, blobs: list, weights: WeightSource):
    image, params = _image(blobs), layer.params
    if params["pool"] not in ("MAX", "AVE"):
        raise ValueError(f"the method {params['pool']} is not supported, MAX and AVE are")
    size = None
    if not params["global_pooling"]:
        size = _pair(params, "kernel_size", "kernel", 0)
        _at_least(1, kernel_size=size)
    stride, pad = _pair(params, "stride", "stride", 1), _pair(params, "pad", "pad", 0)
    _at_least(1, stride=stride)
    if size and (pad[0] >= size[0] or pad[1] >= size[1]):
        raise ValueError(f"pad {pad} must be below kernel_size {size}")
    ceil = params["round_mode"] == "CEIL"
    made = Pooling(params["pool"], size, stride, pad, ceil, name=keras_name(layer.name))(image)
    return _checked(made, "output")


def _inner_product(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = _only(blobs), layer.params
    shape = caffe_shape(blob.shape)
    axis = params["axis"] % len(shape)
    units, fan_in = params["num_output"] or 0, math.prod(shape[axis:])
    _at_least(1, num_output=[units])
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
    return LRN(*options, name=keras_name(layer.name))(_image(blobs))


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
    axis = params["axis"] % (len(shape) + 1)
    end = len(shape) if params["num_axes"] == -1 else axis + params["num_axes"]
    wanted = params["shape"] or ()
    if not 0 <= axis <= end <= len(shape):
        raise ValueError(f"there are no axes {axis} to {end} in {shape}")
    if axis == 0:
        # The first axis counts examples: a definition may say 1, but any number may come.
        if not wanted or wanted[0] not in (0, 1, -1, shape[0]) or -1 in wanted[1:]:
            raise ValueError(f"the first axis of {shape} must stay as it is, got {wanted}")
        wanted, axis = wanted[1:], 1
    wanted = [
        shape[axis + i] if n == 0 and axis + i < len(shape) else n for i, n in enumerate(wanted)
    ]
    result = [*shape[1:axis], *wanted, *shape[end:]]
    count = math.prod(shape[1:])
    if -1 in result:
        known = math.prod(n for n in result if n != -1)
        result[result.index(-1)] = count // known if known > 0 else 0
    if min(result, default=1) < 1 or math.prod(result) != count:
        raise ValueError(f"{shape[1:]} cannot be reshaped to {tuple(params['shape'] or ())}")
    return Reshape(result, name=keras_name(layer.name))(blob)


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
    if len(blobs) == 1:
        return keras.layers.Identity(name=name)(blobs[0])
    kind = keras.layers.Multiply if params["operation"] == "PROD" else keras.layers.Maximum
    return kind(name=name)(blobs)


def _batch_norm(layer: Layer, blobs: list, weights: WeightSource):
    blob = _only(blobs)
    channels = caffe_shape(blob.shape)[1]
    mean, variance, count = weights(layer.name, [(channels,), (channels,), (1,)], 1)
    # The file holds sums, and what to divide them by.
    share = np.float64(0 if count[0] == 0 else 1 / count[0])
    deviation = np.sqrt(variance * share + layer.params["eps"])
    if not (deviation > 0).all():
        raise ValueError("its variances are not positive")
    scale, shift = 1 / deviation, -(mean * share) / deviation
    return Affine(scale, shift, 1, name=keras_name(layer.name))(blob)


def _scale(layer: Layer, blobs: list, weights: WeightSource):
    params, name = layer.params, keras_name(layer.name)
    shape = caffe_shape(blobs[0].shape)
    axis = params["axis"] % len(shape)
    if len(blobs) == 2:
        if params["bias_term"]:
            raise ValueError("two inputs and a bias are not supported")
        return Product(axis, name=name)(blobs)
    end = len(shape) if params["num_axes"] == -1 else axis + params["num_axes"]
    if axis == 0 or end > len(shape):
        raise ValueError(f"there are no axes {axis} to {end} to scale in {shape}")
    own = shape[axis:end]
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
    if len(x.shape) < 3 or len(cont.shape) != 2 or tuple(x.shape[:2]) != tuple(cont.shape):
        raise ValueError(f"x is {x.shape}, cont {cont.shape}: both need the same steps, streams")
    fan_in = math.prod(x.shape[2:])
    shapes = [(4 * units, fan_in), (4 * units,)]
    if static:
        shapes.append((4 * units, math.prod(static[0].shape[1:])))
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
