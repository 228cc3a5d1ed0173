"""The five papers: titles, and commands that are worth trying.

What a package's own code or documentation says is not said again here: scripts and what they do
are read from their docstrings, PPGN's recipes from `ppgn/recipes.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.originals import REPOSITORY

REPRODUCTIONS = REPOSITORY / "reproductions"


@dataclass(frozen=True)
class Recipe:
    """A command, and what comes of it.

    Args:
        about: in words.
        command: to type in the repository's folder.
    """

    about: str
    command: str


@dataclass(frozen=True)
class Paper:
    """A paper and its package.

    Args:
        package: below `reproductions`.
        title: of the paper.
        authors: with the year.
        recipes: that need no download; PPGN has its own.
    """

    package: str
    title: str
    authors: str
    recipes: Sequence[Recipe] = ()

    @property
    def folder(self) -> Path:
        """Where the package is."""
        return REPRODUCTIONS / self.package


def _scripts(package: str, *recipes: tuple[str, str]) -> tuple[Recipe, ...]:
    return tuple(
        Recipe(about, f"python reproductions/{package}/{command}") for about, command in recipes
    )


PAPERS = (
    Paper(
        "multiscale",
        "High-Resolution Multi-Scale Neural Texture Synthesis",
        "Snelgrove, 2017",
        _scripts(
            "multiscale",
            ("a texture", "synthesize.py --preset quick -s datasets/textures/bricks.png"),
            (
                "an animation of 6 frames",
                "synthesize.py --preset quick -s datasets/textures/cobblestones.png -c 6 -ow 128",
            ),
            (
                "three textures of no source, unlike each other",
                "novelty.py --preset quick -c 3 --seed symmetric",
            ),
        ),
    ),
    Paper(
        "iccv_introspective",
        "Introspective Generative Modeling: Decide Discriminatively",
        "Lazarow, Jin and Tu, 2017",
        _scripts(
            "iccv_introspective",
            ("learn a texture", "learn_texture.py pebbles.png --preset quick"),
            ("then new pictures of it", "synthesize_texture.py pebbles.png --preset quick"),
        ),
    ),
    Paper(
        "ppgn",
        "Plug & Play Generative Networks",
        "Nguyen, Clune, Bengio, Dosovitskiy and Yosinski, 2017",
    ),
    Paper(
        "texture_nets",
        "Texture Networks: Feed-forward Synthesis of Textures and Stylized Images",
        "Ulyanov, Lebedev, Vedaldi and Lempitsky, 2016",
        _scripts(
            "texture_nets",
            ("train a generator of a texture", "texture_train.py --preset quick"),
            (
                "then samples of it",
                "texture_sample.py -model data/out/model.keras -save_path data/out/samples",
            ),
            (
                "train a generator that paints in a style",
                "stylization_train.py --preset quick -tmp_path results/style",
            ),
            (
                "then paint a picture",
                "stylization_process.py -model results/style/model.keras"
                " -input_image datasets/textures/daisies.png",
            ),
        ),
    ),
    Paper(
        "keras_gan",
        "Generative Adversarial Nets",
        "Goodfellow et al., 2014",
        _scripts(
            "keras_gan",
            ("train on drawn digits", "train.py --preset quick"),
            ("convolutional players", "train.py --preset quick --architecture dcgan"),
            ("then a hundred pictures", "generate.py --sample_size 100"),
            ("and what a classifier says of them", "evaluate.py"),
        ),
    ),
)
