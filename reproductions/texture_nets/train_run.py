"""A training run, from flags to a model."""

import argparse
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common.autodiff import compile_images
from common.backend import memory_needed
from common.errors import UserError
from common.interrupts import interrupts_held
from common.runs import STATE, check_writable, load_state
from common.vgg19_pixels import deprocess
from reproductions.texture_nets.content import FromFolder, FromHDF5, batches
from reproductions.texture_nets.descriptor import (
    check_sides,
    descriptor,
    features_shape,
    texture_targets,
)
from reproductions.texture_nets.descriptor_weights import descriptor_weights
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.objective import Objective
from reproductions.texture_nets.pictures import find_picture, for_descriptor, load_picture
from reproductions.texture_nets.report import Report
from reproductions.texture_nets.run_folder import TARGET, RunFolder
from reproductions.texture_nets.training import Training
from reproductions.texture_nets.training_options import settings_of


def train_texture(flags: argparse.Namespace) -> None:
    """Trains a generator of a texture.

    Args:
        flags: of `texture_train.py`.

    Raises:
        UserError: a file cannot be read or written, the sizes do not fit, or the loss ceases to be
            a number.
    """
    check_writable(flags.tmp_path)
    picture = _picture(flags, flags.texture)
    target = for_descriptor(picture, flags.image_size)
    upto = flags.layers[-1]
    check_sides(target.shape[1:3], flags.network, upto, flags.vgg_no_pad, "the texture")
    check_sides([flags.image_size], flags.network, upto, flags.vgg_no_pad, "-image_size")
    weights, line = descriptor_weights(flags, upto, target)
    network = descriptor(flags.network, weights, flags.layers, flags.vgg_no_pad)
    targets = _targets(network, flags.layers, flags.layers, target)
    objective = Objective(
        network,
        flags.layers,
        targets,
        flags.texture_weight,
        normalize=flags.normalize_gradients,
    )
    _train(flags, objective, picture, line, lambda done: itertools.repeat(()))


def train_stylization(flags: argparse.Namespace) -> None:
    """Trains a generator that paints pictures in a style.

    Args:
        flags: of `stylization_train.py`.

    Raises:
        UserError: see `train_texture`.
    """
    check_writable(flags.tmp_path)
    picture = _picture(flags, flags.style_image)
    target = for_descriptor(picture, flags.image_size)
    known, no_pad = flags.network, flags.vgg_no_pad
    layers = [layer for layer in known.layers if layer in (*flags.layers, flags.content)]
    check_sides(target.shape[1:3], known, flags.layers[-1], no_pad, "the style image")
    check_sides([flags.image_size], known, layers[-1], no_pad, "-image_size")
    weights, line = descriptor_weights(flags, layers[-1])
    network = descriptor(known, weights, layers, no_pad)
    objective = Objective(
        network,
        layers,
        _targets(network, layers, flags.layers, target),
        flags.style_weight,
        flags.content,
        flags.content_weight,
        flags.normalize_gradients,
    )
    source = _source(flags, line, descriptor(known, weights, [flags.content], no_pad))
    _train(
        flags,
        objective,
        picture,
        line,
        lambda done: batches(source, flags.batch_size, flags.fix_batch, done),
    )


def _picture(flags: argparse.Namespace, name: str) -> np.ndarray:
    """The texture or style, RGB in 0..1; a run that goes on has a copy."""
    return load_picture(find_picture(name) if flags.resume is None else Path(flags.resume, TARGET))


def _targets(
    network: Callable, layers: Sequence[str], wanted: Sequence[str], target: np.ndarray
) -> dict[str, np.ndarray]:
    features = [f for f, layer in zip(network(target), layers, strict=True) if layer in wanted]
    return dict(zip(wanted, texture_targets(features), strict=True))


def _source(flags: argparse.Namespace, weights: str, network: Callable) -> FromHDF5 | FromFolder:
    """Where the pictures come from."""
    file = flags.train_hdf5
    if file is not None:
        shape = features_shape(flags.network, flags.content, flags.image_size, flags.vgg_no_pad)
        return FromHDF5(file, flags.train_images_path, shape, flags.image_size, weights)
    compiled = compile_images(lambda images: network(images)[0])
    return FromFolder(flags.train_images_path, flags.image_size, compiled)


def _train(
    flags: argparse.Namespace,
    objective: Objective,
    picture: np.ndarray,
    weights: str,
    batches_from: Callable[[int], Iterator[tuple]],
) -> None:
    keras.utils.set_random_seed(flags.random_seed)
    generator = Generator(
        flags.model_name,
        flags.noise_depth,
        flags.script == "stylization_train.py",
        flags.circular_padding,
        flags.normalization,
    )
    training = Training(generator, objective, settings_of(flags))
    if flags.resume is not None and (state := load_state(flags.resume)) is not None:
        try:
            training.restore(state)
        except ValueError as error:
            raise UserError(f"{Path(flags.resume, STATE)} is damaged: {error}") from None
    first = training.iterations
    # The first batch is read before anything is written: it may be refused.
    batches = batches_from(first)
    batches = itertools.chain([next(batches)], batches)
    folder = RunFolder(flags, picture, {"weights": weights})
    print(f"{weights}\nthe run is in {folder.path}", flush=True)
    report = Report(folder.path, flags.num_iterations, first, flags.batch_size)
    try:
        with interrupts_held() as interrupted:
            for _ in _iterations(flags, training, folder, report, batches, first):
                if folder.due():
                    folder.save(training.state())
                if interrupted():
                    print("interrupted; --resume goes on")
                    break
    finally:
        report.close()
    folder.save(training.state())
    path = folder.model(training.averaged())
    print(f"the model after iteration {training.iterations} is {path}")


def _iterations(
    flags: argparse.Namespace,
    training: Training,
    folder: RunFolder,
    report: Report,
    batches: Iterator[tuple],
    first: int,
) -> Iterator[int]:
    """Makes the iterations that are left; yields how many are done after each."""
    for iteration in range(first + 1, flags.num_iterations + 1):
        with memory_needed("try a smaller -batch_size or -image_size"):
            losses, images = training.step(iteration - 1, *next(batches))
        if not all(map(math.isfinite, losses)):
            raise UserError(
                f"the loss of iteration {iteration} is not a number; try a smaller -learning_rate "
                "in a new run"
            )
        report.step(iteration, losses)
        if iteration % flags.pictures_every == 0:
            pictures = deprocess(ops.convert_to_numpy(images))
            folder.pictures(iteration, pictures)
            report.pictures(iteration, pictures)
        if iteration % flags.model_every == 0:
            folder.model(training.averaged(), iteration)
        yield iteration
