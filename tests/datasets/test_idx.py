"""MNIST's file format: what is written comes back, and damaged files give one line."""

import gzip
import itertools
import struct
import tracemalloc

import numpy as np
import pytest

from common.errors import UserError
from common.originals import originals_dir
from datasets.idx import read_idx, write_idx

#: Whatever a small file says, reading it takes no more memory than this.
MOST_MEMORY = 4 * 2**20

#: The format's types, as the third byte of a file tells them.
TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

#: What a byte is changed by.
ONE_BIT = [1 << bit for bit in range(8)]

PACKINGS = {"plain": lambda data: data, "gzip": lambda data: gzip.compress(data, mtime=0)}


@pytest.fixture(params=PACKINGS)
def packing(request):
    return PACKINGS[request.param]


@pytest.fixture
def array():
    return np.random.RandomState(0).randint(0, 256, (2, 3, 5)).astype(np.uint8)


@pytest.fixture
def read(tmp_path):
    """Reads bytes: gives the array, or the one error allowed."""
    path = tmp_path / "file"

    def read(data: bytes):
        path.write_bytes(data)
        try:
            found = read_idx(path)
        except UserError as error:
            assert str(error).isprintable() and str(path) in str(error)
            assert len(str(error)) < 600
            return error
        assert isinstance(found, np.ndarray)
        return found

    return read


def header(shape, kind=0x08) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def bytes_of(array) -> bytes:
    """A file of bytes, written by its description."""
    return header(array.shape) + array.tobytes()


def mnist(name):
    """The path of one of MNIST's own files."""
    path = originals_dir() / "mnist" / name
    if not path.exists():
        pytest.skip("MNIST is not here")
    return path


LABELS, IMAGES = "t10k-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"


def test_labels_of_mnist():
    """They are the ones known, as often as known."""
    labels = read_idx(mnist(LABELS))
    assert labels.shape == (10000,) and labels.dtype == np.uint8
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    each = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(labels).tolist() == each


def test_pictures_of_mnist():
    """They are 10,000 white digits on black, of the mean known for this set."""
    pictures = read_idx(mnist(IMAGES))
    assert pictures.shape == (10000, 28, 28) and pictures.dtype == np.uint8
    assert pictures.min() == 0 and pictures.max() == 255
    assert pictures[:, 0].max(axis=1).astype(bool).mean() < 0.01
    assert pictures.mean() / 255 == pytest.approx(0.1325, abs=1e-4)


@pytest.mark.parametrize("name", [LABELS, IMAGES])
def test_mnist_rewritten(tmp_path, name):
    """A file of MNIST's, read and written, has the same bytes."""
    path = mnist(name)
    write_idx(read_idx(path), tmp_path / "plain")
    written = (tmp_path / "plain").read_bytes()
    assert written == gzip.decompress(path.read_bytes())


@pytest.mark.parametrize("kind", TYPES)
def test_every_type(read, packing, kind):
    """Numbers of all types of the format are read, in the machine's byte order."""
    values = np.array([[0, 1, 2], [-3, 100, -128]]).astype(kind)
    found = read(packing(header((2, 3), TYPES[kind]) + values.astype(f">{kind}").tobytes()))
    assert found.dtype == np.dtype(kind) and found.dtype.isnative
    np.testing.assert_array_equal(found, values)


SHAPES = [(), (1,), (7,), (3, 4), (2, 3, 5), (1, 1, 1, 9), (1,) * 32]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["a-idx", "a-idx.gz"])
def test_round_trip(tmp_path, name, shape):
    """What is written comes back, and is compressed if the name says so."""
    array = np.random.RandomState(1).randint(0, 256, shape, np.uint8)
    write_idx(np.asarray(array), tmp_path / name)
    found = read_idx(tmp_path / name)
    assert found.dtype == np.uint8 and found.shape == shape
    np.testing.assert_array_equal(found, array)
    packed = (tmp_path / name).read_bytes()
    data = gzip.decompress(packed) if name.endswith(".gz") else packed
    assert data == header(shape) + np.asarray(array).tobytes()


def test_an_array_in_another_order(tmp_path, array):
    """An array that is no block of memory is written as it is indexed."""
    write_idx(array.T[::-1], tmp_path / "a")
    np.testing.assert_array_equal(read_idx(str(tmp_path / "a")), array.T[::-1])


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_written_twice(tmp_path, monkeypatch, array, name):
    """The same array gives the same bytes, at any time and under any name."""
    write_idx(array, tmp_path / name)
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_idx(read_idx(tmp_path / name), tmp_path / f"b{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"b{name}").read_bytes()


def test_what_is_read_can_be_written_to(read, array):
    """The array is one's own."""
    found = read(bytes_of(array))
    found += 1
    np.testing.assert_array_equal(found, array + np.uint8(1))


def test_writing_where_no_folder_is(tmp_path, array):
    """A file that cannot be written is told of in one line."""
    with pytest.raises(UserError, match="cannot write"):
        write_idx(array, tmp_path / "none" / "a")


def test_cut_at_every_byte(read, packing, array):
    """A file that ends early is refused, wherever it ends."""
    data = packing(bytes_of(array))
    assert np.array_equal(read(data), array)
    for end in range(len(data)):
        assert isinstance(read(data[:end]), UserError), end


def test_longer_than_it_says(read, packing, array):
    """So is one with more numbers than its shape has."""
    assert "too long" in str(read(packing(bytes_of(array) + b"\0")))


@pytest.fixture(params=[ONE_BIT, pytest.param(range(1, 256), marks=pytest.mark.slow)], ids=len)
def changes(request):
    """From a file's bytes to every one of them changed, by one bit or all ways, and where."""

    def changes(data):
        for at, mask in itertools.product(range(len(data)), request.param):
            yield at, data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]

    return changes


def test_every_byte_changed(read, changes, array):
    """A wrong byte of a plain file gives one line, or the numbers that are there."""
    for at, changed in changes(bytes_of(array)):
        found = read(changed)
        if at >= 16:
            assert found.tobytes() == changed[16:] and found.shape == array.shape
        elif at not in (2, 3):
            assert isinstance(found, UserError)
        elif not isinstance(found, UserError):
            # Bytes of another sign, or other dimensions that happen to fit.
            assert found.dtype.itemsize == 1 and changed.endswith(found.tobytes())


def test_every_byte_of_a_packed_file_changed(read, changes, array):
    """A wrong byte of a packed file gives one line, or the right numbers: a sum guards them."""
    data = gzip.compress(bytes_of(array), mtime=0)
    for at, changed in changes(data):
        found = read(changed)
        assert isinstance(found, UserError) or np.array_equal(found, array)
        if at < 2 or at >= len(data) - 8:
            assert isinstance(found, UserError)
        elif 4 <= at < 10:
            # The time, how hard it was packed, and the system.
            assert isinstance(found, np.ndarray)


def test_random_damage(read, packing, array):
    """Bytes overwritten, put in and left out give an array or one line."""
    data, random, refused = packing(bytes_of(array)), np.random.RandomState(3), 0
    for _ in range(400):
        refused += isinstance(read(damaged(data, random)), UserError)
    assert refused > 200


def damaged(data: bytes, random) -> bytes:
    """One to three places of a file changed."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at, kind = random.randint(len(changed)), random.randint(4)
        if kind == 0:
            changed[at : at + 4] = random.bytes(4)
        elif kind == 1:
            changed[at : at + 4] = struct.pack(">I", random.choice([0, 1, 3, 2**31, 2**32 - 1]))
        elif kind == 2:
            del changed[at : at + random.randint(1, 10)]
        else:
            changed[at:at] = random.bytes(random.randint(1, 10))
    return bytes(changed) or b"\0"


ABSURD = {
    "nothing": (0,),
    "no rows": (5, 0, 5),
    "half a GiB": (2**29,),
    "nearly 2 GiB": (2**31 - 1,),
    "above 2 GiB": (2**31 + 1,),
    "most": (2**32 - 1,) * 3,
    "a product that wraps to 0": (2**32 - 1, 2**16, 2**16, 2**16, 2**16),
    "a product that wraps to 10": (2**31, 2**31, 4, 10),
    "most of all": (2**32 - 1,) * 255,
}


@pytest.mark.parametrize("kind", [0x08, 0x0E])
@pytest.mark.parametrize("shape", ABSURD.values(), ids=ABSURD)
def test_absurd_shapes(read, packing, shape, kind):
    """A shape that is not there is refused, and takes no memory."""
    data = packing(header(shape, kind) + b"12345678")
    tracemalloc.start()
    try:
        found = read(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found, UserError) and peak < MOST_MEMORY


@pytest.mark.parametrize("shape", [(1,) * 65, (1,) * 255], ids=len)
def test_more_dimensions_than_numpy_has(read, shape):
    """A file that keeps its word, but has too many dimensions, gives one line."""
    assert isinstance(read(header(shape) + b"1"), UserError)


STRANGE = {
    "empty": b"",
    "text": b"7, 2, 1, 0, 4\n",
    "a PNG's beginning": b"\x89PNG\r\n\x1a\n",
    "packed nothing": gzip.compress(b""),
    "packed text": gzip.compress(b"text"),
    "packed twice": gzip.compress(gzip.compress(header((1,)) + b"1")),
    "two bytes of gzip": b"\x1f\x8b",
    "gzip and garbage": gzip.compress(header((1,)) + b"1") + b"garbage",
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_other_files(read, data):
    """What is no IDX file gives one line."""
    assert isinstance(read(data), UserError)


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(TYPES.values())))
def test_unknown_types(read, kind):
    """There are no types but these six."""
    assert "no IDX file" in str(read(header((1,), kind) + b"12345678"))


def test_no_file(tmp_path):
    """A missing file and a folder give one line."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UserError, match="cannot read"):
            read_idx(path)
