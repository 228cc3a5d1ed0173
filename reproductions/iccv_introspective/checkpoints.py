"""The network after each round, in `checkpoints/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from common.errors import UserError
from common.files import written_whole
from reproductions.iccv_introspective.hdf5 import writing
from reproductions.iccv_introspective.stages import checkpoint_path


def save_checkpoint(model: keras.Model, run: Path, number: int) -> None:
    """Saves all weights of a model.

    Raises:
        UserError: the file cannot be written.
    """
    path = checkpoint_path(run, number)
    with written_whole(path) as temporary, writing(path):
        model.save_weights(temporary)


def load_checkpoint(model: keras.Model, run: Path, number: int) -> None:
    """Loads all weights of a model.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    path = checkpoint_path(run, number)
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}")
    try:
        model.load_weights(path)
    except Exception as error:
        # Keras and h5py raise nearly anything on damaged files.
        reason = str(error).split("\n")[0]
        raise UserError(f"{path} is damaged or of another network: {reason}") from None


def state_of(model: keras.Model) -> dict[str, np.ndarray]:
    """All variables of a model as the arrays of a state."""
    return {f"weight{i}": v.numpy() for i, v in enumerate(model.variables)}


def restore_state(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Sets all variables of a model from the arrays of a state.

    Raises:
        UserError: they do not fit.
    """
    arrays: Sequence = [state.get(f"weight{i}") for i in range(len(model.variables))]
    for variable, array in zip(model.variables, arrays, strict=True):
        if array is None or tuple(variable.shape) != array.shape:
            raise UserError("the state of the run is damaged or of another network")
        variable.assign(array)
