"""What the tests of multiscale share: weights, source pictures, runs as the scripts set them up."""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from common import backend
from common.autodiff import loss_and_gradient
from common.vgg19_pixels import preprocess
from reproductions.multiscale.descriptor import descriptor
from reproductions.multiscale.losses import novelty_loss
from reproductions.multiscale.options import parse_novelty, parse_synthesis
from reproductions.multiscale.sources import find_sources, read_source
from reproductions.multiscale.start import make_start
from reproductions.multiscale.synthesis_run import texture_loss
from tests.backends import quickest
from tests.golden_weights import golden_weights
from tests.reproductions.multiscale.references import write_sources


class Run(NamedTuple):
    """A run of a script, just before it optimises."""

    flags: argparse.Namespace
    images: list[np.ndarray]
    start: np.ndarray
    loss: Callable

    def evaluate(self, loss: Callable | None = None) -> tuple[float, np.ndarray]:
        """Loss (another than the run's own, if given) and gradient of the start."""
        # For one value compiling takes longer than it saves.
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(backend, "compile", quickest)
            evaluate = loss_and_gradient(loss or self.loss, self.start.shape)
            value, gradient = evaluate(self.start.ravel())
        return value, gradient.reshape(self.start.shape)


@pytest.fixture(scope="session")
def weights():
    return golden_weights()


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """The folder of the source pictures."""
    folder = tmp_path_factory.mktemp("sources")
    write_sources(folder)
    return folder


@pytest.fixture
def in_sources(sources, monkeypatch):
    """Makes it the current folder, so that the references' arguments hold as they are."""
    monkeypatch.chdir(sources)


@pytest.fixture
def synthesis(weights, in_sources):
    """From the arguments of `synthesize.py` to the run."""

    def prepare(arguments, seed="0"):
        flags = parse_synthesis([*arguments, "--random_seed", seed])
        images = [
            preprocess(read_source(path, flags.source_width, flags.source_scale).pixels)[None]
            for path in find_sources(flags.source)
        ]
        start = make_start(flags)
        return Run(flags, images, start, texture_loss(flags, weights, images))

    return prepare


@pytest.fixture
def novelty(weights):
    """From the arguments of `novelty.py` to the run."""

    def prepare(arguments, seed="0"):
        flags = parse_novelty([*arguments, "--random_seed", seed])
        describe = descriptor(
            flags.network, weights, flags.layers, max(flags.octaves, 1), flags.padding_mode
        )
        loss = novelty_loss(describe, flags.mul, flags.octave_step, flags.internal)
        return Run(flags, [], make_start(flags), loss)

    return prepare
