"""The scripts that use a model: from flags to pictures."""

import argparse
import collections
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import UserError, warn
from common.files import make_folder
from common.images import pictures_in, save_picture
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.import_torch7 import import_torch7
from reproductions.texture_nets.model_file import load_generator, save_generator
from reproductions.texture_nets.pictures import find_picture, load_picture
from reproductions.texture_nets.sampling import Maker, check_kind, check_noise_depth
from reproductions.texture_nets.scaling import longer_side, scale


def sample(flags: argparse.Namespace) -> None:
    """Makes samples of a texture.

    Args:
        flags: of `texture_sample.py`.

    Raises:
        UserError: the model cannot be read, the sizes do not fit, or a file cannot be written.
    """
    maker = Maker(_model(flags, stylization=False), flags.random_seed)
    folder = _folder(flags.save_path)
    for width, height in flags.sample_size:
        pictures = maker.texture(flags.samples, height, width, flags.zero_noise, flags.fix_noise)
        of_size = f"_{width}x{height}" if len(flags.sample_size) > 1 else ""
        for number, picture in enumerate(pictures, 1):
            save_picture(picture, folder / f"{number}{of_size}.png")
            if flags.tiled:
                path = folder / f"{number}{of_size}_tiled.png"
                save_picture(np.tile(picture, (2, 2, 1)), path)
        print(f"samples, {width}x{height}: {folder / '1'}{of_size}.png, ...")


def process(flags: argparse.Namespace) -> None:
    """Stylises a picture, or all of a folder.

    Args:
        flags: of `stylization_process.py`.

    Raises:
        UserError: the model or the picture cannot be read, or a file cannot be written.
    """
    source = Path(flags.input_image)
    target = Path(flags.save_path or ("stylized" if source.is_dir() else "stylized.png"))
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"-save_path {target} would replace what is to be stylised")
    maker = Maker(_model(flags, stylization=True), flags.random_seed)
    if not source.is_dir():
        path = _folder(target.parent) / target.name
        save_picture(maker.stylized(_scaled(find_picture(source), flags)), path)
        print(path)
        return
    paths, bad = pictures_in(source), []
    folder = _folder(target)
    stems = collections.Counter(path.stem for path in paths)
    for path in tqdm(paths, unit="picture", disable=None):
        try:
            picture = maker.stylized(_scaled(path, flags))
        except UserError as error:
            bad.append(path)
            warn(f"{path.name} is left out: {error}")
            continue
        name = path.stem if stems[path.stem] == 1 else path.name
        save_picture(picture, folder / f"{name}.png")
    if len(bad) == len(paths):
        raise UserError(f"none of the {len(bad)} pictures in {source} could be stylised")
    left_out = f", {len(bad)} left out" if bad else ""
    print(f"{len(paths) - len(bad)} pictures in {folder}{left_out}")


def convert(flags: argparse.Namespace) -> None:
    """Converts a Torch7 model.

    Args:
        flags: of `convert`.

    Raises:
        UserError: it cannot be read, is no generator, or the file cannot be written.
    """
    if flags.output is None:
        flags.output = Path(flags.model).with_suffix(".keras")
        if flags.output.exists():
            raise UserError(f"there is a {flags.output} already; -o names the file to make")
    generator = import_torch7(flags.model)
    save_generator(generator, flags.output)
    kind = "stylises pictures" if generator.stylization else "makes textures"
    print(f"{flags.output}: {generator.network_name}, {kind}, noise_depth {generator.noise_depth}")


def _model(flags: argparse.Namespace, stylization: bool) -> Generator:
    generator = load_generator(flags.model)
    check_kind(generator, stylization)
    check_noise_depth(generator, flags.noise_depth, flags.model)
    if flags.running_statistics:
        generator.use_running_statistics()
    return generator


def _folder(name: str | Path) -> Path:
    folder = Path(name)
    make_folder(folder)
    return folder


def _scaled(path: Path, flags: argparse.Namespace) -> np.ndarray:
    picture = load_picture(path)
    if flags.image_size:
        return scale(picture, flags.image_size, flags.image_size)
    if flags.longer_side:
        return scale(picture, *longer_side(*picture.shape[:2], flags.longer_side))
    return picture
