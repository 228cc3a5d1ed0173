"""The HDF5 file of pictures and content features, in the original's layout.

For every picture: `NAME_content`, float32, (channels, height, width), and `NAME_image`, float32,
(3, side, side), RGB in 0..1.
"""

import argparse
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from keras import ops
from tqdm import tqdm

from common.autodiff import compile_images
from common.errors import UserError, warn
from common.files import written_whole
from common.images import pictures_in
from common.runs import check_writable
from reproductions.texture_nets.descriptor import check_sides, descriptor
from reproductions.texture_nets.descriptor_weights import descriptor_weights
from reproductions.texture_nets.pictures import for_descriptor, load_square


def extract(flags: argparse.Namespace) -> None:
    """Makes the file.

    A part of so many pictures at a time is written to the folder `FILE.parts`; when all are there
    they become the file. So a run that is killed goes on where it was when it is started again.

    Args:
        flags: of `extract4_2.py`.

    Raises:
        UserError: the folder has no readable picture, or a file cannot be read or written.
    """
    target, paths = Path(flags.save_to), pictures_in(flags.images_path)
    layer, no_pad = flags.content, flags.vgg_no_pad
    check_sides([flags.resize_to], flags.network, layer, no_pad, "-resize_to")
    check_writable(target.parent)
    if target.is_dir():
        raise UserError(f"-save_to {target} is a folder")
    weights, line = descriptor_weights(flags, layer)
    network = descriptor(flags.network, weights, [layer], no_pad)
    features = compile_images(lambda images: network(images)[0])
    print(line, flush=True)
    parts = target.with_name(f"{target.name}.parts")
    _prepare(parts, {"pictures": [path.name for path in paths], "line": line, **_own(flags)})
    bad = 0
    for first in tqdm(range(0, len(paths), flags.save_every), unit="part", disable=None):
        some = paths[first : first + flags.save_every]
        bad += _part(parts / f"{first:08}.hdf5", some, flags.resize_to, features)
    if bad == len(paths):
        shutil.rmtree(parts)
        raise UserError(f"none of the {bad} pictures in {flags.images_path} can be read")
    _join(parts, target, line)
    left_out = f"; {bad} could not be read and are left out" if bad else ""
    print(f"{target}: {len(paths) - bad} pictures{left_out}")


def _own(flags: argparse.Namespace) -> dict:
    names = ("resize_to", "vgg_no_pad", "content_layer", "save_every")
    return {name: getattr(flags, name) for name in names}


def _prepare(parts: Path, settings: dict) -> None:
    """Makes the folder of the parts; empties it if these are of other settings."""
    file, text = parts / "settings.json", json.dumps(settings)
    try:
        if parts.exists() and not file.exists():
            raise UserError(f"the folder {parts} is in the way")
        if parts.exists() and file.read_bytes() != text.encode():
            warn(f"{parts}, begun with other pictures or settings, is begun anew")
            shutil.rmtree(parts)
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {parts}: {error.strerror}") from None
    with written_whole(file) as temporary:
        temporary.write_text(text)


def _part(path: Path, pictures: list[Path], side: int, features: Callable) -> int:
    """Writes a part unless it is there; returns how many pictures cannot be read."""
    with contextlib.suppress(OSError, KeyError, ValueError), h5py.File(path, "r") as file:
        return int(file.attrs["bad"])
    # There is none yet, or it is damaged.
    bad = 0
    with written_whole(path) as temporary, h5py.File(temporary, "w") as file:
        for picture in pictures:
            try:
                picture.name.encode()
                image = load_square(picture, side)
            except (UserError, UnicodeEncodeError) as error:
                warn(f"{error}; left out")
                bad += 1
                continue
            content = ops.convert_to_numpy(features(for_descriptor(image)))[0]
            file[f"{picture.name}_content"] = np.transpose(content, (2, 0, 1))
            file[f"{picture.name}_image"] = np.transpose(image, (2, 0, 1))
        file.attrs["bad"] = bad
    return bad


def _join(parts: Path, target: Path, line: str) -> None:
    """Makes the file of the parts, and removes these."""
    try:
        with written_whole(target) as temporary, h5py.File(temporary, "w") as joined:
            joined.attrs["weights"] = line
            for path in sorted(parts.glob("*.hdf5")):
                for name, array in _arrays(path):
                    joined[name] = array
    except RuntimeError as error:  # h5py, when it cannot write what is left on closing
        raise UserError(f"cannot write {target}: {error}") from None
    shutil.rmtree(parts)


def _arrays(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The names and arrays of a part."""
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            for name in names:
                array = file[name][()]
                yield name, array
    except (OSError, KeyError, ValueError):
        raise UserError(f"{path} is damaged: delete it and start again") from None
