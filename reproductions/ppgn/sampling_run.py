"""`sampling_class.py` and `sampling_caption.py`: from flags to chains, from chains to pictures."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from common.errors import UserError, warn
from common.images import read_picture
from common.runs import check_writable
from reproductions.ppgn.chain import Chain, Schedule
from reproductions.ppgn.conditions import CaptionCondition, UnitCondition
from reproductions.ppgn.ends import before_activation
from reproductions.ppgn.formats import FORMATS, check_format
from reproductions.ppgn.inpainting import Context, get_mask
from reproductions.ppgn.naming import caption_stem, class_stem
from reproductions.ppgn.networks import (
    KEPT,
    KERAS_ENDINGS,
    SUITE,
    Loader,
    check_makes_images,
    check_takes_images,
    suite_name,
    weights_name,
)
from reproductions.ppgn.options import CAFFENET_WEIGHTS, region, units
from reproductions.ppgn.outcome import Result, finish
from reproductions.ppgn.plan import schedules
from reproductions.ppgn.run_folder import RunFolder
from reproductions.ppgn.sampler import sample
from reproductions.ppgn.start import code_of, find_image, load_image, random_code
from reproductions.ppgn.step import Networks, Terms
from reproductions.ppgn.words import (
    MISC,
    VOCABULARY,
    class_names,
    convert_words_into_numbers,
    label,
    names_of_units,
)

_RULE = "-------------"
_MEANINGLESS = (
    "random networks, made on the spot: the pictures mean nothing. The trained ones: "
    "python -m common.weights get"
)


def sample_classes(flags: argparse.Namespace, loader: Loader | None = None) -> list[Result]:
    """Runs `sampling_class.py`.

    Args:
        flags: of the script.
        loader: may hold networks of an earlier call.

    Returns:
        What each chain left behind.

    Raises:
        UserError: see `Loader.load`, `UnitCondition`, `Networks`; no such picture.
    """
    _banner(flags, [f" units: {flags.units}    xy: {flags.xy}"], epsilons=4)
    loader = _prepare(flags, loader)
    picture = _find_start(flags)
    names = None if flags.labels is None else class_names(flags.labels)
    encoder, generator = _encoder_and_generator(flags, loader)
    network = _condition_network(flags, loader)
    pixels = _pixels(flags, network)
    place = (flags.xy, flags.xy, flags.xy + 1, flags.xy + 1)
    if flags.region is not None:
        place = region(flags.region)
    condition = UnitCondition(network, flags.act_layer, place, FORMATS[pixels])
    numbers = units(flags.units)
    for unit in numbers:
        condition.check(unit)
    if flags.region is not None and not condition.is_map:
        raise UserError(f"--region needs a convolution, the layer {flags.act_layer} has no maps")
    _check_opt_layer(flags, encoder)
    inpainting = flags.epsilon4 > 0
    prior = _prior(flags, loader)
    prepare = encoder_format(flags, encoder)
    networks = Networks(generator, encoder, flags.code_layer, condition, inpainting, prior, prepare)

    lists = [[unit] for unit in numbers] if flags.batch_units else [numbers]
    plans = schedules(flags, lists)
    names_of = functools.partial(class_stem, flags.act_layer)
    start = _starter(flags, networks, encoder, picture)
    chains = [start(plan, names_of(plan)) for plan in _distinct(plans, names_of)]
    if flags.init_file == "None":
        print(">>", chains[0].h.min(), chains[0].h.max())
    else:
        print("Loaded init code: ", chains[0].h.shape)

    def line(chain: Chain, terms: Terms, norm: float) -> str:
        best, best_p = terms.best[0], terms.best_probability[0]
        return (
            f"step: {chain.i:04d}\t max: {best:4d} [{best_p:.2f}]\t "
            f"obj: {chain.condition:4d} [{terms.probability[0]:.2f}]\t norm: [{norm:.2f}]"
        )

    if names is None:
        names = names_of_units(condition.units)

    def words(unit: int) -> tuple[str, str]:
        return str(unit), label(names, flags.act_layer, unit)

    return _run(flags, networks, chains, line, words, loader.used)


def sample_captions(flags: argparse.Namespace, loader: Loader | None = None) -> list[Result]:
    """Runs `sampling_caption.py`.

    Args:
        flags: of the script.
        loader: may hold networks of an earlier call.

    Returns:
        What each chain left behind.

    Raises:
        UserError: see `Loader.load`, `CaptionCondition`, `Networks`; an unknown word.
    """
    more = [f" captioner definition: {flags.captioner_definition}"]
    _banner(flags, [f" sentence: {flags.sentence}"], epsilons=3, networks=more)
    words = [word for word in flags.sentence.split("_") if word]
    numbers = convert_words_into_numbers(flags.vocabulary or MISC / VOCABULARY, words)
    loader = _prepare(flags, loader)
    picture = _find_start(flags)
    encoder, generator = _encoder_and_generator(flags, loader)
    network = _condition_network(flags, loader)
    captioner = loader.load_captioner(flags.captioner_definition, flags.net_weights, len(numbers))
    _check_captioner(captioner, numbers, words)
    condition = CaptionCondition(network, flags.act_layer, captioner, numbers)
    _check_opt_layer(flags, encoder)
    prior = _prior(flags, loader)
    prepare = encoder_format(flags, encoder)
    networks = Networks(
        generator, encoder, flags.code_layer, condition, prior=prior, prepare=prepare
    )
    readable = flags.sentence.replace("_", " ")

    plans = schedules(flags, [[readable]])
    names_of = functools.partial(caption_stem, flags.act_layer)
    start = _starter(flags, networks, encoder, picture)
    chains = [start(plan, names_of(plan)) for plan in _distinct(plans, names_of)]
    if flags.init_file != "None":
        print("Loaded start code: ", chains[0].h.shape)

    def line(chain: Chain, terms: Terms, norm: float) -> str:
        return f"step: {chain.i:04d}\t {readable} [{terms.probability[0]:.2f}]\t norm: [{norm:.2f}]"

    return _run(flags, networks, chains, line, lambda text: (text, text), loader.used)


def _banner(
    flags: argparse.Namespace, first: list[str], epsilons: int, networks: Sequence[str] = ()
) -> None:
    """What the original prints before anything else."""
    print("\n".join([_RULE, *first]))
    for name in ("n_iters", "reset_every", "save_every", "threshold"):
        print(f" {name}: {getattr(flags, name)}")
    for number in range(1, epsilons + 1):
        print(f" epsilon{number}: {getattr(flags, f'epsilon{number}')}")
    print(f" start learning rate: {flags.lr}")
    print(f" end learning rate: {flags.lr_end}")
    for name in ("seed", "opt_layer", "act_layer", "init_file"):
        print(f" {name}: {getattr(flags, name)}")
    print(_RULE)
    print(f" output dir: {flags.output_dir}")
    print(f" net weights: {flags.net_weights}")
    print(f" net definition: {flags.net_definition}")
    for text in networks:
        print(text)
    print(_RULE, flush=True)


def _prepare(flags: argparse.Namespace, loader: Loader | None) -> Loader:
    check_writable(flags.output_dir)
    if flags.weights == "random":
        names = map(weights_name, (flags.encoder_weights, flags.generator_weights))
        names = [*names, weights_name(_net_weights(flags))]
        warn(" ".join([_MEANINGLESS, *dict.fromkeys(filter(None, names))]))
    return loader or Loader(random=flags.weights == "random")


def _encoder_and_generator(
    flags: argparse.Namespace, loader: Loader
) -> tuple[keras.Model, keras.Model]:
    weights = weights_for(flags.encoder_definition, flags.encoder_weights)
    encoder = loader.load(flags.encoder_definition, weights)
    generator = loader.load(flags.generator_definition, flags.generator_weights)
    check_takes_images(encoder, "encoder")
    check_makes_images(generator)
    return encoder, generator


def encoder_format(flags: argparse.Namespace, encoder: keras.Model) -> Callable:
    """From images, BGR minus the mean, to what the encoder was trained on.

    Raises:
        UserError: it takes no such pixels.
    """
    definition, pixels = flags.encoder_definition, flags.encoder_pixels
    if pixels != "caffe" and (suite_name(definition) or definition in KEPT):
        raise UserError(f"--encoder_pixels {pixels}: {definition} takes caffe")
    check_format(pixels, encoder, definition, "--encoder_pixels")
    return FORMATS[pixels]


def _prior(flags: argparse.Namespace, loader: Loader) -> keras.Model | None:
    """R(h), where it is a network of its own."""
    if flags.prior_definition is None:
        return None
    return loader.load(flags.prior_definition, "")


def weights_for(definition: str, weights: str) -> str:
    """Those of a flag, or by default those that belong to a network of the suite.

    Raises:
        UserError: the network has its own.
    """
    if weights == CAFFENET_WEIGHTS:
        return SUITE[definition].weights if definition in SUITE else weights
    if definition in KEPT or Path(definition).suffix in KERAS_ENDINGS:
        raise UserError(f"the Keras model {definition} has its own weights, not {weights}")
    return weights


def _net_weights(flags: argparse.Namespace) -> str:
    if hasattr(flags, "captioner_definition"):
        return flags.net_weights  # which are the captioner's too
    return weights_for(flags.net_definition, flags.net_weights)


def _condition_network(flags: argparse.Namespace, loader: Loader) -> keras.Model:
    network = loader.load(flags.net_definition, _net_weights(flags))
    check_takes_images(network, "condition network")
    return network


def _pixels(flags: argparse.Namespace, network: keras.Model) -> str:
    """What the condition network takes, a name in `FORMATS`."""
    if flags.net_pixels is None:
        if Path(flags.net_definition).suffix in KERAS_ENDINGS and network.input_shape[-1] == 3:
            warn(
                f"{flags.net_definition} is given BGR pixels minus the mean, as Caffe's networks "
                "are, and those of train_classifier.py; --net_pixels says what it was trained on"
            )
        return "caffe"
    if suite_name(flags.net_definition) and flags.net_pixels != "caffe":
        raise UserError(f"--net_pixels {flags.net_pixels}: {flags.net_definition} takes caffe")
    check_format(flags.net_pixels, network, flags.net_definition, "--net_pixels")
    return flags.net_pixels


def _find_start(flags: argparse.Namespace) -> Path | None:
    """The picture to start from, which is read to see whether it is one; None: random codes."""
    if flags.init_file == "None":
        return None
    path = find_image(flags.init_file, flags.weights == "random")
    read_picture(path)
    return path


def _check_opt_layer(flags: argparse.Namespace, encoder: keras.Model) -> None:
    if flags.opt_layer is not None:
        before_activation(encoder, flags.opt_layer)


def _check_captioner(captioner: keras.Model, numbers: list[int], words: list[str]) -> None:
    names = {layer.name for layer in captioner.layers}
    missing = [name for name in ("image_features", "lstm1", "predict") if name not in names]
    if missing:
        raise UserError(f"the captioner {captioner.name} has no layer {missing[0]}, as LRCN has")
    known = captioner.get_layer("predict").output.shape[-1]
    for number, word in zip(numbers, words, strict=False):
        if number >= known:
            raise UserError(
                f"{word!r} is word {number} of the vocabulary, but the captioner "
                f"{captioner.name} knows {known} words only: is it another one's vocabulary?"
            )


def _distinct(plans: Sequence[Schedule], names_of: Callable[[Schedule], str]) -> Sequence[Schedule]:
    seen = set()
    for name in map(names_of, plans):
        if name in seen:
            raise UserError(f"two chains would both be called {name}: units must differ")
        seen.add(name)
    return plans


def _starter(
    flags: argparse.Namespace, networks: Networks, encoder: keras.Model, start: Path | None
) -> Callable[[Schedule, str], Chain]:
    """Makes the function that draws the start of a chain, from its schedule and name."""
    if start is None:

        def from_random(plan: Schedule, name: str) -> Chain:
            random = np.random.RandomState(plan.seed)
            return Chain(plan, name, random, random_code(random, networks.code_size))

        return from_random
    size = networks.image_size
    inpainting = getattr(flags, "epsilon4", 0) > 0
    if inpainting and flags.patch >= min(size):
        raise UserError(
            f"--patch {flags.patch} must be smaller than the images, which are {size[0]}x{size[1]}"
        )
    picture = load_image(start, size, encoder.input_shape[-1], _mean_image(flags))
    layer = flags.opt_layer or flags.code_layer
    encode = code_of(encoder, layer, networks.code_size, encoder_format(flags, encoder))
    if not inpainting:
        code = encode(picture)
        return lambda plan, name: Chain(plan, name, np.random.RandomState(plan.seed), code)

    def from_masked_picture(plan: Schedule, name: str) -> Chain:
        random = np.random.RandomState(plan.seed)
        mask = get_mask(random, size, flags.patch)
        image = picture * (1 - mask)
        return Chain(plan, name, random, encode(image), Context(mask, image))

    return from_masked_picture


def _mean_image(flags: argparse.Namespace) -> bool:
    """Whether the encoder takes images minus ImageNet's mean image, as Caffe's networks do."""
    return flags.encoder_definition not in KEPT and (
        Path(flags.encoder_definition).suffix not in KERAS_ENDINGS
    )


def _command_of(flags: argparse.Namespace) -> str:
    recipe = getattr(flags, "recipe", None)
    return f"recipes.py {recipe['number']} {recipe['argument']}" if recipe else flags.script


def _run(
    flags: argparse.Namespace,
    networks: Networks,
    chains: list[Chain],
    line: Callable[[Chain, Terms, float], str],
    words: Callable[[object], tuple[str, str]],
    used: list[str],
) -> list[Result]:
    """Runs the chains, tells of each step, and writes the pictures of the end."""
    folder = RunFolder(flags, chains, {"weights": used})
    if flags.resume:
        at = f"at step {min(chain.i for chain in chains)}"
        complete = all(chain.done for chain in chains)
        print(f"{folder.path} is complete" if complete else f"going on with {folder.path} {at}")
    alone = len(chains) == 1
    total, first = (sum(f(c) for c in chains) for f in (lambda c: c.steps, lambda c: c.i))
    bar = tqdm(total=total, initial=first, unit="step", disable=None, dynamic_ncols=True)

    def listen(chain: Chain, terms: Terms) -> None:
        norm = float(np.linalg.norm(terms.d_condition))
        text = line(chain, terms, norm)
        tqdm.write(text if alone else f"{text}\t {chain.name}", file=sys.stdout)
        sys.stdout.flush()
        folder.note(chain, terms, norm, *words(chain.condition))
        bar.set_postfix_str(f"p {terms.probability[0]:.3g}", refresh=False)
        bar.update()

    try:
        sample(networks, chains, listen, folder.save, flags.chains_per_call)
    except KeyboardInterrupt:
        bar.close()
        folder.close()
        if begun := [chain for chain in chains if chain.name in folder.last]:
            finish(flags, folder, begun)
        print(f"interrupted; {_command_of(flags)} --resume {folder.path} goes on", file=sys.stderr)
        sys.exit(130)
    bar.close()
    folder.close()
    return finish(flags, folder, chains)
