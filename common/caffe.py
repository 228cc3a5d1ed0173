"""Reads Caffe's .caffemodel and .prototxt files: bytes in, plain Python and NumPy out.

All of Caffe's formats (`layer`, `layers`, and the `layers { layer { ... } }` before them) are
given in the names of the newest, as Caffe itself upgrades them. The files are data: nothing in
them is executed, and whatever they hold, reading either succeeds or raises `CaffeFileError`.

Example:
    >>> network = read_caffemodel("VGG_ILSVRC_19_layers.caffemodel")
    >>> kernel, bias = weights_of(network)["conv1_1"]
    >>> kernel.shape
    (64, 3, 3, 3)
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import Message

from common.caffe_schema import ENUMS, FIELDS, message_class
from common.caffe_upgrade import layer_type, upgrade_v0
from common.caffe_wire import MAX_DESCRIPTION, DamageError, RawLayer, checked_shape, split_network
from common.errors import UserError

_MAX_MODEL = 2**31 - 1  # the most that protobuf, and so Caffe, writes

# The layers whose parameter message does not have their own name.
_SHARED_PARAMETERS = {
    "Deconvolution": "Convolution",
    "LSTM": "Recurrent",
    "RNN": "Recurrent",
    "SoftmaxWithLoss": "Softmax",
}
_PARAMETERS = {field.type: field.name for field in FIELDS["LayerParameter"]}

# The first bytes of files that are mistaken for models; no Caffe model can begin so.
_OTHER_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89HDF": "an HDF5 file (a .caffemodel.h5 or Keras weights)",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"version https://git-lfs": "a Git LFS pointer, not the file it stands for",
}


class CaffeFileError(UserError):
    """A Caffe file is missing, unreadable, damaged or something else; names it and says what."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network.

    Attributes:
        name: its name; unique among the layers that hold blobs.
        type: Caffe's present name of its type, such as "InnerProduct"; "" if the file has none.
        bottoms: the names of the blobs it reads.
        tops: the names of the blobs it writes; the same as a bottom where it works in place.
        params: the fields of its own parameter message by Caffe's names, with Caffe's defaults
            for those not set: numbers, bools and strings; enums by name; repeated fields as
            tuples; a BlobShape as a tuple of ints, another message as a dict. Fractions are of
            single precision, as in Caffe: 0.3 is 0.30000001192092896. A field that is not set and
            has no default is None. Empty for a type without parameters of its own,
            or one that BVLC Caffe does not have.
        blobs: its learned arrays, float32 or float64, in the shapes stored. Old files store all
            in four dimensions: a matrix (out, in) as (1, 1, out, in), a bias as (1, 1, 1, out).
        phases: the phases, of "TRAIN" and "TEST", that its include and exclude rules leave it in,
            at level 0 and with no stage, which are Caffe's defaults.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    params: dict[str, Any]
    blobs: tuple[np.ndarray, ...]
    phases: tuple[str, ...] = ("TRAIN", "TEST")


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network as a file describes it, layers of every phase included.

    Attributes:
        name: its name; "" if the file has none.
        layers: its layers in order. The old `input` fields have become a first layer of type
            "Input", as in Caffe.
    """

    name: str
    layers: tuple[Layer, ...]

    @property
    def inputs(self) -> dict[str, tuple[int, ...] | None]:
        """The shape of every input blob, None where the file does not tell it."""
        shapes = {}
        for layer in self.layers:
            if layer.type == "Input":
                given = layer.params["shape"] or (None,)
                # One shape holds for all tops, otherwise there is one for each.
                given = given * len(layer.tops) if len(given) == 1 else given
                shapes.update(zip(layer.tops, given, strict=True))
        return shapes


def read_caffemodel(path: str | os.PathLike) -> Network:
    """Reads a .caffemodel file.

    Takes about the time of reading the file and copying it once, and twice its size in memory.

    Args:
        path: the file, at most 2 GiB.

    Returns:
        The network with its weights.

    Raises:
        CaffeFileError: the file cannot be read or is not a sound .caffemodel.
    """
    return parse_caffemodel(_contents(path, _MAX_MODEL), str(path))


def read_prototxt(path: str | os.PathLike) -> Network:
    """Reads a .prototxt file that describes a network.

    Args:
        path: the file, at most 1 MiB.

    Returns:
        The network; its layers have no blobs unless the text spells them out.

    Raises:
        CaffeFileError: the file cannot be read or is not a sound network description.
    """
    return parse_prototxt(_contents(path, MAX_DESCRIPTION), str(path))


def parse_caffemodel(data: bytes, name: str = "the model") -> Network:
    """Reads the bytes of a .caffemodel.

    Args:
        data: the bytes.
        name: what to call them in an error, such as the file's name.

    Returns:
        The network with its weights, which share no memory with `data`.

    Raises:
        CaffeFileError: the bytes are not a sound .caffemodel.
    """

    def parse() -> Network:
        _refuse_other_kinds(data)
        if _looks_like_text(data[:512]):
            raise DamageError("it is text (a .prototxt?), not a binary model")
        return _network(data)

    return _checked(parse, f"{name}: not a readable .caffemodel")


def parse_prototxt(text: str | bytes, name: str = "the description") -> Network:
    """Reads the text of a .prototxt that describes a network.

    Args:
        text: the text, or its bytes in UTF-8.
        name: what to call it in an error, such as the file's name.

    Returns:
        The network; its layers have no blobs unless the text spells them out.

    Raises:
        CaffeFileError: the text is not a sound network description; a mistake in the text is
            given with its line.
    """

    def parse() -> Network:
        if isinstance(text, bytes):
            _refuse_other_kinds(text)
        if len(text) > MAX_DESCRIPTION:
            raise DamageError(f"it is longer than {MAX_DESCRIPTION >> 20} MiB")
        return _network(_binary(text if isinstance(text, str) else _decoded(text)))

    return _checked(parse, f"{name}: not a readable .prototxt")


def weights_of(network: Network) -> dict[str, tuple[np.ndarray, ...]]:
    """Returns the blobs of every layer that has any, by the layer's name."""
    return {layer.name: layer.blobs for layer in network.layers if layer.blobs}


def _contents(path: str | os.PathLike, limit: int) -> bytes:
    try:
        path = Path(path)
        size = path.stat().st_size
        if not path.is_file():  # also spares us from waiting at a pipe or a device
            reason = "it is not a file"
        elif size > limit:
            reason = f"{size >> 20} MiB is too large for a file of its kind"
        else:
            with path.open("rb") as file:
                return file.read(size)
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:  # a NUL in the name
        reason = str(error)
    except MemoryError:
        reason = "it does not fit into memory"
    raise _error(f"cannot read {path}", reason)


def _checked(parse: Callable[[], Network], complaint: str) -> Network:
    try:
        return parse()
    except DamageError as damage:
        reason = str(damage)
    except MemoryError:
        reason = "it does not fit into memory"
    raise _error(complaint, reason)


def _error(complaint: str, reason: str) -> CaffeFileError:
    if len(reason) > 300:  # the text format quotes whole lines
        reason = f"{reason[:140]} ... {reason[-140:]}"
    line = f"{complaint}: {reason}"
    return CaffeFileError("".join(c if c.isprintable() else "?" for c in line))


def _refuse_other_kinds(data: bytes) -> None:
    if not data:
        raise DamageError("it is empty: it has no layers")
    for beginning, kind in _OTHER_KINDS.items():
        if data.startswith(beginning):
            raise DamageError(f"it is {kind}")
    if data[:512].lstrip()[:14].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise DamageError("it is a web page; the download gave something else than the file")


def _looks_like_text(beginning: bytes) -> bool:
    # A binary model has bytes below 32, the field numbers and lengths, all along.
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in beginning)


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise DamageError(f"line {line} is not UTF-8 text (is it a binary .caffemodel?)") from None


def _binary(text: str) -> bytes:
    """Returns a text description as a binary one, so that both are read in the same way."""
    message = message_class("NetParameter")()
    try:
        return text_format.Parse(text, message).SerializeToString()
    except text_format.ParseError as error:
        # The library's message begins with "line:column : ", which it also has as numbers.
        reason = str(error).split(" : ", 1)[-1]
        raise DamageError(f"line {error.GetLine() or 1}: {reason}") from None
    except Exception as error:  # the library's implementations differ in what they raise
        raise DamageError(f"{type(error).__name__}: {error}") from None


def _network(data: bytes) -> Network:
    message, raw = split_network(memoryview(data))
    layers = [*_input_layer(message), *map(_layer, upgrade_v0(raw))]
    if not layers:
        raise DamageError("it has no layers")
    seen = set()
    for name in (layer.name for layer in layers if layer.blobs):
        if name in seen:
            raise DamageError(f"several layers with weights have the name {name!r}")
        seen.add(name)
    return Network(message.name, tuple(layers))


def _input_layer(net: Message) -> list[Layer]:
    """Returns the layer that stands for a NetParameter's `input` fields, if it has any."""
    inputs = tuple(net.input)
    if not inputs:
        return []
    if net.input_shape:
        shapes = tuple(checked_shape(shape.dim) for shape in net.input_shape)
    else:
        dims = tuple(net.input_dim)
        shapes = tuple(checked_shape(dims[i : i + 4]) for i in range(0, len(dims), 4))
        if len(dims) % 4:
            raise DamageError(f"input_dim is given {len(dims)} times, not 4 times for each input")
    if shapes and len(shapes) != len(inputs):
        raise DamageError(f"it has {len(inputs)} inputs but {len(shapes)} input shapes")
    return [Layer("input", "Input", (), inputs, {"shape": shapes}, ())]


def _layer(raw: RawLayer) -> Layer:
    message = raw.message
    layer = Layer(
        name=message.name,
        type=layer_type(message),
        bottoms=tuple(message.bottom),
        tops=tuple(message.top),
        params=_params(message),
        blobs=raw.blobs,
        phases=tuple(phase for phase in ENUMS["Phase"] if _takes_part(message, phase)),
    )
    if layer.type == "Input":
        _check_input(layer)
    return layer


def _check_input(layer: Layer) -> None:
    shapes = [checked_shape(shape) for shape in layer.params["shape"]]
    if len(shapes) > 1 and len(shapes) != len(layer.tops):
        raise DamageError(
            f"layer {layer.name!r} has {len(layer.tops)} tops but {len(shapes)} shapes"
        )


def _takes_part(message: Message, phase: str) -> bool:
    """Tells whether Caffe puts a layer into the network of that phase."""
    if message.include:
        return any(_is_met(rule, phase) for rule in message.include)
    return not any(_is_met(rule, phase) for rule in message.exclude)


def _is_met(rule: Message, phase: str) -> bool:
    return (
        (not rule.HasField("phase") or rule.phase == ENUMS["Phase"][phase])
        and (not rule.HasField("min_level") or rule.min_level <= 0)
        and (not rule.HasField("max_level") or rule.max_level >= 0)
        and not rule.stage
    )


def _params(message: Message) -> dict[str, Any]:
    """Returns the parameters of its own type that a layer of the new or V1 format has."""
    kind = layer_type(message)
    kind = f"{_SHARED_PARAMETERS.get(kind, kind)}Parameter"
    if kind not in _PARAMETERS:
        return {}
    # V1LayerParameter lacks the messages of later types, which then have their defaults.
    default = message_class(kind)()
    return _plain(getattr(message, _PARAMETERS[kind], default))


def _plain(message: Message) -> dict[str, Any]:
    return {
        field.name: (
            tuple(_plain_value(value, field.type) for value in getattr(message, field.name))
            if field.repeated
            else _plain_value(getattr(message, field.name), field.type)
            if field.default is not None or message.HasField(field.name)
            else None
        )
        for field in FIELDS[message.DESCRIPTOR.name]
    }


def _plain_value(value: Any, kind: str) -> Any:
    if kind == "BlobShape":
        return tuple(value.dim)
    if kind in FIELDS:
        return _plain(value)
    if kind in ENUMS:
        return next(name for name, number in ENUMS[kind].items() if number == value)
    return value
