"""Saved generators come back as they were, damaged files are refused, and models are converted."""

import functools
import io
import json
import shutil
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from common.errors import UserError
from common.originals import originals_dir
from reproductions.texture_nets import model_file
from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import load_generator, save_generator
from reproductions.texture_nets.using_options import parse_conversion
from tests.backends import warnings_are_errors
from tests.reproductions.texture_nets.torch7_networks import TorchNetwork, randomize
from tests.reproductions.texture_nets.torch7_writer import TorchObject, write_torch7
from tests.scripts import run_script

#: Whatever a file says, loading it takes no more of Python's and NumPy's memory than this.
MOST_MEMORY = 192 * 2**20

KINDS = [
    {"network": "pyramid", "noise_depth": 2},
    {"network": "pyramid2", "stylization": True, "normalization": "instance"},
    {"network": "skip", "stylization": True, "noise_depth": 0, "circular": False},
    {"network": "skip_noise", "normalization": "instance"},
    {"network": "published_texture"},
    {"network": "published_style", "stylization": True},
]


@functools.cache
def built(**arguments) -> Generator:
    """A generator with random weights; each is built once for all tests."""
    generator = Generator(**arguments)
    randomize(generator)
    return generator


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """From arguments of a generator to a file of it."""
    folder = tmp_path_factory.mktemp("saved")

    @functools.cache
    def saved(**arguments):
        path = folder / f"{len(list(folder.iterdir()))}.keras"
        save_generator(built(**arguments), path)
        return path

    return saved


@pytest.fixture(scope="module")
def members(saved) -> dict[str, bytes]:
    """What is in the file of the smallest generator."""
    with zipfile.ZipFile(saved(**KINDS[5])) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture
def quick(monkeypatch):
    """Loading gets generators that are built already."""
    monkeypatch.setattr(model_file, "Generator", target)


@functools.cache
def target(**arguments) -> Generator:
    """A generator to load weights into; each is built once for all tests."""
    return Generator(**arguments)


def sample(generator: Generator, side: int = 64) -> np.ndarray:
    """What a generator makes of fixed noise and a fixed image."""
    inputs = draw_noise(generator.noise, 1, side, side, 1, 2)
    if generator.stylization:
        image = np.random.RandomState(1).uniform(0, 1, (1, side, side, 3))
        inputs.insert(0, ops.convert_to_tensor(image, "float32"))
    return ops.convert_to_numpy(generator(inputs))


def refused(path) -> str:
    """Checks that a file is refused with one line, without warnings; gives the line."""
    with warnings_are_errors(), pytest.raises(UserError) as error:
        load_generator(path)
    text = str(error.value)
    assert text.isprintable(), text
    assert len(text) < 800
    return text


@pytest.mark.parametrize("arguments", KINDS, ids=lambda kind: kind["network"])
@pytest.mark.parametrize("load", [load_generator, keras.saving.load_model])
def test_round_trip(saved, arguments, load):
    """A generator that was saved is the same function, to the bit, whoever loads it."""
    generator = built(**arguments)
    again = load(saved(**arguments))
    assert isinstance(again, Generator)
    assert again.get_config() == generator.get_config()
    for value, expected in zip(again.get_weights(), generator.get_weights(), strict=True):
        assert np.array_equal(value, expected)
    made = sample(again)
    assert np.isfinite(made).all()
    assert np.array_equal(made, sample(generator))


def test_running_statistics_are_kept(saved):
    """The running statistics are in the file, too."""
    again = load_generator(saved(**KINDS[0]))
    generator = built(**KINDS[0])
    before = sample(generator)
    again.use_running_statistics()
    generator.use_running_statistics()
    try:
        made = sample(again)
        assert np.array_equal(made, sample(generator))
        assert not np.array_equal(made, before)
    finally:
        generator.use_running_statistics(False)


def test_keras_model_in_the_place_of_a_t7(saved, tmp_path, quick):
    """Where the original's commands name model.t7, model.keras is taken if only it is there."""
    shutil.copy(saved(**KINDS[5]), tmp_path / "model.keras")
    assert load_generator(tmp_path / "model.t7").network_name == "published_style"


def test_t7_is_taken_if_it_is_there(saved, tmp_path):
    """But a model.t7 that is there is not passed over."""
    shutil.copy(saved(**KINDS[5]), tmp_path / "model.keras")
    write_torch7(tmp_path / "model.t7", TorchObject("nn.Sequential"))
    assert "model.t7 is no model of a texture network" in refused(tmp_path / "model.t7")


def test_name_is_of_no_effect(saved, tmp_path, quick):
    """What a file is, its first bytes tell."""
    path = tmp_path / "model.t7"
    shutil.copy(saved(**KINDS[5]), path)
    assert load_generator(path).network_name == "published_style"


def test_no_file(tmp_path):
    """A missing file, a folder and an empty file are told apart."""
    (tmp_path / "empty.keras").touch()
    (tmp_path / "folder.keras").mkdir()
    for name in ("none.keras", "none.t7"):
        line = refused(tmp_path / name)
        assert line.startswith(f"there is no model {tmp_path}/{name}; ")
        assert "datasets/download.py texture_nets" in line
    assert refused(tmp_path) == f"{tmp_path} is a folder, not a model"
    assert "folder" in refused(tmp_path / "folder.t7")
    assert "empty.keras is no Torch7 binary file" in refused(tmp_path / "empty.keras")


def zipped(path, members: dict, method=zipfile.ZIP_STORED):
    """Writes a zip file."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def changed(members: dict, **arguments) -> dict:
    """The files of a model with other arguments in its configuration."""
    config = json.loads(members["config.json"])
    config["config"].update(arguments)
    return {**members, "config.json": json.dumps(config)}


def test_any_packing(members, tmp_path, quick):
    """A file packed by another zip is as good."""
    path = zipped(tmp_path / "model.keras", members, zipfile.ZIP_DEFLATED)
    made = load_generator(path)
    for value, expected in zip(made.get_weights(), built(**KINDS[5]).get_weights(), strict=True):
        assert np.array_equal(value, expected)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize("data", [None, b"", b"{}", b"[1, 2", b"null", b"[" * 100_000, b"\xff\0"])
def test_bad_members(members, tmp_path, quick, name, data):
    """A file without configuration or weights, or with others, is refused."""
    other = {k: v for k, v in members.items() if k != name}
    refused(zipped(tmp_path / "model.keras", other if data is None else {**other, name: data}))


def test_cut_files(saved, tmp_path, quick):
    """A file that ends early is refused, wherever it ends."""
    data = saved(**KINDS[5]).read_bytes()
    path = tmp_path / "model.keras"
    for end in [*range(2, 40), *range(40, len(data), len(data) // 20), len(data) - 1]:
        path.write_bytes(data[:end])
        refused(path)


def test_damaged_files(saved, tmp_path, quick):
    """A file with bytes changed is refused, or loads as it was."""
    data, random = saved(**KINDS[5]).read_bytes(), np.random.RandomState(2)
    path, count = tmp_path / "model.keras", 0
    # The directory of a zip file is at its end; the configuration and headers at its start.
    places = [*random.randint(0, len(data), 20), *random.randint(0, 3000, 30)]
    places += [*-random.randint(1, 400, 50)]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= random.randint(1, 256)
        path.write_bytes(damaged)
        try:
            made = load_generator(path)
        except UserError as error:
            count += 1
            assert str(error).isprintable(), str(error)
        else:
            for value, expected in zip(
                made.get_weights(), built(**KINDS[5]).get_weights(), strict=True
            ):
                assert np.array_equal(value, expected)
    assert count > 80


def test_damaged_weights(members, tmp_path, quick):
    """So is one whose weights were damaged before they were packed, or it has finite weights."""
    data, random, count = members["model.weights.h5"], np.random.RandomState(3), 0
    for number in range(40):
        damaged = bytearray(data)
        for place in random.randint(0, 4000 if number % 2 else len(data), 4):
            damaged[place] ^= random.randint(1, 256)
        path = zipped(tmp_path / "model.keras", {**members, "model.weights.h5": bytes(damaged)})
        try:
            made = load_generator(path)
        except UserError as error:
            count += 1
            assert str(error).isprintable(), str(error)
            assert len(str(error)) < 800
        else:
            assert all(np.isfinite(value).all() for value in made.get_weights())
    assert 10 < count < 40


def test_another_keras_model(tmp_path):
    """Keras models that are none of this package's generators are refused."""
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save(tmp_path / "dense.keras")
    keras.Sequential([inputs, keras.layers.Dense(2)]).save(tmp_path / "sequential.keras")
    for name in ("dense", "sequential"):
        assert refused(tmp_path / f"{name}.keras").endswith("but none of this package")


CLASSES = [
    {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
    {"module": "builtins", "class_name": "eval", "registered_name": "eval"},
    {"module": "os", "class_name": "system", "registered_name": "package>system"},
    {"registered_name": ["texture_nets>Generator"]},
    {"registered_name": "texture_nets>Generator "},
]


@pytest.mark.parametrize("other", CLASSES)
def test_other_classes(members, tmp_path, other, monkeypatch):
    """A configuration of another class is refused, and nothing is built of it."""
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", None)
    monkeypatch.setattr(model_file, "Generator", None)
    config = json.loads(members["config.json"]) | other
    path = zipped(tmp_path / "model.keras", {**members, "config.json": json.dumps(config)})
    assert refused(path).endswith("but none of this package")


_LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "os.system"}}
ARGUMENTS = [
    *({"network": n} for n in ("Lambda", "", None, ["pyramid"], {"a": 1}, _LAMBDA, "pyramid\n")),
    *({"noise_depth": d} for d in (-1, 1025, 10**30, 2.0, "3", None, [3], float("nan"))),
    *({"dtype": d} for d in ("no", "string", "int32", "float16", "bool", 3, _LAMBDA)),
    *({"normalization": n} for n in ("none", None, 3, ["batch"], _LAMBDA)),
    *({"stylization": s} for s in ("yes", 3, _LAMBDA)),
    *({"circular": c} for c in ("yes", 3, _LAMBDA)),
    {"noise_depth": True},
    {"unknown": 1},
    {"layers": [_LAMBDA]},
    {"name": ["a"]},
    {"inputs": 3, "outputs": 4},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_bad_arguments(members, tmp_path, arguments, monkeypatch):
    """Arguments that no generator of this package has are refused, and no class is looked up."""
    looked_up = []
    monkeypatch.setattr(keras.layers, "Lambda", looked_up.append)
    refused(zipped(tmp_path / "model.keras", changed(members, **arguments)))
    assert not looked_up


@pytest.mark.parametrize("arguments", [{"noise_depth": 4}, {"network": "skip"}, {"circular": None}])
def test_weights_of_another_generator(members, tmp_path, arguments):
    """Weights that are not those of the configuration's generator are refused."""
    if "noise_depth" not in arguments:
        arguments = {"network": "published_texture", "stylization": "circular" in arguments}
    refused(zipped(tmp_path / "model.keras", changed(members, **arguments)))


@pytest.mark.parametrize("missing", ["network", "noise_depth"])
def test_missing_arguments(members, tmp_path, quick, missing):
    """What tells one generator from another must be in the configuration."""
    config = json.loads(members["config.json"])
    del config["config"][missing]
    refused(zipped(tmp_path / "m.keras", {**members, "config.json": json.dumps(config)}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(tmp_path, value):
    """Weights that are nan or infinite are refused."""
    generator = Generator(**KINDS[5])
    generator.parameter_layers()[3].gamma.assign([1] * 7 + [value])
    save_generator(generator, tmp_path / "model.keras")
    assert "not numbers" in refused(tmp_path / "model.keras")


def with_dataset(members: dict, change) -> dict:
    """The files of a model whose first data set is replaced."""
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "a") as weights:
        found = []
        weights.visititems(lambda n, item: found.append(n) if hasattr(item, "shape") else None)
        name = next(n for n in found if weights[n].ndim == 4)
        old = weights[name][()]
        del weights[name]
        change(weights, name, old)
    return {**members, "model.weights.h5": file.getvalue()}


@pytest.mark.parametrize("shape", [(2**26,), (3, 3, 6, 2**20), (2**20,) * 3, (0,), ()])
def test_weights_of_huge_claimed_size(members, tmp_path, quick, shape):
    """Weights that claim a size without having it are refused, and take no memory."""

    def change(weights, name, old):
        chunks = tuple(min(s, 2 ** (20 // len(shape))) for s in shape if s) or None
        weights.create_dataset(name, shape, "f4", chunks=chunks, compression=chunks and "gzip")

    path = zipped(tmp_path / "model.keras", with_dataset(members, change))
    tracemalloc.start()
    try:
        refused(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


def test_weights_that_are_missing(members, tmp_path):
    """A file without the weights of one layer is refused: none may stay random."""
    for whole in (False, True):

        def change(weights, name, old, whole=whole):
            if whole:  # the layer's group, and not only what is in it
                del weights[name.rsplit("/", 2)[0]]

        refused(zipped(tmp_path / "model.keras", with_dataset(members, change)))


@pytest.mark.parametrize("kind", ["S3", "c8", "i4", "?", "V9"])
def test_weights_of_another_type(members, tmp_path, quick, kind):
    """Weights that are no numbers at all are refused."""

    def change(weights, name, old):
        weights.create_dataset(name, old.shape, kind)

    path = zipped(tmp_path / "model.keras", with_dataset(members, change))
    if kind in ("i4", "?"):  # these stand for numbers
        load_generator(path)
    else:
        refused(path)


def test_weights_elsewhere(members, tmp_path, quick):
    """Weights that lie in another file are not fetched from there."""
    secret = tmp_path / "secret"
    secret.write_bytes(np.full(3 * 3 * 6 * 8, 7, "<f4").tobytes())

    def change(weights, name, old):
        weights.create_dataset(name, old.shape, "<f4", external=[(str(secret), 0, old.nbytes)])

    refused(zipped(tmp_path / "model.keras", with_dataset(members, change)))


def test_file_of_huge_claimed_size(members, tmp_path):
    """A file that unpacks to more than any generator has is refused before it is unpacked."""
    members = {**members, "more": bytes(2**27)}
    path = zipped(tmp_path / "model.keras", members, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**21
    tracemalloc.start()
    try:
        assert "too large" in refused(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_save_to_nowhere(tmp_path):
    """A file that cannot be written is one line, and leaves nothing."""
    with pytest.raises(UserError, match=r"^cannot write [^\n]*$"):
        save_generator(built(**KINDS[5]), tmp_path / "none" / "model.keras")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def convert(tmp_path, monkeypatch, capfd):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: run_script(
        "texture_nets", "convert", parse_conversion, words, monkeypatch, capfd
    )


@pytest.fixture(scope="module")
def torch7(tmp_path_factory):
    """A Torch7 model of the architecture of the published styles."""
    network = TorchNetwork(built(**KINDS[5]), malformed=True)
    return write_torch7(tmp_path_factory.mktemp("torch7") / "bricks.png_model.t7", network.root)


def test_converted_model_samples_identically(convert, torch7, tmp_path):
    """A converted model makes what the Torch7 model makes, to the bit."""
    ended = convert(torch7, "-o", "other name.keras")
    assert (ended.status, ended.err) == (0, "")
    line = "other name.keras: published_style, stylises pictures, noise_depth 3\n"
    assert ended.out == line
    made = sample(load_generator(tmp_path / "other name.keras"))
    assert np.array_equal(made, sample(load_generator(torch7)))
    assert [path.name for path in tmp_path.iterdir()] == ["other name.keras"]


def test_default_name(convert, torch7, tmp_path):
    """Without a name the converted model lies beside the other, with its name."""
    shutil.copy(torch7, tmp_path)
    ended = convert("bricks.png_model.t7")
    assert ended.out.startswith("bricks.png_model.keras: published_style")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"bricks.png_model.t7", "bricks.png_model.keras"}


@pytest.mark.parametrize("name", ["model.h5", "model", ".keras", "model.keras.t7", "", "keras"])
def test_output_that_is_no_keras_file(convert, torch7, tmp_path, name):
    """The output's name ends in .keras, or nothing is made."""
    ended = convert(torch7, "--output", name)
    assert ended.status == 2
    assert "must end in .keras" in ended.error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["none.t7", ".", "/", "..", "bad.t7", "empty.t7", "bad.keras"])
def test_bad_input_leaves_no_file(convert, tmp_path, name):
    """What is no Torch7 model is refused in one line, and nothing is made or changed."""
    write_torch7(tmp_path / "bad.t7", TorchObject("nn.Sequential"))
    (tmp_path / "empty.t7").touch()
    (tmp_path / "bad.keras").write_bytes(b"PK\3\4 not to be changed")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ended = convert(name)
    assert ended.status in (1, 2)
    assert ended.error
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_output_that_cannot_be_written(convert, torch7, tmp_path):
    """An output in a folder that is not there, or that is a folder, is one line."""
    (tmp_path / "folder.keras").mkdir()
    for name in ("none/model.keras", "folder.keras"):
        ended = convert(torch7, "-o", name)
        assert ended.status == 1
        assert ended.error.startswith(f"error: cannot write {name}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.keras"]
    assert not list((tmp_path / "folder.keras").iterdir())


def test_no_input(convert):
    """The command needs a model."""
    ended = convert()
    assert ended.status == 2
    assert "model" in ended.error


def test_published_model(convert, tmp_path):
    """A published model is converted to a generator with its weights."""
    path = originals_dir() / "texture_nets" / "models" / "bricks.png_model.t7"
    if not path.exists():
        pytest.skip("the published models are not here")
    ended = convert(path, "-o", "bricks.keras")
    assert ended.out == "bricks.keras: published_texture, makes textures, noise_depth 3\n"
    made, expected = load_generator(tmp_path / "bricks.keras"), load_generator(path)
    assert np.array_equal(sample(made), sample(expected))
