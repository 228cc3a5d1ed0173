"""Chains from Python make what the script makes."""

import keras
import numpy as np
import pytest

from reproductions.ppgn import sampling_run
from reproductions.ppgn.chains import last_images, masked_chain, random_chain, schedule
from reproductions.ppgn.conditions import UnitCondition
from reproductions.ppgn.networks import Loader
from reproductions.ppgn.run_folder import RunFolder
from reproductions.ppgn.start import code_of, load_image
from reproductions.ppgn.step import Networks
from reproductions.ppgn.training.classifier import classifier
from reproductions.ppgn.training.denoiser import denoiser_of_codes
from reproductions.ppgn.training.generator import upconvolutional
from reproductions.ppgn.update import Epsilons
from tests.reproductions.ppgn.commands import call, write_picture
from tests.scripts import words

SIDE, CODE, CLASSES = 28, 6, 4
FILES = words(
    "--encoder_definition encoder.keras --net_definition encoder.keras"
    " --generator_definition generator.keras --save_every 0"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """With tiny networks; fc6 and the prior are such that chains move."""
    keras.utils.set_random_seed(0)
    encoder = classifier((SIDE, SIDE, 1), CLASSES, filters=2, code=CODE)
    generator = upconvolutional(CODE, SIDE, 1, filters=2)
    for name in ("deconv0", "deconv1"):
        layer = generator.get_layer(name)
        layer.kernel.assign(8 * layer.kernel)
    encoder.save(tmp_path / "encoder.keras")
    generator.save(tmp_path / "generator.keras")
    denoiser_of_codes(CODE).save(tmp_path / "prior.keras")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(monkeypatch, capfd):
    """Runs `sampling_class.py`; what its run noted last of each chain, and its chains."""

    def run(text):
        folders = []

        class Remembered(RunFolder):
            def __init__(self, flags, chains, facts):
                super().__init__(flags, chains, facts)
                folders.append((self, chains))

        monkeypatch.setattr(sampling_run, "RunFolder", Remembered)
        ended = call("sampling_class", [*FILES, *words(text)], monkeypatch, capfd)
        assert ended.status == 0, ended.err
        [(folder, chains)] = folders
        return [folder.last[chain.name][0] for chain in chains], chains

    return run


def networks_of(inpainting=False, prior=None):
    loader = Loader()
    encoder, generator = (loader.load(f"{one}.keras", "") for one in ("encoder", "generator"))
    prior = None if prior is None else loader.load(prior, "")
    condition = UnitCondition(encoder, "fc8")
    networks = Networks(generator, encoder, "fc6", condition, inpainting=inpainting, prior=prior)
    return networks, encoder


def assert_same(found, wanted):
    """Batches of another size may be summed in another order; and steps hand it on."""
    wanted = np.concatenate(wanted)
    assert found.shape == wanted.shape
    assert wanted.std() > 1
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("prior", [None, "prior.keras"])
def test_random_chains(script, prior):
    text = "--units 0_3 --batch_units --batch 2 --n_iters 8 --lr 0.2 --lr_end 0.05 --seed 5"
    text += " --epsilon1 1e-2 --epsilon3 1e-3"
    wanted, scripts = script(text + (f" --prior_definition {prior}" if prior else ""))
    networks, _ = networks_of(prior=prior)
    settings = (8, 0.2, 0.05, Epsilons(1e-2, 1.0, 1e-3))
    plans = [schedule([unit], *settings, seed) for unit in (0, 3) for seed in (5, 6)]
    chains = [random_chain(networks, plan) for plan in plans]
    for chain, other in zip(chains, scripts, strict=True):
        assert chain.steps == other.steps == 9
    found = last_images(networks, chains)
    assert found.shape == (4, SIDE, SIDE, 1)
    assert_same(found, wanted)
    # They are four different ones.
    for i, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1 for other in found[:i])
    for chain, other in zip(chains, scripts, strict=True):
        assert chain.done
        np.testing.assert_allclose(chain.h, other.h, rtol=0, atol=1e-4)


def test_several_conditions_in_one_chain(script):
    wanted, _ = script("--units 2_1 --n_iters 4 --lr 0.2 --epsilon1 1e-2 --epsilon3 1e-3")
    networks, _ = networks_of()
    plan = schedule([2, 1], 4, 0.2, 0.2, Epsilons(1e-2, 1.0, 1e-3), 0)
    assert_same(last_images(networks, [random_chain(networks, plan)]), wanted)


def test_masked_chains(script, folder):
    """The same holes, codes and images; the picture is what the script reads."""
    write_picture(folder / "a.png")
    text = "--units 1 --batch 3 --n_iters 5 --lr 0.1 --lr_end 0.01 --seed 7 --patch 11"
    text += " --epsilon1 1 --epsilon3 1e-3 --epsilon4 1e-2 --init_file a.png"
    wanted, scripts = script(text)
    networks, encoder = networks_of(inpainting=True)
    image = load_image("a.png", (SIDE, SIDE), 1, of_imagenet=False)
    code = code_of(encoder, "fc6", CODE)
    settings = (5, 0.1, 0.01, Epsilons(1.0, 1.0, 1e-3, 1e-2))
    chains = []
    for seed, other in zip((7, 8, 9), scripts, strict=True):
        chain = masked_chain(networks, schedule([1], *settings, seed), image, code, 11)
        np.testing.assert_array_equal(chain.context.mask, other.context.mask)
        np.testing.assert_array_equal(chain.context.picture, other.context.picture)
        assert chain.context.mask.sum() == 11 * 11
        assert chain.h.dtype == other.h.dtype
        chains.append(chain)
    assert len({one.context.mask.tobytes() for one in chains}) == 3
    found = last_images(networks, chains)
    assert_same(found, wanted)
    # Around the hole there is the picture.
    for one, chain in zip(found, chains, strict=True):
        around = chain.context.mask[0] == 0
        np.testing.assert_array_equal(one[around], image[0][around])


def test_chains_go_through_the_networks_in_groups():
    networks, _ = networks_of()
    settings = (3, 0.2, 0.2, Epsilons(1e-2, 1.0, 1e-3))

    def chains():
        return [random_chain(networks, schedule([0], *settings, seed)) for seed in range(5)]

    whole = last_images(networks, chains())
    parts = last_images(networks, chains(), at_once=2)
    assert_same(parts, list(whole[:, None]))
    alone = last_images(networks, chains()[3:4])
    assert_same(alone, list(whole[3:4, None]))


def test_nothing_is_written(folder):
    before = sorted(folder.iterdir())
    networks, _ = networks_of()
    plan = schedule([0], 2, 0.2, 0.2, Epsilons(1e-2, 1.0, 0.0), 0)
    last_images(networks, [random_chain(networks, plan)])
    assert sorted(folder.iterdir()) == before
