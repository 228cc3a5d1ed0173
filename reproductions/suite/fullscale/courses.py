"""What is run of each paper: the originals' commands, on the suite's own pebbles."""

from collections.abc import Callable, Sequence
from pathlib import Path

from reproductions.suite.steps import Step

#: Rounds of learning: "approximately 35 stages for the pebbles texture", says the original.
ROUNDS = 35
#: Of a generator's training, as in the original's recipe.
ITERATIONS, BATCH, SIDE = 1500, 16, 256
#: Of the large texture.
LARGE, OCTAVES = 1024, 5
TEXTURE = "datasets/textures/pebbles.png"


#: What a descriptor network is given where trained weights cannot be had.
_RANDOM = ("--weights", "random")


def _introspective(folder: Path, seed: int, random_weights: bool) -> Sequence[Step]:
    paper, name = "iccv_introspective", "pebbles.png"
    common = (name, "--results_dir", folder.as_posix(), "--random_seed", str(seed))
    return [
        Step(
            paper,
            f"a classifier learns the pebbles, in {ROUNDS} rounds",
            "learn_texture",
            (*common, "--rounds", str(ROUNDS)),
            "learn_pebbles_texture/*",
        ),
        Step(
            paper,
            "new pebbles of 256x256, from noise",
            "synthesize_texture",
            (*common, "--run", "latest", "--width", "256", "--height", "256"),
            "synthesize_pebbles_texture/*",
        ),
    ]


def _texture_nets(folder: Path, seed: int, random_weights: bool) -> Sequence[Step]:
    return [
        Step(
            "texture_nets",
            f"a pyramid learns the pebbles, in {ITERATIONS} iterations",
            "texture_train",
            (
                *("-texture", TEXTURE, "-model_name", "pyramid", "-vgg_no_pad"),
                *("-normalize_gradients", "-num_iterations", str(ITERATIONS)),
                *("-batch_size", str(BATCH), "-image_size", str(SIDE)),
                *("--random_seed", str(seed), "-tmp_path", f"{folder.as_posix()}/run"),
                *(_RANDOM if random_weights else ()),
            ),
            "run",
        ),
        Step(
            "texture_nets",
            "samples of 512x512",
            "texture_sample",
            (
                *("-model", f"{folder.as_posix()}/run/model.keras", "-sample_size", "512"),
                *("-save_path", f"{folder.as_posix()}/samples"),
            ),
            makes="samples/1.png",
        ),
    ]


def _multiscale(folder: Path, seed: int, random_weights: bool) -> Sequence[Step]:
    return [
        Step(
            "multiscale",
            f"pebbles of {LARGE}x{LARGE}, compared at {OCTAVES} octaves",
            "synthesize",
            (
                # Five octaves of the default layers need a source of 549 pixels.
                *("--source", TEXTURE, "--source-width", "576"),
                *("--output-width", str(LARGE), "--octaves", str(OCTAVES)),
                *("--output-dir", folder.as_posix(), "--output-prefix", "pebbles"),
                *("--random_seed", str(seed)),
                *(_RANDOM if random_weights else ()),
            ),
            "pebbles.*",
        ),
    ]


#: Paper -> from the folder of its results, a seed, and whether descriptors have random weights, to
#: its steps.
COURSES: dict[str, Callable[[Path, int, bool], Sequence[Step]]] = {
    "iccv_introspective": _introspective,
    "multiscale": _multiscale,
    "texture_nets": _texture_nets,
}
