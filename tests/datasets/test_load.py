"""The pictures to learn from, wherever they come from."""

import keras
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from datasets import load
from datasets.digits import draw_digits
from datasets.idx import write_idx
from datasets.load import Data, is_folder, load_data

DIGITS = [str(digit) for digit in range(10)]

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def numbered(count):
    """Stands for MNIST: pictures of random pixels, and labels."""
    random = np.random.RandomState(count)
    images = random.randint(0, 256, (count, 28, 28)).astype(np.uint8)
    return images, random.randint(0, 10, count).astype(np.uint8)


@pytest.fixture
def mnist(monkeypatch):
    """MNIST as Keras has it, with twelve digits."""
    found = numbered(12)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (found, numbered(3)))
    return found


@pytest.fixture
def no_mnist(monkeypatch):
    """A machine that neither has MNIST nor a network; it draws few digits."""

    def fail():
        print("Downloading data from https://...")
        raise Exception("URL fetch failure on https://a/mnist.npz: None -- [Errno -2] No name")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    monkeypatch.setattr(load, "DRAWN", 30)


@pytest.fixture
def files(tmp_path):
    """A folder with files as MNIST's."""
    folder = tmp_path / "files"
    folder.mkdir()
    images, labels = numbered(9)
    write_idx(images, folder / f"{IMAGES}.gz")
    write_idx(labels, folder / f"{LABELS}.gz")
    return folder


@pytest.fixture
def own(tmp_path):
    """From file names to a folder of pictures, each of its own colour."""

    def own(*names):
        for number, name in enumerate(names):
            path = tmp_path / "own" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (50, 20), (number, 100, 200)).save(path)
        return tmp_path / "own"

    return own


def check_digits(found, images, labels):
    """Pictures and labels are these, and grey."""
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, images[..., None])
    np.testing.assert_array_equal(found.labels, labels)
    assert np.issubdtype(found.labels.dtype, np.signedinteger)
    assert found.classes == DIGITS


def test_mnist(mnist, capfd):
    """MNIST comes as it is, and nothing is said."""
    name, found = load_data("mnist")
    assert name == found.name == "mnist"
    check_digits(found, *mnist)
    assert capfd.readouterr() == ("", "")


def test_mnist_by_default(mnist, capfd):
    """It is taken if nothing is asked for."""
    name, found = load_data(None)
    assert name == found.name == "mnist"
    check_digits(found, *mnist)
    assert capfd.readouterr() == ("", "")


def test_no_mnist_by_default(no_mnist, capfd):
    """If it cannot be had digits are drawn, and one line says so."""
    name, found = load_data(None)
    assert name == found.name == "digits"
    check_digits(found, *draw_digits(30, 0))
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("warning: MNIST cannot be had: URL fetch failure")
    assert "--dataset digits" in err


def test_no_mnist_keeps_the_other_flags(no_mnist, capfd):
    """The digits drawn instead are as many, as large and as colourful as asked for."""
    assert load_data(None, 7, (12, 8), "rgb")[1].images.shape == (7, 12, 8, 3)
    assert capfd.readouterr().err.count("warning: ") == 1


def test_no_mnist_when_asked_for(no_mnist, capfd):
    """MNIST asked for and not to be had is an error."""
    with pytest.raises(UserError, match="MNIST cannot be had: URL fetch failure"):
        load_data("mnist")
    assert capfd.readouterr() == ("", "")


def test_digits(capfd):
    """Digits are drawn, as many as asked for."""
    name, found = load_data("digits", 21)
    assert name == found.name == "digits"
    check_digits(found, *draw_digits(21, 0))
    assert capfd.readouterr() == ("", "")


def test_as_many_digits_as_mnist(monkeypatch):
    """If no number is given there are as many as MNIST's for training."""
    asked = []

    def draw(count, seed):
        asked.append((count, seed))
        return draw_digits(3, seed)

    monkeypatch.setattr(load, "draw_digits", draw)
    load_data("digits")
    assert asked == [(60000, 0)]


@pytest.mark.parametrize("of", ["folder", "file"])
def test_files_of_mnist(files, of):
    """MNIST's files are read by their name or their folder's."""
    dataset = str(files if of == "folder" else files / f"{IMAGES}.gz")
    name, found = load_data(dataset)
    assert name == dataset and found.name == ("files" if of == "folder" else "train")
    check_digits(found, *numbered(9))


def test_files_without_labels(files):
    """Where no labels are there are none."""
    (files / f"{LABELS}.gz").unlink()
    _, found = load_data(str(files))
    assert found.labels is None and len(found.images) == 9


def test_flat_folder(own, capfd):
    """Pictures of one's own are RGB, 28x28, and of no class."""
    folder = own("b.png", "a.png", "c.jpg")
    name, found = load_data(str(folder))
    assert name == str(folder) and found.name == "own"
    assert found.images.shape == (3, 28, 28, 3) and found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images[:2, 5, 5], [(1, 100, 200), (0, 100, 200)])
    assert found.labels is None and capfd.readouterr() == ("", "")


def test_classes(own):
    """Subfolders are classes, numbered by their names' order."""
    _, found = load_data(str(own("dog/a.png", "cat/a.png", "cat/b.png", "eel/a.png")))
    assert found.labels.tolist() == [0, 0, 1, 2] and found.classes == ["cat", "dog", "eel"]
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 0, 3]


def test_one_class(own):
    """A single subfolder tells nothing apart."""
    _, found = load_data(str(own("cat/a.png", "cat/b.png")))
    assert found.labels is None and found.images.shape == (2, 28, 28, 3)


def test_broken_pictures_of_a_class(own, capfd):
    """What is left out has no label; a class of nothing else is none."""
    folder = own("cat/a.png", "cat/b.png", "dog/a.png", "eel/a.png")
    for name in ("cat/a.png", "dog/a.png"):
        (folder / name).write_bytes(b"no picture")
    _, found = load_data(str(folder))
    assert found.labels.tolist() == [0, 1] and found.classes == ["cat", "eel"]
    assert found.images[:, 0, 0, 0].tolist() == [1, 3]
    assert capfd.readouterr().err.count("\n") == 1


SOURCES = ["mnist", "digits", "files", "own"]


@pytest.fixture(params=SOURCES)
def source(request, mnist, files, own):
    """All that can be named: eight pictures at least, and how many channels they have."""
    folder = own(*(f"{name}.png" for name in "abcdefgh"))
    named = {"files": str(files), "own": str(folder)}
    return named.get(request.param, request.param), 3 if request.param == "own" else 1


@pytest.mark.parametrize("images", [2, 5])
def test_some_only(source, images):
    """So many are used as asked for; of digits the first, of one's own some from everywhere."""
    dataset, channels = source
    _, found = load_data(dataset, images)
    assert found.images.shape == (images, 28, 28, channels)
    assert found.labels is None or len(found.labels) == images
    if channels == 3:
        expected = {2: [0, 4], 5: [0, 1, 3, 4, 6]}[images]
        assert found.images[:, 0, 0, 0].tolist() == expected
    elif dataset != "digits":
        np.testing.assert_array_equal(found.images, load_data(dataset)[1].images[:images])


def test_some_of_each_class(own):
    """If some only are used, they are of all classes."""
    folder = own(*(f"{kind}/{number}.png" for kind in ("cat", "dog", "eel") for number in range(4)))
    for images in (3, 6, 7):
        _, found = load_data(str(folder), images)
        assert len(found.images) == images and found.classes == ["cat", "dog", "eel"]
        assert np.ptp(np.bincount(found.labels)) <= 1


def test_more_than_there_are(source):
    """If there are fewer all are used; digits are drawn."""
    dataset, _ = source
    count = {"mnist": 12, "digits": 100, "own": 8}.get(dataset.split("/")[-1], 9)
    assert len(load_data(dataset, 100)[1].images) == count


@pytest.mark.parametrize("color", ["grey", "rgb"])
@pytest.mark.parametrize("size", [(4, 4), (28, 28), (20, 32)])
def test_size_and_colour(source, size, color):
    """Pictures have the height and width asked for, and one or three channels."""
    dataset, channels = source
    _, found = load_data(dataset, 8, size, color)
    assert found.images.shape == (8, *size, 1 if color == "grey" else 3)
    assert found.images.dtype == np.uint8
    # Digits have no colour; pictures of one's own keep theirs.
    coloured = np.ptp(found.images, axis=3).max() > 0
    assert coloured == (channels == 3 and color == "rgb")


def test_their_own_size(mnist):
    """Digits asked for in their own size are left as they are."""
    np.testing.assert_array_equal(load_data("mnist", None, (28, 28))[1].images[..., 0], mnist[0])


def test_stretched(mnist):
    """A digit twice as wide and half as high has its ink at the same places."""
    mnist[0][:] = 0
    mnist[0][:, :14, :7] = 240
    image = load_data("mnist", None, (14, 56))[1].images[0, ..., 0]
    assert (image[:6, :12] == 240).all() and (image[8:].max(), image[:, 16:].max()) == (0, 0)


@pytest.mark.parametrize("kind", [*SOURCES, "default"])
def test_one_picture(kind, mnist, files, own, capfd):
    """One picture is too few, wherever it comes from, and that alone is said."""
    dataset = {"files": str(files), "own": str(own("a.png", "b.png")), "default": None}
    with pytest.raises(UserError, match="one picture only"):
        load_data(dataset.get(kind, kind), 1)
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_one_picture(own):
    """So is a folder that has no more."""
    with pytest.raises(UserError, match="own has one picture only"):
        load_data(str(own("a.png")))


def test_nothing_there(tmp_path):
    """What is no dataset gives one line that tells what there is."""
    with pytest.raises(UserError, match=r"no dataset .*none: there are mnist, digits"):
        load_data(str(tmp_path / "none"))
    with pytest.raises(UserError, match="no pictures in the folder"):
        load_data(str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="neither a folder of pictures nor a file of MNIST's"):
        load_data(str(tmp_path / "a.png"))
    with pytest.raises(UserError, match="none of the 1 pictures can be read"):
        load_data(str(tmp_path))


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_damaged_files(files, name):
    """Damaged files of MNIST's give one line."""
    (files / f"{name}.gz").write_bytes(b"no digits")
    with pytest.raises(UserError, match=f"{name}.gz is no IDX file"):
        load_data(str(files))


def test_what_is_a_folder(files, own, tmp_path, monkeypatch):
    """Pictures of one's own are in a folder that is not MNIST's; names of datasets are names."""
    folder = own("a.png")
    assert is_folder(str(folder)) and is_folder(str(tmp_path))
    assert not is_folder(str(files)) and not is_folder(str(files / f"{IMAGES}.gz"))
    assert not is_folder(str(folder / "a.png")) and not is_folder(str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    for name in ("mnist", "digits"):
        (tmp_path / name).mkdir()
        assert not is_folder(name) and is_folder(f"./{name}")


def changed(images, at):
    """With one pixel of one picture a little brighter."""
    images = images.copy()
    images.flat[at] ^= 1
    return images


IMAGES_OF_DIGEST = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6, 1)

OTHERS = {
    "first pixel": changed(IMAGES_OF_DIGEST, 0),
    "last pixel": changed(IMAGES_OF_DIGEST, -1),
    "order": IMAGES_OF_DIGEST[::-1],
    "one picture less": IMAGES_OF_DIGEST[:1],
    "sides": IMAGES_OF_DIGEST.reshape(2, 6, 4, 1),
    "channels": IMAGES_OF_DIGEST.reshape(2, 4, 2, 3),
    "number": IMAGES_OF_DIGEST.reshape(4, 2, 6, 1),
    "mirrored": IMAGES_OF_DIGEST[:, :, ::-1],
}


def test_digest():
    """The same pictures have the same digest, whatever they are called and wherever they lie."""
    digest = Data("a", IMAGES_OF_DIGEST, None, []).digest
    assert len(digest) == 16 and int(digest, 16) >= 0
    strided = np.repeat(IMAGES_OF_DIGEST, 2, axis=0)[::2]
    assert Data("b", strided, np.array([0, 1]), ["x", "y"]).digest == digest
    others = {Data("a", images, None, []).digest for images in OTHERS.values()}
    assert len(others) == len(OTHERS) and digest not in others


def test_digest_of_what_is_loaded(source):
    """It is the same each time, and another for another size."""
    dataset, _ = source
    digests = [load_data(dataset, *how)[1].digest for how in [(8,), (8,), (7,), (8, (8, 8))]]
    assert digests[0] == digests[1] and len(set(digests)) == 3
