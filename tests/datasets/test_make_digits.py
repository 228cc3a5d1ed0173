"""Drawn digits as MNIST's files, and the program that writes them."""

import numpy as np
from PIL import Image

from datasets.digits import draw_digits
from datasets.make_digits import make
from datasets.mnist import read_mnist


def test_the_files_are_read_as_mnist(tmp_path):
    make(40, 3, tmp_path / "made")
    pictures, labels = read_mnist(tmp_path / "made")
    expected, expected_labels = draw_digits(40, 3)
    np.testing.assert_array_equal(pictures, expected)
    np.testing.assert_array_equal(labels, expected_labels)


def test_the_sheet_shows_a_row_of_each_digit(tmp_path):
    make(30, 0, tmp_path)
    with Image.open(tmp_path / "digits.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (280, 560, 3)
    pictures, labels = draw_digits(30, 0)
    for digit in range(10):
        first = pixels[digit * 28 : digit * 28 + 28, :28, 0]
        np.testing.assert_array_equal(first, pictures[labels == digit][0])


def test_the_same_command_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        make(12, 0, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["digits.png", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
