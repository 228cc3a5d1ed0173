"""The original's seven shell recipes.

    python -m reproductions.ppgn.recipes 1 13

runs recipe 1 for unit 13. Flags of the script that a recipe calls may follow, and win over the
recipe's own: `--weights random`, `--n_iters 20`, `--preset quick`.

    python -m reproductions.ppgn.recipes digits

shows all of this on networks that the suite has trained itself; `digits -h` tells more.
"""

import argparse
import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags as command_line
from common.errors import UserError
from common.flags import as_arguments
from common.quiet import import_keras
from common.runs import read_settings
from reproductions.ppgn.options import PRESETS, VOLCANO, parse_caption, parse_class, spelled_out
from reproductions.ppgn.training.options import parse_digits

#: The recipe that is the suite's own.
DIGITS = "digits"

#: What all recipes have in common.
_CAFFENET = {
    "net_weights": "nets/caffenet/bvlc_reference_caffenet.caffemodel",
    "net_definition": "nets/caffenet/caffenet.prototxt",
}
_PLACES = {
    "net_weights": "nets/placesCNN/places205CNN_iter_300000.caffemodel",
    "net_definition": "nets/placesCNN/places205CNN_deploy_updated.prototxt",
}
_LRCN = {
    "net_weights": "nets/lrcn/lrcn_caffenet_iter_110000.caffemodel",
    "net_definition": "nets/caffenet/caffenet.prototxt",
    "captioner_definition": "nets/lrcn/lrcn_word_to_preds.deploy.prototxt",
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: of its shell script, without the ending.
        about: what it shows.
        argument: what it is given, for the help.
        example: an argument.
        flags: of the script that it calls, as the original wrote them; `{}` is the argument.
        output_dir: folder of the results; flags stand in braces.
        batch: chains at once, with seeds from 0 on; the original ran them one after the other.
    """

    name: str
    about: str
    argument: str
    example: str
    flags: dict[str, object]
    output_dir: str
    batch: int = 1

    @property
    def of_captions(self) -> bool:
        """Whether it calls `sampling_caption.py`."""
        return "sentence" in self.flags


def _schedule(n_iters: int, save: int, reset: int, lr: str, lr_end: str, threshold: str) -> dict:
    return {
        "n_iters": n_iters,
        "save_every": save,
        "reset_every": reset,
        "lr": lr,
        "lr_end": lr_end,
        "threshold": threshold,
    }


def _flags(act_layer: str, xy: int, schedule: dict, epsilons: Sequence[str], **more) -> dict:
    names = ("epsilon1", "epsilon2", "epsilon3", "epsilon4")
    weights = dict(zip(names, epsilons, strict=False))
    start = {"act_layer": act_layer, "opt_layer": "fc6", "xy": xy, "seed": 0, "init_file": "None"}
    return {**start, **schedule, **weights, **more}


_CHAIN = "output/{act_layer}_chain_{units}_eps1_{epsilon1}_eps3_{epsilon3}"

RECIPES = {
    1: Recipe(
        "1_class_conditional_sampling",
        "a chain for a class",
        "UNIT",
        "13",
        _flags(
            "fc8",
            0,
            _schedule(200, 5, 0, "1", "1", "0"),
            ("1e-5", "1", "1e-17"),
            units="{}",
            **_CAFFENET,
        ),
        _CHAIN,
    ),
    2: Recipe(
        "2_class_conditional_sampling_many",
        "a chain from class to class",
        "EPSILON1",
        "1e-5",
        _flags(
            "fc8",
            0,
            _schedule(100, 1, 0, "1", "1", "0"),
            ("{}", "1", "1e-17"),
            units="946_629",
            write_labels=True,
            **_CAFFENET,
        ),
        _CHAIN,
    ),
    3: Recipe(
        "3_hidden_conditional_sampling",
        "what a hidden unit detects",
        "CHANNEL",
        "196",
        _flags(
            "conv5",
            6,
            _schedule(1000, 10, 100, "1", "1", "0.98"),
            ("1e-5", "1", "1e-17"),
            units="{}",
            **_CAFFENET,
        ),
        _CHAIN,
    ),
    4: Recipe(
        "4_hidden_conditional_sampling_placesCNN",
        "the same of a network that knows places",
        "CHANNEL",
        "182",
        _flags(
            "conv5",
            6,
            _schedule(1000, 10, 100, "1", "1", "0.98"),
            ("1e-7", "1", "1e-17"),
            units="{}",
            **_PLACES,
        ),
        _CHAIN,
    ),
    5: Recipe(
        "5_caption_conditional_sampling",
        "images of a sentence",
        "SENTENCE",
        "a_church_steeple_that_has_a_clock_on_it",
        _flags(
            "fc8",
            0,
            _schedule(200, 0, 0, "1", "1e-10", "0"),
            ("1e-3", "1", "1e-17"),
            sentence="{}",
            **_LRCN,
        ),
        "output/{act_layer}_eps1_{epsilon1}_eps3_{epsilon3}/{sentence}",
        batch=3,
    ),
    6: Recipe(
        "6_class_conditional_sampling_from_real_image",
        "a chain that starts from a picture",
        "UNIT",
        "980",
        _flags(
            "fc8",
            0,
            _schedule(200, 5, 0, "0.5", "0.5", "0"),
            ("1e-5", "1", "1e-17"),
            units="{}",
            **{**_CAFFENET, "init_file": VOLCANO},
        ),
        _CHAIN,
    ),
    7: Recipe(
        "7_inpainting",
        "filling in what was left out of a picture",
        "UNIT",
        "980",
        _flags(
            "fc8",
            0,
            _schedule(20, 0, 0, "1", "1e-32", "0"),
            ("1e-5", "1", "0", "1e-9"),
            units="{}",
            **{**_CAFFENET, "init_file": VOLCANO},
        ),
        _CHAIN,
        batch=10,
    ),
}


def command(number: int, argument: str, more: Sequence[str] = ()) -> list[str]:
    """The words of the script's command line.

    Args:
        number: of the recipe.
        argument: of the recipe.
        more: further words, which win.
    """
    recipe = RECIPES[number]
    more = spelled_out(more, recipe.of_captions)
    argument = "_".join(argument.split())  # for sentences with blanks
    flags = {
        name: value.replace("{}", argument) if isinstance(value, str) else value
        for name, value in recipe.flags.items()
    }
    if "net_definition" in _given(more) and not recipe.of_captions:
        # Another network has other weights than the recipe's.
        flags.pop("net_weights", None)
    words = as_arguments(flags, "_")
    if recipe.batch > 1:
        words.append(f"--batch={recipe.batch}")
    if _given(more).get("preset") in PRESETS:
        # A recipe's own numbers give way to those of the preset.
        preset = dict(PRESETS[_given(more)["preset"]])
        if not recipe.flags["save_every"]:
            del preset["save_every"]
        words += as_arguments(preset, "_")
    words += more
    folder = recipe.output_dir.format(**_given(words))
    # Each flag once: what was given last.
    groups = {"output_dir": [folder], **_groups(words)}
    return [
        word
        for name, values in groups.items()
        for word in ([f"--{name}={values[0]}"] if len(values) == 1 else [f"--{name}", *values])
    ]


def _given(words: Sequence[str]) -> dict[str, str]:
    """The flags of a command line as they were written, the last of each."""
    return {name: " ".join(values) for name, values in _groups(words).items()}


def _groups(words: Sequence[str]) -> dict[str, list[str]]:
    """The values of each flag, those that were given last."""
    groups, values = {}, []
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            groups.pop(name[2:], None)
            values = groups[name[2:]] = [value] if equals else []
        else:
            values.append(word)
    return groups


def run(number: int, argument: str, more: Sequence[str] = ()) -> None:
    """Runs a recipe: samples, then makes its montages and animations.

    Args:
        number: of the recipe.
        argument: of the recipe.
        more: further words for the script, which win.

    Raises:
        UserError: see `reproductions.ppgn.sampling_run`.
    """
    recipe = RECIPES[number]
    more = spelled_out(more, recipe.of_captions)
    words = command(number, argument, more)
    flags = _parse(recipe, words, more)
    print(shlex.join([flags.script, *(more if flags.resume else words)]), flush=True)
    import_keras()
    from reproductions.ppgn import sampling_run
    from reproductions.ppgn.recipe_pictures import make_pictures

    # A sentence may have been given with blanks.
    own = {"number": number, "argument": "_".join(argument.split()), "texts": _given(words)}
    flags.recipe = _own_recipe(flags.resume, own) if flags.resume else own
    results = (sampling_run.sample_captions if recipe.of_captions else sampling_run.sample_classes)(
        flags
    )
    kept = {path for result in results for path in result.samples}
    if kept:
        _remove_others(Path(flags.output_dir, "samples"), kept)
    for path in make_pictures(number, results, flags.recipe["texts"]):
        print(path.resolve())


def _own_recipe(run: str, asked: dict) -> dict:
    """What a run that goes on was begun with.

    Raises:
        UserError: another recipe, or another argument.
    """
    begun = read_settings(run).get("recipe")
    if not isinstance(begun, dict) or not isinstance(begun.get("texts"), dict):
        raise UserError(f"{run} is no run of a recipe: the script itself goes on with it")
    wanted, found = ((one.get("number"), one.get("argument")) for one in (begun, asked))
    if wanted != found:
        raise UserError(f"{run} is a run of recipe {wanted[0]} for {wanted[1]}")
    return begun


def _remove_others(folder: Path, kept: Collection[Path]) -> None:
    """Removes the samples that an earlier run left; whatever else is in the folder stays."""
    for path in (*folder.glob("*.jpg"), *folder.glob("*/*.jpg")):
        if path.stem.isdecimal() and path not in kept:
            with contextlib.suppress(OSError):
                path.unlink()
    for path in folder.glob("*"):
        # What is no folder, or is not empty, cannot be removed so.
        with contextlib.suppress(OSError):
            path.rmdir()


def _parse(recipe: Recipe, words: Sequence[str], more: Sequence[str]) -> argparse.Namespace:
    parse_script = parse_caption if recipe.of_captions else parse_class
    # A run that goes on has its own flags.
    return parse_script(more if "resume" in _given(more) else words)


def parse(argv: Sequence[str]) -> Sequence[str]:
    """Parses `NUMBER ARGUMENT [flags]`; prints the recipes where they are asked for.

    Args:
        argv: the words after the program's name.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__.strip() + "\n")
        for number, recipe in RECIPES.items():
            print(f"  {number} {recipe.argument:9} {recipe.about}, e.g. {number} {recipe.example}")
        sys.exit(0)
    if argv[0] == DIGITS:
        parse_digits(argv[1:])
        return argv
    if not argv[0].isdecimal() or int(argv[0]) not in RECIPES:
        _refuse(f"there is no recipe {argv[0]}, there are 1 to {len(RECIPES)} and {DIGITS}")
    recipe = RECIPES[int(argv[0])]
    argv = _joined(argv) if recipe.of_captions else argv
    if len(argv) < 2 or argv[1].startswith("--"):
        _refuse(f"recipe {argv[0]} needs {recipe.argument}, e.g. {argv[0]} {recipe.example}")
    if len(argv) > 2 and not argv[2].startswith("--"):
        _refuse(f"recipe {argv[0]} takes one {recipe.argument}, got {argv[1]} and {argv[2]}")
    # What is wrong with the flags is said before Keras is imported.
    more = spelled_out(argv[2:], recipe.of_captions)
    _parse(recipe, command(int(argv[0]), argv[1], more), more)
    return argv


def _joined(argv: Sequence[str]) -> Sequence[str]:
    """Makes one argument of the words of a sentence."""
    flags = [i for i, word in enumerate(argv) if word.startswith("--")]
    end = flags[0] if flags else len(argv)
    return [argv[0], *(["_".join(argv[1:end])] if end > 1 else []), *argv[end:]]


def _refuse(message: str) -> None:
    print(f"recipes.py: error: {message} (-h lists the recipes)", file=sys.stderr)
    sys.exit(2)


def main(argv: Sequence[str]) -> None:
    """Runs what `parse` let pass."""
    if argv[0] == DIGITS:
        import_keras()
        from reproductions.ppgn import digits_recipe

        digits_recipe.run(parse_digits(argv[1:]))
        return
    run(int(argv[0]), argv[1], argv[2:])


if __name__ == "__main__":
    command_line.run(parse, main)
