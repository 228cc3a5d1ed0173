"""Finding a training run again."""

from pathlib import Path

from common.errors import UserError
from common.runs import SETTINGS, STATE

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
    if name == "latest":
        runs = Path(results_dir).glob(f"*/{STATE}")
        trained = sorted((path.stat().st_mtime_ns, path.parent) for path in runs)
        if not trained:
            raise UserError(
                f"no GAN has been trained in {results_dir}; `python reproductions/keras_gan/"
                "train.py` trains one, in Python `GAN().train()`"
            )
        return trained[-1][1]
    for folder in (Path(results_dir, name), Path(name)):
        if (folder / SETTINGS).is_file():
            return folder
    raise UserError(f"no run {name} in {results_dir}, and no run folder of that name")
