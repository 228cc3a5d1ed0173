"""What a classifier of its own says of the networks that are kept, and of others."""

import json
import warnings
import zipfile

import keras
import numpy as np
import pytest

from common.weights import MANIFEST
from reproductions.ppgn.evaluation_run import evaluate
from reproductions.ppgn.networks import KEPT
from reproductions.ppgn.training.options import parse_evaluation
from tests.leftovers import pixels
from tests.reproductions.ppgn.training import commands
from tests.reproductions.ppgn.training.commands import write_pictures
from tests.scripts import words

folder, script, trained = commands.folder, commands.script, commands.trained

SMALL = "--each 2 --images 300 --inpainted 4 --n_iters 5 --output_dir out"

#: Of the chains of a class, and of all.
OF_SAMPLES = {
    *("epsilon1", "chains", "in_asked_class", "of_classes", "diversity", "least_diversity"),
    *("frechet", "nearest"),
}


def figures(folder):
    return json.loads((folder / "out" / "evaluation.json").read_text())


def cells(path, rows, columns, side=28):
    """The pictures of a sheet, (rows, columns, side, side, 3)."""
    sheet = pixels(path)
    times = sheet.shape[0] // (rows * (side + 2))
    assert sheet.shape == (rows * (side + 2) * times, columns * (side + 2) * times, 3)
    small = sheet[::times, ::times].reshape(rows, side + 2, columns, side + 2, 3)
    return small.swapaxes(1, 2)[:, :, 1:-1, 1:-1]


def test_the_networks_that_are_kept(folder, script):
    """Figures, pictures and lines of a small call; again, it gives the same."""
    ended = script("evaluate", SMALL)
    assert (ended.status, ended.err) == (0, "")
    found = figures(folder)
    assert set(found) == {
        *("judge", "reconstruction_error", "pixel_mean_error", "real_frechet", "samples"),
        *("without_prior", "inpainting", "flags"),
    }
    assert found["flags"] == vars(parse_evaluation(words(SMALL)))
    assert 0 < found["reconstruction_error"] < found["pixel_mean_error"]
    for name, epsilon1 in (("samples", 1e-6), ("without_prior", 0.0)):
        part = found[name]
        assert set(part) == OF_SAMPLES
        assert (part["epsilon1"], part["chains"], len(part["of_classes"])) == (epsilon1, 20, 10)
        assert part["in_asked_class"] == pytest.approx(np.mean(part["of_classes"]))
        assert 0 < part["least_diversity"] <= part["diversity"] and part["frechet"] > 0
        sheet = cells(folder / "out" / f"{name}.png", 10, 2)
        assert (sheet[:, 0] != sheet[:, 1]).any(axis=(1, 2, 3)).all()
    holes = found["inpainting"]
    assert set(holes) == {"original", "with_hole", "filled", "filled_without_class"}
    assert all(value in (0, 0.25, 0.5, 0.75, 1) for value in holes.values())
    begin, judge, reconstruction, samples, without, inpainting, last = ended.out.splitlines()
    assert judge == f"it finds the class of {found['judge']:.1%} of others"
    assert begin == "training a classifier on 150 pictures"
    error, of_mean = found["reconstruction_error"], found["pixel_mean_error"]
    assert reconstruction.endswith(f"ratio {error / of_mean:.3f}")
    assert samples.startswith("samples, epsilon1 1e-06: ")
    assert f"{found['samples']['in_asked_class']:.1%} of 20 chains" in samples
    assert without.startswith("without_prior, epsilon1 0: ")
    assert inpainting.startswith("inpainting of 4 pictures, a hole of 10x10: ")
    assert last == f"figures and pictures: {folder / 'out'}"
    before = (folder / "out" / "evaluation.json").read_bytes()
    assert script("evaluate", SMALL).status == 0
    assert (folder / "out" / "evaluation.json").read_bytes() == before


@pytest.mark.slow
def test_a_picture_with_a_hole_is_as_it_was_around_it(folder, script):
    assert script("evaluate", SMALL).status == 0
    original, hole, *filled = cells(folder / "out" / "inpainting.png", 4, 4)
    differs = (original != hole).any(axis=-1)
    assert all(0 < one.sum() <= 100 for one in differs)
    for one in differs:
        rows, columns = np.nonzero(one)
        assert np.ptp(rows) < 10 and np.ptp(columns) < 10
    assert (filled[0] != hole).any() and (filled[1] != filled[0]).any()


@pytest.mark.slow
def test_networks_and_pictures_of_ones_own(folder, script):
    write_pictures(folder / "pics", each=12)
    argv = "--dataset pics --iterations 2 --batch_size 4 --filters 2"
    assert script("train_classifier", f"{argv} --image_size 28 --code 6").status == 0
    encoder = "results/ppgn/pics-classifier/classifier.keras"
    argv += f" --encoder_definition {encoder} --discriminator_filters 2 --image_size 32"
    assert script("train_generator", argv).status == 0
    generator = "results/ppgn/pics-generator/generator.keras"
    argv = f"--dataset pics --encoder_definition {encoder} --generator_definition {generator}"
    ended = script("evaluate", f"{argv} --each 2 --inpainted 0 --n_iters 2 --output_dir out")
    assert (ended.status, ended.err) == (0, "")
    found = figures(folder)
    assert found["samples"]["chains"] == 4 and "inpainting" not in found
    assert not (folder / "out" / "inpainting.png").exists()


@pytest.mark.slow
def test_a_prior_of_codes(folder, script, trained):
    generator = trained("generator")[0] / "generator.keras"
    prior = trained("prior_h")[0] / "prior.keras"
    argv = f"--encoder_definition encoder.keras --generator_definition {generator}"
    ended = script("evaluate", f"{argv} --prior_definition {prior} {SMALL}")
    assert (ended.status, ended.err) == (0, "")
    assert "inpainting" not in figures(folder)


@pytest.mark.parametrize(
    "flags",
    [
        *("--each 1", "--each x", "--images 0", "--n_iters 0", "--lr 0", "--lr_end -1"),
        *("--epsilon1 -1", "--epsilon2 nan", "--epsilon3 inf", "--inpainted -1", "--patch 0"),
        *("--seed -1", "--seed 4294967296", "--output_dir=", "--dataset=", "--resume x", "digits"),
    ],
)
def test_flags(folder, script, flags):
    ended = script("evaluate", flags)
    assert ended.status == 2
    assert ended.error.startswith("evaluate.py: error: ")
    assert flags.replace("=", " ").split()[0] in ended.error


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--encoder_definition nowhere.keras", "there is no Keras model file nowhere.keras"),
        ("--encoder_definition damaged.keras", "cannot read the Keras model damaged.keras"),
        ("--generator_definition damaged.keras", "cannot read the Keras model damaged.keras"),
        ("--generator_definition encoder.keras", "must make images"),
        ("--prior_definition nowhere.keras", "there is no Keras model file nowhere.keras"),
        ("--prior_definition encoder.keras", "the prior classifier must take and make codes"),
        ("--code_layer fc7", "fc7"),
        ("--act_layer fc9", "fc9"),
        ("--dataset nowhere", "no dataset nowhere"),
        ("--dataset flat", "has no classes"),
        ("--output_dir damaged.keras", "is not a folder"),
        ("--patch 28", "--patch 28 must be smaller than the images"),
        ("--images 1", "--images"),
        ("--images 4", "--images"),
        ("--seed 4294967295", "seed"),
    ],
)
def test_what_cannot_be_measured(folder, script, flags, message):
    """One line, and no figures."""
    (folder / "damaged.keras").write_bytes((folder / "encoder.keras").read_bytes()[:-99])
    write_pictures(folder / "flat", ("",))
    ended = script("evaluate", f"--images 140 --each 2 --inpainted 2 --n_iters 1 {flags}")
    assert ended.status in (1, 2)
    assert message in ended.error
    assert "error: " in ended.error
    assert not list(folder.glob("results/**/evaluation.json"))


def test_the_networks_that_are_kept_are_small_and_of_plain_layers():
    """Plain Keras reads them, and nobody has to wait for them."""
    assert sum(MANIFEST.parent.joinpath(path).stat().st_size for path in KEPT.values()) < 4_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        models = {name: keras.models.load_model(path) for name, path in KEPT.items()}
    for path in KEPT.values():
        with zipfile.ZipFile(path) as file:
            # Of later versions of Keras, which earlier ones refuse.
            assert b"quantization_config" not in file.read("config.json")
    encoder, generator = models["digits_encoder"], models["digits_generator"]
    assert (encoder.input_shape, encoder.output_shape) == ((None, 28, 28, 1), (None, 10))
    assert generator.input_shape == (None, encoder.get_layer("fc6").output.shape[-1])
    assert generator.output_shape == (None, 28, 28, 1)
    for model in models.values():
        assert all(type(one).__module__.startswith("keras.") for one in model.layers)


@pytest.mark.slow
def test_what_the_kept_networks_do(folder):
    """With the defaults of the script; a minute or two."""
    found = evaluate(parse_evaluation(["--output_dir=out"]))
    samples, without = found["samples"], found["without_prior"]
    assert found["judge"] > 0.97
    assert samples["chains"] == 500
    assert samples["in_asked_class"] >= 0.9
    assert samples["diversity"] >= 0.5 and samples["least_diversity"] >= 0.5
    assert samples["frechet"] < without["frechet"]
    assert found["inpainting"]["filled"] >= 0.8
