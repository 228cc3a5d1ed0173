"""Reading folders of pictures as arrays, and laying arrays out as pictures."""

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from common.pictures import (
    SUFFIXES,
    as_rgb,
    class_of,
    grid,
    picture_paths,
    read_all,
    read_scaled,
    titled,
)
from tests.halves import LEFT, RIGHT, halves


@pytest.fixture
def folder(tmp_path):
    """From file names to an empty folder filled with such pictures, each of its own colour."""

    def folder(*names):
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 5), (number, 2 * number, 3)).save(path)
        return tmp_path

    return folder


def names(folder):
    """What is found in a folder: names and subfolders."""
    paths = picture_paths(folder)
    return [(str(path.relative_to(folder)), class_of(path, folder)) for path in paths]


def test_flat_folder(folder):
    """Pictures of all kinds are found, sorted, and nothing else."""
    found = folder(*(f"a{suffix}" for suffix in reversed(SUFFIXES)), "B.PNG", "c.Jpeg")
    (found / "notes.txt").write_text("notes")
    (found / "png").write_text("no ending")
    expected = ["B.PNG", *(f"a{suffix}" for suffix in SUFFIXES), "c.Jpeg"]
    assert names(found) == [(name, "") for name in expected]
    assert names(str(found)) == names(found)


def test_classes(folder):
    """A subfolder is a class, with all that lies in it at any depth."""
    found = folder("dog/b.png", "cat/a.png", "dog/a.png", "z.png", "dog/deep/c.png")
    (found / "empty").mkdir()
    inside = ["cat/a.png", "dog/a.png", "dog/b.png", "dog/deep/c.png"]
    assert names(found) == [*((name, name[:3]) for name in inside), ("z.png", "")]


def test_hidden(folder):
    """What is hidden is left out, be it a file or a folder."""
    found = folder("a.png", ".b.png", ".trash/c.png", "cat/d.png", "cat/._d.png")
    assert names(found) == [("a.png", ""), ("cat/d.png", "cat")]


def test_links_and_folders_named_like_pictures(folder):
    """A link to a picture is one; a dead link and a folder are not, though a folder is a class."""
    found = folder("a.png", "c.png/d.png")
    (found / "b.png").symlink_to(found / "a.png")
    (found / "dead.png").symlink_to(found / "none.png")
    assert names(found) == [("a.png", ""), ("b.png", ""), ("c.png/d.png", "c.png")]


@pytest.mark.parametrize("there", ["nothing", ".a.png", "notes.txt"])
def test_no_pictures(folder, there):
    """A folder without pictures gives one line that tells what they are."""
    found = folder() if there in ("nothing", "notes.txt") else folder(there)
    (found / "notes.txt").write_text("notes")
    with pytest.raises(UserError, match=r"no pictures in the folder .*\.jpeg, \.jpg, \.png"):
        picture_paths(found)


@pytest.mark.parametrize("name", ["none", "a.png"])
def test_no_folder(folder, name):
    """A missing folder gives one line, and so does a file."""
    with pytest.raises(UserError, match="cannot read the folder"):
        picture_paths(folder("a.png") / name)


def sixteen_bit():
    """Grey halves of 16 bits: 51 and 204 out of 255."""
    values = np.full((30, 40), 51 * 257, np.uint16)
    values[:, 20:] = 204 * 257
    return Image.fromarray(values)


def with_alpha():
    """Halves that cannot be seen."""
    image = halves()
    image.putalpha(0)
    return image


GREY = [(51,) * 3, (204,) * 3]

KINDS = {
    "RGB": (halves(), "png", [LEFT, RIGHT]),
    "palette": (halves().quantize(2), "png", [LEFT, RIGHT]),
    "GIF": (halves().quantize(2), "gif", [LEFT, RIGHT]),
    "RGBA": (with_alpha(), "png", [LEFT, RIGHT]),
    "grey": (sixteen_bit().point(lambda v: v / 257).convert("L"), "png", GREY),
    "grey and alpha": (Image.merge("LA", [Image.new("L", (40, 30), 51)] * 2), "png", GREY[:1] * 2),
    "16 bits": (sixteen_bit(), "png", GREY),
    "16 bits, TIFF": (sixteen_bit(), "tif", GREY),
    "one bit": (halves().convert("L").point(lambda v: v > 100, "1"), "bmp", [(0,) * 3, (255,) * 3]),
    # Pillow's way from RGB to CMYK has no black, and there and back is exact.
    "CMYK": (halves().convert("CMYK"), "tif", [LEFT, RIGHT]),
    "CMYK, JPEG": (halves().convert("CMYK"), "jpg", [LEFT, RIGHT]),
    "JPEG": (halves(), "jpeg", [LEFT, RIGHT]),
    "WebP": (halves(), "webp", [LEFT, RIGHT]),
}


@pytest.mark.parametrize(("height", "width"), [(28, 28), (128, 128), (12, 64), (61, 4), (4, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_pictures(tmp_path, kind, height, width):
    """Whatever the kind, a picture is stretched to any size, and its halves stay halves."""
    image, ending, sides = KINDS[kind]
    lossless = {"lossless": True} if ending == "webp" else {}
    image.save(tmp_path / f"a.{ending}", **lossless)
    pixels = read_scaled(tmp_path / f"a.{ending}", height, width)
    assert pixels.shape == (height, width, 3) and pixels.dtype == np.uint8
    # JPEG loses a little, the more the nearer to an edge.
    tolerance = 6 if "JPEG" in kind else 0
    found = pixels[:, : width // 4], pixels[:, -(width // 4) :]
    for side, expected in zip(found, sides, strict=True):
        assert np.abs(side.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_grey(tmp_path, kind):
    """Asked for grey, a picture has one channel, of the brightness of its colours."""
    image, ending, sides = KINDS[kind]
    image.save(tmp_path / f"a.{ending}")
    pixels = read_scaled(tmp_path / f"a.{ending}", 12, 16, "grey")
    assert pixels.shape == (12, 16, 1) and pixels.dtype == np.uint8
    for side, colour in zip((pixels[:, :4], pixels[:, -4:]), sides, strict=True):
        expected = np.dot([0.299, 0.587, 0.114], colour)
        # Brightness is rounded; JPEG and WebP lose a little.
        tolerance = 3 if ending in ("jpg", "jpeg", "webp") else 0.51
        assert np.abs(side - expected).max() <= tolerance


def test_stretched_and_not_cropped(tmp_path):
    """All four corners of a wide picture are there."""
    pixels = np.zeros((20, 60, 3), np.uint8)
    corners = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    for number, (row, column) in enumerate(corners, 1):
        rows, columns = (slice(0, 8) if at == 0 else slice(-8, None) for at in (row, column))
        pixels[rows, columns] = 50 * number
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_scaled(tmp_path / "a.png", 32, 32)
    assert [int(found[corner][0]) for corner in corners] == [50, 100, 150, 200]


def test_made_smaller_by_means(tmp_path):
    """Many pixels become one by a mean over all of them: fine stripes become grey."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, ::2] = 254
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_scaled(tmp_path / "a.png", 8, 8).astype(int)
    # Measured: 0 inside, 4 at the border, where the last stripe has only one neighbour.
    assert np.abs(found - 127).max() <= 6


def test_as_large_as_wanted(tmp_path):
    """A picture of the size asked for is left as it is."""
    pixels = np.random.RandomState(0).randint(0, 256, (9, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_scaled(tmp_path / "a.png", 9, 7), pixels)


def paths_in(folder):
    return picture_paths(folder)


@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_all_of_a_folder(folder, capfd, color):
    """They come in order, and nothing is said."""
    paths = paths_in(folder("a.png", "b.png", "c.bmp"))
    pictures, read = read_all(paths, 4, 8, color)
    assert pictures.shape == (3, 4, 8, 3 if color == "rgb" else 1) and pictures.dtype == np.uint8
    assert read == [0, 1, 2] and capfd.readouterr() == ("", "")
    if color == "rgb":
        np.testing.assert_array_equal(pictures[:, 0, 0], [(0, 0, 3), (1, 2, 3), (2, 4, 3)])


def test_one_picture(folder, capfd):
    """A folder may have one picture only."""
    pictures, read = read_all(paths_in(folder("a.png")), 28, 28)
    assert pictures.shape == (1, 28, 28, 3) and read == [0] and capfd.readouterr().err == ""


def test_broken_files_are_left_out(folder, capfd):
    """However many they are, there is one line of warning, with a number and the first one."""
    found = folder("a.png", "b.png", "c.png", "d.png", "e.jpg")
    (found / "b.png").write_bytes(b"no picture")
    (found / "c.png").write_bytes(b"")
    (found / "e.jpg").write_bytes((found / "e.jpg").read_bytes()[:200])
    pictures, read = read_all(paths_in(found), 4, 4)
    assert read == [0, 3]
    np.testing.assert_array_equal(pictures[:, 0, 0], [(0, 0, 3), (3, 6, 3)])
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("warning: 3 of 5 pictures cannot be read, and are left out: ")
    assert "b.png" in err and "c.png" not in err


def test_all_broken(folder, capfd):
    """If none can be read there is one error, and no warning."""
    found = folder("a.png", "b.png")
    for name in ("a.png", "b.png"):
        (found / name).write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"none of the 2 pictures can be read.*a\.png") as refused:
        read_all(paths_in(found), 4, 4)
    assert str(refused.value).isprintable() and capfd.readouterr() == ("", "")


def test_grey_as_rgb():
    """Grey pictures get three equal channels, RGB pictures stay."""
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    np.testing.assert_array_equal(as_rgb(pixels), pixels)
    grey = as_rgb(pixels[..., :1])
    assert grey.shape == pixels.shape and (grey == pixels[..., :1]).all()


GRIDS = [(1, 1), (6, 3), (7, 3), (2, 5), (5, 1)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(3, 5), (60, 150), (300, 290)])
@pytest.mark.parametrize(("count", "columns"), GRIDS)
def test_grid(count, columns, height, width, channels):
    """Every picture stands at its place, enlarged by whole numbers, the rest is grey."""
    shape = (count, height, width, channels)
    pictures = np.random.RandomState(1).randint(0, 256, shape).astype(np.uint8)
    sheet = grid(pictures, columns)
    rows = -(-count // columns)
    smaller = min(rows * (height + 2), columns * (width + 2))
    times = max(1, 280 // smaller)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * (height + 2) * times, columns * (width + 2) * times, 3)
    expected = np.full((rows * (height + 2), columns * (width + 2), 3), 128, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = row * (height + 2) + 1, column * (width + 2) + 1
        expected[top : top + height, left : left + width] = picture
    np.testing.assert_array_equal(sheet, np.kron(expected, np.ones((times, times, 1), np.uint8)))


@pytest.mark.parametrize("title", ["epoch 5", "", "epoch " + "9" * 100])
@pytest.mark.parametrize("width", [4, 280])
def test_titled(title, width):
    """The title stands above, black on white; the picture stays as it is."""
    picture = np.full((30, width, 3), 77, np.uint8)
    found = titled(picture, title)
    assert found.shape == (46, width, 3) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[16:], picture)
    assert found[:16].max() == 255
    assert (found[:16].min() < 128) == bool(title)
