"""What the tests of ppgn share: the full networks, built once, with the references' weights."""

import functools

import numpy as np
import pytest

from common.caffenet import caffenet
from reproductions.ppgn.conditions import CaptionCondition, UnitCondition
from reproductions.ppgn.generator import generator
from reproductions.ppgn.lrcn import lrcn
from tests.reproductions.ppgn.evaluation import Step, joined, volcano
from tests.reproductions.ppgn.golden_weights import GoldenWeights
from tests.reproductions.ppgn.references import CAPTION, RUNS, rows

#: How many codes go through the networks together, which memory limits.
AT_ONCE = 4


@pytest.fixture(scope="session")
def sources():
    """The sources of the networks' weights, which remember what they gave."""
    return {net: GoldenWeights(net) for net in ("caffenet", "generator", "places", "lrcn")}


@pytest.fixture(scope="session")
def encoder(sources):
    return caffenet(sources["caffenet"])


@pytest.fixture(scope="session")
def places(sources):
    return caffenet(sources["places"], classes=205, name="placescnn")


@pytest.fixture(scope="session")
def golden_generator(sources):
    return generator(sources["generator"])


@pytest.fixture(scope="session")
def captioner(sources):
    """For sentences of ten numbers, as is that of the references."""
    return lrcn(sources["lrcn"], 10)


@pytest.fixture(scope="session")
def steps(golden_generator, encoder, request):
    """From the kind of a condition to its networks."""
    place = (6, 6, 7, 7)
    sentence = [int(word) for word in rows(CAPTION)["words"][0]]
    conditions = {
        "fc8": lambda: UnitCondition(encoder, "fc8"),
        "inpaint": lambda: UnitCondition(encoder, "fc8"),
        "conv5": lambda: UnitCondition(encoder, "conv5", place),
        "places": lambda: UnitCondition(request.getfixturevalue("places"), "conv5", place),
        "caption": lambda: CaptionCondition(
            encoder, "fc8", request.getfixturevalue("captioner"), sentence
        ),
    }

    @functools.cache
    def step(kind):
        return Step(golden_generator, encoder, conditions[kind](), kind == "inpaint")

    return step


@pytest.fixture(scope="session")
def evaluated(steps):
    """From the name of a run to what the networks say of its codes, some in each call."""
    kinds = dict(zip(RUNS, ("fc8", "fc8", "conv5", "places", "fc8", "inpaint"), strict=True))
    kinds[CAPTION] = "caption"

    @functools.cache
    def evaluate(run):
        found, kind = rows(run), kinds[run]
        step = steps(kind)
        units = found.get("unit", np.zeros(len(found["h_in"]), np.int32))
        parts = []
        for begin in range(0, len(units), AT_ONCE):
            group = slice(begin, begin + AT_ONCE)
            h = found["h_in"][group]
            context = volcano(len(h)) if kind == "inpaint" else None
            parts.append(step(h, units[group], context))
        return joined(parts)

    return evaluate
