"""Small networks, and calling the scripts with them: in this process or in one of their own."""

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from reproductions.ppgn import options, recipes
from tests import leftovers
from tests.scripts import ROOT, Ended, run_script, start_code, words

PACKAGE = ROOT / "reproductions" / "ppgn"
PARSERS = {
    "sampling_class": options.parse_class,
    "sampling_caption": options.parse_caption,
    "recipes": recipes.parse,
}

#: Sides of the generator's images and of those that the other network sees, length of a code.
MADE, SEEN, CODE = 16, 12, 8
#: Units of fc8 and of conv5.
CLASSES, CHANNELS = 10, 5

GENERATOR = f"""
name: "small_generator"
layer {{ name: "feat" type: "Input" top: "feat" input_param {{ shape {{ dim: 1 dim: {CODE} }} }} }}
layer {{ name: "defc5" type: "InnerProduct" bottom: "feat" top: "defc5"
  inner_product_param {{ num_output: 64 }} }}
layer {{ name: "relu_defc5" type: "ReLU" bottom: "defc5" top: "defc5"
  relu_param {{ negative_slope: 0.3 }} }}
layer {{ name: "reshape" type: "Reshape" bottom: "defc5" top: "reshape"
  reshape_param {{ shape {{ dim: 0 dim: 4 dim: 4 dim: 4 }} }} }}
layer {{ name: "deconv1" type: "Deconvolution" bottom: "reshape" top: "deconv1"
  convolution_param {{ num_output: 6 kernel_size: 4 stride: 2 pad: 1 }} }}
layer {{ name: "relu_deconv1" type: "ReLU" bottom: "deconv1" top: "deconv1"
  relu_param {{ negative_slope: 0.3 }} }}
layer {{ name: "deconv0" type: "Deconvolution" bottom: "deconv1" top: "deconv0"
  convolution_param {{ num_output: 3 kernel_size: 4 stride: 2 pad: 1 }} }}
"""

CAPTIONER = """
name: "small_captioner"
layer { name: "cont_sentence" type: "Input" top: "cont_sentence"
  input_param { shape { dim: 1 dim: 20 } } }
layer { name: "input_sentence" type: "Input" top: "input_sentence"
  input_param { shape { dim: 1 dim: 20 } } }
layer { name: "image_features" type: "Input" top: "image_features"
  input_param { shape { dim: 20 dim: 1000 } } }
layer { name: "embedding" type: "Embed" bottom: "input_sentence" top: "embedded"
  embed_param { bias_term: false input_dim: 6 num_output: 4 } }
layer { name: "lstm1" type: "LSTM" bottom: "embedded" bottom: "cont_sentence" top: "lstm1"
  recurrent_param { num_output: 5 } }
layer { name: "lstm2" type: "LSTM" bottom: "lstm1" bottom: "cont_sentence"
  bottom: "image_features" top: "lstm2" recurrent_param { num_output: 5 } }
layer { name: "predict" type: "InnerProduct" bottom: "lstm2" top: "predict"
  inner_product_param { num_output: 6 axis: 2 } }
layer { name: "probs" type: "Softmax" bottom: "predict" top: "probs"
  softmax_param { axis: 2 } }
layer { name: "log_prob" type: "Log" bottom: "probs" top: "log_prob" }
"""
WORDS = ("<unk>", "a", "dog", "barks", "loudly")


def network_text(classes: int = CLASSES, side: int = SEEN) -> str:
    """A network for crops of the generator's images."""
    return f"""
name: "small_network"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 1 dim: 3 dim: {side} dim: {side} }} }} }}
layer {{ name: "conv5" type: "Convolution" bottom: "data" top: "conv5"
  convolution_param {{ num_output: {CHANNELS} kernel_size: 3 stride: 2 }} }}
layer {{ name: "relu5" type: "ReLU" bottom: "conv5" top: "conv5" }}
layer {{ name: "fc6" type: "InnerProduct" bottom: "conv5" top: "fc6"
  inner_product_param {{ num_output: {CODE} }} }}
layer {{ name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "fc6" top: "fc8"
  inner_product_param {{ num_output: {classes} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }}
"""


def write_networks(folder: Path) -> None:
    """Writes all definitions, a vocabulary, and a picture `a.png`."""
    (folder / "generator.prototxt").write_text(GENERATOR)
    (folder / "network.prototxt").write_text(network_text())
    (folder / "features.prototxt").write_text(network_text(1000))
    (folder / "captioner.prototxt").write_text(CAPTIONER)
    (folder / "words.txt").write_text("".join(f"{word}\n" for word in WORDS))
    write_picture(folder / "a.png")


def write_picture(path: Path, side: int = 40, seed: int = 0) -> Path:
    """Writes a random pattern, smooth over blocks of pixels."""
    pixels = np.random.RandomState(seed).randint(0, 256, (side // 4, side // 4, 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    image.resize((side, side), Image.Resampling.BICUBIC).save(path)
    return path


#: The small networks, with random weights; of a class network and of a captioner.
NETWORKS = words(
    "--weights random --generator_definition generator.prototxt"
    " --encoder_definition network.prototxt --net_definition network.prototxt"
)
CAPTIONED = words(
    "--weights random --generator_definition generator.prototxt"
    " --encoder_definition network.prototxt --net_definition features.prototxt"
    " --captioner_definition captioner.prototxt --vocabulary words.txt"
)
#: Steps small enough for probabilities that are neither 0 nor 1.
SMALL = [*NETWORKS, *words("--lr 0.1 --epsilon1 1e-3 --epsilon3 1e-3")]


def call(script: str, argv: list, monkeypatch, capfd) -> Ended:
    """Runs a script in this process."""
    return run_script("ppgn", script, PARSERS[script], argv, monkeypatch, capfd)


def assert_only_warnings(ended: Ended) -> None:
    """Checks that a script ended well, with nothing but one-line warnings on standard error."""
    assert ended.status == 0, ended.err
    assert all(line.startswith("warning: ") for line in ended.err.splitlines()), ended.err


def script_path(script: str) -> Path:
    return PACKAGE / f"{script}.py"


def start_dying(argv: list, folder: Path, where: str, calls: int) -> subprocess.Popen:
    """Starts sampling_class.py, which kills itself as `kill -9` does, after a method's n-th call.

    Args:
        argv: the words after the script's name.
        folder: to start it in.
        where: module, class and method, of the package.
        calls: n.
    """
    module, owner, method = where.split(".")
    code = f"""
import os, signal, sys
from common import flags
from common.quiet import import_keras
from reproductions.ppgn import options, sampling_class
import_keras()
from reproductions.ppgn import {module}
whole, made = {module}.{owner}.{method}, []
def dying(*arguments, **options):
    result = whole(*arguments, **options)
    made.append(1)
    if len(made) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
{module}.{owner}.{method} = dying
flags.run(options.parse_class, sampling_class.main)
"""
    return start_code(code, folder, *argv)


def only(folder: Path, pattern: str) -> Path:
    """The one file of a folder that a pattern fits."""
    [path] = folder.glob(pattern)
    return path


def rows(run: Path) -> list[dict[str, str]]:
    """The rows of a run's `steps.csv` without the seconds."""
    table = leftovers.rows(run, "steps.csv")
    for row in table:
        row.pop("seconds", None)
    return table


def results(folder: Path) -> dict[str, bytes]:
    """The bytes of all pictures and tables below a folder, but for events, curves and seconds."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".jpg", ".gif", ".csv")]
    # What was being written when the process was killed has a hidden name.
    paths = [path for path in paths if not path.name.startswith(".")]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    for name, table in found.items():
        if name.endswith("steps.csv"):
            found[name] = b"\n".join(line.rpartition(b",")[0] for line in table.splitlines())
    return found


def prepare(folder: Path, monkeypatch) -> Path:
    """Makes a folder with the small networks the current one; nothing else is at hand."""
    write_networks(folder)
    for name in ("ORIGINALS_DIR", "PRETRAINED_DIR"):
        monkeypatch.setenv(name, str(folder / "nowhere"))
    monkeypatch.chdir(folder)
    return folder
