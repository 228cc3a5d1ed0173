"""The names of folders and files: the original's, but for the sources' copies."""

import argparse


def _base(flags: argparse.Namespace) -> str:
    name = f"{flags.output_prefix}.L{','.join(str(i) for i in flags.layers)}.o{flags.octaves}"
    return name + (".internal" if getattr(flags, "internal", False) else "")


def _size(flags: argparse.Namespace) -> str:
    return f".{flags.output_width}x{flags.output_height or flags.output_width}"


def synthesis_folder(flags: argparse.Namespace) -> str:
    """The name of the run folder of `synthesize.py`, from its flags."""
    name = _base(flags)
    if flags.source_scale is not None:
        name += f".w{flags.source_scale:.2}"
    if flags.source_width is not None:
        name += f".w{flags.source_width}"
    if flags.count > 1:
        name += f".c{flags.count}.ifs{flags.if_shift}"
    if flags.mul != 1:
        name += f".m{flags.mul}"
    if flags.join_mode != "average":
        name += f".j{flags.join_mode}"
    if flags.if_octaves != 1:
        name += f".ifo{flags.if_octaves}"
    return name + _size(flags)


def novelty_folder(flags: argparse.Namespace) -> str:
    """The name of the run folder of `novelty.py`, from its flags."""
    name = _base(flags)
    if flags.count > 1:
        name += f".c{flags.count}"
    if flags.mul != 1:
        name += f".m{flags.mul}"
    if flags.octave_step != 1:
        name += f".os{flags.octave_step}"
    return name + _size(flags)


def start_file(frame: int) -> str:
    """The picture of the start."""
    return f"Aseed_F{frame:04d}.png"


def iteration_file(iteration: int, frame: int) -> str:
    """The picture after an iteration; the first is number 0."""
    return f"I{iteration:04d}_F{frame:04d}.png"


def source_file(number: int) -> str:
    """The copy of a source, scaled as it is looked at; the first is number 0."""
    return f"source_{number}.png"
