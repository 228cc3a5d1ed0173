"""Writes Torch7's binary format, as `torch.save` does, from plain Python values."""

import struct
from pathlib import Path

import numpy as np

#: NumPy's type of the elements, by the name between `torch.` and `Storage` or `Tensor`.
ELEMENTS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",
    "CudaByte": "u1",
    "CudaChar": "i1",
    "CudaShort": "<i2",
    "CudaInt": "<i4",
    "CudaLong": "<i8",
    "CudaHalf": "<f2",
    "CudaDouble": "<f8",
}


class TorchStorage:
    """A storage of an element type of `ELEMENTS`. `claimed` is its size as the file tells it."""

    def __init__(self, element: str, values, claimed: int | None = None):
        self.element, self.claimed = element, claimed
        self.values = np.asarray(values, ELEMENTS[element])
        self.kind = f"torch.{element}Storage"
        self.version: int | None = 1


class TorchTensor:
    """A view of a storage; without strides, rows after each other."""

    def __init__(self, storage, shape=(), strides=None, offset=0, element=None, version=1):
        self.storage, self.shape, self.offset = storage, tuple(shape), offset
        whole = [int(np.prod(self.shape[i + 1 :], dtype=object)) for i in range(len(self.shape))]
        self.strides = tuple(whole if strides is None else strides)
        self.kind = f"torch.{element or storage.element}Tensor"
        self.version: int | None = version


class TorchObject:
    """An object of a class; without a version it has no header `V n`, as old files have it."""

    def __init__(self, kind: str | bytes, fields=None, version: int | None = 1):
        self.kind, self.version = kind, version
        self.fields = {} if fields is None else fields


class LuaFunction:
    """A function of type 6, 7 or 8: the dump of its code, and what it captured."""

    def __init__(self, code: bytes, upvalues=None, kind: int = 8):
        self.code, self.upvalues, self.kind = code, upvalues, kind


class Raw:
    """Bytes that are written as they are, to make bad files."""

    def __init__(self, data: bytes):
        self.data = data


def tensor(values, element: str = "Float", version: int | None = 1) -> TorchTensor:
    """A tensor with a storage of its own."""
    values = np.asarray(values)
    return TorchTensor(TorchStorage(element, values.ravel()), values.shape, version=version)


def packed(value) -> bytes:
    """The bytes of a value: of a dictionary, list, string, number, and of the classes above.

    A list is a table with keys 1, 2, ... What is the same object here is shared in the file.
    """
    writer = _Writer()
    writer.write(value)
    return bytes(writer.data)


def write_torch7(path: Path, value) -> Path:
    """Writes a value to a file."""
    path.write_bytes(packed(value))
    return path


class _Writer:
    def __init__(self):
        self.data = bytearray()
        self._known: dict[int, int] = {}
        self._kept: list = []

    def write(self, value) -> None:
        if value is None:
            self._put("<i", 0)
        elif isinstance(value, (bool, np.bool_)):
            self._put("<ii", 5, value)
        elif isinstance(value, (int, float, np.number)):
            self._put("<id", 1, value)
        elif isinstance(value, (str, bytes)):
            self._put("<i", 2)
            self._string(value)
        elif isinstance(value, Raw):
            self.data += value.data
        elif isinstance(value, (dict, list)):
            self._put("<i", 3)
            if self._is_new(value):
                items = value if isinstance(value, dict) else dict(enumerate(value, 1))
                self._put("<i", len(items))
                for item in items.items():
                    self.write(item[0])
                    self.write(item[1])
        elif isinstance(value, LuaFunction):
            self._put("<i", value.kind)
            if value.kind == 6 or self._is_new(value):
                self._string(value.code)
                self.write(value.upvalues)
        else:
            self._put("<i", 4)
            if self._is_new(value):
                self._torch(value)

    def _torch(self, value) -> None:
        if value.version is not None:
            self._string(f"V {value.version}")
        self._string(value.kind)
        if isinstance(value, TorchTensor):
            self._put("<i", len(value.shape))
            self._put(f"<{2 * len(value.shape)}q", *value.shape, *value.strides)
            self._put("<q", value.offset + 1)
            self.write(value.storage)
        elif isinstance(value, TorchStorage):
            claimed = len(value.values) if value.claimed is None else value.claimed
            self._put("<q", claimed)
            self.data += value.values.tobytes()
        else:
            self.write(value.fields)

    def _is_new(self, value) -> bool:
        """Writes the number of an object, and says whether it is its first time."""
        new = id(value) not in self._known
        if new:
            self._known[id(value)] = len(self._known) + 1
            self._kept.append(value)  # so that no other object gets its id
        self._put("<i", self._known[id(value)])
        return new

    def _string(self, text: str | bytes) -> None:
        text = text.encode() if isinstance(text, str) else text
        self._put("<i", len(text))
        self.data += text

    def _put(self, form: str, *values) -> None:
        self.data += struct.pack(form, *values)
