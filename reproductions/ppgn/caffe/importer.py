"""Builds a Keras model from a Caffe network description of the layers in `builders.py`.

Blobs of four dimensions are of shape (n, height, width, channels); all others are as in Caffe.
Each Caffe layer is a Keras layer of the same name. As a ReLU is a layer of its own, also where it
works in place, the output of the layer `conv5` is what Caffe has when it stops there: the value
before the ReLU.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import keras

from common.caffe import Layer, Network
from common.caffe_weights import WeightSource
from common.errors import UserError
from reproductions.ppgn.caffe.builders import LAYERS
from reproductions.ppgn.caffe.params import INT_MAX, check_numbers, check_output, keras_name


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
        truncated: see `reproductions.ppgn.caffe.recurrent.LSTM`.

    Returns:
        A model from the inputs that a layer reads to the blobs that none does. The first axis of
        the inputs may have any length, unless a layer goes through time.

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
    inputs, read, unread = list(blobs.values()), set(), {}
    for layer in layers:
        if layer.type == "Input":
            continue
        _check(layer, blobs)
        # What a layer must know beyond its own parameters.
        known = {"truncated": truncated, "examples": firsts}
        layer = dataclasses.replace(layer, params={**layer.params, **known})
        bottoms = [blobs[bottom] for bottom in layer.bottoms]
        read.update(map(id, bottoms))
        made = _build(layer, bottoms, weights)
        for bottom in layer.bottoms:
            unread.pop(bottom, None)
        blobs[layer.tops[0]] = unread[layer.tops[0]] = made
    if not inputs or not unread:
        raise UserError(f"the network has no {'layers' if inputs else 'inputs'}")
    # Not every version of Keras takes inputs that lead nowhere.
    inputs, outputs = [one for one in inputs if id(one) in read], list(unread.values())
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
    if min(sides, default=1) < 1 or math.prod(sides) > INT_MAX:
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
        check_numbers(layer.params)
        made = LAYERS[layer.type](layer, blobs, weights)
        check_output(made.shape)
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
