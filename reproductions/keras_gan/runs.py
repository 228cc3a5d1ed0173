"""Finding a training run again."""

from pathlib import Path

from common import runs

#: Where runs go, in the folder that one is in.
RESULTS = "results/keras_gan"


def find_run(results_dir: str, name: str = "latest") -> Path:
    """Finds the folder of a run.

    Args:
        results_dir: the folder of all runs.
        name: `latest`: the run that was trained last; the name of its folder, or a path.

    Raises:
        UserError: there is none.
    """
    missing = (
        f"no GAN has been trained in {results_dir}; `python reproductions/keras_gan/train.py` "
        "trains one, in Python `GAN().train()`"
    )
    return runs.find_run(results_dir, name, missing, runs.STATE)
