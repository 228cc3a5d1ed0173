"""Small pictures and networks, and calling the scripts with them, in this process or another."""

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from reproductions.texture_nets import training_options, using_options
from tests.leftovers import losses, state
from tests.scripts import ROOT, Ended, run_script, start_code, words

PACKAGE = ROOT / "reproductions" / "texture_nets"
PARSERS = {
    "texture_train": training_options.parse_texture,
    "stylization_train": training_options.parse_stylization,
    "texture_sample": using_options.parse_sample,
    "stylization_process": using_options.parse_process,
    "extract4_2": using_options.parse_extraction,
}

#: The pictures of `pics`, with the sizes that they have; not in the order of writing.
PICTURES = {
    "d.png": (40, 50),
    "a.JPEG": (64, 33),
    "c.png": (32, 32),
    "e.jpeg": (20, 24),
    "b.jpg": (35, 70),
}

_COMMON = "-model_name pyramid -image_size 32 -batch_size 2 --weights random -tmp_path out"
#: What is left out is added, so that it can be given otherwise.
TEXTURE = words(f"-texture a.png -texture_layers relu1_1,relu2_1 -texture_weight 1e6 {_COMMON}")
STYLE = words(
    f"-style_image a.png -style_layers relu1_1,relu2_1 -content_layers relu2_1 {_COMMON}"
    " -style_weight 1e6 -train_images_path pics"
)
EXTRACT = words(
    "-images_path pics -save_to x.hdf5 -resize_to 32 --weights random --content_layer relu2_1"
)


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("texture_nets", script, PARSERS[script], argv, monkeypatch, capfd)


def warnings_of(ended: Ended) -> list[str]:
    """The warnings of a script that ended well, and wrote nothing else to standard error."""
    assert ended.status == 0, ended.err
    lines = ended.err.splitlines()
    assert all(line.startswith("warning: ") for line in lines), ended.err
    return [line.removeprefix("warning: ") for line in lines]


def use_small_network(monkeypatch, folder: Path) -> None:
    """A pyramid of three narrow scales in place of `pyramid`, which takes long to compile.

    Args:
        monkeypatch: of pytest.
        folder: with pictures, on which the descriptor's random weights are normalised.
    """
    from reproductions.texture_nets import descriptor_weights, generator
    from reproductions.texture_nets.pyramid import Pyramid, pyramid

    small = Pyramid((4, 2, 1), (3, 3, 3), (3, 6, 9), (3,))
    monkeypatch.setitem(generator._BUILDERS, "pyramid", lambda blocks: pyramid(blocks, small))
    monkeypatch.setattr(descriptor_weights, "_TEXTURES", folder)


def write_picture(path: Path, size: tuple[int, int] = (40, 40), seed: int = 0) -> Path:
    """Writes a random pattern of this width and height, smooth over blocks of pixels."""
    pixels = np.random.RandomState(seed).randint(0, 256, (6, 6, 3)).astype(np.uint8)
    kind = "PNG" if path.suffix == ".png" else "JPEG"
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path, kind)
    return path


def write_pictures(folder: Path) -> None:
    """Writes `a.png`, and the folder `pics`."""
    write_picture(folder / "a.png")
    (folder / "pics").mkdir()
    for seed, (name, size) in enumerate(PICTURES.items(), 1):
        write_picture(folder / "pics" / name, size, seed)


def prepare(folder: Path, monkeypatch, small: bool = True) -> Path:
    """Makes a folder with pictures the current one; no originals or weights are at hand."""
    write_pictures(folder)
    (folder / "textures").mkdir()
    write_picture(folder / "textures" / "a.png")
    for name in ("ORIGINALS_DIR", "PRETRAINED_DIR"):
        monkeypatch.setenv(name, str(folder / "nowhere"))
    monkeypatch.chdir(folder)
    if small:
        use_small_network(monkeypatch, folder / "textures")
    return folder


def start_small(script: str, argv: list, folder: Path) -> subprocess.Popen:
    """Starts a script with the small network in a process of its own."""
    code = f"""
import pathlib, sys
import pytest
from common import flags
from common.quiet import import_keras
import_keras()
from reproductions.texture_nets import {script}
from tests.reproductions.texture_nets.commands import PARSERS, use_small_network
with pytest.MonkeyPatch.context() as monkeypatch:
    use_small_network(monkeypatch, pathlib.Path("textures"))
    flags.run(PARSERS["{script}"], {script}.main)
"""
    return start_code(code, folder, *argv)


def weights(path: Path) -> list[np.ndarray]:
    """The weights of a saved model, in the generator's order."""
    from reproductions.texture_nets.model_file import load_generator

    return load_generator(path).get_weights()


def results(run: Path) -> dict[str, object]:
    """What a run made, by name: pictures as bytes, weights of models, state, losses."""
    found: dict[str, object] = {"losses.csv": losses(run)}
    # What was being written when the process was killed has a hidden name.
    for path in run.glob("[!.]*"):
        if path.suffix == ".png" and path.name != "loss.png":
            found[path.name] = path.read_bytes()
        elif path.suffix == ".keras":
            found |= {f"{path.name} {i}": value for i, value in enumerate(weights(path))}
        elif path.suffix == ".npz":
            found |= {f"{path.name} {name}": value for name, value in state(run).items()}
    return found


def script_path(script: str) -> Path:
    return PACKAGE / f"{script}.py"
