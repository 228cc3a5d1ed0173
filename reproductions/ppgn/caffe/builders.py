"""Builds each layer of a Caffe definition: a Keras layer of the same name."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from common.caffe import Layer
from common.caffe_axes import caffe_axis, caffe_shape, keras_axis
from common.caffe_dense import InnerProduct
from common.caffe_log import Log
from common.caffe_weights import WeightSource
from common.layers import LeakyReLU
from reproductions.ppgn.caffe.arithmetic import Affine, Product, Reshape, Sum
from reproductions.ppgn.caffe.embed import Embed
from reproductions.ppgn.caffe.params import at_least, blobs_of, keras_name, only, values_in
from reproductions.ppgn.caffe.recurrent import LSTM
from reproductions.ppgn.caffe.spatial import convolution, deconvolution, lrn, pooling

_MOST_STEPS = 2**12  # each is a part of the compiled function


def _inner_product(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = only(blobs), layer.params
    shape = caffe_shape(blob.shape)
    axis = caffe_axis(params["axis"], len(shape))
    units = params["num_output"] or 0
    at_least(1, num_output=[units], axis=[axis])
    fan_in = values_in(shape[axis:])
    matrix = (fan_in, units) if params["transpose"] else (units, fan_in)
    matrix, bias = blobs_of(layer, weights, [matrix], units, fan_in)
    matrix = matrix.T if params["transpose"] else matrix
    return InnerProduct(matrix, bias, axis, name=keras_name(layer.name))(blob)


def _relu(layer: Layer, blobs: list, weights: WeightSource):
    slope = layer.params["negative_slope"]
    if not 0 <= slope <= 1:
        raise ValueError(f"negative_slope must be from 0 to 1, got {slope}")
    kind = LeakyReLU(slope, name=keras_name(layer.name)) if slope else None
    return (kind or keras.layers.ReLU(name=keras_name(layer.name)))(only(blobs))


def _dropout(layer: Layer, blobs: list, weights: WeightSource):
    return keras.layers.Identity(name=keras_name(layer.name))(only(blobs))


def _softmax(layer: Layer, blobs: list, weights: WeightSource):
    blob = only(blobs)
    axis = keras_axis(layer.params["axis"], len(blob.shape))
    return keras.layers.Softmax(axis=axis, name=keras_name(layer.name))(blob)


def _log(layer: Layer, blobs: list, weights: WeightSource):
    params = layer.params
    base = None if params["base"] == -1 else params["base"]
    made = Log(base, params["scale"], params["shift"], name=keras_name(layer.name))
    return made(only(blobs))


def _reshape(layer: Layer, blobs: list, weights: WeightSource):
    blob, params = only(blobs), layer.params
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
    count = values_in(shape[1:])
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
    blob, params = only(blobs), layer.params
    if params["use_global_stats"] is False:
        raise ValueError("use_global_stats: false is not supported")
    shape = caffe_shape(blob.shape)
    channels = values_in([shape[caffe_axis(1, len(shape))]])
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
    values_in(own)
    shapes = [own, own] if params["bias_term"] else [own]
    scale, *shift = weights(layer.name, shapes, 1)
    return Affine(scale, shift[0] if shift else None, axis, name=name)(only(blobs))


def _embed(layer: Layer, blobs: list, weights: WeightSource):
    params = layer.params
    shape = (params["input_dim"] or 0, params["num_output"] or 0)
    at_least(1, input_dim=shape[:1], num_output=shape[1:])
    matrix, bias = blobs_of(layer, weights, [shape], shape[1], 1)
    return Embed(matrix, bias, name=keras_name(layer.name))(only(blobs))


def _lstm(layer: Layer, blobs: list, weights: WeightSource):
    if layer.params["expose_hidden"] or len(blobs) not in (2, 3):
        raise ValueError("it must read x, cont and at most a static input, with no hidden state")
    units = layer.params["num_output"]
    at_least(1, num_output=[units])
    x, cont, *static = blobs
    shape = caffe_shape(x.shape)
    if len(shape) < 3 or shape[:2] != tuple(cont.shape):
        raise ValueError(
            f"x is {shape}, cont {caffe_shape(cont.shape)}: both need the same steps, streams"
        )
    if shape[0] is None or shape[0] > _MOST_STEPS:
        raise ValueError(f"{shape[0]} steps are not supported, {_MOST_STEPS} are")
    fan_in = values_in(shape[2:])
    shapes = [(4 * units, fan_in), (4 * units,)]
    if static:
        rows, *sides = caffe_shape(static[0].shape)
        if rows != shape[1] and None not in (rows, shape[1]):
            raise ValueError(f"its static input is for {rows} streams, x for {shape[1]}")
        shapes.append((4 * units, values_in(sides)))
    own, bias, *others = weights(layer.name, [*shapes, (4 * units, units)], fan_in)
    options = {"truncated": layer.params["truncated"], "name": keras_name(layer.name)}
    return LSTM(own, bias, others[-1], *others[:-1], **options)(blobs)


#: The types of layers that are known, by Caffe's names, and what builds them.
LAYERS: dict[str, Callable] = {
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "Pooling": pooling,
    "InnerProduct": _inner_product,
    "ReLU": _relu,
    "LRN": lrn,
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
