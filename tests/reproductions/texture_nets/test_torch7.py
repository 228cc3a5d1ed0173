"""The reader of Torch7's binary files gives back what was written, and runs nothing."""

import math
import struct

import numpy as np
import pytest

from common.errors import UserError
from common.originals import originals_dir
from reproductions.texture_nets.torch7 import Function, Object, Storage, Tensor, read_torch7
from tests.reproductions.texture_nets.torch7_writer import (
    ELEMENTS,
    LuaFunction,
    Raw,
    TorchObject,
    TorchStorage,
    TorchTensor,
    packed,
    tensor,
    write_torch7,
)


@pytest.fixture
def again(tmp_path):
    """Writes a value and reads it."""
    return lambda value: read_torch7(write_torch7(tmp_path / "value.t7", value))


PLAIN = [None, True, False, 0.0, -2.5, 1e308, -math.inf, "", "text", "späte Ühr", b"\xff\xfe\x00"]


@pytest.mark.parametrize("value", PLAIN)
def test_plain_values(again, value):
    """Nil, booleans, numbers and strings come back with their type; bytes if they are no UTF-8."""
    read = again(value)
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number(again):
    """A number may be nan."""
    assert math.isnan(again(math.nan))


def test_long_string(again):
    """Strings may hold anything, and be long."""
    text = bytes(range(256)) * 1000
    assert again(text) == text


def test_tables(again):
    """Whole numbers are keys as integers; other keys stay what they are."""
    table = {1: "a", 2: [True, None], "name": 3.0, 0.5: {}, -7: b"\x80", False: 2.0}
    read = again(table)
    assert read == {
        1: "a",
        2: {1: True, 2: None},
        "name": 3.0,
        0.5: {},
        -7: b"\x80",
        False: 2.0,
    }
    assert [type(key) for key in read] == [int, int, str, float, int, bool]


def test_true_and_the_key_1(again):
    """In Lua the keys 1 and true are two, here they are one: such a table is refused."""
    items = [packed(key) + packed(value) for key, value in ((1, "one"), (True, "true"))]
    header = struct.pack("<iii", 3, 1, len(items))
    with pytest.raises(UserError, match="same key twice"):
        again(Raw(header + b"".join(items)))


def test_a_list_is_a_table_from_1(again):
    """Lua counts from 1."""
    assert again(["a", "b"]) == {1: "a", 2: "b"}


def test_shared_table(again):
    """A table in two places is one object, and equal tables are two."""
    inner = {"x": 1.0}
    read = again([inner, inner, {"x": 1.0}])
    assert read[1] is read[2]
    assert read[1] == read[3]
    assert read[1] is not read[3]


def test_cyclic_table(again):
    """A table may hold itself."""
    table = {}
    table["self"] = table
    read = again([table])[1]
    assert read["self"] is read


def test_cyclic_object(again):
    """An object may hold itself, through a table."""
    item = TorchObject("nn.Sequential")
    item.fields = {"modules": [item]}
    read = again(item)
    assert read.get("modules")[1] is read


@pytest.mark.parametrize("version", [None, 0, 1, 2])
def test_object(again, version):
    """An object has its class, its fields, and the version if the file notes one."""
    read = again(TorchObject("nn.LeakyReLU", {"negval": 0.01}, version))
    assert isinstance(read, Object)
    assert (read.kind, read.version, read.fields) == (
        "nn.LeakyReLU",
        version or 0,
        {"negval": 0.01},
    )
    assert read.get("negval") == 0.01
    assert read.get("missing") is None
    assert read.get("missing", 3) == 3


@pytest.mark.parametrize("fields", [None, 2.0, "text", [1.0]])
def test_object_without_named_fields(again, fields):
    """A class may write something else than a table of fields."""
    item = TorchObject("some.Class")
    item.fields = fields
    read = again(item)
    assert read.fields == ({1: 1.0} if isinstance(fields, list) else fields)
    assert read.get("name", "none") == "none"


def _values(element: str, count: int = 24) -> np.ndarray:
    """All sorts of numbers of an element type, its smallest and largest among them."""
    kind = np.dtype(ELEMENTS[element])
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    values = np.random.RandomState(1).randint(0, 100, count).astype(kind)
    if kind.kind == "f":
        values[3:6] = [np.nan, np.inf, limits.tiny]
        values[6:] /= 3
    values[:3] = [limits.min, limits.max, 1]
    return values


@pytest.mark.parametrize("version", [None, 1])
@pytest.mark.parametrize("element", ELEMENTS)
def test_tensor(again, element, version):
    """A tensor of every type comes back with its shape and every bit."""
    values = _values(element).reshape(2, 3, 4)
    read = again(tensor(values, element, version))
    assert isinstance(read, Tensor)
    assert read.kind == f"torch.{element}Tensor"
    assert (read.shape, read.strides, read.offset) == ((2, 3, 4), (12, 4, 1), 0)
    assert read.array().dtype == values.dtype
    assert read.array().tobytes() == values.tobytes()


@pytest.mark.parametrize("element", ELEMENTS)
def test_storage(again, element):
    """A storage of every type comes back with every bit, read-only."""
    values = _values(element)
    read = again(TorchStorage(element, values))
    assert isinstance(read, Storage)
    assert read.kind == f"torch.{element}Storage"
    assert read.values.dtype == values.dtype
    assert read.values.tobytes() == values.tobytes()
    assert not read.values.flags.writeable


def test_empty_storage(again):
    """A storage may hold nothing."""
    assert again(TorchStorage("Long", [])).values.shape == (0,)


@pytest.mark.parametrize("storage", [None, TorchStorage("Double", []), TorchStorage("Double", [1])])
def test_empty_tensor(again, storage):
    """A tensor without dimensions is empty, with or without a storage."""
    read = again(TorchTensor(storage, element="Double"))
    assert read.shape == ()
    assert read.array().shape == (0,)
    assert read.array().dtype == np.float64
    assert (read.storage is None) == (storage is None)


def test_strides_and_offset(again):
    """A tensor may be any view of its storage."""
    values = np.arange(60, dtype=np.float32)
    storage = TorchStorage("Float", values)
    turned, every_second, row_again = again(
        [
            TorchTensor(storage, (4, 3), (1, 4), 6),
            TorchTensor(storage, (5,), (2,), 51),
            TorchTensor(storage, (3, 4), (0, 1), 8),
        ]
    ).values()
    assert np.array_equal(turned.array(), values[6:18].reshape(3, 4).T)
    assert np.array_equal(every_second.array(), values[51:60:2])
    assert np.array_equal(row_again.array(), np.tile(values[8:12], (3, 1)))


def test_arrays_are_read_only(again):
    """Nothing writes to an array that others may share."""
    array = again(tensor([1.0, 2.0])).array()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 3


def test_shared_storage_and_tensor(again):
    """Tensors of one storage share it; a tensor in two places is one object."""
    storage = TorchStorage("Cuda", np.arange(12))
    first = TorchTensor(storage, (2, 3))
    read = again({"a": first, "b": TorchTensor(storage, (6,), None, 6), "c": first, "s": storage})
    assert read["a"] is read["c"]
    assert read["a"].storage is read["b"].storage
    assert read["s"] is read["a"].storage
    assert np.array_equal(read["b"].array(), np.arange(6, 12))
    assert np.shares_memory(read["a"].array(), read["s"].values)


CODE = b"os.execute('touch ran')\x1bLJ\x01" * 3


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_function(again, kind):
    """A function gives what it had captured, and nothing of its code."""
    read = again({"f": LuaFunction(CODE, [{"name": "n", "value": 3.0}], kind), "after": "end"})
    assert isinstance(read["f"], Function)
    assert read["f"].upvalues == {1: {"name": "n", "value": 3.0}}
    assert vars(read["f"]).keys() == {"upvalues"}
    assert read["after"] == "end"


@pytest.mark.parametrize("kind", [7, 8])
def test_shared_and_recursive_function(again, kind):
    """A function in two places is one object, and may have captured itself."""
    function = LuaFunction(CODE, None, kind)
    function.upvalues = [function]
    read = again([function, function])
    assert read[1] is read[2]
    assert read[1].upvalues[1] is read[1]


def test_no_code_is_kept_or_run(again, tmp_path, monkeypatch):
    """The bytes of a function's code are in nothing that is read, and do nothing."""
    monkeypatch.chdir(tmp_path)
    module = TorchObject("nn.GenNoise", {"updateOutput": LuaFunction(CODE, [1.0]), "name": "noise"})
    read = again(
        TorchObject("nn.Sequential", {"modules": [module], "f": LuaFunction(CODE, None, 6)})
    )
    assert "execute" not in _everything(read)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["value.t7"]


def _everything(value) -> str:
    """All that can be reached from a value, as text."""
    if isinstance(value, dict):
        return "".join(_everything(k) + _everything(v) for k, v in value.items())
    if isinstance(value, (Object, Function)):
        return _everything(vars(value))
    return repr(value)


@pytest.mark.parametrize("name", ["__reduce__", "os.system", "builtins.eval", "torch.Nothing"])
def test_unknown_classes_are_only_names(again, name):
    """A class of the file is never looked up."""
    read = again(TorchObject(name, {"command": "touch ran"}))
    assert (read.kind, read.get("command")) == (name, "touch ran")


def test_nesting(again):
    """What a model needs of nesting works."""
    value = "inside"
    for _ in range(150):
        value = [value]
    read = again(value)
    for _ in range(150):
        read = read[1]
    assert read == "inside"


def test_missing_file(tmp_path):
    """A missing file and a folder are told in one line."""
    for path in (tmp_path / "none.t7", tmp_path):
        with pytest.raises(UserError, match=f"^cannot read {path}: [^\n]*$"):
            read_torch7(path)


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", b"\x80\2}q\0.", b"4\n1\n3\nV 1\n", b"\x93NUMPY" * 9]
)
def test_other_formats(tmp_path, data):
    """Empty files, zips, pickles and Torch7's own text format are refused."""
    path = tmp_path / "other.t7"
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"^{path} is no Torch7 binary file, or damaged: [^\n]*$"):
        read_torch7(path)


def test_bytes_after_the_end(tmp_path):
    """A file ends with its value."""
    path = write_torch7(tmp_path / "value.t7", {"a": 1})
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match="1 bytes after the end"):
        read_torch7(path)


def test_published_model():
    """The published model of bricks has one flat storage of the count of parameters."""
    path = originals_dir() / "texture_nets" / "models" / "bricks.png_model.t7"
    if not path.exists():
        pytest.skip("the published models are not here")
    network = read_torch7(path)
    assert (network.kind, list(network.get("modules"))) == ("nn.Sequential", list(range(1, 12)))
    last = network.get("modules")[11]
    assert (last.kind, last.get("nOutputPlane")) == ("nn.SpatialConvolution", 3)
    assert last.get("weight").shape == (3, 48, 1, 1)
    assert len(last.get("weight").storage.values) == 116755
    assert last.get("bias").storage is last.get("weight").storage
    assert last.get("bias").offset == 116755 - 3
