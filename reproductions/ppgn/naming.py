"""File names: those of the original."""

import argparse
from pathlib import Path

from reproductions.ppgn.chain import Schedule


def class_stem(layer: str, plan: Schedule) -> str:
    """The name of a chain's last image, without its ending."""
    e = plan.epsilons
    numbers = f"{plan.lr}_h_{e.prior}_{e.condition}_{e.noise}_{e.context}__{plan.seed}"
    return f"{_layer(layer)}_{plan.conditions[0]:04d}_{plan.n_iters:04d}_{numbers}"


def caption_stem(layer: str, plan: Schedule) -> str:
    """The same of a caption's chain, which does not tell the sentence."""
    e = plan.epsilons
    numbers = f"{plan.lr}_h_{e.prior}_{e.condition}_{e.noise}__{plan.seed}"
    return f"{_layer(layer)}_{plan.n_iters:04d}_{numbers}"


def _layer(layer: str) -> str:
    return layer.replace("/", ".")


def final_file(output_dir: str, name: str) -> str:
    """The last image of a chain, as it is printed."""
    return f"{output_dir}/{name}.jpg"


def samples_folder(flags: argparse.Namespace, name: str, alone: bool) -> Path:
    """Where a chain's samples go: `samples`, and in there a folder for each of several chains."""
    folder = Path(flags.output_dir, "samples")
    return folder if alone else folder / name


def sample_file(i: int) -> str:
    """The sample of step i."""
    return f"{i:05d}.jpg"
