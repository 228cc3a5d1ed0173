"""The scripts with another descriptor than the original's: trained weights of 0.7 MB."""

import json
import shutil

import h5py
import numpy as np
import pytest

from common import backend
from common.originals import originals_dir
from reproductions.texture_nets import options
from tests.backends import quickest
from tests.leftovers import assert_same, losses, rows
from tests.reproductions.texture_nets.commands import (
    EXTRACT,
    STYLE,
    TEXTURE,
    call,
    prepare,
    results,
    warnings_of,
)
from tests.scripts import error, words

FILE = "compressed_SqueezeNet.net"
MADE_FOR_VGG = ("-texture_layers", "-style_layers", "-content_layers", "--content_layer")


def without_layers(argv: list[str]) -> list[str]:
    """A command line with no layers, and the weights of SqueezeNet."""
    kept = iter(argv)
    argv = [word for word in kept if word not in MADE_FOR_VGG or not next(kept)]
    return [*argv, "--weights", "squeezenet"]


@pytest.fixture
def script(tmp_path, monkeypatch, capfd):
    """From a script's name and arguments to how it ended; the weights are at hand."""
    file = originals_dir() / "squeezenet" / FILE
    if not file.is_file():
        pytest.skip(f"needs {file} (ORIGINALS_DIR)")
    prepare(tmp_path, monkeypatch)
    monkeypatch.setattr(backend, "compile", quickest)
    (tmp_path / "pretrained").mkdir()
    shutil.copy(file, tmp_path / "pretrained")
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path / "pretrained"))
    return lambda name, argv: call(name, argv, monkeypatch, capfd)


@pytest.mark.parametrize("no_pad", ["true", "false"])
def test_a_texture(script, no_pad, tmp_path):
    """The loss falls, whichever borders the network has."""
    argv = words(f"-num_iterations 12 -normalize_gradients -vgg_no_pad {no_pad}")
    argv = [*without_layers(TEXTURE), *words("-texture_layers fire2,conv1"), *argv]
    ended = script("texture_train", argv)
    assert warnings_of(ended) == []
    assert f"squeezenet weights from {tmp_path / 'pretrained' / FILE}\n" in ended.out
    values = [float(row["loss"]) for row in rows(tmp_path / "out")]
    assert np.mean(values[-3:]) < values[0]


def test_what_was_best_stays_when_the_run_goes_on(script, tmp_path, monkeypatch):
    monkeypatch.setattr(options, "best", lambda: "squeezenet")
    argv = [*without_layers(TEXTURE), *words("--weights best -num_iterations 3")]
    assert warnings_of(script("texture_train", argv)) == []
    flags = json.loads((tmp_path / "out" / "run.json").read_text())["flags"]
    assert flags["weights"] == "squeezenet"
    assert flags["texture_layers"] == "conv1,fire2,fire3,fire4,fire5"
    shutil.move("out", "whole")
    argv = [*argv, *words("-num_iterations 2")]
    assert warnings_of(script("texture_train", argv)) == []
    monkeypatch.setattr(options, "best", lambda: "random")
    ended = script("texture_train", words("--resume out -num_iterations 3"))
    assert warnings_of(ended) == [] and "squeezenet weights from " in ended.out
    assert_same(results(tmp_path / "out"), results(tmp_path / "whole"))


def test_features_in_a_file(script, tmp_path):
    """The content layer is the network's own; a file and its folder give the same."""
    assert warnings_of(script("extract4_2", [*without_layers(EXTRACT)])) == []
    with h5py.File("x.hdf5") as file:
        # 32 pixels become 13 without a border, 6 and 3 by pooling.
        assert file["a.JPEG_content"].shape == (256, 3, 3)
    argv = [*without_layers(STYLE), *words("-num_iterations 2")]
    assert warnings_of(script("stylization_train", argv)) == []
    argv += words("-train_hdf5 x.hdf5 -tmp_path other")
    assert warnings_of(script("stylization_train", argv)) == []
    one, other = (np.float64(losses(tmp_path / name)) for name in ("out", "other"))
    np.testing.assert_allclose(other, one, rtol=1e-4)


def test_features_of_another_network(script):
    """Those of VGG-19's relu2_1 are of 128 channels, as fire2's are, and of other sides."""
    assert warnings_of(script("extract4_2", EXTRACT)) == []
    argv = [*without_layers(STYLE), *words("-content_layers fire2 -train_hdf5 x.hdf5")]
    ended = script("stylization_train", [*argv, "-num_iterations", "1"])
    assert ended.status == 1
    assert "warning: the features in x.hdf5 were made with random weights" in ended.err
    message = "has an image and features of 3x32x32 and 128x16x16, not 3x32x32 and 128x6x6"
    assert message in error(ended)


@pytest.mark.parametrize(
    ("name", "argv", "message"),
    [
        (
            "texture_train",
            [*TEXTURE, *words("-texture_layers fire7 -vgg_no_pad")],
            "32 pixels, is too small for fire7 with -vgg_no_pad:",
        ),
        (
            "stylization_train",
            [*STYLE, *words("-style_layers conv1 -content_layers fire9 -vgg_no_pad")],
            "32 pixels, is too small for fire9 with -vgg_no_pad:",
        ),
        (
            "extract4_2",
            [*EXTRACT, *words("--content_layer fire5 -resize_to 12")],
            "-resize_to, 12 pixels, is too small for fire5: 13 at least",
        ),
    ],
)
def test_too_small(script, name, argv, message):
    ended = script(name, [*argv, "--weights", "squeezenet"])
    assert ended.status == 1 and message in error(ended)
