"""Stylised pictures: sizes, folders, and models of the other kind."""

import keras
import numpy as np
import pytest

from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import load_generator, save_generator
from reproductions.texture_nets.pictures import load_picture
from reproductions.texture_nets.sampling import Maker
from reproductions.texture_nets.scaling import scale
from tests.leftovers import pixels, snapshot
from tests.reproductions.texture_nets.commands import PICTURES, warnings_of, write_picture
from tests.scripts import error, words


@pytest.fixture(autouse=True)
def models(folder):
    for name, style in (("model.keras", True), ("texture.keras", False)):
        keras.utils.set_random_seed(0)
        generator = Generator("pyramid", stylization=style)
        generator.parameters()[-2].assign(generator.parameters()[-2] * 60)
        save_generator(generator, name)


@pytest.fixture
def process(script):
    """From arguments to how it ended well."""

    def process(text):
        ended = script("stylization_process", ["-model", "model.t7", *words(text)])
        assert ended.status == 0, ended.err
        return ended

    return process


def test_the_name_and_size_of_the_original(folder, process):
    ended = process("-input_image a.png -noise_depth 3")
    assert ended.out.endswith("stylized.png\n")
    assert pixels(folder / "stylized.png").shape == (40, 40, 3)
    assert pixels(folder / "stylized.png").std() > 5


def test_a_size_that_is_no_multiple_is_continued_and_cut(folder, process):
    """By reflection, on the right and below."""
    write_picture(folder / "odd.png", (50, 33))
    process("-input_image odd.png -save_path out.png")
    picture = np.pad(load_picture("odd.png"), ((0, 31), (0, 14), (0, 0)), "symmetric")
    expected = Maker(load_generator("model.keras"), 0).stylized(picture)
    np.testing.assert_array_equal(pixels(folder / "out.png"), expected[:33, :50])


def test_squares_and_longer_sides(folder, process):
    write_picture(folder / "wide.png", (80, 60))
    process("-input_image wide.png -image_size 64 -save_path square.png")
    expected = Maker(load_generator("model.keras"), 0).stylized(
        scale(load_picture("wide.png"), 64, 64)
    )
    np.testing.assert_array_equal(pixels(folder / "square.png"), expected)
    process("-input_image wide.png --longer_side 50 -save_path small.png")
    # 50 x 60 / 80 is 37.5, truncated.
    assert pixels(folder / "small.png").shape == (37, 50, 3)


def test_seeds(folder, process):
    for seed in (0, 0, 1):
        process(f"-input_image a.png -random_seed {seed} -save_path {seed}.png")
    process("-input_image a.png -save_path default.png")
    np.testing.assert_array_equal(pixels(folder / "0.png"), pixels(folder / "default.png"))
    assert (pixels(folder / "0.png") != pixels(folder / "1.png")).any()


def test_a_folder(folder, process):
    """A broken picture and one that is too small are left out."""
    (folder / "pics" / "b.jpg").write_bytes(b"no picture")
    ended = process("-input_image pics")
    warnings = warnings_of(ended)
    assert [warning.split(" is left out: ")[0] for warning in warnings] == ["b.jpg", "e.jpeg"]
    assert "not a picture" in warnings[0] and "too small" in warnings[1]
    assert ended.out.endswith("3 pictures in stylized, 2 left out\n")
    assert sorted(path.name for path in (folder / "stylized").iterdir()) == [
        "a.png",
        "c.png",
        "d.png",
    ]
    for name in ("a.JPEG", "c.png", "d.png"):
        width, height = PICTURES[name]
        made = pixels(folder / "stylized" / name.replace(".JPEG", ".png"))
        assert made.shape == (height, width, 3)


def test_two_pictures_of_one_name(folder, process):
    """Neither is lost."""
    write_picture(folder / "pics" / "c.jpg", (40, 40), 9)
    process("-input_image pics -image_size 32")
    assert len(list((folder / "stylized").iterdir())) == 6


def test_running_statistics(folder, process):
    process("-input_image a.png")
    process("-input_image a.png --running_statistics -save_path running.png")
    assert (pixels(folder / "stylized.png") != pixels(folder / "running.png")).any()


@pytest.mark.parametrize(
    ("script_name", "argv", "message"),
    [
        ("stylization_process", "-model texture.keras", "this model makes textures"),
        ("texture_sample", "-model model.keras", "this model stylises pictures"),
        ("stylization_process", "-model none.keras", "there is no model none.keras"),
        ("stylization_process", "-model pics", "pics is a folder, not a model"),
        ("stylization_process", "-model a.png", "a.png"),
        ("stylization_process", "-model model.keras -input_image no.png", "no picture no.png"),
        ("stylization_process", "-model model.keras -input_image empty", "no .jpg, .jpeg, .png"),
        ("stylization_process", "-model model.keras -input_image text.png", "is not a picture"),
        ("stylization_process", "-model model.keras -noise_depth 2", "was trained with"),
        ("stylization_process", "-model model.keras -image_size 16", "16x16 is too small"),
        (
            "stylization_process",
            "-model model.keras -save_path a.png/b.png",
            "cannot make the folder",
        ),
        ("stylization_process", "-model cut.keras", "cut.keras is damaged"),
    ],
)
def test_refused(folder, script, script_name, argv, message):
    (folder / "empty").mkdir()
    (folder / "text.png").write_text("no picture")
    (folder / "cut.keras").write_bytes((folder / "model.keras").read_bytes()[:-300])
    given = words(argv)
    if script_name == "stylization_process" and "-input_image" not in given:
        given += ["-input_image", "a.png"]
    before = snapshot(folder)
    ended = script(script_name, given)
    assert ended.status == 1 and message in error(ended)
    assert error(ended).startswith("error: ")
    assert snapshot(folder) == before
