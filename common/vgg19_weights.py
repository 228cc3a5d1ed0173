"""The five kinds of VGG-19 weights: gatys, caffe, imagenet, normalised and random."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from common import weights as pretrained
from common.errors import UserError
from common.vgg19_layers import LAYERS, channels, convolutions

#: Kernel (3, 3, in, out) and bias (out,) of each convolution, by name.
Weights = dict[str, tuple[np.ndarray, np.ndarray]]

#: Weights that some users already have: Gatys' network as the original multiscale code saved it.
_GATYS_H5 = ("gatys_valid.h5", "gatys_same.h5")

#: What `normalised` is made of: the first of these that is here, or else the first, the smaller.
_PLAIN = ("imagenet", "caffe")


def find_weights_file(kind: str, folders: Sequence[str | Path] = ()) -> Path:
    """The file of a trained kind of weights, downloaded if need be.

    Args:
        kind: `gatys`, `caffe`, `imagenet`, or `normalised`, whose file is one of the latter two.
        folders: where to look before the suite's own folder.

    Raises:
        UserError: the file is not here and cannot be downloaded.
    """
    if kind == "gatys":
        for folder in folders:
            for name in _GATYS_H5:
                if os.path.isfile(path := Path(folder).expanduser() / name):
                    return path
    if kind == "normalised":
        kind = next((one for one in _PLAIN if pretrained.locate(one, folders)), _PLAIN[0])
    return pretrained.get(kind, folders)


def read_weights(path: Path, upto: str = LAYERS[-1]) -> Weights:
    """Reads the convolutions of a .caffemodel or a Keras .h5 file.

    Args:
        path: the file.
        upto: the deepest layer needed.

    Returns:
        Name -> kernel (3, 3, in, out) and bias (out,), float32.

    Raises:
        UserError: damaged, or the weights of another network.
    """
    path = Path(path)
    found = _read_caffemodel(path) if path.suffix == ".caffemodel" else _read_h5(path)
    weights = {}
    for name in convolutions(upto):
        if name not in found:
            raise UserError(f"{path} has no layer {name}: not the weights of VGG-19")
        kernel, bias = found[name]
        wanted = (3, 3, *channels(name))
        if kernel.shape != wanted or bias.shape != wanted[3:]:
            raise UserError(
                f"{path}: {name} has shape {kernel.shape}, {bias.shape}; VGG-19 has {wanted}"
            )
        with np.errstate(over="ignore"):
            kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise UserError(f"{path} is damaged: {name} holds values that are not numbers")
        weights[name] = (kernel, bias)
    return weights


def _read_caffemodel(path: Path) -> Weights:
    from common.caffe import read_caffemodel, weights_of

    return {
        name: (blobs[0].transpose(2, 3, 1, 0), blobs[1].reshape(-1))
        for name, blobs in weights_of(read_caffemodel(path)).items()
        if len(blobs) == 2 and blobs[0].ndim == 4
    }


def _read_h5(path: Path) -> Weights:
    """Reads `save` and `save_weights` files of Keras 1 and 2: one group a layer."""
    try:
        with h5py.File(path, "r") as file:
            groups = file.get("model_weights")
            if not isinstance(groups, h5py.Group):
                groups = file
            return {
                _own_name(name): pair
                for name, group in groups.items()
                if isinstance(group, h5py.Group) and (pair := _kernel_and_bias(group))
            }
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"cannot read the weights {path}: {error}") from None


def _kernel_and_bias(group: h5py.Group) -> tuple[np.ndarray, np.ndarray] | None:
    arrays = {}

    def visit(_, item):
        if isinstance(item, h5py.Dataset) and item.ndim in (1, 4) and item.dtype.kind == "f":
            # A damaged header may claim any size; no layer of VGG-19 has more values than this.
            if item.size > 3 * 3 * 512 * 512:
                raise ValueError(f"{item.name} claims {item.size} values")
            arrays[item.ndim] = item[()]

    group.visititems(visit)
    return (arrays[4], arrays[1]) if len(arrays) == 2 else None


def _own_name(name: str) -> str:
    """`block3_conv2`, as Keras calls it, to `conv3_2`."""
    if name.startswith("block") and "_conv" in name:
        return "conv" + name[len("block") :].replace("_conv", "_")
    return name


def load_weights(
    kind: str,
    upto: str,
    textures: Sequence[np.ndarray],
    folders: Sequence[str | Path] = (),
    pooling: str = "average",
) -> tuple[Weights, str]:
    """Loads or makes the weights that a flag `--weights` asks for.

    Args:
        kind: `gatys`, `caffe`, `imagenet`, `normalised` (as Gatys did, on the pictures of
            `datasets/textures`: see `common.vgg19_normalised`) or `random`.
        upto: the deepest layer needed.
        textures: what random weights are normalised on, see `common.vgg19_random`.
        folders: where to look for a file before the suite's own folder.
        pooling: of the network, for weights that are normalised.

    Returns:
        The weights, and one line that says which they are.

    Raises:
        UserError: the file is missing, damaged, or the weights of another network.
    """
    if kind == "random":
        from common.vgg19_random import normalised, random_weights

        line = "random weights (crisper: --weights squeezenet, 0.7 MB, or drawn)"
        return normalised(random_weights(upto), textures, pooling), line
    path = find_weights_file(kind, folders)
    weights = read_weights(path, upto)
    if kind == "normalised":
        from common.vgg19_normalised import built_in_pictures, normalised_as_gatys

        weights = normalised_as_gatys(weights, built_in_pictures(), pooling)
        line = f"normalised weights: {path}, scaled as Gatys did, on datasets/textures"
        return weights, line
    return weights, f"{kind} weights from {path}"
