"""A small network that the suite trained itself, on textures that it draws itself."""

from pathlib import Path

import numpy as np

from common.descriptors.network import Stack
from common.errors import UserError
from common.originals import REPOSITORY

#: Channels of the convolutions of each block; blocks are joined by poolings.
WIDTHS = ((16, 32), (48, 48), (80, 80, 80), (128, 128))
FILE = REPOSITORY / "pretrained" / "drawn_textures.npz"


def _layers() -> dict[str, int]:
    """Each layer's name, in order, and its channels."""
    layers = {}
    for block, widths in enumerate(WIDTHS, 1):
        if block > 1:
            layers[f"pool{block - 1}"] = WIDTHS[block - 2][-1]
        layers |= {f"conv{block}_{number}": width for number, width in enumerate(widths, 1)}
    return layers


def read_drawn(path: str | Path = FILE) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads the network's weights.

    Args:
        path: an .npz file of `NAME/kernel`, (3, 3, in, out), and `NAME/bias`, (out,), float16.

    Returns:
        Kernel and bias of each convolution by name, float32.

    Raises:
        UserError: the file is missing, damaged, or of another network.
    """
    weights, channels = {}, 3
    try:
        with np.load(path, allow_pickle=False) as file:
            for name, width in _layers().items():
                if name.startswith("pool"):
                    continue
                pair = file[f"{name}/kernel"], file[f"{name}/bias"]
                if [one.shape for one in pair] != [(3, 3, channels, width), (width,)]:
                    raise ValueError(f"{name} has other sizes")
                weights[name] = pair[0].astype(np.float32), pair[1].astype(np.float32)
                channels = width
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:
        # NumPy and zipfile raise nearly anything on damaged files.
        raise UserError(f"{path} is damaged: {error}") from None
    if not all(np.isfinite(one).all() for pair in weights.values() for one in pair):
        raise UserError(f"{path} is damaged: it holds values that are not numbers")
    return weights


class Drawn(Stack):
    """3x3 convolutions and average poolings; `common.descriptors.drawn_training` trained it."""

    title = "the suite's own network"
    weights = {"drawn": "a small network of the suite's own, no download"}  # noqa: RUF012
    layers = tuple(_layers())
    texture_layers = tuple(name for name in _layers() if name.startswith("conv"))
    content_layer = "conv3_2"

    def channels(self, layer):
        """See `Network`."""
        return _layers()[layer]

    def find(self, kind, folders=()):
        """See `Network`."""
        return FILE

    def load(self, kind, upto, textures, folders=(), pooling="average"):
        """See `Network`."""
        line = "the suite's own network for textures (crisper: --weights squeezenet, 0.7 MB)"
        return read_drawn(), line

    def build(self, weights, layers, padding, pooling="average", ceil=False):
        """See `Network`."""
        from common.vgg19 import stack

        return stack("drawn", self.layers, weights, layers, "average", padding, ceil)
