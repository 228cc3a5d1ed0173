"""The outer layer of a .caffemodel: from bytes to described layers and their arrays.

The protobuf library would hold a file of 500 MB three times, and would give a hostile one a
hundred times its size. So the few fields that nest and grow (layers, blobs, their data) are taken
apart here, where a blob's data is one slice of the file, and only what describes the network,
which is small in every real file, goes through the library.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from google.protobuf.message import Message

from common.caffe_schema import message_class

# What a file may hold besides its blobs' data: several times the description of ResNet-152.
MAX_DESCRIPTION = 1 << 20
# What a layer or blob counts as, over its bytes: an empty one of 2 bytes still costs memory here.
_PART = 50
# Caffe's own limits of a blob (kMaxBlobAxes, and int for a dimension).
_MAX_AXES = 32
_MAX_DIM = 2**31 - 1

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_DIFF = (6, 9)  # BlobProto's diff and double_diff
_DTYPES = {5: "<f4", 8: "<f8"}  # BlobProto's data and double_data


class DamageError(Exception):
    """What is wrong with a file's contents, in one line, without the file's name."""


class RawLayer(NamedTuple):
    """A layer as it was read.

    Attributes:
        message: a LayerParameter or V1LayerParameter without its blobs.
        blobs: float32 or float64 arrays in the shapes stored.
    """

    message: Message
    blobs: tuple[np.ndarray, ...]


class _Field(NamedTuple):
    number: int
    wire_type: int
    whole: memoryview  # tag, length and payload
    payload: memoryview


def split_network(data: memoryview) -> tuple[Message, list[RawLayer]]:
    """Takes a serialised NetParameter apart.

    Args:
        data: the bytes of a .caffemodel, in any of Caffe's formats.

    Returns:
        The NetParameter without its layers, and the layers: all LayerParameter or all
        V1LayerParameter (whose V0LayerParameter, if any, is without blobs).

    Raises:
        DamageError: the bytes are not such a message, or describe more than a network can have.
    """
    return _Splitter().network(data)


class _Splitter:
    """Splits messages while counting the bytes that are not data of blobs.

    Every field costs some, so the count bounds the number of fields, and with it time and memory.
    """

    def __init__(self):
        self._described = 0

    def network(self, data: memoryview) -> tuple[Message, list[RawLayer]]:
        """Splits a NetParameter."""
        rest, parts = self._split(data, {100, 2})
        numbers = {number for number, _ in parts}
        if len(numbers) > 1:
            raise DamageError("it has layers of the new and of the old format")
        read = self._layer if 100 in numbers else self._v1_layer
        return _parse("NetParameter", rest), [read(payload) for _, payload in parts]

    def _layer(self, data: memoryview) -> RawLayer:
        rest, blobs = self._split(data, {7})
        message = _parse("LayerParameter", rest)
        return RawLayer(message, self._blobs(blobs, message.name))

    def _v1_layer(self, data: memoryview) -> RawLayer:
        rest, parts = self._split(data, {6, 1})
        message = _parse("V1LayerParameter", rest)
        blobs = [part for part in parts if part[0] == 6]
        for v0_layer in (payload for number, payload in parts if number == 1):
            v0_rest, v0_blobs = self._split(v0_layer, {50})
            message.layer.MergeFrom(_parse("V0LayerParameter", v0_rest))
            blobs += v0_blobs
        return RawLayer(message, self._blobs(blobs, message.layer.name or message.name))

    def _blobs(self, blobs: list[tuple[int, memoryview]], layer: str) -> tuple[np.ndarray, ...]:
        arrays = []
        for index, (_, payload) in enumerate(blobs):
            try:
                arrays.append(self._blob(payload))
            except DamageError as damage:
                raise DamageError(f"layer {layer!r}, blob {index}: {damage}") from None
        return tuple(arrays)

    def _blob(self, data: memoryview) -> np.ndarray:
        rest = bytearray()
        values = {}
        for field in _fields(data):
            if field.wire_type in (_FIXED32, _FIXED64) or field.number in values:
                return _unusual_blob(data)
            if field.number in _DTYPES and field.wire_type == _LENGTH:
                if len(field.payload) % int(_DTYPES[field.number][-1]):
                    raise DamageError("its data ends in the middle of a number")
                values[field.number] = np.frombuffer(field.payload, _DTYPES[field.number])
                self._count(2)
            elif field.number in _DIFF:
                self._count(2)
            else:
                self._count(len(field.whole))
                rest += field.whole
        return _shaped(_parse("LooseBlob", rest), values.get(5), values.get(8))

    def _split(
        self, data: memoryview, numbers: set[int]
    ) -> tuple[bytearray, list[tuple[int, memoryview]]]:
        """Returns a message without the submessages of those numbers, and these in order."""
        rest = bytearray()
        parts = []
        for field in _fields(data):
            if field.number in numbers and field.wire_type == _LENGTH:
                self._count(_PART)
                parts.append((field.number, field.payload))
            else:
                self._count(len(field.whole))
                rest += field.whole
        return rest, parts

    def _count(self, size: int) -> None:
        self._described += size
        if self._described > MAX_DESCRIPTION:
            raise DamageError(f"more than {MAX_DESCRIPTION >> 20} MiB of it describe the network")


def _fields(data: memoryview) -> Iterator[_Field]:
    """Yields a message's fields in order, without looking into them."""
    stop = 0
    while stop < len(data):
        start = stop
        tag, stop = _varint(data, start)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _LENGTH:
            length, begin = _varint(data, stop)
            stop = begin + length
        elif wire_type == _VARINT:
            begin = stop
            _, stop = _varint(data, begin)
        elif wire_type in (_FIXED32, _FIXED64):
            begin = stop
            stop = begin + (4 if wire_type == _FIXED32 else 8)
        else:  # 3 and 4 are groups, which Caffe never had; 6 and 7 do not exist
            raise DamageError("its fields are not those of a Caffe model")
        if stop > len(data):
            raise DamageError(
                "a field is longer than what holds it: the file is cut off or damaged"
            )
        yield _Field(number, wire_type, data[start:stop], data[begin:stop])


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Reads a number of at most 10 bytes; returns it and the position after it."""
    value = 0
    for shift, byte in zip(range(0, 70, 7), data[position : position + 10], strict=False):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + shift // 7 + 1
    raise DamageError("a number has no end: the file is cut off or damaged")


def _unusual_blob(data: memoryview) -> np.ndarray:
    """Reads a blob whose data is in several pieces or not packed, as protobuf allows.

    Caffe never writes it so; this way takes several times the memory and much time.
    """
    blob = _parse("LooseBlob", data)
    floats = np.fromiter(blob.data, np.float32, len(blob.data))
    doubles = np.fromiter(blob.double_data, np.float64, len(blob.double_data))
    return _shaped(blob, floats, doubles)


def _shaped(blob: Message, floats: np.ndarray | None, doubles: np.ndarray | None) -> np.ndarray:
    """Returns a copy of a blob's values in native order and in its shape."""
    values = doubles if doubles is not None and doubles.size else floats
    if values is None:
        values = np.empty(0, np.float32)
    shape = _shape(blob)
    if math.prod(shape) != values.size:
        raise DamageError(f"its shape {_short(shape)} does not fit its {values.size} values")
    try:
        return values.astype(values.dtype.newbyteorder("=")).reshape(shape)
    except ValueError:  # no values, but dimensions whose product without the 0 overflows
        raise DamageError(f"its shape {_short(shape)} is impossible") from None


def _shape(blob: Message) -> tuple[int, ...]:
    """Returns a LooseBlob's shape; the old form always has four dimensions."""
    legacy = ("num", "channels", "height", "width")
    if any(blob.HasField(name) for name in legacy):
        return checked_shape(getattr(blob, name) for name in legacy)
    if len(blob.shape) > 11 * _MAX_AXES:  # a dimension takes at most a tag and 10 bytes
        raise DamageError(f"its shape has more than {_MAX_AXES} dimensions")
    return checked_shape(_parse("BlobShape", blob.shape).dim)


def checked_shape(dims: Iterable[int]) -> tuple[int, ...]:
    """Returns the dimensions as a tuple.

    Raises:
        DamageError: it is no shape that a blob of Caffe can have.
    """
    shape = tuple(dims)
    if len(shape) > _MAX_AXES or not all(0 <= dim <= _MAX_DIM for dim in shape):
        raise DamageError(f"its shape {_short(shape)} is impossible")
    return shape


def _short(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[:8])) + ("x..." if len(shape) > 8 else "") or "()"


def _parse(name: str, data: memoryview | bytearray | bytes) -> Message:
    try:
        message = message_class(name).FromString(bytes(data))
    except Exception as error:  # the library's implementations differ in what they raise
        raise DamageError(f"its {name} is damaged ({error})") from None
    _check_strings(message)
    return message


def _check_strings(message: Message) -> None:
    """Refuses strings that are not UTF-8, which the library gives as bytes or refuses itself."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for item in [value] if isinstance(value, Message | str | bytes) else value:
            if isinstance(item, Message):
                _check_strings(item)
            elif isinstance(item, bytes):
                raise DamageError(f"its field {field.name!r} is not UTF-8 text")
