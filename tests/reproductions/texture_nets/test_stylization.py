"""Training of stylising generators: where the pictures come from, and in which order."""

import itertools
import shutil

import h5py
import numpy as np
import pytest

from common.errors import UserError
from reproductions.texture_nets import content
from reproductions.texture_nets.content import FromHDF5, order
from tests.leftovers import losses, snapshot
from tests.reproductions.texture_nets.commands import (
    EXTRACT,
    PICTURES,
    STYLE,
    call,
    prepare,
    warnings_of,
)
from tests.scripts import error, words


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The file of features, made once."""
    path = tmp_path_factory.mktemp("hdf5") / "x.hdf5"

    def made(monkeypatch, capfd):
        if not path.exists():
            with monkeypatch.context() as patched:
                prepare(path.parent, patched)
                assert warnings_of(call("extract4_2", EXTRACT, patched, capfd)) == []
        return path

    return made


@pytest.fixture
def hdf5(made, folder, monkeypatch, capfd):
    return shutil.copy(made(monkeypatch, capfd), folder / "x.hdf5")


@pytest.fixture
def seen(monkeypatch):
    """The names of the pictures in the order in which they are asked for."""
    names = []
    for kind in (content.FromHDF5, content.FromFolder):
        inside = kind.example

        def example(self, number, inside=inside):
            names.append(self.names[number])
            return inside(self, number)

        monkeypatch.setattr(kind, "example", example)
    return names


def test_a_folder_and_its_file_give_the_same(hdf5, folder, script):
    argv = [*STYLE, *words("-num_iterations 3")]
    assert warnings_of(script("stylization_train", argv)) == []
    argv += words("-train_hdf5 x.hdf5 -tmp_path other")
    assert warnings_of(script("stylization_train", argv)) == []
    one, other = (np.float64(losses(folder / name)) for name in ("out", "other"))
    assert (one[:, 3] > 0).all()
    # The features were computed in another batch, and rounded otherwise.
    np.testing.assert_allclose(other, one, rtol=1e-4)


def test_a_file_without_a_folder_as_torch_writes_it(hdf5, folder, script, seen):
    """No attributes; the order is that of the names."""
    with h5py.File(hdf5) as old, h5py.File(folder / "t.hdf5", "w", libver="earliest") as new:
        for name in old:
            new[name] = old[name][()]
    argv = [*STYLE[:-2], *words("-num_iterations 1 -train_hdf5 t.hdf5")]
    assert warnings_of(script("stylization_train", argv)) == []
    assert seen[:2] == sorted(PICTURES)[:2]


def test_order_of_the_pictures():
    def first(count, *arguments):
        return list(itertools.islice(order(*arguments), count))

    assert first(3, 5, 2, False) == [[0, 1], [2, 3], [0, 1]]
    # The last full batch is left out, as in the original.
    assert first(3, 6, 2, False) == [[0, 1], [2, 3], [0, 1]]
    assert first(3, 7, 2, False) == [[0, 1], [2, 3], [4, 5]]
    assert first(3, 7, 2, True) == [[0, 1]] * 3
    assert first(2, 2, 2, False) == [[0, 1]] * 2


def test_fix_batch(folder, script, seen):
    argv = [*STYLE, *words("-num_iterations 3 -fix_batch")]
    assert warnings_of(script("stylization_train", argv)) == []
    assert set(seen) == set(sorted(PICTURES)[:2])


def test_a_resumed_run_goes_on_with_the_right_batch(folder, script, seen):
    argv = [*STYLE, *words("-num_iterations 1")]
    assert warnings_of(script("stylization_train", argv)) == []
    seen.clear()
    argv = words("--resume out -num_iterations 2")
    assert warnings_of(script("stylization_train", argv)) == []
    assert seen[:2] == sorted(PICTURES)[2:4]


def test_a_picture_that_cannot_be_read(folder, script):
    (folder / "pics" / "b.jpg").write_bytes(b"no picture")
    [warning] = warnings_of(script("stylization_train", [*STYLE, *words("-num_iterations 1")]))
    assert "pics/b.jpg is not a picture that Pillow can read; left out (1 of 5" in warning


def test_damaged_files_are_refused(hdf5, folder, capfd):
    """Bytes changed anywhere; what is read has the right shape, or one line says why not."""
    small = folder / "small.hdf5"
    with h5py.File(hdf5) as old, h5py.File(small, "w", libver="earliest") as new:
        for name in ("c.png_content", "c.png_image"):
            new[name] = old[name][:3, :4, :4] if "image" in name else old[name][:2, :2, :2]
    whole = np.frombuffer(small.read_bytes(), np.uint8)
    random, refused, bad = np.random.RandomState(0), 0, []
    for number in range(300):
        changed = whole.copy()
        places = random.randint(0, len(whole), random.randint(1, 30))
        changed[places] = random.randint(0, 256, len(places))
        if random.rand() < 0.1:
            changed = changed[: random.randint(len(whole))]
        # A new name, for HDF5 remembers what it has read of a file that is still open.
        path = folder / f"{number}.hdf5"
        path.write_bytes(changed.tobytes())
        try:
            source = FromHDF5(path, None, (2, 2, 2), 4, "")
            image, features = source.example(0)
            assert image.shape == (4, 4, 3) and features.ndim == 3
        except UserError:
            refused += 1
        except Exception as error:
            bad.append(repr(error))
    assert not bad
    assert refused > 30


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("-train_hdf5 none.hdf5", "cannot read none.hdf5: no such file"),
        ("-train_hdf5 a.png", "cannot read a.png: no HDF5 file, or damaged"),
        ("-train_hdf5 empty.hdf5", "empty.hdf5 has no features NAME_content"),
        (
            "-train_hdf5 x.hdf5 -image_size 64",
            "has an image and features of 3x32x32 and 128x16x16",
        ),
        ("-train_hdf5 x.hdf5 -batch_size 6", "5 pictures are too few for -batch_size 6"),
        ("-batch_size 6", "5 pictures are too few for -batch_size 6"),
        ("-train_images_path textures", "1 pictures are too few for -batch_size 2"),
        ("-train_images_path none", "cannot read the folder none"),
        ("-style_image none.png", "there is no picture none.png"),
        ("-train_hdf5 x.hdf5 -vgg_no_pad", "and the same -vgg_no_pad"),
    ],
)
def test_refused(hdf5, folder, script, argv, message):
    """Nothing is written before the pictures are known to be right."""
    with h5py.File("empty.hdf5", "w"):
        pass
    before = snapshot(folder)
    ended = script("stylization_train", [*STYLE, "-num_iterations", "1", *words(argv)])
    assert ended.status == 1 and message in error(ended)
    assert snapshot(folder) == before
