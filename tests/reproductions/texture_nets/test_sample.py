"""Samples of textures: files, sizes, seams, noise, seeds."""

import keras
import numpy as np
import pytest

from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import save_generator
from reproductions.texture_nets.networks import TRAINABLE
from tests.leftovers import pixels
from tests.reproductions.texture_nets.commands import warnings_of
from tests.scripts import error, words


def random_generator(name="pyramid", **options):
    """A generator with random weights; colours fill much of 0 to 255."""
    keras.utils.set_random_seed(0)
    generator = Generator(name, **options)
    generator.parameters()[-2].assign(generator.parameters()[-2] * 60)
    return generator


@pytest.fixture(autouse=True)
def model(folder):
    save_generator(random_generator(), "model.keras")


@pytest.fixture
def sample(folder, script):
    """From arguments to pictures by name."""

    def sample(text, *, model="model.t7"):
        for path in folder.glob("[1-9]*.png"):
            path.unlink()
        assert warnings_of(script("texture_sample", ["-model", model, *words(text)])) == []
        return {path.stem: pixels(path) for path in folder.glob("[1-9]*.png")}

    return sample


def test_four_samples_as_the_original_names_them(sample):
    made = sample("-sample_size 64 -noise_depth 3")
    assert sorted(made) == ["1", "2", "3", "4"]
    assert {picture.shape for picture in made.values()} == {(64, 64, 3)}
    for one, other in (("1", "2"), ("2", "3"), ("1", "4")):
        assert (made[one] != made[other]).mean() > 0.5
    assert sorted(sample("-sample_size 32 --samples 2")) == ["1", "2"]


def test_sizes(sample):
    """Width before height; a size that is no multiple is cut out of the next larger one."""
    made = sample("-sample_size 64x32 50 33x64 --samples 1")
    shapes = {name: picture.shape for name, picture in made.items()}
    assert shapes == {"1_64x32": (32, 64, 3), "1_50x50": (50, 50, 3), "1_33x64": (64, 33, 3)}
    whole, cut = (sample(f"-sample_size {size} --samples 1")["1"] for size in ("64", "50x40"))
    np.testing.assert_array_equal(cut, whole[:40, :50])


def test_the_largest_seed(sample):
    """Backends' own seeds are signed."""
    largest, other = (sample(f"-sample_size 32 -random_seed {seed}") for seed in (2**32 - 1, 1))
    for name, picture in largest.items():
        assert (other[name] != picture).mean() > 0.5


def test_seeds(sample):
    one, same, other = (sample(f"-sample_size 32 -random_seed {seed}") for seed in (0, 0, 1))
    for name, picture in one.items():
        np.testing.assert_array_equal(same[name], picture)
        assert (other[name] != picture).mean() > 0.5


def test_tiled(sample):
    made = sample("-sample_size 40 --samples 2 --tiled")
    assert sorted(made) == ["1", "1_tiled", "2", "2_tiled"]
    np.testing.assert_array_equal(made["2_tiled"], np.tile(made["2"], (2, 2, 1)))


def test_noise_set_to_zero(sample):
    """The small network has three inputs."""
    plain, zero = sample("-sample_size 32"), sample("-sample_size 32 --zero_noise 1 3")
    assert all((plain[name] != zero[name]).any() for name in plain)
    nothing = sample("-sample_size 32 --zero_noise 1 2 3")
    assert all((picture == nothing["1"]).all() for picture in nothing.values())
    # Away from noise, circular padding leaves no place apart.
    assert np.ptp(nothing["1"].reshape(-1, 3), axis=0).max() <= 1


def test_noise_that_is_fixed(sample):
    fixed = sample("-sample_size 32 --fix_noise 1 2 3")
    assert all((picture == fixed["1"]).all() for picture in fixed.values())
    assert fixed["1"].std() > 1
    partly = sample("-sample_size 32 --fix_noise 1 2")
    assert all((partly[name] != partly["1"]).any() for name in ("2", "3", "4"))


def test_running_statistics(sample):
    plain, running = sample("-sample_size 32"), sample("-sample_size 32 --running_statistics")
    assert all((plain[name] != running[name]).any() for name in plain)
    # Without the batch's statistics a sample does not depend on how many are made.
    one = sample("-sample_size 32 --running_statistics --samples 4")
    np.testing.assert_array_equal(one["1"], running["1"])


def test_another_folder(folder, script):
    argv = words("-model model.keras -sample_size 32 -save_path new/folder")
    assert "samples, 32x32: new/folder/1.png, ...\n" in script("texture_sample", argv).out
    assert len(list((folder / "new" / "folder").iterdir())) == 4


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("-noise_depth 4", "model.keras was trained with -noise_depth 3, not 4"),
        ("-sample_size 31", "31x31 is too small: this generator makes 32x32 and more"),
        ("-sample_size 64x16", "64x16 is too small"),
        ("-zero_noise 4", "this model's noise inputs are 1 to 3"),
        ("-fix_noise 9", "this model's noise inputs are 1 to 3"),
    ],
)
def test_refused(folder, script, argv, message):
    ended = script("texture_sample", ["-model", "model.keras", *words(argv)])
    assert ended.status == 1 and message in error(ended)
    assert not list(folder.glob("[1-9]*.png"))


@pytest.mark.parametrize("name", [*TRAINABLE, "published_texture"])
def test_samples_have_no_seam(name, tmp_path):
    """Noise that is rolled by pixels of the coarsest scale gives the rolled sample."""
    keras.utils.set_random_seed(0)
    difference = {}
    for circular in (True, False):
        generator = Generator(name, circular=circular)
        noise = draw_noise(generator.noise, 2, 64, 96, 1, 2)
        sample = np.asarray(generator(noise))
        rolled = [
            np.roll(values, (32 // n.ratio, 64 // n.ratio), (1, 2))
            for n, values in zip(generator.noise, noise, strict=True)
        ]
        moved = np.asarray(generator(rolled))
        difference[circular] = np.abs(moved - np.roll(sample, (32, 64), (1, 2))).max()
        assert sample.std() > 0.01
    # Sums of other orders round otherwise.
    assert difference[True] < 1e-4
    assert difference[False] > 1e-2


def test_the_smallest_size_of_pyramid2(script):
    save_generator(random_generator("pyramid2", noise_depth=2), "model.keras")
    ended = script("texture_sample", words("-model model.keras -sample_size 32"))
    assert ended.status == 1 and "this generator makes 64x64 and more" in error(ended)
