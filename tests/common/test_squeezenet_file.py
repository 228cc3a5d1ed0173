"""The reader of SqueezeNet's compressed weights: sound files, and that others do no harm."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.originals import originals_dir
from common.squeezenet_file import convolutions, read_squeezenet
from tests.common.squeezenet_files import encode, some_weights

WEIGHTS = some_weights()
SOUND = encode(WEIGHTS)
NAMES = [name for name, _ in convolutions()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "compressed_SqueezeNet.net"


def refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        read_squeezenet(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def start_of(name):
    """Where a convolution's part of the file begins."""
    counts = np.frombuffer(SOUND[: 4 * len(NAMES)], "<u4").tolist()
    place = 4 * len(NAMES)
    for (known, (out, _, _)), count in zip(convolutions(), counts, strict=True):
        if known == name:
            return place
        place += 4 * 256 + 4 * out + count + (count + 1) // 2
    raise KeyError(name)


def test_what_was_written_is_read(path):
    path.write_bytes(SOUND)
    found = read_squeezenet(path)
    assert list(found) == NAMES
    for name, (kernel, bias) in WEIGHTS.items():
        assert found[name][0].dtype == found[name][1].dtype == np.float32
        np.testing.assert_array_equal(found[name][0], kernel)
        np.testing.assert_array_equal(found[name][1], bias)


def test_a_convolution_may_keep_nothing(path):
    nothing = {**WEIGHTS, "fire5/squeeze1x1": (np.zeros((1, 1, 256, 32), np.float32), np.ones(32))}
    path.write_bytes(encode(nothing))
    assert not read_squeezenet(path)["fire5/squeeze1x1"][0].any()


@pytest.mark.parametrize("name", ["conv1", "fire2/squeeze1x1", "fire9/expand3x3", "conv10"])
def test_a_truncated_file_names_where_it_ends(path, name):
    refused(path, SOUND[: start_of(name) + 7], f"it ends within {name}$")


def test_a_truncated_header(path):
    refused(path, SOUND[:50], "it ends within its header")
    refused(path, b"", "it ends within its header")


def test_a_file_that_goes_on(path):
    refused(path, SOUND + b"\0", "it goes on after conv10")


def test_more_values_than_there_are(path):
    data = encode(WEIGHTS, {"fire3/expand1x1": 64 * 16 + 1})
    refused(path, data, "fire3/expand1x1 has 1025 values, not at most 1024")


def test_gaps_past_the_end(path):
    name = "fire2/squeeze1x1"
    count = int(np.frombuffer(SOUND, "<u4", 26)[NAMES.index(name)])
    gaps = start_of(name) + 4 * 256 + 4 * 16 + count
    data = bytearray(SOUND)
    data[gaps : gaps + (count + 1) // 2] = b"\xff" * ((count + 1) // 2)
    refused(path, bytes(data), f"damaged: {name} has values beyond its end")


@pytest.mark.parametrize(("at", "value"), [(0, 1.0), (40, np.nan), (4 * 256, np.inf)])
def test_a_codebook_or_bias_that_cannot_be(path, at, value):
    data = bytearray(SOUND)
    place = start_of("fire6/expand1x1") + at
    data[place : place + 4] = np.float32(value).tobytes()
    refused(path, bytes(data), "damaged: fire6/expand1x1 has a codebook or bias that cannot be")


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.net", tmp_path):
        with pytest.raises(UserError, match="cannot read"):
            read_squeezenet(path)


def test_a_large_file_is_not_read_whole(path):
    with open(path, "wb") as file:
        file.truncate(2**32)
    tracemalloc.start()
    with pytest.raises(UserError):
        read_squeezenet(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=8
    ),
    length=st.one_of(st.none(), st.integers(0, len(SOUND) + 9)),
)
def test_a_changed_file_is_read_or_refused(tmp_path_factory, changes, length):
    data = bytearray(SOUND + bytes(9))
    for place, value in changes:
        data[place] = value
    path = tmp_path_factory.getbasetemp() / "changed.net"
    path.write_bytes(data[: len(SOUND) if length is None else length])
    try:
        weights = read_squeezenet(path)
    except UserError:
        return
    assert [kernel.shape for kernel, _ in weights.values()] == [
        (side, side, channels, out) for _, (out, channels, side) in convolutions()
    ]
    assert all(np.isfinite(one).all() for pair in weights.values() for one in pair)


@pytest.mark.reference
def test_the_published_file():
    path = originals_dir() / "squeezenet" / "compressed_SqueezeNet.net"
    if not path.is_file():
        pytest.skip(f"needs {path} (ORIGINALS_DIR)")
    with np.load("tests/references/squeezenet/forward.npz") as file:
        wanted = {name: file[f"weights/{name}"] for name in NAMES}
    for name, (kernel, bias) in read_squeezenet(path).items():
        kernel = kernel.astype(np.float64)
        found = [kernel.sum(), abs(kernel).sum(), np.linalg.norm(kernel), (kernel != 0).sum()]
        np.testing.assert_allclose([*found, bias.sum(dtype=float)], wanted[name], rtol=1e-12)
