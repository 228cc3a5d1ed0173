"""Damaged and malicious Torch7 files give a value or one line, and take little memory."""

import contextlib
import itertools
import struct
import tracemalloc

import numpy as np
import pytest

from common.errors import UserError
from common.originals import originals_dir
from reproductions.texture_nets.torch7 import Function, Object, Storage, Tensor, read_torch7
from tests.reproductions.texture_nets.torch7_writer import (
    LuaFunction,
    TorchObject,
    TorchStorage,
    TorchTensor,
    packed,
    tensor,
)

#: Whatever a file says, reading it takes no more memory than this.
MOST_MEMORY = 64 * 2**20


@pytest.fixture(scope="module")
def model() -> bytes:
    """Something with all types, like a small model."""
    storage = TorchStorage("Float", np.arange(40))
    convolution = {
        "kW": 3,
        "weight": TorchTensor(storage, (2, 2, 3, 1)),
        "bias": TorchTensor(storage, (2,), None, 12),
        "output": TorchTensor(None, element="Double"),
    }
    noise = TorchObject("nn.GenNoise", {"f": LuaFunction(b"code", [1.0, "up"])}, None)
    function = LuaFunction(b"more", None, 7)
    function.upvalues = {"self": function, "old": LuaFunction(b"oldest", None, 6)}
    size = TorchStorage("Long", [16, 3, 8, 8])
    modules = [TorchObject("nn.SpatialConvolution", convolution), noise]
    fields = {"modules": modules, "train": True, "size": size, "f": function, 0.5: b"\xff"}
    return packed(TorchObject("nn.Sequential", fields))


@pytest.fixture
def read(tmp_path):
    """Reads bytes: gives the value, or the text of the one error allowed."""
    path = tmp_path / "model.t7"

    def read(data: bytes):
        path.write_bytes(data)
        try:
            value = read_torch7(path)
        except UserError as error:
            return one_line(error)
        look_at(value)
        return value

    return read


def one_line(error: UserError) -> UserError:
    """Checks that it can be shown to a user."""
    assert str(error).isprintable(), str(error)
    assert len(str(error)) < 600
    return error


def look_at(value) -> None:
    """Checks that all that can be reached from a value is plain, and reads every array."""
    seen, todo = set(), [value]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            todo += itertools.chain(*item.items())
        elif isinstance(item, Object):
            todo.append(item.fields)
        elif isinstance(item, Function):
            todo.append(item.upvalues)
        elif isinstance(item, Tensor):
            todo.append(item.storage)
            assert all(size > 0 for size in item.shape)
            if np.prod(item.shape, dtype=object) < 2**24:
                item.array().tobytes()
        elif isinstance(item, Storage):
            item.values.tobytes()
        else:
            assert item is None or isinstance(item, (bool, float, int, str, bytes))


@contextlib.contextmanager
def little_memory():
    """Checks that what is done inside takes little memory."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


def test_undamaged(read, model):
    """The model of these tests can be read."""
    assert read(model).get("modules")[1].get("weight").array().sum() == sum(range(12))


def test_cut_at_every_byte(read, model):
    """A file that ends early is refused, wherever it ends."""
    with little_memory():
        for end in range(len(model)):
            assert isinstance(read(model[:end]), UserError)


def test_every_byte_changed(read, model):
    """A wrong byte gives a value or one line."""
    refused = 0
    with little_memory():
        for at, mask in itertools.product(range(len(model)), (0x01, 0xFF)):
            data = bytearray(model)
            data[at] ^= mask
            refused += isinstance(read(bytes(data)), UserError)
    assert 300 < refused < 2 * len(model)


def test_random_damage(read, model):
    """Bytes overwritten, put in, left out and moved give a value or one line."""
    random = np.random.RandomState(3)
    refused = 0
    with little_memory():
        for _ in range(1000):
            refused += isinstance(read(damaged(model, random)), UserError)
    assert refused > 500


def damaged(data: bytes, random) -> bytes:
    """One to three places of a file changed."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at, kind = random.randint(len(changed)), random.randint(5)
        if kind == 0:
            changed[at : at + 4] = struct.pack("<i", _number(random, 31))
        elif kind == 1:
            changed[at : at + 8] = struct.pack("<q", _number(random, 63))
        elif kind == 2:
            del changed[at : at + random.randint(1, 20)]
        elif kind == 3:
            changed[at:at] = random.bytes(random.randint(1, 20))
        else:
            begin = random.randint(len(data))
            changed[at : at + 16] = data[begin : begin + 16]
    return bytes(changed)


def _number(random, bits: int) -> int:
    """A whole number that sizes and types may be damaged to: small, negative or huge."""
    choices = [random.randint(-2, 12), -(2**bits), 2**bits - 1, 2 ** (bits - 1), 2**30, 2**24]
    return int(choices[random.randint(len(choices))])


def _place(data: bytes, part: bytes, within: int = 0) -> int:
    """Where a part stands in the bytes; it must be there once."""
    assert data.count(part) == 1
    return data.index(part) + within


SIZES = [2**62, 2**61, 2**63 - 1, 2**40, 9, 41, -1, -(2**63)]


@pytest.mark.parametrize("size", SIZES)
def test_storage_of_absurd_size(read, size):
    """A storage larger than the file is refused before any memory is taken."""
    with little_memory():
        assert isinstance(read(packed(TorchStorage("Double", [1.0], size))), UserError)
        assert isinstance(read(packed(TorchStorage("CudaHalf", [1.0], size))), UserError)


@pytest.mark.parametrize("length", [-1, -(2**31), 2**31 - 1, 6])
@pytest.mark.parametrize("before", ["<i", "<iii", "<ii"])
def test_string_of_absurd_length(read, length, before):
    """So are strings, names of classes and code of functions."""
    kinds = {"<i": (2,), "<ii": (6,), "<iii": (4, 1)}[before]
    data = struct.pack(f"<{len(kinds)}i", *kinds) + struct.pack("<i", length) + b"short"
    with little_memory():
        assert isinstance(read(data), UserError)


@pytest.mark.parametrize("count", [2**31 - 1, -1, -(2**31), 2**24])
def test_table_of_absurd_count(read, count):
    """So are tables."""
    with little_memory():
        assert isinstance(read(struct.pack("<iii", 3, 1, count) + b"\0" * 64), UserError)


@pytest.mark.parametrize("dimensions", [1000, 33, 2**31 - 1, -1, -(2**31)])
def test_tensor_of_absurd_dimensions(read, dimensions):
    """So are tensors with more dimensions than any has."""
    data = packed(TorchTensor(TorchStorage("Float", [1.0]), (1,) * 1000))
    at = _place(data, struct.pack("<i", 1000))
    with little_memory():
        changed = data[:at] + struct.pack("<i", dimensions) + data[at + 4 :]
        assert isinstance(read(changed), UserError)


BAD_TENSORS = {
    "one too many": ((13,), (1,), 0),
    "one too far": ((12,), (1,), 1),
    "before the storage": ((2,), (1,), -1),
    "far before the storage": ((2,), (1,), -(2**62)),
    "far behind the storage": ((2,), (1,), 2**62),
    "wide strides": ((2, 2), (11, 1), 0),
    "huge strides": ((2,), (2**62,), 0),
    "strides that add up to 0": ((2, 2), (2**62, -(2**62)), 0),
    "a product that wraps to 0": ((2**32, 2**32), (2**32, 1), 0),
    "no rows": ((0, 3), (3, 1), 0),
    "fewer than no rows": ((-1,), (1,), 0),
    "fewest rows": ((-(2**63),), (1,), 0),
    "backwards": ((3,), (-1,), 2),
    "backwards, far": ((3,), (-(2**63),), 2),
}


@pytest.mark.parametrize("shape, strides, offset", BAD_TENSORS.values(), ids=BAD_TENSORS)
def test_tensor_beyond_its_storage(read, shape, strides, offset):
    """A tensor that is no view of its storage is refused."""
    storage = TorchStorage("Float", np.arange(12))
    with little_memory():
        refused = read(packed(TorchTensor(storage, shape, strides, offset)))
    assert isinstance(refused, UserError)


@pytest.mark.parametrize("stride", [2**60, 2**62, 2**63 - 1])
def test_stride_of_a_single_row(read, stride):
    """Where there is one row, its stride is of no effect, however large."""
    value = read(packed(TorchTensor(TorchStorage("Float", np.arange(3)), (3, 1), (1, stride))))
    assert isinstance(value, UserError) or np.array_equal(value.array(), [[0], [1], [2]])


@pytest.mark.parametrize("shape", [(2**40,), (2**62, 2**62), (2**31,) * 32])
def test_many_times_the_same(read, shape):
    """A tensor with strides 0 takes no memory, whatever its size."""
    with little_memory():
        value = read(packed(TorchTensor(TorchStorage("Byte", [7]), shape, (0,) * len(shape))))
    assert isinstance(value, UserError) or value.storage.values.tolist() == [7]


WRONG = {
    "of another type": TorchTensor(TorchStorage("Double", [1, 2]), (2,), element="Float"),
    "a tensor": TorchTensor(tensor([1.0]), (1,), element="Float"),
    "a table": TorchTensor([1.0], (1,), element="Float"),
    "a string": TorchTensor("storage", (1,), element="Float"),
    "an object": TorchTensor(TorchObject("torch.Storage"), (1,), element="Float"),
    "nothing": TorchTensor(None, (1,), element="Float"),
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_wrong_storage(read, value):
    """A tensor's storage is a storage, of its element type."""
    assert isinstance(read(packed(value)), UserError)


def test_number_of_another_thing(read):
    """What is shared must be of the type that it is used as."""
    kinds = {3: b"\0\0\0\0", 4: packed(TorchStorage("Byte", []))[8:], 8: packed("")[4:] + b"\0" * 4}
    for (first, content), second in itertools.product(kinds.items(), kinds):
        if first != second:
            item = struct.pack("<ii", first, 7) + content
            pair = packed(1) + item + packed(2) + struct.pack("<ii", second, 7)
            assert isinstance(read(struct.pack("<iii", 3, 1, 2) + pair), UserError)


def test_storage_within_itself(read):
    """A tensor cannot be its own storage."""
    data = packed(TorchTensor(None, (1,), element="Float"))
    assert isinstance(read(data[:-4] + struct.pack("<ii", 4, 1)), UserError)


NESTINGS = {
    "tables": lambda i: struct.pack("<iii", 3, i, 1) + packed(1),
    "tables as keys": lambda i: struct.pack("<iii", 3, i, 1),
    "objects": lambda i: struct.pack("<ii", 4, i) + packed("A")[4:],
    "functions": lambda i: struct.pack("<ii", 6, 0),
    "old recursive functions": lambda i: struct.pack("<iii", 7, i, 0),
    "recursive functions": lambda i: struct.pack("<iii", 8, i, 0),
    "tensors": lambda i: packed(TorchTensor(None, element="Byte"))[:-4],
}


@pytest.mark.parametrize("depth", [100, 10_000])
@pytest.mark.parametrize("layer", NESTINGS.values(), ids=NESTINGS)
def test_deep_nesting(read, layer, depth):
    """Values within values are refused when too deep, before Python gives up."""
    with little_memory():
        value = read(b"".join(layer(i) for i in range(1, depth + 1)) + packed(None) * 2)
    assert depth == 100 or isinstance(value, UserError)


@pytest.mark.parametrize("name", NESTINGS)
def test_as_deep_as_allowed(read, name):
    """At every depth below that it is a value or one line, too."""
    for depth in range(150, 450, 7):
        read(b"".join(NESTINGS[name](i) for i in range(1, depth + 1)) + packed(None))


def test_unknown_types(read):
    """There are no types but these nine."""
    for kind in (9, 10, 255, -1, 2**31 - 1, -(2**31)):
        assert "there is no type" in str(read(struct.pack("<i", kind) + b"\0" * 40))


@pytest.mark.parametrize("value", [2, -1, 2**31 - 1])
def test_booleans(read, value):
    """A boolean is 0 or 1."""
    assert isinstance(read(struct.pack("<ii", 5, value)), UserError)


KEYS = [{"a": 1}, TorchStorage("Byte", [1]), tensor([1.0]), TorchObject("A"), None, np.nan, np.inf]


@pytest.mark.parametrize("key", [*KEYS, 1e300, -0.0, b"\xff"])
def test_strange_keys(read, key):
    """Any key gives a value or one line."""
    read(struct.pack("<iii", 3, 99, 1) + packed(key) + packed(None))


VERSIONS = ["V ", "V x", "V 1.5", "V -1", "V " + "9" * 5000, "V 1\n", "V \x1b[31m", "V ٣"]


@pytest.mark.parametrize("version", VERSIONS)
def test_strange_versions(read, version):
    """Any version gives a value or one line."""
    read(struct.pack("<ii", 4, 1) + b"".join(packed(x)[4:] for x in (version, "A")) + packed({}))


KINDS = [
    "torch.FloatTensorStorage",
    "torch.Float",
    "torch.Storage",
    "torch.Tensor",
    "torch.",
    "",
    "V",
]


@pytest.mark.parametrize("kind", [*KINDS, "torch.VoidTensor", "Float", "V", "V 1", b"\xff\xfe"])
def test_strange_classes(read, kind):
    """Any class gives a value or one line."""
    read(packed(TorchObject(kind, {"a": 1})))
    read(packed(TorchObject(kind, {"a": 1}, None)))


def test_published_model_damaged(read):
    """So does a published model, damaged anywhere."""
    path = originals_dir() / "texture_nets" / "models" / "mosaic_style.t7"
    if not path.exists():
        pytest.skip("the published models are not here")
    data, random = path.read_bytes(), np.random.RandomState(4)
    with little_memory():
        for end in random.randint(0, len(data), 20):
            assert isinstance(read(data[:end]), UserError)
        for _ in range(30):
            read(damaged(data, random))
