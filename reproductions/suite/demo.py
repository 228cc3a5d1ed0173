"""The demo: all five papers in their quick form, from nothing to a gallery of pictures.

Results go to `results/demo`. What is done there is not done again; a run that was broken off goes
on, and what leaves no run to go on with, which takes seconds, is made anew.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common.files import make_folder
from reproductions.suite.steps import Course, Step

DEMO = Path("results", "demo")


def _folder(paper: str) -> str:
    return (DEMO / paper).as_posix()


def _steps() -> list[Step]:
    multiscale, introspective, texture_nets = map(
        _folder, ("multiscale", "iccv_introspective", "texture_nets")
    )
    bricks = ("bricks.png", "--preset", "quick", "--results_dir", introspective)
    generator = f"{texture_nets}/model.keras"
    return [
        *(
            Step(
                "multiscale",
                f"a texture like {name}.png, by L-BFGS-B on the pixels",
                "synthesize",
                (
                    *("--preset", "quick", "--source", f"datasets/textures/{name}.png"),
                    *("--output-dir", multiscale, "--output-prefix", name),
                    *("--random_seed", "1"),
                ),
                f"multiscale/{name}.L*",
            )
            for name in ("pebbles", "tomatoes")
        ),
        Step(
            "iccv_introspective",
            "a classifier learns bricks, in 25 rounds",
            "learn_texture",
            (*bricks, "--rounds", "25"),
            "iccv_introspective/learn_bricks_texture/*",
        ),
        Step(
            "iccv_introspective",
            "new bricks from noise, through all it has learned",
            "synthesize_texture",
            (*bricks, "--run", "latest"),
            "iccv_introspective/synthesize_bricks_texture/*",
        ),
        Step(
            "ppgn",
            "digits: classes, chains, units, a start, holes filled in",
            "recipes",
            ("digits", "--output_dir", _folder("ppgn")),
            makes="ppgn/digits.png",
        ),
        Step(
            "texture_nets",
            "a generator learns pebbles, in 400 iterations",
            "texture_train",
            (
                *("--preset", "quick", "-num_iterations", "400", "-learning_rate_every", "100"),
                *("-pictures_every", "25", "-tmp_path", texture_nets),
            ),
            "texture_nets",
        ),
        Step(
            "texture_nets",
            "larger pebbles, in one pass",
            "texture_sample",
            (
                *("-model", generator, "-sample_size", "256", "-save_path"),
                f"{texture_nets}/samples",
            ),
            makes="texture_nets/samples/1.png",
        ),
        Step(
            "keras_gan",
            "two networks play against each other, until one draws digits",
            "train",
            ("--preset", "quick", "--results_dir", _folder("keras_gan")),
            "keras_gan/digits-mlp*",
        ),
        Step(
            "keras_gan",
            "a hundred new digits",
            "generate",
            ("--sample_size", "100", "--results_dir", _folder("keras_gan")),
            makes="keras_gan/*/generated/grid.png",
        ),
    ]


def main(argv: Sequence[str] = ()) -> int:
    """Runs the demo, and writes the gallery.

    Args:
        argv: the words after `demo`: there are none.

    Returns:
        The exit status: 1 if a paper failed.

    Raises:
        UserError: a folder or file cannot be written.
    """
    from reproductions.suite.gallery import write_gallery
    from reproductions.suite.gallery.command import existing_folders

    began = time.perf_counter()
    print(f"About ten minutes on two CPU cores. Results go to {DEMO}: remove it to begin anew.")
    try:
        failed = Course(DEMO, _steps()).run()
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    make_folder(DEMO)
    page = write_gallery(existing_folders(), DEMO.parent)
    minutes, seconds = divmod(round(time.perf_counter() - began), 60)
    print(f"\n{minutes} min {seconds} s. Open {page} in a browser: every picture, how it grew, how")
    print("to make it again. `python -m reproductions` lists what else there is.")
    if failed:
        names = ", ".join(dict.fromkeys(step.paper for step in failed))
        print(f"failed: {names}; `python -m reproductions doctor` may say why", file=sys.stderr)
    return bool(failed)
