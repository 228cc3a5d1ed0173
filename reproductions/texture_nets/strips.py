"""Running a generator in strips of rows, for samples too large to be made in one piece.

Only the outputs of convolutions are held; all that lies between them (normalisation, leaky ReLU,
upsampling, joining) is computed anew for every strip that the next convolution asks for.
"""

import collections
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import layers, ops

from common.layers import LeakyReLU
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.layers import (
    BatchNormalization,
    BorderCopy,
    Convolution,
    InstanceNormalization,
    Upsampling,
)

#: So many values of a stream are computed at a time.
_STRIP = 2**21


class _Stream:
    """Images of which rows can be had.

    Attributes:
        shape: (images, height, width, channels).
        rows: from an array of row numbers to these rows.
        array: what the rows are computed from, pixel by pixel, if nothing else is.
    """

    def __init__(self, shape: Sequence[int], rows: Callable, array: np.ndarray | None = None):
        self.shape, self.rows, self.array = tuple(map(int, shape)), rows, array

    def strips(self) -> Iterator[np.ndarray]:
        """Numbers of consecutive rows, few enough to be computed together."""
        images, height, width, channels = self.shape
        count = max(1, _STRIP // (images * width * channels))
        for first in range(0, height, count):
            yield np.arange(first, min(first + count, height))


def run_in_strips(generator: Generator, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Gives what `generator(inputs)` gives, up to rounding, in little more memory than two layers.

    Args:
        generator: is not changed.
        inputs: those of the generator.

    Returns:
        float32, shape (images, height, width, 3).
    """
    streams, uses = {}, collections.Counter()
    for tensor, array in zip(generator.inputs, inputs, strict=True):
        streams[id(tensor)] = _held(ops.convert_to_numpy(array))
        streams[id(tensor)].array = None  # the caller's, not to be written to
    steps = [la for la in generator.layers if not isinstance(la, keras.layers.InputLayer)]
    for layer in steps:
        uses.update(map(id, keras.tree.flatten(layer.input)))
    for layer in steps:
        sources = []
        for key in map(id, keras.tree.flatten(layer.input)):
            sources.append(streams[key])
            uses[key] -= 1
            if uses[key]:
                streams[key].array = None
            else:
                del streams[key]
        streams[id(layer.output)] = _MAKERS[type(layer)](layer, *sources)
    (output,) = streams.values()
    return ops.convert_to_numpy(output.rows(np.arange(output.shape[1])))


def _held(array: np.ndarray) -> _Stream:
    return _Stream(array.shape, lambda rows: _some_rows(array, rows), array)


def _some_rows(array: np.ndarray, rows: np.ndarray):
    consecutive = len(rows) == rows[-1] - rows[0] + 1
    return ops.convert_to_tensor(
        array[:, rows[0] : rows[-1] + 1] if consecutive else array[:, rows]
    )


def _convolve(layer: Convolution, source: _Stream) -> _Stream:
    images, height, width, channels = source.shape
    constant = 0 if layer.removed and not layer.running else layer.bias
    in_place = source.array is not None and (layer.stride, layer.filters) == (1, channels)
    if in_place:
        output = source.array
    else:
        shape = (images, height // layer.stride, width // layer.stride, layer.filters)
        output = np.empty(shape, np.float32)
    result = _held(output)
    strips = list(result.strips())
    bands = _bands_in_place if in_place else _bands
    for strip, band in zip(strips, bands(layer, source, strips), strict=True):
        made = ops.conv(band, layer.kernel, strides=layer.stride, padding="valid") + constant
        output[:, strip[0] : strip[-1] + 1] = ops.convert_to_numpy(made)
    return result


def _bands(layer: Convolution, source: _Stream, strips: list[np.ndarray]) -> Iterator:
    """What the convolution needs for every strip, borders included."""
    border, stride = (layer.size - 1) // 2, layer.stride
    for strip in strips:
        wanted = np.arange(strip[0] * stride - border, strip[-1] * stride + border + 1)
        yield _padded_rows(source, wanted, border, layer.circular)


def _bands_in_place(layer: Convolution, source: _Stream, strips: list[np.ndarray]) -> Iterator:
    """The same, where every strip is overwritten once its band has been used."""
    border, height = (layer.size - 1) // 2, source.shape[1]
    if not border:
        yield from _bands(layer, source, strips)
        return
    circular = layer.circular
    above = _padded_rows(source, np.arange(-border, border), border, circular)
    # The rows that lie below the last strip: the first ones again, or zeros.
    below = above[:, border:] if circular else ops.zeros_like(above[:, border:])
    for strip in strips:
        last = strip[-1] + border
        wanted = np.arange(strip[0] + border, min(last, height - 1) + 1)
        parts = [above]
        if len(wanted):
            parts.append(_padded_rows(source, wanted, border, circular))
        if last >= height:
            parts.append(below[:, : last + 1 - height])
        band = ops.concatenate(parts, 1)
        above = band[:, band.shape[1] - 2 * border :]
        yield band


def _padded_rows(source: _Stream, wanted: np.ndarray, border: int, circular: bool):
    """Rows, some of which may lie outside, with a border on the left and right."""
    height = source.shape[1]
    if circular:
        rows = source.rows(wanted % height)
        if not border:
            return rows
        return ops.concatenate([rows[:, :, -border:], rows, rows[:, :, :border]], 2)
    inside = wanted[(wanted >= 0) & (wanted < height)]
    outside = (inside[0] - wanted[0], wanted[-1] - inside[-1])
    return ops.pad(source.rows(inside), ((0, 0), outside, (border, border), (0, 0)))


def _normalize(layer: BatchNormalization | InstanceNormalization, source: _Stream) -> _Stream:
    beta = 0 if layer.removed and not layer.running else layer.beta
    if layer.running and getattr(layer, "keeps_statistics", False):
        mean, variance = layer.running_mean, layer.running_variance
    else:
        axes = (1, 2) if isinstance(layer, InstanceNormalization) else (0, 1, 2)
        mean, variance = _moments(source, axes)
    scale = layer.gamma * ops.rsqrt(variance + layer.epsilon)

    def rows(wanted: np.ndarray):
        return (source.rows(wanted) - mean) * scale + beta

    return _Stream(source.shape, rows, source.array)


def _moments(source: _Stream, axes: tuple[int, ...]) -> tuple:
    """Mean and variance of a whole stream."""
    near, total, squares, count = None, 0.0, 0.0, 0
    for strip in source.strips():
        x = source.rows(strip)
        if near is None:
            # Differences from about the mean lose no digits.
            near = ops.mean(x, axes, keepdims=True)
        x = x - near
        total = total + _sum(x, axes)
        squares = squares + _sum(ops.square(x), axes)
        count += int(np.prod([x.shape[axis] for axis in axes]))
    mean = total / count
    variance = squares / count - mean**2
    mean = ops.convert_to_numpy(near) + mean
    return tuple(ops.convert_to_tensor(np.float32(one)) for one in (mean, variance))


def _sum(x, axes: tuple[int, ...]) -> np.ndarray:
    """Of images, rows first and then in double precision."""
    return ops.convert_to_numpy(ops.sum(x, 2, keepdims=True)).sum(axes, np.float64, keepdims=True)


def _leaky_relu(layer: LeakyReLU, source: _Stream) -> _Stream:
    slope = layer.negative_slope
    return _Stream(
        source.shape, lambda rows: ops.leaky_relu(source.rows(rows), slope), source.array
    )


def _upsample(layer: Upsampling, source: _Stream) -> _Stream:
    images, height, width, channels = source.shape

    def rows(wanted: np.ndarray):
        halves = wanted // 2
        first = np.flatnonzero(np.diff(halves, prepend=-1))
        repeats = np.diff(first, append=len(wanted))
        found = ops.repeat(source.rows(halves[first]), 2, 2)
        return found if (repeats == 1).all() else ops.repeat(found, repeats, 1)

    return _Stream((images, 2 * height, 2 * width, channels), rows)


def _join(layer: layers.Concatenate, *sources: _Stream) -> _Stream:
    channels = sum(source.shape[3] for source in sources)
    joined = [source.rows for source in sources]
    return _Stream(
        (*sources[0].shape[:3], channels),
        lambda rows: ops.concatenate([of(rows) for of in joined], -1),
    )


def _average(layer: layers.AveragePooling2D, source: _Stream) -> _Stream:
    ratio = layer.pool_size[0]
    images, height, width, channels = source.shape

    def rows(wanted: np.ndarray):
        all_rows = (wanted[:, None] * ratio + np.arange(ratio)).ravel()
        return ops.average_pool(source.rows(all_rows), ratio, ratio)

    return _Stream((images, height // ratio, width // ratio, channels), rows)


def _copy_border(layer: BorderCopy, source: _Stream) -> _Stream:
    height = source.shape[1]

    def rows(wanted: np.ndarray):
        wanted = np.where(wanted == 0, height - 2, np.where(wanted == height - 1, 1, wanted))
        x = source.rows(wanted)
        return ops.concatenate([x[:, :, -2:-1], x[:, :, 1:-1], x[:, :, 1:2]], 2)

    return _Stream(source.shape, rows)


_MAKERS = {
    Convolution: _convolve,
    BatchNormalization: _normalize,
    InstanceNormalization: _normalize,
    LeakyReLU: _leaky_relu,
    Upsampling: _upsample,
    layers.Concatenate: _join,
    layers.AveragePooling2D: _average,
    BorderCopy: _copy_border,
}
