"""MNIST from its own files and through Keras."""

import io

import keras
import numpy as np
import pytest

from common.errors import UserError
from common.originals import originals_dir
from datasets.idx import write_idx
from datasets.mnist import download_mnist, is_idx, read_mnist

TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


@pytest.fixture(params=["", ".gz"], ids=["plain", "gzip"])
def ending(request):
    return request.param


def digits(count, first=0):
    """Pictures that tell their number, of a size of their own, and their labels."""
    numbers = np.arange(first, first + count, dtype=np.uint8)
    return np.broadcast_to(numbers[:, None, None], (count, 6, 4)).copy(), numbers % 10


def write(folder, images_name, images, labels=None):
    """Writes files as MNIST's are named; gives the path of the pictures."""
    write_idx(images, folder / images_name)
    if labels is not None:
        write_idx(labels, folder / images_name.replace("images-idx3", "labels-idx1"))
    return folder / images_name


@pytest.mark.parametrize("of", ["file", "folder"])
def test_pictures_and_labels(tmp_path, ending, of):
    """They are read from a file and the one beside it, or from their folder."""
    images, labels = digits(5)
    path = write(tmp_path, TRAIN + ending, images, labels)
    found = read_mnist(path if of == "file" else str(tmp_path))
    for one, other in zip(found, (images, labels), strict=True):
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("of", ["file", "folder"])
def test_no_labels(tmp_path, ending, of):
    """Where there is no file of labels there are none."""
    path = write(tmp_path, TEST + ending, digits(3)[0])
    images, labels = read_mnist(path if of == "file" else tmp_path)
    assert images.shape == (3, 6, 4) and labels is None


def test_a_file_of_another_name(tmp_path):
    """A file that is not named as MNIST's has no labels beside it, least of all itself."""
    write_idx(digits(3)[0], tmp_path / "mine.idx")
    images, labels = read_mnist(tmp_path / "mine.idx")
    assert len(images) == 3 and labels is None


def test_training_digits_first(tmp_path, ending):
    """Of a folder with both the training digits are taken, with their own labels."""
    write(tmp_path, TEST + ending, *digits(3))
    write(tmp_path, TRAIN + ending, *digits(4, 50))
    images, labels = read_mnist(tmp_path)
    np.testing.assert_array_equal(images[:, 0, 0], [50, 51, 52, 53])
    np.testing.assert_array_equal(labels, [0, 1, 2, 3])


def test_a_file_wins_over_its_folder(tmp_path, ending):
    """A file named is the one that is read."""
    write(tmp_path, TRAIN + ending, *digits(4, 50))
    images, labels = read_mnist(write(tmp_path, TEST + ending, *digits(3)))
    assert images[:, 0, 0].tolist() == labels.tolist() == [0, 1, 2]


MISFITS = {
    "too few": np.zeros(4, np.uint8),
    "too many": np.zeros(6, np.uint8),
    "a column": np.zeros((5, 1), np.uint8),
    "pictures": np.zeros((5, 6, 4), np.uint8),
}


@pytest.mark.parametrize("labels", MISFITS.values(), ids=MISFITS)
def test_labels_that_do_not_fit(tmp_path, labels):
    """They are refused by name."""
    path = write(tmp_path, TRAIN, digits(5)[0], labels)
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte does not fit .*: 5 pictures"):
        read_mnist(path)


def test_labels_of_another_type(tmp_path):
    """Labels are bytes."""
    path = write(tmp_path, TRAIN, digits(5)[0])
    signed = bytes([0, 0, 0x09, 1, 0, 0, 0, 5]) + b"12345"
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(signed)
    with pytest.raises(UserError, match="does not fit"):
        read_mnist(path)


@pytest.mark.parametrize(
    "array", [digits(5)[1], digits(5)[0][None]], ids=["labels", "4 dimensions"]
)
def test_no_pictures(tmp_path, array):
    """A file of something else is refused."""
    with pytest.raises(UserError, match="holds no pictures"):
        read_mnist(write(tmp_path, TRAIN, array))


def test_pictures_of_another_type(tmp_path):
    """Pictures are bytes."""
    floats = bytes([0, 0, 0x0D, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]) + bytes(4)
    (tmp_path / TRAIN).write_bytes(floats)
    with pytest.raises(UserError, match="holds no pictures: float32"):
        read_mnist(tmp_path)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_damaged(tmp_path, kind):
    """A damaged file is told of by name, be it pictures or labels."""
    path = write(tmp_path, TRAIN, *digits(5))
    damaged = tmp_path / f"train-{kind}-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"train-{kind}-ubyte is cut short"):
        read_mnist(path)


@pytest.mark.parametrize("there", ["nothing", "labels", "no folder"])
def test_nothing_to_read(tmp_path, there):
    """A folder without pictures gives one line, and so does a path of nothing."""
    folder = tmp_path / "none" if there == "no folder" else tmp_path
    if there == "labels":
        write_idx(digits(5)[1], tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(UserError):
        read_mnist(folder)


def test_what_is_mnist(tmp_path, ending):
    """It is a file of pictures, by its name, or a folder with one."""
    path = write(tmp_path, TEST + ending, *digits(2))
    assert is_idx(path) and is_idx(str(path)) and is_idx(tmp_path)
    labels = tmp_path / f"t10k-labels-idx1-ubyte{ending}"
    assert labels.is_file() and not is_idx(labels)
    (tmp_path / "other").mkdir()
    assert not is_idx(tmp_path / "other") and not is_idx(tmp_path / TRAIN)


def test_mnist_itself():
    """The ten thousand digits for testing are read from their folder."""
    folder = originals_dir() / "mnist"
    if not folder.exists():
        pytest.skip("MNIST is not here")
    assert is_idx(folder)
    images, labels = read_mnist(folder)
    assert images.shape == (10000, 28, 28) and labels.shape == (10000,)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.fixture
def in_place_of_keras(monkeypatch):
    """Replaces what Keras does."""
    return lambda load: monkeypatch.setattr(keras.datasets.mnist, "load_data", load)


def test_through_keras(in_place_of_keras, capfd):
    """The training digits are taken, and nothing is printed."""

    def load():
        print("Downloading data from https://...")
        return digits(4, 50), digits(3)

    in_place_of_keras(load)
    images, labels = download_mnist()
    np.testing.assert_array_equal(images, digits(4, 50)[0])
    np.testing.assert_array_equal(labels, [0, 1, 2, 3])
    assert capfd.readouterr() == ("", "")


def fail(error):
    """In place of a download; it fails after its first line."""

    def load():
        print("Downloading data from https://...")
        raise error

    return load


ERRORS = {
    "no network": Exception("URL fetch failure on https://a/mnist.npz: None -- [Errno -2] No name"),
    "two lines": ValueError("Incomplete or corrupted file detected.\nThe hash does not match."),
    "no room": OSError(28, "No space left on device"),
    "no key": KeyError("x_train"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_keras_fails(in_place_of_keras, capfd, error):
    """Whatever goes wrong is told of in one line; nothing is printed."""
    in_place_of_keras(fail(error))
    with pytest.raises(UserError, match=r"MNIST cannot be had: .") as refused:
        download_mnist()
    assert str(refused.value).isprintable()
    assert str(error).split("\n")[0] in str(refused.value)
    assert capfd.readouterr() == ("", "")


def archive(**arrays) -> bytes:
    """The bytes of a file of NumPy's."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


DAMAGED = {
    "empty": b"",
    "cut short": archive(x_train=np.zeros(100))[:300],
    "text": b"<html>Service unavailable</html>",
    "of other arrays": archive(a=np.zeros(3)),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damaged_archive(in_place_of_keras, tmp_path, data):
    """So is a damaged file, which Keras would read like this."""
    (tmp_path / "mnist.npz").write_bytes(data)

    def load():
        with np.load(tmp_path / "mnist.npz", allow_pickle=True) as file:
            return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])

    in_place_of_keras(load)
    with pytest.raises(UserError, match=r"MNIST cannot be had: .") as refused:
        download_mnist()
    assert str(refused.value).isprintable()


def test_interrupted(in_place_of_keras):
    """Ctrl-C ends a download, and is no missing MNIST."""
    in_place_of_keras(fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        download_mnist()
