"""The networks that flags name, and weights of Caffe's files."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from common.caffe import read_prototxt
from common.caffe_weights import random_weights
from common.errors import UserError
from reproductions.ppgn import networks
from reproductions.ppgn.caffe.importer import import_network
from reproductions.ppgn.networks import SUITE, Loader, check_makes_images, suite_name
from tests.common.test_caffe import field, floats, shape_field
from tests.leftovers import pixels
from tests.reproductions.ppgn.commands import (
    CLASSES,
    CODE,
    NETWORKS,
    SMALL,
    assert_only_warnings,
    call,
    only,
    prepare,
    results,
    rows,
)
from tests.scripts import error, words

ORIGINALS = {
    "nets/caffenet/caffenet.prototxt": "caffenet",
    "nets/placesCNN/places205CNN_deploy_updated.prototxt": "placescnn",
    "nets/generator/noiseless/generator.prototxt": "generator",
    "nets/lrcn/lrcn_word_to_preds.deploy.prototxt": "lrcn",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def light(monkeypatch):
    """The suite's networks, which take no time to make and remember what they were made of."""
    made = []

    def build(name, source, **options):
        made.append((name, source("fc8", [(3, 4)], 4)[0].sum(), options))
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)], name=name)

    for name, one in SUITE.items():
        replaced = dataclasses.replace(
            one, build=lambda source, name=name, **options: build(name, source, **options)
        )
        monkeypatch.setitem(SUITE, name, replaced)
    return made


@pytest.mark.parametrize("definition", ORIGINALS)
def test_paths_of_the_original_stand_for_networks_of_the_suite(folder, definition):
    assert suite_name(definition) == ORIGINALS[definition]
    assert suite_name(f"/elsewhere/{definition}") == ORIGINALS[definition]
    # A file that is there is meant itself.
    path = folder / definition
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert suite_name(definition) is None
    assert suite_name(f"elsewhere/{path.name}") == ORIGINALS[definition]


def test_names_of_the_suite(light):
    loader = Loader(random=True)
    for name in SUITE:
        assert suite_name(name) == name
        options = {"steps": 3} if name == "lrcn" else {}
        assert loader.load(name, "caffenet", **options).name == name
    assert suite_name("alexnet") is None and suite_name("alexnet.prototxt") is None
    assert [name for name, *_ in light] == list(SUITE)


def test_each_network_is_made_once(light):
    loader = Loader(random=True)
    one = loader.load("caffenet", "nets/caffenet/bvlc_reference_caffenet.caffemodel")
    assert loader.load("nets/caffenet/caffenet.prototxt", "caffenet") is one
    assert loader.load("x/caffenet.prototxt", "bvlc_reference_caffenet.caffemodel") is one
    assert loader.load("caffenet", "lrcn") is not one
    first = loader.load("lrcn", "lrcn", steps=3)
    assert loader.load("lrcn", "lrcn", steps=3) is first
    assert loader.load("lrcn", "lrcn", steps=4) is not first
    assert [name for name, *_ in light] == ["caffenet", "caffenet", "lrcn", "lrcn"]


def test_random_weights_depend_on_their_name(light):
    for weights in (
        "caffenet",
        "nets/bvlc_reference_caffenet.caffemodel",
        "placescnn",
    ):
        Loader(random=True).load("caffenet", weights)
    sums = [total for _, total, _ in light]
    assert sums[0] == sums[1] and len(set(sums)) == 2


def test_random_weights_stand_for_the_suites_own_only(light):
    with pytest.raises(UserError, match=r"no weights my\.caffemodel"):
        Loader(random=True).load("caffenet", "my.caffemodel")


def test_the_condition_network_comes_with_its_weights(light, monkeypatch, capfd):
    """The small ones are no condition networks: here it only counts what they were made of."""
    seen = []
    monkeypatch.setattr(networks, "weights_name", lambda weights: seen.append(weights) or weights)
    flags = [word for word in NETWORKS[:-2]]
    for more in ("placescnn", "caffenet", "placescnn --net_weights lrcn"):
        argv = [*flags, *words(f"--units 3 --net_definition {more}")]
        ended = call("sampling_class", argv, monkeypatch, capfd)
        assert ended.status == 1 and "must take images" in error(ended)
        assert {"placescnn": "placescnn"}.get(more, more.split()[-1]) == seen[-1]


def blob(array: np.ndarray) -> bytes:
    return field(7, shape_field(*array.shape) + field(5, floats(*array.ravel().tolist())))


def model_file(path, shapes, legacy=False):
    """Writes a .caffemodel of the weights that random ones of seed 5 are."""
    source, data = random_weights(5), b""
    for name, blobs in shapes.items():
        arrays = source(name, blobs, 50)
        if legacy:
            arrays = [array.reshape((1,) * (4 - array.ndim) + array.shape) for array in arrays]
        message = field(1, name) + field(2, "InnerProduct") + b"".join(map(blob, arrays))
        data += field(100, message)
    path.write_bytes(data)


NET_SHAPES = {
    "conv5": [(5, 3, 3, 3), (5,)],
    "fc6": [(CODE, 125), (CODE,)],
    "fc8": [(CLASSES, CODE), (CLASSES,)],
}
GENERATOR_SHAPES = {
    "defc5": [(64, CODE), (64,)],
    "deconv1": [(4, 6, 4, 4), (6,)],
    "deconv0": [(6, 3, 4, 4), (3,)],
}


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_of_caffe_files(folder, monkeypatch, capfd, legacy):
    model_file(folder / "net.caffemodel", NET_SHAPES, legacy)
    model_file(folder / "made.caffemodel", GENERATOR_SHAPES, legacy)
    files = "--encoder_weights net.caffemodel --net_weights net.caffemodel"
    files += " --generator_weights made.caffemodel --weights pretrained"
    argv = [*SMALL, *words(f"--units 3 --n_iters 2 --output_dir out {files}")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert (ended.status, ended.err) == (0, "")
    saved = json.loads(only(folder, "out/*.run/run.json").read_text())
    assert saved["weights"] == ["net.caffemodel", "made.caffemodel"]
    # The network by hand, on the first code.
    loader = Loader()
    encoder = loader.load("network.prototxt", "net.caffemodel")
    generator = loader.load("generator.prototxt", "made.caffemodel")
    h = np.random.RandomState(0).normal(0, 1, (1, CODE)).astype(np.float32)
    p = np.asarray(encoder(np.asarray(generator(h))[:, 2:14, 2:14]))
    row = rows(only(folder, "out/*.run"))[0]
    np.testing.assert_allclose(float(row["probability"]), p[0, 3], rtol=1e-4)
    assert int(row["best_unit"]) == p.argmax()
    kernel = random_weights(5)("fc8", NET_SHAPES["fc8"], 50)[0]
    np.testing.assert_array_equal(np.asarray(encoder.get_layer("fc8").kernel), kernel.T)


def weights_of(folder) -> list[str]:
    return json.loads(only(folder, "out/*.run/run.json").read_text())["weights"]


def test_a_file_of_weights_beside_random_ones(folder, monkeypatch, capfd):
    model_file(folder / "net.caffemodel", NET_SHAPES)
    argv = [*SMALL, *words("--units 3 --n_iters 1 --output_dir out --net_weights")]
    ended = call("sampling_class", [*argv, "net.caffemodel"], monkeypatch, capfd)
    assert_only_warnings(ended)
    encoder, generator, network = weights_of(folder)
    assert network == "net.caffemodel"
    assert encoder.startswith("random weights of seed ") and encoder.endswith(" for caffenet")
    assert generator.endswith(" for ppgn_generator")
    loader = Loader(random=True)
    code = np.random.RandomState(0).normal(0, 1, (1, CODE)).astype(np.float32)
    made = loader.load("generator.prototxt", "ppgn_generator")(code)
    read = loader.load("network.prototxt", "net.caffemodel")
    p = np.asarray(read(np.asarray(made)[:, 2:14, 2:14]))
    row = rows(only(folder, "out/*.run"))[0]
    np.testing.assert_allclose(float(row["probability"]), p[0, 3], rtol=1e-4)


def test_a_missing_file_of_weights_beside_random_ones(folder, monkeypatch, capfd):
    argv = [*SMALL, *words("--units 3 --output_dir out --net_weights missing.caffemodel")]
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert ended.status == 1
    assert error(ended).startswith("error: there are no weights missing.caffemodel: ")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("nets/caffenet/bvlc_reference_caffenet.caffemodel", "caffenet"),
        ("nets/generator/noiseless/generator.caffemodel", "ppgn_generator"),
    ],
)
def test_random_weights_are_the_same_whether_the_files_are_here_or_not(folder, file, name):
    kernels = []
    for here in (False, True):
        if here:
            (folder / file).parent.mkdir(parents=True)
            (folder / file).write_text("not read")
        for weights in (file, name):
            loader = Loader(random=True)
            layer = loader.load("network.prototxt", weights).get_layer("fc8")
            kernels.append(np.asarray(layer.kernel))
            assert loader.used[0].endswith(f" for {name}")
    assert len(kernels) == 4
    for kernel in kernels[1:]:
        np.testing.assert_array_equal(kernel, kernels[0])


@pytest.fixture
def small_suite(monkeypatch):
    """CaffeNet's and PlacesCNN's places are taken by small networks."""

    def build(source):
        return import_network(read_prototxt("network.prototxt"), source)

    for name in ("caffenet", "placescnn"):
        monkeypatch.setitem(SUITE, name, dataclasses.replace(SUITE[name], build=build))


@pytest.mark.parametrize("flag", ["encoder", "net"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", "placescnn"),
        ("--{}_weights caffenet", "caffenet"),
        ("--{}_weights placescnn", "placescnn"),
    ],
)
def test_placescnn_comes_with_its_weights(
    folder, small_suite, monkeypatch, capfd, flag, more, expected
):
    argv = words(f"--units 3 --n_iters 1 --output_dir out --{flag}_definition placescnn")
    argv += words(more.format(flag))
    assert_only_warnings(call("sampling_class", [*SMALL, *argv], monkeypatch, capfd))
    encoder, generator, *network = [text.split()[-1] for text in weights_of(folder)]
    assert generator == "ppgn_generator"
    found = {"encoder": encoder, "net": network[0]}
    assert found == {"encoder": "caffenet", "net": "caffenet"} | {flag: expected}


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["folders", "files"])
def test_what_is_called_like_a_network_does_not_change_names(
    folder, small_suite, monkeypatch, capfd, make
):
    argv = words(
        "--units 3 --n_iters 2 --lr 0.1 --epsilon3 0 --weights random --net_definition placescnn"
        " --net_weights placescnn --encoder_definition caffenet --encoder_weights caffenet"
        " --generator_definition generator.prototxt --generator_weights ppgn_generator --output_dir"
    )
    assert_only_warnings(call("sampling_class", [*argv, "plain"], monkeypatch, capfd))
    for name in ("caffenet", "placescnn", "ppgn_generator"):
        make(folder / name)
    assert_only_warnings(call("sampling_class", [*argv, "out"], monkeypatch, capfd))
    assert results(folder / "out") == results(folder / "plain")
    run = only(folder, "out/*.run")
    before = json.loads((run / "run.json").read_text())
    (run / "state.npz").unlink()
    ended = call("sampling_class", ["--resume", run], monkeypatch, capfd)
    assert_only_warnings(ended)
    assert "the run began with" not in ended.err
    assert results(folder / "out") == results(folder / "plain")
    found = json.loads((run / "run.json").read_text())
    assert found["flags"] == before["flags"] and found["weights"] == before["weights"]


def test_generators_that_are_none():
    code = keras.Input((8,))
    flat = keras.Model(code, keras.layers.Dense(3)(code), name="flat")
    with pytest.raises(UserError, match=r"flat must make images.* it makes \(3,\) out of \(8,\)"):
        check_makes_images(flat)
    two = keras.Model(code, [keras.layers.Reshape((2, 2, 2))(code)] * 2, name="two")
    with pytest.raises(UserError, match=r"two must make images"):
        check_makes_images(two)


def test_the_full_networks(folder, monkeypatch, capfd):
    """CaffeNet and the generator at the sizes of the original, with nothing downloaded."""
    argv = words("--units 13 --weights random --n_iters 1 --lr 1 --epsilon1 1e-5 --output_dir out")
    ended = call("sampling_class", argv, monkeypatch, capfd)
    assert_only_warnings(ended)
    table = rows(only(folder, "out/*.run"))
    assert len(table) == 2 and 0 < float(table[0]["best_probability"]) <= 1
    picture = pixels(only(folder, "out/*.jpg"))
    assert picture.shape == (227, 227, 3) and picture.std() > 20
