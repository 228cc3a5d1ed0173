"""Torch7 networks become generators with their weights, and anything else is refused."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.originals import originals_dir
from reproductions.texture_nets import import_torch7 as importer
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.import_torch7 import import_torch7
from reproductions.texture_nets.networks import TRAINABLE
from tests.backends import warnings_are_errors
from tests.reproductions.texture_nets.torch7_networks import TorchNetwork, randomize
from tests.reproductions.texture_nets.torch7_writer import (
    LuaFunction,
    TorchObject,
    TorchStorage,
    TorchTensor,
    packed,
    tensor,
    write_torch7,
)

PATHS = Path(__file__).parents[2] / "references" / "texture_nets" / "torch7_paths.json"

#: Network, noise depth, stylisation, circular padding; backend and elements of the parameters.
_TEXTURE = (3, False, True, "nn", "Float")
_STYLE = (5, True, False, "cudnn", "Cuda")
TRAINED = [(name, *case) for name in TRAINABLE for case in (_TEXTURE, _STYLE)]
TRAINED += [
    ("pyramid", 16, False, False, "nn", "Double"),
    ("skip_noise", 1, True, True, "cudnn", "Cuda"),
]
PUBLISHED = [
    ("published_texture", 3, False, True, "nn", "Float"),
    ("published_style", 3, True, True, "nn", "Float"),
]


@functools.cache
def built(*arguments, **named) -> Generator:
    """A generator with random weights; each is built once for all tests."""
    generator = Generator(*arguments, **named)
    randomize(generator)
    return generator


@functools.cache
def target(*arguments) -> Generator:
    """A generator for the importer to fill; each is built once for all tests."""
    return Generator(*arguments)


@pytest.fixture
def quick(monkeypatch):
    """The importer gets generators that are built already."""
    monkeypatch.setattr(importer, "Generator", target)


@pytest.fixture
def network(quick) -> TorchNetwork:
    """That of a generator of textures, to be damaged."""
    return TorchNetwork(built("pyramid"))


@pytest.fixture
def refused(tmp_path):
    """Checks that a network is refused with one line, without warnings; gives the line."""

    def refused(root) -> str:
        path = write_torch7(tmp_path / "model.t7", root)
        with warnings_are_errors(), pytest.raises(UserError) as error:
            import_torch7(path)
        text = str(error.value)
        assert text.isprintable(), text
        assert len(text) < 800
        assert text.startswith(str(path))
        return text

    return refused


def assert_equal(one: Generator, other: Generator) -> None:
    """Checks that two generators are the same function with the same statistics."""
    assert one.get_config() == other.get_config()
    for variable, expected in zip(one.variables, other.variables, strict=True):
        assert variable.path == expected.path
        assert np.array_equal(variable.numpy(), expected.numpy()), variable.path


@functools.cache
def paths() -> dict:
    """Where the original's networks have their modules."""
    return json.loads(PATHS.read_text())


@pytest.mark.parametrize("key", [k for k in paths() if not k.startswith("published")])
def test_written_as_the_original_built_it(key):
    """The networks of these tests have parameters and noise at the original's places."""
    name, _, padding = key.rpartition("_")
    modules = list(TorchNetwork(built(name, circular=padding == "circ")).modules())
    assert [p for p, m in modules if "weight" in m.fields] == paths()[key]["parameters"]
    noise = [p for p, m in modules if m.kind in ("nn.NoiseFill", "nn.GenNoise")]
    assert noise == paths()[key]["noise"]


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case[0])
def test_written_as_published(case):
    """So do the published ones, to the module, and to the places of the bad normalisations."""
    network = TorchNetwork(built(*case[:4]), malformed=True)
    reference = paths()[case[0]]
    assert [[path, module.kind] for path, module in network.modules()] == reference["modules"]
    assert [list(wide) for wide in network.wide] == reference["wide"]


@pytest.mark.parametrize("case", TRAINED, ids=lambda case: "-".join(map(str, case)))
def test_network_of_the_original(tmp_path, quick, case):
    """A network that the original's scripts saved becomes the generator, to the bit."""
    generator, (backend, element) = built(*case[:4]), case[4:]
    path = write_torch7(tmp_path / "model.t7", TorchNetwork(generator, backend, element).root)
    assert_equal(import_torch7(path), generator)


def test_no_noise_at_any_scale(tmp_path):
    """A pyramid may be trained with noise_depth 0: its NoiseFill modules do nothing."""
    generator = built("pyramid", 0, True)
    path = write_torch7(tmp_path / "model.t7", TorchNetwork(generator).root)
    assert_equal(import_torch7(path), generator)


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case[0])
def test_published_network(tmp_path, case):
    """Normalisations with 8 parameters for more channels read on in the flat storage."""
    generator = built(*case[:4])
    network = TorchNetwork(generator, malformed=True)
    made = import_torch7(write_torch7(tmp_path / "model.t7", network.root))
    assert made.get_config() == generator.get_config()
    wide = iter(network.wide)
    for layer, expected in zip(made.parameter_layers(), generator.parameter_layers(), strict=True):
        values = expected.get_weights()
        if not getattr(expected, "keeps_statistics", True):
            channels, offset = next(wide)
            ends = (offset, offset + 8)
            values = [network.flat.values[end : end + channels] for end in ends]
        for value, copied in zip(values, layer.get_weights(), strict=True):
            assert np.array_equal(value, copied)
    assert next(wide, None) is None


def test_published_network_without_a_flat_storage(refused, quick):
    """A normalisation with too few parameters, and nothing behind them, is refused."""
    network = TorchNetwork(built(*PUBLISHED[0][:4]), malformed=True)
    bad = next(
        m
        for m in network.leaves("SpatialBatchNormalization")
        if m.fields["weight"].offset == network.wide[0][1]
    )
    bad.fields["weight"] = tensor(np.ones(8))
    assert "reads beyond its storage" in refused(network.root)


def test_old_and_new_headers(tmp_path, network):
    """Files without versions of objects, as the oldest, are read like the others."""
    for _, module in network.modules():
        module.version = None
    path = write_torch7(tmp_path / "model.t7", network.root)
    assert_equal(import_torch7(path), built("pyramid"))


def test_matrices_of_weights(tmp_path, network):
    """Weights may be matrices, as some versions of Torch7 had them."""
    for module in network.leaves("SpatialConvolution"):
        weight = module.fields["weight"]
        shape = (weight.shape[0], int(np.prod(weight.shape[1:])))
        module.fields["weight"] = TorchTensor(weight.storage, shape, None, weight.offset)
    path = write_torch7(tmp_path / "model.t7", network.root)
    assert_equal(import_torch7(path), built("pyramid"))


def test_functions_and_leftovers(tmp_path, network):
    """Functions, gradients and buffers in modules are of no effect."""
    for module in network.leaves("SpatialConvolution"):
        module.fields["gradWeight"] = module.fields["weight"]
        module.fields["finput"] = TorchTensor(None, element="Double")
        module.fields["updateOutput"] = LuaFunction(b"code", [module])
    path = write_torch7(tmp_path / "model.t7", network.root)
    assert_equal(import_torch7(path), built("pyramid"))


def test_variance_of_a_single_pixel(tmp_path, network):
    """Running variances that are nan, as those of 1x1 maps, become 1."""
    network.leaves("SpatialBatchNormalization")[0].fields["running_var"] = tensor([np.nan] * 8)
    made = import_torch7(write_torch7(tmp_path / "model.t7", network.root))
    layers = [layer for layer in made.parameter_layers() if hasattr(layer, "gamma")]
    assert np.array_equal(layers[0].running_variance.numpy(), np.ones(8))
    assert not np.array_equal(layers[1].running_variance.numpy(), np.ones(8))


ROOTS = [None, 1.0, "network", [1], {"model": TorchObject("nn.Sequential")}, tensor([1.0])]
ROOTS += [TorchObject(f"nn.{kind}") for kind in ("Sequential", "LeakyReLU", "GenNoise", "")]
ROOTS += [TorchObject("nn.Sequential", fields) for fields in ({"modules": []}, {"modules": {}})]
ROOTS += [LuaFunction(b"code"), TorchStorage("Float", [1.0]), TorchObject("Sequential")]


@pytest.mark.parametrize("root", ROOTS, ids=range(len(ROOTS)))
def test_no_network(refused, root):
    """Files with something else in them are refused."""
    assert "is no model of a texture network" in refused(root)


NEEDED = {
    "SpatialConvolution": ("kW", "kH", "dW", "dH", "nInputPlane", "nOutputPlane", "weight", "bias"),
    "SpatialBatchNormalization": ("eps", "weight", "bias", "running_mean", "running_var"),
    "NoiseFill": ("num_noise_channels",),
    "Sequential": ("modules",),
    "Concat": ("modules",),
}


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize("kind, name", [(k, name) for k in NEEDED for name in NEEDED[k]])
def test_missing_field(refused, network, kind, name, number):
    """No field that is needed may be missing, be it in the first module or in the last."""
    del network.leaves(kind)[number].fields[name]
    refused(network.root)


OTHERS = {
    "SpatialConvolution": {"kW": 5, "kH": 1, "dW": 2, "dH": 0, "padW": 1, "padH": -1}
    | {"nInputPlane": 4, "nOutputPlane": 9},
    "SpatialBatchNormalization": {"eps": 1e-3},
    "NoiseFill": {"num_noise_channels": 2, "mult": 0.5},
    "LeakyReLU": {"negval": 0.2},
    "SpatialAveragePooling": {"kW": 31, "dH": 16},
    "SpatialUpSamplingNearest": {"scale_factor": 4},
    "SpatialCircularPadding": {"pad_l": 2, "pad_b": 0},
    "Concat": {"dimension": 3},
}


@pytest.mark.parametrize("kind, name", [(kind, name) for kind in OTHERS for name in OTHERS[kind]])
def test_another_value(refused, network, kind, name):
    """A module that computes something else than the paper's is refused, and not left out."""
    network.leaves(kind)[0].fields[name] = OTHERS[kind][name]
    refused(network.root)


DEEP = functools.reduce(lambda inner, _: [inner, inner], range(18), "x")
STRANGE = {
    "nothing": None,
    "a text": "3",
    "lines": "3\n3\n\x1b[31m",
    "a long text": "3" * 100_000,
    "bytes": b"\xff\xfe",
    "a truth": True,
    "nan": np.nan,
    "infinity": np.inf,
    "huge": 1e300,
    "negative": -3,
    "a fraction": 2.5,
    "a table": {"a": 1},
    "a long table": list(range(5000)),
    "a branching table": DEEP,
    "a tensor": tensor(np.arange(3000.0)),
    "a storage": TorchStorage("Float", np.arange(3000)),
    "an object": TorchObject("nn.Sequential"),
    "a function": LuaFunction(b"code"),
}
FIELDS = [
    ("NoiseFill", "num_noise_channels"),
    ("SpatialConvolution", "nInputPlane"),
    ("SpatialConvolution", "kW"),
    ("SpatialConvolution", "weight"),
    ("SpatialBatchNormalization", "eps"),
    ("SpatialBatchNormalization", "running_var"),
    ("Sequential", "modules"),
    ("Concat", "modules"),
]


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("kind, name", FIELDS)
def test_damaged_field(refused, network, kind, name, strange):
    """A field that is of another kind is refused with one line of a bearable length."""
    network.leaves(kind)[0].fields[name] = STRANGE[strange]
    refused(network.root)


@pytest.mark.parametrize("name", ["nn.Tanh", "nn.\nTwo\nlines", "x" * 10_000, "nn.", "\x1b[31m"])
def test_unknown_module(refused, network, name):
    """A module that no generator has is refused, whatever its name."""
    network.leaves("LeakyReLU")[3].kind = name
    refused(network.root)


@pytest.mark.parametrize("kind", ["nn.LeakyReLU", "nn.SpatialConvolution", "nn.Sequential"])
def test_module_of_another_class(refused, network, kind):
    """So is one with the name of another."""
    network.leaves("SpatialBatchNormalization")[1].kind = kind
    refused(network.root)


def _modules(network: TorchNetwork) -> list:
    return network.root.fields["modules"]


LISTS = {
    "a hole": lambda m: {i: x for i, x in enumerate(m, 1) if i != 3},
    "from 0": lambda m: dict(enumerate(m)),
    "by name": lambda m: {str(i): x for i, x in enumerate(m, 1)},
    "one more, named": lambda m: {**dict(enumerate(m, 1)), "n": len(m)},
    "none": lambda m: [],
    "one too few": lambda m: m[:-1],
    "one twice": lambda m: [*m, m[-1]],
    "nothing among them": lambda m: [*m[:3], False, *m[4:]],
    "a number among them": lambda m: [*m, 3.0],
    "backwards": lambda m: m[::-1],
    "no leaky ReLU": lambda m: [x for x in m if x.kind != "nn.LeakyReLU"],
    "no normalisation": lambda m: [x for x in m if x.kind != "nn.SpatialBatchNormalization"],
}


@pytest.mark.parametrize("change", LISTS.values(), ids=LISTS)
def test_bad_list_of_modules(refused, network, change):
    """A network's list of modules is complete, in order, and of modules only."""
    network.root.fields["modules"] = change(_modules(network))
    refused(network.root)


def test_branches_in_another_order(refused, network):
    """The branch of the second scale is not taken for that of the first."""
    network.leaves("Concat")[-1].fields["modules"].reverse()
    refused(network.root)


@pytest.mark.parametrize("kind", ["SpatialAveragePooling", "SpatialUpSamplingNearest", "NoiseFill"])
def test_missing_module(refused, network, kind):
    """No module without weights may be missing either."""
    missing = network.leaves(kind)[-1]
    for _, module in network.modules():
        if missing in module.fields.get("modules", []):
            module.fields["modules"].remove(missing)
    refused(network.root)


@pytest.mark.parametrize("above", [0, 1, 2])
def test_network_that_contains_itself(refused, network, above):
    """A network within itself has no end, and is refused."""
    containers = [m for _, m in network.modules() if "modules" in m.fields]
    containers[above].fields["modules"].append(network.root)
    assert "too many modules" in refused(network.root)


@pytest.mark.parametrize("leaf", ["nn.Identity", "nn.Sequential"])
def test_network_of_few_bytes_and_many_modules(refused, leaf):
    """A network whose parts are shared is not gone through billions of times."""
    inner = TorchObject(leaf, {"modules": []})
    for _ in range(60):
        inner = TorchObject("nn.Sequential", {"modules": [inner, inner]})
    assert "too many modules" in refused(inner)


WRONG_SHAPES = {
    "weight": [(7, 3, 3, 3), (8, 3, 3), (1, 3, 3, 3), (8, 3, 3, 3, 2), (216, 2)],
    "bias": [(7,), (9,), (4, 4)],
}


@pytest.mark.parametrize("name, shape", [(n, s) for n in WRONG_SHAPES for s in WRONG_SHAPES[n]])
@pytest.mark.parametrize("kind", ["SpatialConvolution", "SpatialBatchNormalization"])
def test_wrong_shape(refused, network, kind, name, shape):
    """A tensor of another shape is refused."""
    network.leaves(kind)[0].fields[name] = tensor(np.ones(shape))
    refused(network.root)


def test_empty_tensors(refused, network):
    """So is an empty one."""
    network.leaves("SpatialConvolution")[0].fields["weight"] = TorchTensor(None, element="Float")
    refused(network.root)


def test_many_times_the_same_weight(refused, network):
    """So is one that claims 2^60 weights by strides of 0."""
    storage = TorchStorage("Float", [1.0])
    for shape in ((2**60,), (2**31,) * 8):
        weight = TorchTensor(storage, shape, (0,) * len(shape))
        network.leaves("SpatialConvolution")[0].fields["weight"] = weight
        refused(network.root)


@pytest.mark.parametrize("stride", [2**60, 2**62, 2**63 - 1])
def test_stride_of_a_kernel_of_one_pixel(tmp_path, network, stride):
    """A huge stride where there is one pixel is refused, or of no effect."""
    module = network.leaves("SpatialConvolution")[-1]
    weight = module.fields["weight"]
    module.fields["weight"] = TorchTensor(
        weight.storage, weight.shape, (*weight.strides[:2], stride, stride), weight.offset
    )
    path = write_torch7(tmp_path / "model.t7", network.root)
    try:
        made = import_torch7(path)
    except UserError:
        return
    assert_equal(made, built("pyramid"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("kind", ["SpatialConvolution", "SpatialBatchNormalization"])
def test_weights_that_are_no_numbers(refused, network, kind, name, value):
    """Weights that are nan or infinite are refused."""
    old = network.leaves(kind)[2].fields[name]
    values = np.ones(old.shape)
    values.flat[-1] = value
    network.leaves(kind)[2].fields[name] = tensor(values)
    assert "not numbers" in refused(network.root)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("name", ["running_mean", "running_var"])
def test_statistics_that_are_infinite(refused, network, name, value):
    """So are running statistics that are infinite."""
    network.leaves("SpatialBatchNormalization")[2].fields[name] = tensor([value] * 8)
    refused(network.root)


@pytest.mark.parametrize("value", [1e300, -1e39, np.nan])
def test_weights_too_large_for_float32(refused, network, value):
    """Weights in double precision that float32 has no number for are refused."""
    network.leaves("SpatialConvolution")[2].fields["bias"] = tensor([value] * 8, "Double")
    refused(network.root)


def test_random_damage(tmp_path, quick):
    """Bytes changed anywhere but in the weights give a generator or one line."""
    network = TorchNetwork(built("pyramid"))
    data, weights = packed(network.root), network.flat.values.tobytes()
    begin = data.index(weights)
    random, path, refused = np.random.RandomState(5), tmp_path / "model.t7", 0
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(random.randint(1, 3)):
            at = random.randint(len(data) - len(weights))
            at += len(weights) * (at >= begin)
            changed[at] = random.choice([0, 1, 4, 64, 127, 128, 255])
        path.write_bytes(changed)
        try:
            import_torch7(path)
        except UserError as error:
            refused += 1
            assert str(error).isprintable(), str(error)
    assert 30 < refused < 150


def test_published_model_damaged(tmp_path, quick):
    """So does a published model with bytes changed anywhere."""
    path = originals_dir() / "texture_nets" / "models" / "mosaic_style.t7"
    if not path.exists():
        pytest.skip("the published models are not here")
    data, random = path.read_bytes(), np.random.RandomState(6)
    for _ in range(60):
        changed = bytearray(data)
        for at in random.randint(0, len(data), 3):
            changed[at] ^= random.randint(1, 256)
        (tmp_path / "model.t7").write_bytes(changed)
        try:
            made = import_torch7(tmp_path / "model.t7")
        except UserError as error:
            assert str(error).isprintable(), str(error)
        else:
            assert made.network_name == "published_style"
            assert all(np.isfinite(value).all() for value in made.get_weights())
