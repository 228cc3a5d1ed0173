"""Builds the layers of a Caffe definition that work on images: windows and neighbours."""

import math
from collections.abc import Sequence

from common.caffe import Layer
from common.caffe_convolution import Convolution, Deconvolution
from common.caffe_pooling import LRN, Pooling
from common.caffe_weights import WeightSource
from reproductions.ppgn.caffe.params import (
    at_least,
    blobs_of,
    bounded,
    check_output,
    image_of,
    keras_name,
    pair,
)

_MOST_CHANNELS = 2**12  # that LRN sums over by a matrix of channels x channels
_MOST_GROUPS = 2**12  # each is a convolution of its own


def _spatial(params: dict) -> dict:
    if params["axis"] not in (1, -3):
        raise ValueError("axis must be 1")
    sizes = {
        "stride": pair(params, "stride", "stride", 1),
        "dilation": pair(params, "dilation", "dilation", 1),
    }
    pad, group = pair(params, "pad", "pad", 0), params["group"]
    at_least(1, **sizes, group=[group], num_output=[params["num_output"] or 0])
    if group > _MOST_GROUPS:
        raise ValueError(f"group must be {_MOST_GROUPS} or less, got {group}")
    return {**sizes, "pad": pad, "group": group}


def _kernel_shape(params: dict, first: int, second: int, group: int) -> tuple[int, ...]:
    size = pair(params, "kernel_size", "kernel", 0)
    at_least(1, kernel_size=size)
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
    bounded("kernel with its dilation and stride", *shape[:2], *laid_out)
    return extent


def convolution(layer: Layer, blobs: list, weights: WeightSource):
    """Builds a Convolution."""
    image, params = image_of(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, filters, image.shape[-1], options["group"])
    padded = [n + 2 * p for n, p in zip(image.shape[1:3], options["pad"], strict=True)]
    bounded("input with its pad", *padded, image.shape[-1])
    # A larger stride too sees the first place only, and would cost memory.
    options["stride"] = tuple(map(min, options["stride"], padded))
    extent = _extent(shape, options)
    if extent[0] > padded[0] or extent[1] > padded[1]:
        raise ValueError(f"its kernel, {extent}, is larger than its input, {tuple(padded)}")
    kernel, bias = blobs_of(layer, weights, [shape], filters, math.prod(shape[1:]))
    return Convolution(kernel, bias, name=keras_name(layer.name), **options)(image)


def deconvolution(layer: Layer, blobs: list, weights: WeightSource):
    """Builds a Deconvolution."""
    image, params = image_of(blobs), layer.params
    options = _spatial(params)
    filters = params["num_output"]
    shape = _kernel_shape(params, image.shape[-1], filters, options["group"])
    whole = [
        s * (n - 1) + k
        for n, s, k in zip(
            image.shape[1:3], options["stride"], _extent(shape, options), strict=True
        )
    ]
    bounded("output", *whole, filters)
    sides = (n - 2 * p for n, p in zip(whole, options["pad"], strict=True))
    check_output((None, *sides, filters))
    fan_in = shape[0] / options["group"] * math.prod(shape[2:]) / math.prod(options["stride"])
    kernel, bias = blobs_of(layer, weights, [shape], filters, fan_in)
    return Deconvolution(kernel, bias, name=keras_name(layer.name), **options)(image)


def pooling(layer: Layer, blobs: list, weights: WeightSource):
    """Builds a Pooling."""
    image, params = image_of(blobs), layer.params
    if params["pool"] not in ("MAX", "AVE"):
        raise ValueError(f"the method {params['pool']} is not supported, MAX and AVE are")
    stride, pad = pair(params, "stride", "stride", 1), pair(params, "pad", "pad", 0)
    at_least(1, stride=stride)
    size = None
    if params["global_pooling"]:
        if (stride, pad) != ((1, 1), (0, 0)):
            raise ValueError("global_pooling wants a stride of 1 and a pad of 0")
    else:
        size = pair(params, "kernel_size", "kernel", 0)
        at_least(1, kernel_size=size)
        if pad[0] >= size[0] or pad[1] >= size[1]:
            raise ValueError(f"pad {pad} must be below kernel_size {size}")
    padded = [n + 2 * p for n, p in zip(image.shape[1:3], pad, strict=True)]
    bounded("input with its pad", *padded, image.shape[-1])
    ceil = params["round_mode"] == "CEIL"
    return Pooling(params["pool"], size, stride, pad, ceil, name=keras_name(layer.name))(image)


def lrn(layer: Layer, blobs: list, weights: WeightSource):
    """Builds an LRN."""
    params = layer.params
    size = params["local_size"]
    if size % 2 == 0:
        raise ValueError(f"local_size must be odd, got {size}")
    within = params["norm_region"] == "WITHIN_CHANNEL"
    options = (size, params["alpha"], params["beta"], params["k"], within)
    image = image_of(blobs)
    _, height, width, channels = image.shape
    if within:
        bounded("input with its borders", height + size, width + size, channels)
    elif channels > _MOST_CHANNELS:
        raise ValueError(f"{channels} channels are not supported, {_MOST_CHANNELS} are")
    return LRN(*options, name=keras_name(layer.name))(image)
