"""Steps of the joint recipe: the same on every backend, on several devices, and without D."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import reproductions
from common import backend
from common.backend import Devices
from common.state import flat
from reproductions.ppgn.training.classifier import classifier
from reproductions.ppgn.training.generator_run import build
from reproductions.ppgn.training.joint import Joint
from reproductions.ppgn.training.options import parse_generator
from tests.reproductions.ppgn.training.joint import (
    CODE,
    DECAY,
    FLOAT32,
    NOTHING,
    RATES,
    WEIGHTS,
    arrays_of,
    changed,
    error,
    images_of,
    joint_of,
    parts,
    step_of,
)
from tests.scripts import words

REFERENCE = Path(__file__).parents[3] / "references" / "ppgn" / "joint_steps.npz"


def drawn(kind):
    """From shape and seed to NumPy's random numbers, on every backend the same."""

    def draw(shape, seed):
        random = np.random.RandomState([int(number) for number in seed])
        found = random.normal(size=shape) if kind == "normal" else random.uniform(size=shape)
        return backend.to_tensor(found.astype(np.float32))

    return draw


def two_steps():
    """Values and weights after each of two steps, with weights and noise that NumPy draws."""
    random = np.random.RandomState(4)
    networks = parts(told=True)
    for model in networks:
        for variable in model.variables:
            wide = np.sqrt(2 / np.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 0.1
            variable.assign(random.normal(0, wide, variable.shape).astype(np.float32))
    encoder, generator, player = networks
    # Epsilon is large: gradients of which float32 knows few digits do not move weights.
    adams = tuple(keras.optimizers.Adam(rate, 0.9, 0.999, epsilon=1e-2) for rate in RATES)
    options = {"decay": DECAY, "noise": 0.2, "told": True}
    joint = Joint(generator, player, encoder, "pool2", "fc6", WEIGHTS, adams, **options)
    found = {}
    for number in range(2):
        found[f"values{number}"] = np.array(step_of(joint, images_of(seed=number), (5, number)))
    for name in ("generator", "discriminator"):
        for number, array in enumerate(arrays_of(getattr(joint, name))):
            found[f"{name}{number}"] = array
    return found


@pytest.mark.reference
@pytest.mark.long_to_compile
def test_two_steps_are_the_same_on_every_backend(monkeypatch):
    for name in ("normal", "uniform"):
        monkeypatch.setattr(backend, name, drawn(name))
    found, wanted = two_steps(), dict(np.load(REFERENCE))
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        if name.startswith("values"):
            np.testing.assert_allclose(found[name], array, rtol=1e-5, err_msg=name)
        else:
            assert error(found[name], array) < 1e-5, name


def test_losses_are_measured_whatever_they_weigh():
    networks, images = parts(), images_of()
    alone = step_of(joint_of(parts(), NOTHING._replace(image=1.0)), images, (5, 0))
    every = step_of(joint_of(networks), images, (5, 0))
    np.testing.assert_allclose(alone[:3], every[:3], rtol=1e-6)
    assert all(one > 0 for one in every)


def test_without_adversarial_loss_there_is_no_discriminator():
    networks = parts()
    before = arrays_of(networks[2])
    joint = joint_of(networks, WEIGHTS._replace(adversarial=0.0))
    values = step_of(joint, images_of(), (5, 0))
    assert values[3:] == (0, 0, 0)
    assert not any(changed(before, joint.discriminator))
    assert set(joint.variables) == {"generator", "adam_of_generator"}


def test_images_too_small_for_a_discriminator():
    """They are no obstacle where there is none."""
    flags = parse_generator(words("--dataset digits --filters 2 --weight_adversarial 0"))
    joint = build(flags, classifier((24, 24, 1), 3, filters=2, code=CODE), 24)
    values = step_of(joint, images_of()[:, 2:-2, 2:-2], (5, 0))
    assert values.image > 0 and values[3:] == (0, 0, 0)


def test_random_numbers_are_of_the_seed_and_the_step():
    networks = parts()
    for noise, first in ((0.2, 0), (0.0, 3)):
        joint = joint_of(networks, noise=noise)
        found, same, *others = (
            step_of(joint, images_of(), seed, False, False)
            for seed in ((5, 1), (5, 1), (5, 2), (6, 1))
        )
        assert found == same
        for again in others:
            # Without noise only D's dropout is random.
            assert found[:first] == again[:first]
            assert all(a != b for a, b in zip(found[first:], again[first:], strict=True))


def distributed(kind):
    """Values and weights after two steps of a batch of 4, compiled, by device."""
    devices = Devices(kind)
    with devices.scope():
        joint = joint_of(parts(told=True), noise=0.2, told=True)

    def make(arrays, number):
        return joint.step(arrays[0], (5, number), True, True)

    step, found = devices.compile(make, flat(joint.variables)), {}
    for number in range(2):
        values = step([images_of(4, number)], np.int32(number))
        found[f"values{number}"] = np.array([float(one) for one in values])
    for part, variables in joint.variables.items():
        for number, one in enumerate(variables):
            found[f"{part}{number}"] = np.asarray(one)
    return devices.count, found


@pytest.mark.slow
@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="with PyTorch each device takes a process"
)
def test_two_devices_are_as_one(tmp_path):
    """In a process of its own: logical processors must be made first of all."""
    code = f"""
import contextlib
import numpy as np
from common.quiet import import_keras
import_keras()
with contextlib.suppress(ImportError):
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
from tests.reproductions.ppgn.training.test_joint import distributed
count, found = distributed("mirrored")
np.savez({str(tmp_path / "two.npz")!r}, count=count, **found)
"""
    root = Path(reproductions.__path__[0]).parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"  # JAX's way
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=180)
    two = dict(np.load(tmp_path / "two.npz"))
    count, one = distributed("one")
    assert count == 1 and two.pop("count") == 2
    assert set(two) == set(one)
    for name, wanted in one.items():
        if name.startswith("values") or "adam" in name:
            assert error(two[name], wanted) < FLOAT32, name
        else:
            rate = RATES[name.startswith("discriminator")]
            np.testing.assert_allclose(two[name], wanted, rtol=1e-6, atol=1e-2 * rate, err_msg=name)
