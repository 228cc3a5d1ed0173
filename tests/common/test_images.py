import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from common.images import contact_sheet, pictures_in, read_picture, save_gif, save_picture


@pytest.fixture
def random():
    return np.random.RandomState(0)


@pytest.fixture
def pixels(random):
    return random.randint(0, 256, (6, 8, 3)).astype(np.uint8)


def saved(image, path, **options):
    image.save(path, **options)
    return path


def read(path):
    picture = read_picture(path)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_colour(tmp_path, pixels):
    path = saved(Image.fromarray(pixels), tmp_path / "a.png")
    np.testing.assert_array_equal(read(path), pixels)
    np.testing.assert_array_equal(read(str(path)), pixels)


def test_grey(tmp_path, pixels):
    grey = pixels[..., 0]
    found = read(saved(Image.fromarray(grey), tmp_path / "a.png"))
    np.testing.assert_array_equal(found, np.stack([grey] * 3, -1))


def test_one_bit(tmp_path):
    bits = np.array([[True, False, True], [False, False, True]])
    found = read(saved(Image.fromarray(bits), tmp_path / "a.png"))
    np.testing.assert_array_equal(found[..., 1], bits * 255)


def test_palette(tmp_path, pixels):
    image = Image.fromarray(pixels).quantize(16)
    found = read(saved(image, tmp_path / "a.png"))
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("transparency", [3, bytes(range(16))])
def test_palette_with_transparency_keeps_its_colours(tmp_path, pixels, transparency):
    image = Image.fromarray(pixels).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    path = saved(image, tmp_path / "a.png", transparency=transparency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read(path), expected)


def test_transparency_is_dropped(tmp_path, pixels):
    with_alpha = np.concatenate([pixels, np.arange(48, dtype=np.uint8).reshape(6, 8, 1)], -1)
    np.testing.assert_array_equal(
        read(saved(Image.fromarray(with_alpha), tmp_path / "a.png")), pixels
    )
    grey = Image.fromarray(with_alpha[..., 2:], mode="LA")
    np.testing.assert_array_equal(read(saved(grey, tmp_path / "b.png"))[..., 0], pixels[..., 2])


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 257, 1000], [30000, 65534, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        found = read(saved(Image.fromarray(values), tmp_path / name))
        np.testing.assert_array_equal(found[..., 0], (values / 257).round())


def test_cmyk_jpeg(tmp_path, pixels):
    image = Image.fromarray(np.full((8, 8, 3), (200, 30, 90), np.uint8)).convert("CMYK")
    found = read(saved(image, tmp_path / "a.jpg", quality=100))
    assert np.abs(found.astype(int) - (200, 30, 90)).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_formats(tmp_path, pixels, suffix):
    found = read(saved(Image.fromarray(pixels), tmp_path / f"a.{suffix}"))
    assert found.shape == pixels.shape


def test_what_is_no_picture(tmp_path, pixels):
    (tmp_path / "text.jpg").write_text("This is no picture.\n")
    (tmp_path / "empty.png").touch()
    for name in ("text.jpg", "empty.png"):
        with pytest.raises(UserError, match=f"{name} is not a picture that Pillow can read"):
            read_picture(tmp_path / name)
    with pytest.raises(UserError, match=r"no such picture: .*missing\.png"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(UserError, match="is a folder, not a picture"):
        read_picture(tmp_path)
    with pytest.raises(UserError, match="File name too long"):
        read_picture(tmp_path / ("x" * 300))
    saved(Image.fromarray(pixels), tmp_path / "a.png")
    with pytest.raises(UserError, match="cannot read the picture"):
        read_picture(tmp_path / "a.png" / "b.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_a_picture_cut_short_or_damaged(tmp_path, random, suffix):
    image = Image.fromarray(random.randint(0, 256, (40, 40, 3)).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, format={"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix))
    whole = buffer.getvalue()
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UserError):
        read_picture(path)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            # Mostly in the header, where there is more to go wrong.
            place = random.randint(len(damaged) if random.randint(3) == 0 else 120)
            damaged[place] = random.choice([0, 1, 127, 255, random.randint(256)])
        path.write_bytes(damaged)
        try:
            read_picture(path)
        except UserError as error:
            assert str(path) in str(error)


def test_a_picture_that_claims_an_absurd_size(tmp_path):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    for side in (12_000, 100_000):
        header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        path = tmp_path / "bomb.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(1000)))
            + chunk(b"IEND", b"")
        )
        with pytest.raises(UserError, match=r"claims more than \d+ pixels"):
            read_picture(path)


def test_pictures_in_a_folder(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.jpeg", "d.txt", "e.gif"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.png").mkdir()
    (tmp_path / "deeper.png" / "f.png").touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["a.jpg", "b.PNG", "c.jpeg"]


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(UserError, match=r"no \.jpg, \.jpeg, \.png files in the folder"):
        pictures_in(tmp_path)
    with pytest.raises(UserError, match="cannot read the folder"):
        pictures_in(tmp_path / "missing")


def test_a_saved_picture_is_what_it_was(tmp_path, pixels):
    save_picture(pixels, tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), pixels)
    with pytest.raises(UserError, match="cannot write"):
        save_picture(pixels, tmp_path / "missing" / "a.png")


def test_gif_loops_for_ever(tmp_path, random):
    frames = [random.randint(0, 256, (9, 7, 3)).astype(np.uint8) for _ in range(4)]
    save_gif(frames, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 4 and gif.size == (7, 9)
        assert gif.info["loop"] == 0 and gif.info["duration"] == 80
        for i, frame in enumerate(frames):
            gif.seek(i)
            error = np.abs(np.asarray(gif.convert("RGB"), float) - frame).mean()
            assert error < 25


def test_contact_sheet():
    one = np.full((3, 2, 3), 10, np.uint8)
    two = np.full((1, 4, 3), 20, np.uint8)
    sheet = contact_sheet([one, two], gap=2)
    assert sheet.shape == (7, 12, 3) and sheet.dtype == np.uint8
    expected = np.full((7, 12), 255)
    expected[2:5, 2:4] = 10
    expected[2:3, 6:10] = 20
    np.testing.assert_array_equal(sheet[..., 0], expected)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a", "PNG")]
)
def test_the_name_says_the_format(tmp_path, pixels, name, kind):
    save_picture(pixels, tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (kind, (8, 6))
