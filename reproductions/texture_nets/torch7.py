"""Reader of Torch7's binary files (`torch.save`): bytes in, plain Python and NumPy out.

Nothing of the file is executed: a Lua function in it becomes a `Function` without its code. Memory
stays within a small multiple of the file's size, whatever it claims.
"""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import UserError

_NIL, _NUMBER, _STRING, _TABLE, _TORCH, _BOOLEAN = range(6)
#: Functions as the versions of Torch7 wrote them.
_FUNCTION, _OLD_RECURSIVE_FUNCTION, _RECURSIVE_FUNCTION = 6, 7, 8

#: The elements of storages and tensors, by the name between `torch.` and `Storage` or `Tensor`.
_ELEMENTS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    # On a GPU a bare `Cuda` is float; all are stored as on the CPU.
    "Cuda": "<f4",
    "CudaByte": "u1",
    "CudaChar": "i1",
    "CudaShort": "<i2",
    "CudaInt": "<i4",
    "CudaLong": "<i8",
    "CudaHalf": "<f2",
    "CudaDouble": "<f8",
}

#: A module within a module is three levels deeper; the generators have some 50 levels.
_DEEPEST = 200


class Storage(NamedTuple):
    """A flat array that tensors are views of.

    Attributes:
        kind: `torch.FloatStorage` and so on.
        values: the elements, read-only.
    """

    kind: str
    values: np.ndarray


class Tensor(NamedTuple):
    """A tensor: a view of a storage.

    Attributes:
        kind: `torch.FloatTensor` and so on.
        shape: its sizes; () for an empty tensor.
        strides: in elements.
        offset: of its first element in the storage, from 0.
        storage: None for a tensor without one.
    """

    kind: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    storage: Storage | None

    def array(self) -> np.ndarray:
        """The elements as a read-only NumPy array, without a copy; empty without a storage."""
        if self.storage is None or not self.shape:
            kind = _ELEMENTS[_element_name(self.kind)]
            return np.empty(0, kind)
        values = self.storage.values
        return np.lib.stride_tricks.as_strided(
            values[self.offset :],
            self.shape,
            # The stride of a single element is never used, and may be anything.
            [
                0 if size == 1 else stride * values.itemsize
                for size, stride in zip(self.shape, self.strides, strict=True)
            ],
            writeable=False,
        )


class Function:
    """A Lua function. Its code is dropped.

    Attributes:
        upvalues: what it had captured.
    """

    def __init__(self):
        self.upvalues: object = None


class Object:
    """An object of a Lua class, such as `nn.Sequential`.

    Attributes:
        kind: the class's name.
        version: of the format that the class writes, 0 where none is noted.
        fields: mostly a dictionary by name.
    """

    def __init__(self, kind: str, version: int):
        self.kind, self.version = kind, version
        self.fields: object = {}

    def get(self, name: str, default=None):
        """A field; `default` if there is none."""
        return self.fields.get(name, default) if isinstance(self.fields, dict) else default


def read_torch7(path: str | Path):
    """Reads what `torch.save` wrote in its binary format.

    Args:
        path: a .t7 file.

    Returns:
        None, a bool, a float, a string (str if it is UTF-8, or bytes), a dictionary for a table,
        a `Tensor`, a `Storage`, a `Function` or an `Object`. What is shared in the file is the
        same object here.

    Raises:
        UserError: the file cannot be read, is cut short, damaged, or in another format.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    try:
        reader = _Reader(data)
        value = reader.read()
        if reader.at != len(data):
            raise _DamagedError(f"{len(data) - reader.at} bytes after the end")
        return value
    except _DamagedError as error:
        raise UserError(f"{path} is no Torch7 binary file, or damaged: {error}") from None


class _DamagedError(Exception):
    """What a file does not keep to."""


def _element_name(kind: str) -> str:
    """`Float` of `torch.FloatTensor` or `torch.FloatStorage`."""
    return kind.removeprefix("torch.").removesuffix("Tensor").removesuffix("Storage")


class _Reader:
    """Reads one value after another; `at` is the place in the bytes."""

    def __init__(self, data: bytes):
        self._data = data
        self._known: dict[int, object] = {}
        self._depth = 0
        self.at = 0

    def read(self):
        """Reads a value of any type."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _DamagedError(f"more than {_DEEPEST} values within each other")
        kind = self._int()
        if kind == _NIL:
            value = None
        elif kind == _NUMBER:
            (value,) = self._unpack("<d")
        elif kind == _STRING:
            value = _text(self._bytes(self._int()))
        elif kind == _BOOLEAN:
            value = self._boolean()
        elif kind == _TABLE:
            value = self._table()
        elif kind == _TORCH:
            value = self._torch()
        elif kind == _FUNCTION:
            value = self._function(Function())
        elif kind in (_OLD_RECURSIVE_FUNCTION, _RECURSIVE_FUNCTION):
            value = self._recursive_function()
        else:
            raise _DamagedError(f"there is no type {kind} (byte {self.at - 4})")
        self._depth -= 1
        return value

    def _table(self) -> dict:
        index = self._int()
        if index in self._known:
            return self._known_of(index, dict)
        table = self._known[index] = {}
        for _ in range(self._count(self._int(), 8)):
            key, value = self.read(), self.read()
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            try:
                # For Python, but not for Lua, 1 and true are the same key.
                if key in table:
                    raise _DamagedError("a table with the same key twice")
                table[key] = value
            except TypeError:
                raise _DamagedError("a table with a table as a key") from None
        return table

    def _torch(self):
        index = self._int()
        if index in self._known:
            return self._known_of(index, (Object, Tensor, Storage))
        name, version = self._string(), 0
        if name.startswith("V "):
            try:
                version = int(name[2:])
            except ValueError:
                raise _DamagedError(f"the version {name[:20]!r}") from None
            name = self._string()
        if _element_name(name) in _ELEMENTS and name.startswith("torch."):
            if name.endswith("Tensor"):
                value = self._known[index] = self._tensor(name)
                return value
            if name.endswith("Storage"):
                value = self._known[index] = self._storage(name)
                return value
        value = self._known[index] = Object(name, version)
        value.fields = self.read()
        return value

    def _tensor(self, kind: str) -> Tensor:
        dimensions = self._count(self._int(), 16)
        shape = self._unpack(f"<{dimensions}q")
        strides = self._unpack(f"<{dimensions}q")
        offset = self._unpack("<q")[0] - 1
        storage = self.read()
        if storage is not None and not isinstance(storage, Storage):
            raise _DamagedError(f"a {kind} without a storage")
        if storage is not None and _element_name(storage.kind) != _element_name(kind):
            raise _DamagedError(f"a {kind} in a {storage.kind}")
        if dimensions > 32 or min(shape, default=1) < 1 or min(strides, default=0) < 0:
            raise _DamagedError(f"a {kind} of sizes {shape[:4]} and strides {strides[:4]}")
        if shape:
            last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
            if storage is None or offset < 0 or last >= len(storage.values):
                raise _DamagedError(f"a {kind} of sizes {shape[:4]} reaches beyond its storage")
        return Tensor(kind, shape, strides, offset, storage)

    def _storage(self, kind: str) -> Storage:
        element = np.dtype(_ELEMENTS[_element_name(kind)])
        count = self._count(self._unpack("<q")[0], element.itemsize)
        return Storage(kind, np.frombuffer(self._bytes(count * element.itemsize), element))

    def _function(self, function: Function) -> Function:
        self._bytes(self._int())
        function.upvalues = self.read()
        return function

    def _recursive_function(self) -> Function:
        index = self._int()
        if index in self._known:
            return self._known_of(index, Function)
        # Noted before its upvalues, which may hold the function itself.
        self._known[index] = function = Function()
        return self._function(function)

    def _known_of(self, index: int, kinds):
        value = self._known[index]
        if not isinstance(value, kinds):
            raise _DamagedError(f"object {index} is used as another type")
        return value

    def _boolean(self) -> bool:
        value = self._int()
        if value not in (0, 1):
            raise _DamagedError(f"the boolean {value}")
        return value == 1

    def _string(self) -> str:
        text = _text(self._bytes(self._int()))
        if not isinstance(text, str):
            raise _DamagedError("the name of a class that is no text")
        return text

    def _int(self) -> int:
        return self._unpack("<i")[0]

    def _count(self, count: int, smallest: int) -> int:
        """A number of things that take at least `smallest` bytes each."""
        if not 0 <= count <= (len(self._data) - self.at) // smallest:
            raise _DamagedError(f"{count} elements where the file ends (byte {self.at})")
        return count

    def _unpack(self, form: str) -> tuple:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, count: int) -> memoryview:
        if not 0 <= count <= len(self._data) - self.at:
            raise _DamagedError(f"the file ends within {count} bytes (byte {self.at})")
        begin, self.at = self.at, self.at + count
        return memoryview(self._data)[begin : self.at]


def _text(data: memoryview) -> str | bytes:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        return bytes(data)
