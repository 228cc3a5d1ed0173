"""The flags of `learn_texture.py` and `synthesize_texture.py`: the original's constants."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from common.flags import Parser, non_negative_float, non_negative_int, positive_int, resolve
from common.runs import read_flags, read_settings
from reproductions.iccv_introspective.classes import RESAMPLE
from reproductions.iccv_introspective.menu import choose_run
from reproductions.iccv_introspective.run_folder import find_run, runs_of
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings
from reproductions.iccv_introspective.textures import texture_name

#: Learns a 128-pixel texture within minutes on two CPU cores; how it was chosen is in the README.
LEARNING_PRESETS = {
    "quick": {
        "texture_size": 128,
        "resample": "lanczos",
        "network": "small",
        "filters": 16,
        "images": 12,
        "batch_size": 6,
        "patches": 96,
        "max_batches": 6,
        "epochs": 11,
        "rounds": 60,
        "save_interval": 30,
    }
}
SYNTHESIS_PRESETS = {
    "quick": {"width": 128, "height": 128, "patches_per_image": 16, "save_interval": 30}
}

#: What may be given together with --resume.
LEARNING_MAY_CHANGE = ("rounds", "save_interval")
SYNTHESIS_MAY_CHANGE = ("save_interval",)

#: Arguments that belong to the call and not to the run.
_OF_CALL = ("resume", "texture", "results_dir", "run")
_NOT_OWN = (*_OF_CALL, "script")


def _add_constants(parser: Parser, settings: type) -> None:
    for field in dataclasses.fields(settings):
        about = {"type": field.metadata["type"], "default": field.default}
        parser.add_argument(f"--{field.name}", help=field.metadata["help"], **about)


def _add_rest(parser: Parser, presets: dict, script: str) -> None:
    add = parser.add_argument
    add("--preset", choices=sorted(presets), help="a small setting that ends within minutes")
    add("--results_dir", default="results", help="folder of all runs")
    add("--resume", metavar="RUN", help=f"go on with this run of {script}: NAME, latest or a path")
    add(
        "--save_interval",
        type=non_negative_float,
        default=300.0,
        help="seconds between two saves of the state, from which a killed run goes on",
    )


def learning_parser() -> Parser:
    """The parser of `learn_texture.py`."""
    parser = Parser("learn_texture.py", "Learn a texture, in rounds until Ctrl-C.", "_")
    add = parser.add_argument
    add("texture", nargs="?", help="file name in datasets/textures, or a path; e.g. pebbles.png")
    _add_constants(parser, LearningSettings)
    add("--rounds", type=positive_int, help="of the whole run; None: until Ctrl-C")
    add("--texture_size", type=positive_int, help="scale the texture's middle square to this side")
    add(
        "--resample",
        choices=sorted(RESAMPLE),
        default="nearest",
        help="how the texture is resized to its size plus a patch",
    )
    add("--comment", default="", help="kept in data/index.h5")
    _add_rest(parser, LEARNING_PRESETS, "learn_texture.py")
    return parser


def synthesis_parser() -> Parser:
    """The parser of `synthesize_texture.py`."""
    about = "Synthesise pictures of a texture that learn_texture.py has learned."
    parser = Parser("synthesize_texture.py", about, "_")
    add = parser.add_argument
    add("texture", nargs="?", help="file name of the texture that was learned, e.g. pebbles.png")
    add("--run", help="the learning run: NAME, latest or a path; None: ask")
    add("--last_round", type=non_negative_int, help="the last stage to use; None: all saved")
    _add_constants(parser, StageSettings)
    _add_rest(parser, SYNTHESIS_PRESETS, "synthesize_texture.py")
    return parser


def own_flags(flags: argparse.Namespace) -> dict[str, object]:
    """The flags that make a run what it is, for `run.json`."""
    return {name: value for name, value in vars(flags).items() if name not in _NOT_OWN}


def _parse(
    parser: Parser, argv: Sequence[str], presets: dict, may_change: Sequence[str], kind: str
) -> argparse.Namespace:
    given = parser.parse_args(argv)
    if given.texture is None and given.resume is None:
        parser.error("the following arguments are required: texture")

    def saved(_: str) -> dict:
        return read_flags(resumed, parser.prog)

    resumed = None
    if given.resume is not None and getattr(given, "run", None) is not None:
        parser.error("--run and --resume exclude each other: a run that goes on has its own")
    if given.resume is not None:
        texture = Path(given.texture).stem if given.texture else "*"
        resumed = find_run(given.results_dir, kind, texture, given.resume)
        if texture not in ("*", texture_name(resumed)):
            raise UserError(f"{resumed} is not on {texture}, but on {texture_name(resumed)}")
    flags = resolve(parser, argv, presets, saved, may_change, _OF_CALL)
    flags.script, flags.resume = parser.prog, resumed
    return flags


def parse_learning(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `learn_texture.py`.

    Args:
        argv: the words after the script's name.

    Returns:
        The flags by name; `resume` is the folder of the run to go on with, or None.

    Raises:
        UserError: no such run to go on with.
    """
    parser = learning_parser()
    flags = _parse(parser, argv, LEARNING_PRESETS, LEARNING_MAY_CHANGE, "learn")
    if flags.patch_size % 2:
        parser.error(f"argument --patch_size: must be even, got {flags.patch_size}")
    if flags.batch_size * min(flags.max_batches, flags.evaluation_batches) < 2:
        parser.error("--batch_size 1: an epoch and an evaluation need two pictures at least")
    return flags


def parse_synthesis(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the command line of `synthesize_texture.py`; asks for the run where that is open.

    Args:
        argv: the words after the script's name.

    Returns:
        The flags by name; `run` is the folder of the learning run, `resume` that of the run to go
        on with, or None.

    Raises:
        UserError: no such run.
    """
    flags = _parse(synthesis_parser(), argv, SYNTHESIS_PRESETS, SYNTHESIS_MAY_CHANGE, "synthesize")
    if flags.resume:
        flags.run = Path(str(read_settings(flags.resume).get("learned")))
        return flags
    texture = Path(flags.texture).stem
    if flags.run is None:
        runs = runs_of(flags.results_dir, "learn", texture)
        if not runs:
            raise UserError(
                f"the texture {texture} has not been learned in {flags.results_dir}:"
                f" learn_texture.py {flags.texture} does it"
            )
        flags.run = choose_run(runs)
    else:
        flags.run = find_run(flags.results_dir, "learn", texture, flags.run)
    return flags


def settings_of(flags: argparse.Namespace, kind: type):
    """The constants among the flags, as `LearningSettings` or `StageSettings`."""
    return kind(**{field.name: getattr(flags, field.name) for field in dataclasses.fields(kind)})
