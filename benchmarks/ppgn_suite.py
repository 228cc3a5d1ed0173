"""One measurement of this suite's plug-and-play sampler, in a process of its own: prints JSON.

Called by `benchmarks/ppgn.py`.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

BEGIN = time.perf_counter()
if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras  # noqa: E402

import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import peak_memory, time_calls  # noqa: E402
from benchmarks.suite_side import product_rate  # noqa: E402
from common.caffe_weights import WeightSource, random_weights  # noqa: E402
from reproductions.ppgn.chain import Chain, Schedule  # noqa: E402
from reproductions.ppgn.conditions import CaptionCondition, UnitCondition  # noqa: E402
from reproductions.ppgn.inpainting import Context, get_mask  # noqa: E402
from reproductions.ppgn.networks import GAINS, SUITE  # noqa: E402
from reproductions.ppgn.options import parse_caption, parse_class  # noqa: E402
from reproductions.ppgn.plan import schedules  # noqa: E402
from reproductions.ppgn.recipes import RECIPES, command  # noqa: E402
from reproductions.ppgn.sampler import evaluate  # noqa: E402
from reproductions.ppgn.start import random_code  # noqa: E402
from reproductions.ppgn.step import Networks, Terms  # noqa: E402
from reproductions.ppgn.words import MISC, VOCABULARY, convert_words_into_numbers  # noqa: E402

LOADED = time.perf_counter()

#: The case -> the original's recipe.
CASES = {"class": 1, "conv5": 3, "inpainting": 7, "caption": 5}
#: Chains in one call.
CHAINS = 8
#: Seeds of codes that all implementations must agree on. They were searched for: with most codes
#: one of a million ReLUs or maxima is so near to a tie that rounding decides it, and a gradient
#: changes by 1e-3 to 1e-2.
CHECKED = (18, 131)
WEIGHTS, INPUTS = "weights.npz", "inputs.npz"


def plan(case: str) -> Schedule:
    """What the recipe's first chain does."""
    number = CASES[case]
    recipe = RECIPES[number]
    words = command(number, recipe.example, ["--batch=1"])
    flags = (parse_caption if recipe.of_captions else parse_class)(words)
    condition = recipe.example if recipe.of_captions else int(recipe.example)
    return schedules(flags, [[condition]])[0]


def sentence() -> list[int]:
    """The numbers of the caption's words."""
    words = RECIPES[CASES["caption"]].example.split("_")
    return convert_words_into_numbers(MISC / VOCABULARY, words)


def write(folder: str) -> dict:
    """Writes what all implementations are given: weights as Caffe has them, codes, a picture.

    Args:
        folder: takes `weights.npz` and `inputs.npz`.
    """
    blobs = {}

    def recorded(name: str) -> WeightSource:
        source = random_weights(0, GAINS[SUITE[name].weights])

        def get(layer, shapes, fan_in):
            arrays = source(layer, shapes, fan_in)
            blobs.update({f"{name}/{layer}/{i}": array for i, array in enumerate(arrays)})
            return arrays

        return get

    numbers = sentence()
    for name, options in (("caffenet", {}), ("generator", {}), ("lrcn", {"steps": len(numbers)})):
        SUITE[name].build(recorded(name), **options)
    np.savez(Path(folder, WEIGHTS), **blobs)

    def codes(seeds):
        return np.concatenate([random_code(np.random.RandomState(seed), 4096) for seed in seeds])

    random = np.random.RandomState(0)
    mask = get_mask(random)
    picture = random.normal(0, 50, (1, 227, 227, 3)) * (1 - mask)
    epsilons = {f"{case}/epsilons": plan(case).epsilons for case in CASES}
    np.savez(
        Path(folder, INPUTS),
        codes=codes(range(CHAINS)),
        checked=codes(CHECKED),
        mask=mask,
        picture=picture.astype(np.float32),
        sentence=numbers,
        unit=[0 if case == "caption" else plan(case).conditions[0] for case in CASES],
        **epsilons,
    )
    return {}


def given(folder: str, name: str) -> WeightSource:
    """The written weights of a network."""
    blobs = np.load(Path(folder, WEIGHTS))
    return lambda layer, shapes, fan_in: tuple(
        blobs[f"{name}/{layer}/{i}"] for i in range(len(shapes))
    )


def chains_of(case: str, folder: str, codes: str = "codes") -> list[Chain]:
    """Chains of the case's recipe, one for each of the written codes."""
    inputs, context = np.load(Path(folder, INPUTS)), None
    if case == "inpainting":
        context = Context(inputs["mask"], inputs["picture"])
    return [
        Chain(plan(case), case, np.random.RandomState(i), h[None], context)
        for i, h in enumerate(inputs[codes])
    ]


def terms_of(networks: Callable[..., Terms], case: str, folder: str) -> dict[str, np.ndarray]:
    """What the networks say of some codes, one by one, for the check that all agree."""
    chains = chains_of(case, folder, "checked")
    rows = evaluate(networks, chains, 1)
    d_prior = np.concatenate([row.code - chain.h for row, chain in zip(rows, chains, strict=True)])
    found = {"d_prior": d_prior, "d_condition": np.concatenate([row.d_condition for row in rows])}
    if rows[0].d_context is not None:
        found["d_context"] = np.concatenate([row.d_context for row in rows])
    return {f"{case}/{name}": array for name, array in found.items()}


def time_steps(networks: Callable[..., Terms], chains: list[Chain], count: int) -> dict:
    """Times steps of the sampler.

    Args:
        networks: from codes, units and a context to terms.
        chains: all go through the networks in one call.
        count: steps to time; one more is made before.

    Returns:
        Seconds of each step for each chain, and what share of them is spent outside `networks`.
    """
    inside = []

    def timed(*args):
        begin = time.perf_counter()
        terms = networks(*args)
        inside.append(time.perf_counter() - begin)
        return terms

    def step():
        for chain, terms in zip(chains, evaluate(timed, chains, len(chains)), strict=True):
            chain.step(terms)

    step()
    inside.clear()
    seconds = time_calls(step, count)
    return {
        "seconds": [s / len(chains) for s in seconds],
        "outside": 1 - sum(inside) / sum(seconds),
        "memory": peak_memory(),
    }


def networks_of(case: str, encoder: keras.Model, generator: keras.Model, folder: str) -> Networks:
    """The networks of the case's recipe, with the written weights."""
    if case == "caption":
        numbers = sentence()
        captioner = SUITE["lrcn"].build(given(folder, "lrcn"), steps=len(numbers))
        condition = CaptionCondition(encoder, "fc8", captioner, numbers)
    else:
        layer, place = ("conv5", (6, 6, 7, 7)) if case == "conv5" else ("fc8", None)
        condition = UnitCondition(encoder, layer, place)
    return Networks(generator, encoder, "fc6", condition, case == "inpainting")


def measure(steps: int, folder: str) -> dict:
    """Measures steps of each case, and of several chains of the class recipe.

    Args:
        steps: how many of each to time.
        folder: holds what `write` wrote; takes `suite.npz`, the terms of some codes.
    """
    begin = time.perf_counter()
    encoder, generator = (SUITE[n].build(given(folder, n)) for n in ("caffenet", "generator"))
    built = time.perf_counter()
    result, terms = {"import": LOADED - BEGIN, "load": built - begin}, {}
    for case in CASES:
        networks = networks_of(case, encoder, generator, folder)
        if case == "class":
            chain = chains_of(case, folder)[0]
            chain.step(*evaluate(networks, [chain], 1))
            result["first"] = time.perf_counter() - built
        terms |= terms_of(networks, case, folder)
        result[case] = time_steps(networks, chains_of(case, folder)[:1], steps)
        if case == "class":
            result["chains"] = time_steps(networks, chains_of(case, folder), steps // 2)
    np.savez(Path(folder, "suite.npz"), **terms)
    result["matrix_product"] = product_rate()
    return result


if __name__ == "__main__":
    if sys.argv[1] == "write":
        print(json.dumps(write(sys.argv[2])))
    else:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
