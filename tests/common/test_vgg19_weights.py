import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from common import vgg19_normalised, vgg19_weights
from common import weights as pretrained_files
from common.errors import UserError
from common.vgg19_layers import channels, convolutions
from common.vgg19_normalised import normalised_as_gatys
from common.vgg19_weights import find_weights_file, load_weights, read_weights
from tests.common.test_caffe import field, legacy_shape

ROOT = Path(vgg19_weights.__file__).parent.parent
UPTO = "conv2_1"


def some_weights(upto=UPTO):
    random = np.random.RandomState(0)
    return {
        name: (
            random.standard_normal((3, 3, *channels(name))).astype(np.float32),
            random.standard_normal(channels(name)[1]).astype(np.float32),
        )
        for name in convolutions(upto)
    }


def write_keras2(path, weights, root=""):
    """As Keras 2 did: one group a layer, `model.save` (root "model_weights/") or `save_weights`."""
    with h5py.File(path, "w") as file:
        for name in ("input_1", "pool1"):
            file.create_group(f"{root}{name}").attrs["weight_names"] = []
        for name, (kernel, bias) in weights.items():
            file[f"{root}{name}/{name}/kernel:0"] = kernel
            file[f"{root}{name}/{name}/bias:0"] = bias
        if root:
            file.attrs["model_config"] = b"{}"
            file["optimizer_weights/Adam/iterations:0"] = 3
    return path


def write_keras_applications(path, weights):
    """As `keras.applications` distributes them: other names, both arrays right in the group."""
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in weights.items():
            block, number = name[4], name[6]
            own = f"block{block}_conv{number}"
            file[f"{own}/{own}_W_1:0"] = kernel
            file[f"{own}/{own}_b_1:0"] = bias
        file.create_group("block1_pool")
    return path


def assert_same(found, weights):
    assert list(found) == list(weights)
    for name, (kernel, bias) in weights.items():
        assert found[name][0].dtype == found[name][1].dtype == np.float32
        np.testing.assert_array_equal(found[name][0], kernel)
        np.testing.assert_array_equal(found[name][1], bias)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gatys_valid.h5"


@pytest.mark.parametrize("root", ["", "model_weights/"])
def test_keras_2_layout(path, root):
    weights = some_weights()
    assert_same(read_weights(write_keras2(path, weights, root), UPTO), weights)


def test_keras_applications_layout(path):
    weights = some_weights()
    assert_same(read_weights(write_keras_applications(path, weights), UPTO), weights)


def test_only_what_is_needed_is_asked_for(path):
    write_keras2(path, some_weights("conv1_2"))
    assert list(read_weights(path, "pool1")) == ["conv1_1", "conv1_2"]
    with pytest.raises(UserError, match="has no layer conv2_1: not the weights of VGG-19"):
        read_weights(path, UPTO)
    with pytest.raises(UserError, match="has no layer conv2_1"):
        read_weights(path)


def test_other_number_types(path):
    weights = {name: (k.astype(">f8"), b.astype("f2")) for name, (k, b) in some_weights().items()}
    found = read_weights(write_keras2(path, weights), UPTO)
    for name, (kernel, _) in weights.items():
        np.testing.assert_array_equal(found[name][0], kernel.astype(np.float32))


def refused(path, message):
    with pytest.raises(UserError, match=message) as caught:
        read_weights(path, UPTO)
    assert str(path) in str(caught.value)


def test_wrong_shapes(path):
    weights = some_weights()
    weights["conv1_2"] = (np.zeros((3, 3, 64, 63), np.float32), np.zeros(63, np.float32))
    refused(write_keras2(path, weights), r"conv1_2 has shape \(3, 3, 64, 63\)")
    weights["conv1_2"] = (np.zeros((3, 3, 64, 64), np.float32), np.zeros(63, np.float32))
    refused(write_keras2(path, weights), r"conv1_2 has shape .* VGG-19 has")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_values_that_are_not_numbers(path, value, which):
    weights = some_weights()
    weights["conv2_1"][which].flat[5] = value
    refused(write_keras2(path, weights), "is damaged: conv2_1 holds values that are not numbers")


def test_a_number_too_large_for_a_float(path):
    weights = some_weights()
    weights["conv1_1"] = (weights["conv1_1"][0] * np.float64(1e300), weights["conv1_1"][1])
    refused(write_keras2(path, weights), "is damaged: conv1_1")


def test_values_of_another_kind(path):
    for kind in ("S4", "c8", [("a", "f4"), ("b", "i4")]):
        with h5py.File(write_keras2(path, some_weights()), "r+") as file:
            del file["conv1_1/conv1_1/kernel:0"]
            file["conv1_1/conv1_1/kernel:0"] = np.zeros((3, 3, 3, 64), kind)
        refused(path, "conv1_1")


def test_an_absurd_size_is_not_read(path):
    with h5py.File(write_keras2(path, some_weights()), "r+") as file:
        del file["conv1_1/conv1_1/kernel:0"]
        file.create_dataset(
            "conv1_1/conv1_1/kernel:0", (3, 3, 10**6, 10**6), "f4", chunks=(3, 3, 64, 64)
        )
    refused(path, "claims 9000000000000 values")


def test_odd_structures(path):
    with h5py.File(path, "w") as file:
        file["model_weights"] = np.zeros(3)
    refused(path, "cannot read the weights|not the weights of VGG-19")
    with h5py.File(path, "w") as file:
        file["conv1_1"] = np.zeros(3)
        file["conv1_2"] = h5py.SoftLink("/nowhere")
        file["conv2_1"] = h5py.ExternalLink("nothing.h5", "/")
    refused(path, "cannot read the weights|has no layer conv1_1")
    with h5py.File(path, "w") as file:
        file["conv1_1/self"] = h5py.SoftLink("/conv1_1")
        file["conv1_1/empty:0"] = h5py.Empty("f4")
    refused(path, "has no layer conv1_1")


def test_no_hdf5_file(path, tmp_path):
    refused(tmp_path / "missing.h5", "cannot read the weights")
    refused(tmp_path, "cannot read the weights")
    for text in (b"", b"weights\n" * 100, b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(999)):
        path.write_bytes(text)
        refused(path, "cannot read the weights")


def test_cut_short(path):
    whole = write_keras2(path, some_weights()).read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        refused(path, "cannot read the weights")


#: Run apart, because a damaged file might bring down the HDF5 library itself.
MUTATIONS = """
import sys
import warnings
import numpy as np
from common.errors import UserError
from common.vgg19_weights import read_weights

path = sys.argv[1]
whole = open(path, "rb").read()
random = np.random.RandomState(0)
structure = [i for i in range(len(whole)) if not 3000 < i < len(whole) - 3000]
outcomes = {"read": 0, "refused": 0}
for _ in range(400):
    damaged = bytearray(whole)
    for _ in range(random.randint(1, 6)):
        damaged[random.choice(structure)] = random.choice([0, 1, 8, 127, 128, 255])
    with open(path, "wb") as file:
        file.write(damaged)
    try:
        read_weights(path, "conv1_1")
        outcomes["read"] += 1
    except UserError as error:
        assert path in str(error)
        outcomes["refused"] += 1
assert min(outcomes.values()) > 20, outcomes
"""


@pytest.mark.parametrize("write", [write_keras2, write_keras_applications])
def test_changed_bytes_never_end_in_anything_but_a_users_error(path, write):
    write(path, some_weights("conv1_1"))
    done = subprocess.run(
        [sys.executable, "-c", MUTATIONS, path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_caffemodel_of_the_old_format(tmp_path):
    """As vgg_normalised.caffemodel: `layers`, 4-D blobs, kernels (out, in, height, width)."""
    random = np.random.RandomState(0)
    blobs = {
        name: (random.randn(width, fan_in, 3, 3).astype("f4"), random.randn(width).astype("f4"))
        for name, fan_in, width in (("conv1_1", 3, 64), ("conv1_2", 64, 64))
    }
    layers = b""
    for name, (kernel, bias) in blobs.items():
        stored = legacy_shape(*kernel.shape) + field(5, kernel.tobytes())
        stored_bias = legacy_shape(1, 1, 1, len(bias)) + field(5, bias.tobytes())
        message = field(4, name) + field(5, 4) + field(6, stored) + field(6, stored_bias)
        layers += field(2, message)
    path = tmp_path / "vgg_normalised.caffemodel"
    path.write_bytes(field(1, "vgg") + layers)
    weights = read_weights(path, "conv1_2")
    assert list(weights) == ["conv1_1", "conv1_2"]
    for name, (kernel, bias) in blobs.items():
        assert weights[name][0].shape == (3, 3, *kernel.shape[1::-1])
        np.testing.assert_array_equal(weights[name][0][0, 2, 1, 5], kernel[5, 1, 0, 2])
        np.testing.assert_array_equal(weights[name][0].sum((0, 1)).T, kernel.sum((2, 3)))
        np.testing.assert_array_equal(weights[name][1], bias)


def test_another_networks_caffemodel():
    path = ROOT / "tests" / "references" / "caffe" / "tiny_new.caffemodel"
    with pytest.raises(UserError, match="has no layer conv1_1: not the weights of VGG-19"):
        read_weights(path, UPTO)


def test_a_damaged_caffemodel(tmp_path):
    path = tmp_path / "vgg_normalised.caffemodel"
    path.write_bytes(b"\xff" * 1000)
    with pytest.raises(UserError, match=r"vgg_normalised\.caffemodel"):
        read_weights(path)


@pytest.fixture
def any_file(monkeypatch):
    """Of the manifest's files any content will do."""
    rows = pretrained_files.manifest()
    none = dict.fromkeys(("sha256", "sha1", "md5", "git_blob"))
    rows = {name: dataclasses.replace(row, **none) for name, row in rows.items()}
    monkeypatch.setattr(pretrained_files, "manifest", lambda: rows)


def test_ones_own_files_are_found_first(tmp_path, monkeypatch, any_file):
    own, other, pretrained = (tmp_path / name for name in ("own", "other", "pretrained"))
    monkeypatch.setenv("PRETRAINED_DIR", str(pretrained))
    for folder in (own, other, pretrained):
        folder.mkdir()
    in_pretrained = pretrained / "vgg_normalised.caffemodel"
    in_pretrained.touch()
    folders = [tmp_path / "missing", own, other]
    assert find_weights_file("gatys", folders) == in_pretrained
    (other / "gatys_same.h5").touch()
    assert find_weights_file("gatys", folders) == other / "gatys_same.h5"
    (other / "gatys_valid.h5").touch()
    assert find_weights_file("gatys", folders) == other / "gatys_valid.h5"
    (own / "gatys_same.h5").touch()
    assert find_weights_file("gatys", map(str, folders)) == own / "gatys_same.h5"


def test_a_folder_name_too_long_is_no_folder(tmp_path, monkeypatch, any_file):
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    (tmp_path / "vgg_normalised.caffemodel").touch()
    assert find_weights_file("gatys", ["x" * 300]).parent == tmp_path


def test_loading_says_which_weights(tmp_path):
    weights = some_weights()
    path = write_keras2(tmp_path / "gatys_valid.h5", weights)
    found, line = load_weights("gatys", UPTO, [], [tmp_path])
    assert_same(found, weights)
    assert line == f"gatys weights from {path}"
    texture = np.random.RandomState(0).uniform(-100, 100, (1, 20, 20, 3)).astype(np.float32)
    found, line = load_weights("random", UPTO, [texture])
    assert list(found) == list(weights)
    assert line == "random weights (crisper: --weights squeezenet, 0.7 MB, or drawn)"


def test_normalised_takes_whichever_file_is_here(tmp_path, monkeypatch, any_file):
    own, pretrained = tmp_path / "own", tmp_path / "pretrained"
    monkeypatch.setenv("PRETRAINED_DIR", str(pretrained))
    own.mkdir()
    pretrained.mkdir()
    rows = pretrained_files.manifest()
    fetched = []
    monkeypatch.setattr(pretrained_files, "get", lambda name, folders: fetched.append(name))
    find_weights_file("normalised", [own])
    monkeypatch.undo()
    assert fetched == ["imagenet"]

    monkeypatch.setenv("PRETRAINED_DIR", str(pretrained))
    monkeypatch.setattr(pretrained_files, "manifest", lambda: rows)
    (own / rows["caffe"].file).touch()
    assert find_weights_file("normalised", [own]) == own / rows["caffe"].file
    (pretrained / rows["imagenet"].file).touch()
    assert find_weights_file("normalised", [own]) == pretrained / rows["imagenet"].file


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_normalised_weights_are_loaded(tmp_path, monkeypatch, pooling):
    pictures = [picture[:, :40, :50] for picture in vgg19_normalised.built_in_pictures()]
    monkeypatch.setattr(vgg19_normalised, "built_in_pictures", lambda: pictures)
    weights = some_weights()
    file = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path = write_keras_applications(tmp_path / file, weights)
    found, line = load_weights("normalised", UPTO, [], [tmp_path], pooling)
    assert line == f"normalised weights: {path}, scaled as Gatys did, on datasets/textures"
    expected = normalised_as_gatys(weights, pictures, pooling)
    assert_same(found, expected)
