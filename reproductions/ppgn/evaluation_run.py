"""Measuring networks: what a second classifier says of what is sampled from them."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from PIL import Image

from common.classifier import Judge, probabilities, train_judge
from common.errors import UserError
from common.files import make_folder, written_whole
from common.images import save_picture
from common.pictures import grid, scaled
from common.runs import check_writable
from datasets.digits import draw_digits
from reproductions.ppgn.chains import last_images, masked_chain, random_chain, schedule
from reproductions.ppgn.conditions import UnitCondition
from reproductions.ppgn.crops import view
from reproductions.ppgn.figures import diversity, feature_model, hits, realism
from reproductions.ppgn.networks import Loader, check_makes_images, check_takes_images
from reproductions.ppgn.options import CAFFENET_WEIGHTS
from reproductions.ppgn.sampling_run import encoder_format, weights_for
from reproductions.ppgn.start import code_of
from reproductions.ppgn.step import Networks
from reproductions.ppgn.training.options import HOLES
from reproductions.ppgn.training.pictures import load_pictures
from reproductions.ppgn.training.pixels import as_input, as_pixels, pairs, window
from reproductions.ppgn.update import Epsilons

#: Of the digits that the judge learns from and chains are compared with; no other network has
#: seen them.
_DIGITS_SEED = 1000

#: In a row of a sheet.
_COLUMNS = 12

_AT_ONCE = 100

#: Pictures of a class that samples of it are compared with, at least.
_FEWEST = 5


class Real(NamedTuple):
    """Pictures that have a class.

    Attributes:
        images: uint8, (n, height, width, channels).
        labels: int, (n,).
        classes: their names.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]


class _Parts(NamedTuple):
    """The networks that are measured."""

    generator: keras.Model
    encoder: keras.Model
    condition: UnitCondition
    code_layer: str
    prior: keras.Model | None
    prepare: Callable

    def networks(self, inpainting: bool = False) -> Networks:
        """Put together for sampling."""
        given = (self.generator, self.encoder, self.code_layer, self.condition)
        return Networks(*given, inpainting, self.prior, self.prepare)

    def code_of(self) -> Callable[[np.ndarray], np.ndarray]:
        """From images to their codes."""
        length = self.generator.input_shape[-1]
        return code_of(self.encoder, self.code_layer, length, self.prepare)


def evaluate(flags: argparse.Namespace) -> dict[str, object]:
    """Measures networks, prints the figures and writes them with pictures.

    Args:
        flags: of `evaluate.py`.

    Returns:
        The figures by name; see `_sampling`, `_inpainting` and `_reconstruction`.

    Raises:
        UserError: networks or pictures cannot be had or do not fit each other.
    """
    check_writable(flags.output_dir)
    parts = _load(flags)
    real = _real(flags, parts)
    half = len(real.images) // 2
    learned, rest = Real(*(x[:half] for x in real[:2]), real.classes), _after(real, half)
    print(f"training a classifier on {half} pictures", flush=True)
    judge = train_judge(learned.images, learned.labels, len(real.classes), 0.9, flags.seed)
    print(f"it finds the class of {judge.accuracy:.1%} of others", flush=True)
    folder = Path(flags.output_dir)
    make_folder(folder)
    figures = {
        "judge": judge.accuracy,
        **_reconstruction(parts, learned, rest, folder),
        **_sampling(flags, parts, judge, rest, folder),
        **_inpainting(flags, parts, judge, rest, folder),
    }
    with written_whole(folder / "evaluation.json") as temporary:
        text = json.dumps({**figures, "flags": vars(flags)}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    print(f"figures and pictures: {folder.absolute()}")
    return figures


def _after(real: Real, first: int) -> Real:
    return Real(real.images[first:], real.labels[first:], real.classes)


def _load(flags: argparse.Namespace) -> _Parts:
    loader = Loader()
    encoder = loader.load(
        flags.encoder_definition, weights_for(flags.encoder_definition, CAFFENET_WEIGHTS)
    )
    generator = loader.load(flags.generator_definition, "ppgn_generator")
    check_takes_images(encoder, "encoder")
    check_makes_images(generator)
    prior = None
    if flags.prior_definition is not None:
        prior = loader.load(flags.prior_definition, "")
    prepare = encoder_format(flags, encoder)
    condition = UnitCondition(encoder, flags.act_layer, prepare=prepare)
    return _Parts(generator, encoder, condition, flags.code_layer, prior, prepare)


def _real(flags: argparse.Namespace, parts: _Parts) -> Real:
    """Real pictures of the encoder's classes, as it sees them."""
    seen, channels = parts.encoder.input_shape[1], parts.encoder.input_shape[-1]
    side = max(seen, parts.generator.output_shape[1])
    if flags.dataset == "digits":
        images, labels = draw_digits(flags.images, _DIGITS_SEED + flags.seed)
        images = np.stack([scaled(Image.fromarray(one), side, side) for one in images])
        images = window(images.repeat(channels, axis=3), seen)
        real = Real(images, labels.astype(int), [str(digit) for digit in range(10)])
    else:
        color = "grey" if channels == 1 else "rgb"
        pictures = load_pictures(flags.dataset, flags.images, side, color, flags.seed, True)
        images, labels = pictures.all()
        real = Real(window(images, seen), labels, pictures.classes)
    half = real.labels[len(real.labels) // 2 :]
    if np.bincount(half, minlength=len(real.classes)).min() < _FEWEST:
        raise UserError(
            f"--images: {flags.dataset} must have about {2 * _FEWEST} pictures of each class, or "
            f"more; it has {np.bincount(real.labels, minlength=len(real.classes)).min()}"
        )
    if len(real.classes) != parts.condition.units:
        raise UserError(
            f"{flags.dataset} has {len(real.classes)} classes, {flags.act_layer} has "
            f"{parts.condition.units} units: they must be the same"
        )
    return real


def _reconstruction(parts: _Parts, learned: Real, rest: Real, folder: Path) -> dict[str, float]:
    """Mean squared errors of pixels, 0..255: of G(E(x)), and of the mean picture.

    With a prior of its own there need not be a G(E(x)).
    """
    if parts.prior is not None:
        return {}
    images = rest.images[:500]
    code = parts.code_of()
    codes = np.concatenate(
        [code(as_input(images[k : k + _AT_ONCE])) for k in range(0, len(images), _AT_ONCE)]
    )
    made = [
        ops.convert_to_numpy(parts.generator(codes[k : k + _AT_ONCE])) for k in _starts(len(codes))
    ]
    again = as_pixels(view(np.concatenate(made), images.shape[1:3]))
    save_picture(pairs(images[:30], again[:30]), folder / "reconstructions.png")
    error = float(np.mean((again.astype(float) - images) ** 2))
    of_mean = float(np.mean((learned.images.mean(axis=0) - images) ** 2))
    print(
        f"reconstruction: mean squared error {error:.0f}; of the pixel mean {of_mean:.0f}; "
        f"ratio {error / of_mean:.3f}"
    )
    return {"reconstruction_error": error, "pixel_mean_error": of_mean}


def _starts(count: int) -> range:
    return range(0, count, _AT_ONCE)


def _sampling(
    flags: argparse.Namespace, parts: _Parts, judge: Judge, real: Real, folder: Path
) -> dict[str, object]:
    """Chains for every class, with the prior and without it.

    In the asked class: part of the chains whose class the judge finds. Diversity: mean distance
    between samples of a class, relative to that between real pictures of it. Realism: see
    `reproductions.ppgn.figures`.
    """
    networks = parts.networks()
    model = feature_model(judge)
    many = len(real.images) // 2
    known = probabilities(model, real.images[:many]).astype(float)
    others = probabilities(model, real.images[many:]).astype(float)
    wanted = np.repeat(np.arange(len(real.classes)), flags.each)
    figures: dict[str, object] = {"real_frechet": realism(others, known, others).frechet}
    for name, epsilon1 in (("samples", flags.epsilon1), ("without_prior", 0.0)):
        epsilons = Epsilons(epsilon1, flags.epsilon2, flags.epsilon3, 0.0)
        settings = (flags.n_iters, flags.lr, flags.lr_end, epsilons)
        plans = [schedule([int(u)], *settings, flags.seed + i) for i, u in enumerate(wanted)]
        chains = [random_chain(networks, plan) for plan in plans]
        images = as_pixels(last_images(networks, chains, _AT_ONCE))
        right = hits(judge, images, wanted)
        spread = diversity(images, wanted, real.images, real.labels)
        like = realism(probabilities(model, images).astype(float), known, others)
        figures[name] = {
            "epsilon1": epsilon1,
            "chains": len(chains),
            "in_asked_class": float(right.mean()),
            "of_classes": [float(right[wanted == u].mean()) for u in np.unique(wanted)],
            "diversity": float(np.mean(list(spread.values()))),
            "least_diversity": min(spread.values()),
            **like._asdict(),
        }
        rows = [images[wanted == u][:_COLUMNS] for u in np.unique(wanted)]
        save_picture(grid(np.concatenate(rows), len(rows[0])), folder / f"{name}.png")
        print(
            f"{name}, epsilon1 {epsilon1:g}: {right.mean():.1%} of {len(chains)} chains in the "
            f"asked class; diversity {figures[name]['diversity']:.2f} of real pictures', at least "
            f"{min(spread.values()):.2f}; Fréchet distance {like.frechet:.0f} (real pictures: "
            f"{figures['real_frechet']:.0f}), distance to the nearest {like.nearest:.2f}",
            flush=True,
        )
    return figures


def _inpainting(
    flags: argparse.Namespace, parts: _Parts, judge: Judge, real: Real, folder: Path
) -> dict[str, object]:
    """Holes in real pictures, filled in: for their class, and for no class (epsilon2 = 0).

    Parts of the pictures whose class the judge finds: with the hole, and with it filled in.
    """
    if parts.prior is not None or not flags.inpainted:
        return {}
    networks = parts.networks(inpainting=True)
    code = parts.code_of()
    labels, originals = real.labels[: flags.inpainted], real.images[: flags.inpainted]
    if flags.patch >= min(networks.image_size):
        raise UserError(f"--patch {flags.patch} must be smaller than the images")
    figures: dict[str, object] = {"original": float(hits(judge, originals, labels).mean())}
    shown = [originals]
    for name, epsilon2 in (("filled", HOLES["epsilon2"]), ("filled_without_class", 0.0)):
        epsilons = Epsilons(HOLES["epsilon1"], epsilon2, HOLES["epsilon3"], HOLES["epsilon4"])
        settings = (HOLES["n_iters"], HOLES["lr"], HOLES["lr_end"], epsilons)
        chains = []
        for number, (picture, label) in enumerate(zip(originals, labels, strict=True)):
            plan = schedule([int(label)], *settings, flags.seed + number)
            image = as_input(picture[None])
            chains.append(
                masked_chain(networks, plan, ops.convert_to_numpy(image), code, flags.patch)
            )
        if len(shown) == 1:
            shown.append(as_pixels(np.concatenate([one.context.picture for one in chains])))
            figures["with_hole"] = float(hits(judge, shown[1], labels).mean())
        images = as_pixels(last_images(networks, chains, _AT_ONCE))
        figures[name] = float(hits(judge, images, labels).mean())
        shown.append(images)
    columns = min(_COLUMNS, len(labels))
    rows = [one[k : k + columns] for k in (0, columns) for one in shown if len(one) >= k + columns]
    save_picture(grid(np.concatenate(rows), columns), folder / "inpainting.png")
    print(
        f"inpainting of {len(labels)} pictures, a hole of {flags.patch}x{flags.patch}: the class "
        f"is found in {figures['original']:.1%} of the originals, {figures['with_hole']:.1%} with "
        f"the hole, {figures['filled']:.1%} filled in for the class, "
        f"{figures['filled_without_class']:.1%} without"
    )
    return {"inpainting": figures}
