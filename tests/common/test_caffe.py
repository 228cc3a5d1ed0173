"""The reader of Caffe's files: what it gives for sound ones, and that others do no harm.

tests/references/caffe/ holds two tiny networks that BVLC Caffe reads. `tiny_new` was written by it,
`tiny_v1` and `tiny_v0` with its protobuf classes in the older formats; `tiny_double` has doubles.
Each prototxt of "tiny" with each of its models gives bit-identical outputs in Caffe.
tiny_expected.npz has their parameters, inputs and outputs as Caffe held them.
"""

import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.caffe import (
    CaffeFileError,
    parse_caffemodel,
    parse_prototxt,
    read_caffemodel,
    read_prototxt,
    weights_of,
)
from common.errors import UserError

FILES = Path(__file__).parents[1] / "references" / "caffe"
EXPECTED = np.load(FILES / "tiny_expected.npz")
MODELS = {path.stem: path.read_bytes() for path in sorted(FILES.glob("*.caffemodel"))}
TEXTS = {path.stem: path.read_bytes() for path in sorted(FILES.glob("*.prototxt"))}
TINY_MODELS = ["tiny_new", "tiny_v1", "tiny_v0", "tiny_double"]
TINY_TEXTS = ["tiny_new", "tiny_v1", "tiny_v0"]


# Writing protobuf by hand, so that these files do not depend on the tables under test.


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value) -> bytes:
    """An int as varint, a float as fixed32, text and bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def shape_field(*dims: int) -> bytes:
    return field(7, field(1, b"".join(map(varint, dims))))


def legacy_shape(*dims: int) -> bytes:
    return b"".join(field(1 + axis, dim) for axis, dim in enumerate(dims))


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def model_of(*blobs: bytes) -> bytes:
    """A network of one layer "a" in the new format, with those blobs."""
    layer = field(1, "a") + field(2, "Scale") + b"".join(field(7, blob) for blob in blobs)
    return field(1, "net") + field(100, layer)


def the_blob(blob: bytes) -> np.ndarray:
    ((array,),) = weights_of(parse_caffemodel(model_of(blob))).values()
    return array


def layers_of(text: str):
    return parse_prototxt(text).layers


def description(network):
    return [(x.name, x.type, x.bottoms, x.tops, x.phases, x.params) for x in network.layers]


def assert_expected_weights(network, prefix: str, rank_as_stored: bool) -> None:
    weights = weights_of(network)
    keys = {f"{prefix}/param/{name}/{j}" for name in weights for j in range(len(weights[name]))}
    assert keys == {key for key in EXPECTED if key.startswith(f"{prefix}/param/")}
    for name, blobs in weights.items():
        for j, blob in enumerate(blobs):
            want = EXPECTED[f"{prefix}/param/{name}/{j}"]
            lead = () if rank_as_stored else (1,) * (4 - want.ndim)
            assert blob.shape == lead + want.shape
            assert blob.flags.writeable and blob.flags.aligned and blob.dtype.isnative
            np.testing.assert_array_equal(blob.reshape(want.shape), want)


# Files that Caffe itself reads.


@pytest.mark.parametrize("text", TINY_TEXTS)
@pytest.mark.parametrize("model", TINY_MODELS)
def test_every_format_gives_the_same_network(model, text):
    described = read_prototxt(FILES / f"{text}.prototxt")
    trained = read_caffemodel(FILES / f"{model}.caffemodel")
    assert description(trained) == description(described)
    assert trained.name == described.name == "tiny"
    assert trained.inputs == described.inputs == {"data": (1, 3, 14, 14)}
    assert_expected_weights(trained, "tiny", rank_as_stored=model in ("tiny_new", "tiny_double"))
    assert weights_of(described) == {}


def test_tiny_network_in_detail():
    layers = read_prototxt(FILES / "tiny_v0.prototxt").layers
    assert [(x.name, x.type, x.bottoms, x.tops) for x in layers] == [
        ("input", "Input", (), ("data",)),
        ("conv1", "Convolution", ("data",), ("conv1",)),
        ("relu1", "ReLU", ("conv1",), ("conv1",)),
        ("pool1", "Pooling", ("conv1",), ("pool1",)),
        ("norm1", "LRN", ("pool1",), ("norm1",)),
        ("conv2", "Convolution", ("norm1",), ("conv2",)),
        ("relu2", "ReLU", ("conv2",), ("conv2",)),
        ("fc", "InnerProduct", ("conv2",), ("fc",)),
        ("prob", "Softmax", ("fc",), ("prob",)),
    ]
    params = {x.name: x.params for x in layers}
    conv2 = params["conv2"]
    assert (conv2["num_output"], conv2["group"], conv2["bias_term"]) == (6, 2, True)
    # The padding layer of this file was folded into the convolution.
    assert (conv2["kernel_size"], conv2["pad"], conv2["stride"]) == ((3,), (1,), ())
    assert (params["pool1"]["pool"], params["pool1"]["stride"]) == ("MAX", 2)
    assert params["norm1"]["alpha"] == np.float32(1e-4)
    assert params["fc"]["num_output"] == 5


def test_deconvolution_network():
    described = read_prototxt(FILES / "tiny_deconv.prototxt")
    trained = read_caffemodel(FILES / "tiny_deconv.caffemodel")
    assert description(trained) == description(described)
    assert_expected_weights(trained, "tiny_deconv", rank_as_stored=True)
    params = {x.name: x.params for x in trained.layers}
    assert trained.inputs == {"feat": (1, 6)}
    assert params["reshape"] == {"shape": (1, 3, 4, 4), "axis": 0, "num_axes": -1}
    assert params["relu1"]["negative_slope"] == np.float32(0.3)
    assert params["deconv1"]["stride"] == (2,)


def test_doubles_are_kept():
    weights = weights_of(read_caffemodel(FILES / "tiny_double.caffemodel"))
    assert [blob.dtype for blob in weights["fc"]] == [np.float64, np.float32]
    assert weights["conv1"][0].dtype == np.float32


# A VGG-19 as the published files have it: `layers`, enum types, four dimensions for every blob.


def old_vgg(rng) -> tuple[bytes, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Returns a narrow VGG-19 and its weights as stored."""
    parts, weights, top, width_in = [field(1, "VGG_ILSVRC_19_layers")], {}, "data", 3

    def layer(name, kind, top_out, param=b"", blobs=()):
        nonlocal top
        stored = b"".join(field(6, legacy_shape(*b.shape) + field(5, b.tobytes())) for b in blobs)
        message = field(2, top) + field(3, top_out) + field(4, name) + field(5, kind)
        parts.append(field(2, message + stored + param))
        top = top_out

    def learned(name, shape, kind, param):
        bias = (1, 1, 1, max(shape[0], shape[2] if shape[0] == 1 else 0))
        weights[name] = tuple(rng.normal(size=s).astype(np.float32) for s in (shape, bias))
        layer(name, kind, name, param, weights[name])

    for stage, (count, width) in enumerate([(2, 2), (2, 4), (4, 8), (4, 16), (4, 16)], 1):
        for index in range(1, count + 1):
            conv = field(1, width) + field(3, 1) + field(4, 3)
            learned(f"conv{stage}_{index}", (width, width_in, 3, 3), 4, field(10, conv))
            layer(f"relu{stage}_{index}", 18, top)
            width_in = width
        pool = field(1, 0) + field(2, 2) + field(3, 2)
        layer(f"pool{stage}", 17, f"pool{stage}", field(19, pool))
    for name, inputs, outputs in [("fc6", 16 * 49, 20), ("fc7", 20, 20), ("fc8", 20, 10)]:
        learned(name, (1, 1, outputs, inputs), 14, field(17, field(1, outputs)))
        if name != "fc8":
            layer(f"relu{name[2]}", 18, top)
            layer(f"drop{name[2]}", 6, top, field(12, field(1, 0.5)))
    layer("prob", 20, "prob")
    dims = b"".join(field(4, dim) for dim in (10, 3, 224, 224))
    return b"".join(parts) + field(3, "data") + dims, weights


def test_old_vgg():
    data, weights = old_vgg(np.random.default_rng(0))
    network = parse_caffemodel(data)
    found = weights_of(network)
    assert list(found) == list(weights)
    for name, blobs in weights.items():
        for got, want in zip(found[name], blobs, strict=True):
            assert got.shape == want.shape
            np.testing.assert_array_equal(got, want)
    assert network.inputs == {"data": (10, 3, 224, 224)}
    types = [layer.type for layer in network.layers]
    assert {t: types.count(t) for t in types} == {
        "Input": 1, "Convolution": 16, "ReLU": 18, "Pooling": 5, "InnerProduct": 3,
        "Dropout": 2, "Softmax": 1,
    }  # fmt: skip
    assert network.layers[1].params["pad"] == (1,)


# What the messages mean.

DEFAULTS = [
    ("Input", "", {"shape": ()}),
    ("Input", "input_param { shape { dim: 2 dim: 3 } }", {"shape": ((2, 3),)}),
    ("Convolution", "", {"num_output": None, "bias_term": True, "pad": (), "kernel_size": (),
                         "stride": (), "dilation": (), "group": 1, "kernel_h": None, "axis": 1}),
    ("Convolution", "convolution_param { pad_h: 2 kernel_size: 3 kernel_size: 5 engine: CUDNN }",
     {"pad_h": 2, "pad_w": 0, "kernel_size": (3, 5), "engine": "CUDNN"}),
    ("Deconvolution", "convolution_param { stride: 2 }", {"stride": (2,), "group": 1}),
    ("Pooling", "", {"pool": "MAX", "kernel_size": None, "stride": 1, "pad": 0,
                     "global_pooling": False, "round_mode": "CEIL"}),
    ("Pooling", "pooling_param { pool: AVE }", {"pool": "AVE"}),
    ("InnerProduct", "", {"num_output": None, "bias_term": True, "axis": 1, "transpose": False}),
    ("InnerProduct", "inner_product_param { weight_filler { type: 'xavier' } }",
     {"weight_filler": {"type": "xavier", "value": 0, "min": 0, "max": 1, "mean": 0, "std": 1,
                        "sparse": -1, "variance_norm": "FAN_IN"}, "bias_filler": None}),
    ("ReLU", "", {"negative_slope": 0, "engine": "DEFAULT"}),
    ("LRN", "", {"local_size": 5, "alpha": 1, "beta": 0.75, "k": 1,
                 "norm_region": "ACROSS_CHANNELS"}),
    ("Dropout", "", {"dropout_ratio": 0.5}),
    ("Softmax", "", {"axis": 1}),
    ("SoftmaxWithLoss", "softmax_param { axis: 2 }", {"axis": 2}),
    ("Log", "", {"base": -1, "scale": 1, "shift": 0}),
    ("Reshape", "", {"shape": None, "axis": 0, "num_axes": -1}),
    ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", {"shape": (0, -1)}),
    ("Concat", "", {"axis": 1, "concat_dim": 1}),
    ("Eltwise", "", {"operation": "SUM", "coeff": (), "stable_prod_grad": True}),
    ("Eltwise", "eltwise_param { operation: PROD coeff: -1 }",
     {"operation": "PROD", "coeff": (-1,)}),
    ("BatchNorm", "", {"use_global_stats": None, "eps": np.float32(1e-5),
                       "moving_average_fraction": np.float32(0.999)}),
    ("Scale", "", {"axis": 1, "num_axes": 1, "filler": None, "bias_term": False}),
    ("Embed", "embed_param { input_dim: 8801 num_output: 1000 bias_term: false }",
     {"input_dim": 8801, "num_output": 1000, "bias_term": False}),
    ("LSTM", "recurrent_param { num_output: 1000 }",
     {"num_output": 1000, "debug_info": False, "expose_hidden": False}),
    ("Flatten", "", {"axis": 1, "end_axis": -1}),
    ("Power", "", {"power": 1, "scale": 1, "shift": 0}),
    ("Sigmoid", "", {"engine": "DEFAULT"}),
    ("TanH", "", {"engine": "DEFAULT"}),
    ("Crop", "", {"axis": 2, "offset": ()}),
    ("Data", "data_param { source: 'train' batch_size: 2 backend: LMDB }",
     {"source": "train", "batch_size": 2, "backend": "LMDB", "prefetch": 4}),
    ("Accuracy", "", {"top_k": 1, "axis": 1, "ignore_label": None}),
    ("Split", "", {}),
    ("Silence", "", {}),
    ("NotInCaffe", "", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "want"), DEFAULTS)
def test_parameters_and_their_defaults(kind, text, want):
    (layer,) = layers_of(f'layer {{ name: "x" type: "{kind}" {text} }}')
    assert layer.type == kind
    assert {name: layer.params[name] for name in want} == want
    assert bool(layer.params) == bool(want)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", ("TRAIN", "TEST")),
        ("include { phase: TEST }", ("TEST",)),
        ("include { phase: TEST } include { phase: TRAIN }", ("TRAIN", "TEST")),
        ("exclude { phase: TEST }", ("TRAIN",)),
        ("include { stage: 'deploy' }", ()),
        ("include { not_stage: 'deploy' }", ("TRAIN", "TEST")),
        ("include { min_level: 1 }", ()),
        ("exclude { max_level: -1 }", ("TRAIN", "TEST")),
    ],
)
def test_phases(text, want):
    assert layers_of(f'layer {{ name: "x" {text} }}')[0].phases == want
    assert layers_of(f'layers {{ name: "x" {text} }}')[0].phases == want


def test_inputs():
    text = 'layer { type: "Input" top: "a" top: "b" input_param { shape { dim: 4 } %s } }'
    assert parse_prototxt(text % "").inputs == {"a": (4,), "b": (4,)}
    assert parse_prototxt(text % "shape { dim: 5 }").inputs == {"a": (4,), "b": (5,)}
    assert parse_prototxt('input: "a" layer { type: "ReLU" }').inputs == {"a": None}
    several = 'input: "a" input: "b" ' + "input_dim: 1 input_dim: 2 " * 4
    assert parse_prototxt(several).inputs == {"a": (1, 2, 1, 2), "b": (1, 2, 1, 2)}


def test_old_padding_before_pooling():
    layers = layers_of("""
        layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }
        layers { layer { name: "q" type: "pool" kernelsize: 3 } bottom: "p" top: "q" }
    """)
    assert [(x.name, x.bottoms, x.params["pad"]) for x in layers] == [("q", ("x",), 2)]


def test_unknown_fields_are_skipped_in_a_model():
    unknown = field(30, "x") + field(31, 5) + field(32, 1.5) + varint(33 << 3 | 1) + bytes(8)
    blob = shape_field(2) + field(5, floats(1, 2))
    layer = field(1, "a") + field(2, "ReLU") + field(123, unknown + field(1, 0.5))
    layer += unknown + field(7, blob + unknown) + field(999, unknown)
    network = parse_caffemodel(unknown + field(100, layer) + field(77, unknown))
    assert network.layers[0].params["negative_slope"] == 0.5
    np.testing.assert_array_equal(network.layers[0].blobs[0], [1, 2])
    # An enum's value that this Caffe does not have counts as not set.
    (layer,) = parse_caffemodel(field(2, field(4, "a") + field(5, 250))).layers
    assert (layer.name, layer.type, layer.params) == ("a", "", {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense_param { a: 1 }", "nonsense_param"),
        ("relu_param { slope: 1 }", "slope"),
        ("relu_param { negative_slope: much }", "much"),
        ("relu_param { engine: FAST }", "FAST"),
        ("lrn_param { local_size: -1 }", "-1"),
        ("lrn_param { local_size: 4294967296 }", "4294967296"),
        ("type: 5", "5"),
        ("}}", "}"),
        ("type: 'ReLU", "ReLU"),
    ],
)
def test_mistakes_in_text_are_given_with_their_line(line, reason):
    text = f'name: "net"\nlayer {{\n  name: "a"\n{line}\n}}\n'
    with pytest.raises(CaffeFileError, match=r"net\.prototxt: .*line 4: ") as caught:
        parse_prototxt(text, "net.prototxt")
    assert reason in str(caught.value)


# The ways in which a blob can be stored.


@pytest.mark.parametrize(
    "blob",
    [
        shape_field(2, 3) + field(5, floats(*range(6))),
        field(5, floats(*range(6))) + shape_field(2, 3),
        field(7, field(1, 2) + field(1, 3)) + field(5, floats(*range(6))),
        shape_field(2, 3) + b"".join(field(5, float(i)) for i in range(6)),
        shape_field(2, 3) + field(5, floats(0, 1)) + field(5, floats(2, 3, 4, 5)),
        shape_field(2, 3) + field(8, struct.pack("<6d", *range(6))),
        shape_field(2, 3) + field(5, floats(7)) + field(8, struct.pack("<6d", *range(6))),
        shape_field(2, 3) + field(6, floats(*range(9))) + field(5, floats(*range(6))),
        shape_field(2, 3) + field(9, b"odd") + field(5, floats(*range(6))),
    ],
)
def test_forms_of_a_blob(blob):
    np.testing.assert_array_equal(the_blob(blob), [[0, 1, 2], [3, 4, 5]])


def test_special_shapes():
    assert the_blob(legacy_shape(1, 1, 2, 1) + field(5, floats(1, 2))).shape == (1, 1, 2, 1)
    assert the_blob(field(7, b"") + field(5, floats(3))) == np.float32(3)
    assert the_blob(shape_field(3, 0)).shape == (3, 0)
    # The old dimensions win, as in Caffe.
    both = shape_field(2) + legacy_shape(1, 1, 1, 2) + field(5, floats(1, 2))
    assert the_blob(both).shape == (1, 1, 1, 2)


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (shape_field(2, 3) + field(5, floats(1, 2)), "shape 2x3 does not fit its 2 values"),
        (shape_field(1) + field(5, floats(1, 2)), "does not fit"),
        (field(5, floats(1, 2)), "does not fit"),
        (b"", "does not fit its 0 values"),
        (shape_field(-1, -2) + field(5, floats(1, 2)), "shape -1x-2 is impossible"),
        (shape_field(2**31) + field(5, floats(1)), "impossible"),
        (shape_field(2**32 + 1, 1) + field(5, floats(1)), "impossible"),
        (shape_field(2**31 - 1, 2**31 - 1, 0), "impossible"),
        (shape_field(*[2**31 - 1] * 32), "does not fit"),
        (shape_field(*[1] * 33) + field(5, floats(1)), "impossible"),
        (shape_field(*[1] * 1000) + field(5, floats(1)), "more than 32 dimensions"),
        (legacy_shape(1, -1, 1, -1) + field(5, floats(1)), "impossible"),
        (legacy_shape(2, 2) + field(5, floats(1, 2, 3, 4)), "does not fit"),
        (shape_field(1) + field(5, b"abc"), "middle of a number"),
        (shape_field(1) + field(8, floats(1)), "middle of a number"),
        (field(7, b"\x0a\xff") + field(5, floats(1)), "damaged"),
        (shape_field(1) + varint(5 << 3 | 2) + varint(2**62), "cut off"),
        (shape_field(1) + b"\x80" * 11, "no end"),
    ],
)
def test_wrong_blobs(blob, reason):
    with pytest.raises(CaffeFileError, match=reason) as caught:
        parse_caffemodel(model_of(blob), "net.caffemodel")
    assert str(caught.value).startswith("net.caffemodel: ")
    assert "layer 'a', blob 0" in str(caught.value)


# Files that are something else, or of no sense.


@pytest.mark.parametrize("read", [read_caffemodel, read_prototxt])
def test_unreadable_files(read, tmp_path):
    for path, reason in [
        (tmp_path / "missing", "No such file"),
        (tmp_path, "not a file"),
        (Path("/dev/zero"), "not a file"),
        (tmp_path / ("x" * 5000), "too long"),
        (tmp_path / "nul\0", "null"),
    ]:
        with pytest.raises(CaffeFileError, match=f"^cannot read .*{reason}"):
            read(path)
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(3 << 30)  # sparse: takes no space
    with pytest.raises(CaffeFileError, match="3072 MiB is too large"):
        read(str(huge))
    assert issubclass(CaffeFileError, UserError)


@pytest.mark.parametrize("read", [read_caffemodel, read_prototxt])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"  <!DOCTYPE html>\n<p>Not found</p>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_other_kinds_of_file(read, content, reason, tmp_path):
    path = tmp_path / "net"
    path.write_bytes(content)
    with pytest.raises(CaffeFileError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: not a readable ")


def test_exchanged_files():
    for text in TEXTS.values():
        with pytest.raises(CaffeFileError, match="it is text"):
            parse_caffemodel(text)
    for model in MODELS.values():
        with pytest.raises(CaffeFileError, match=r"line \d+ "):
            parse_prototxt(model)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no layers"), (b"", "empty"),
        ("# nothing", "no layers"),
        ('name: "a"', "no layers"),
        ('layer { } layers { name: "b" }', "new and of the old format"),
        ('input: "a" input_dim: 1', "not 4 times"),
        ('input: "a" input: "b" input_shape { dim: 1 }', "2 inputs but 1 input shapes"),
        ('input: "a" input_shape { dim: -1 }', "impossible"),
        ('input: "a" input_shape { dim: 4294967296 }', "impossible"),
        ('layer { type: "Input" input_param { shape { dim: -1 } } }', "impossible"),
        ('layer { type: "Input" input_param { shape {} shape {} } }', "0 tops but 2 shapes"),
        ('layer { name: "a" blobs { data: 1 } } layer { name: "a" blobs { data: 1 } }', "several"),
        ('layers { layer { name: "a" type: "magic" } }', "unknown type 'magic'"),
        ('layers { layer { type: "padding" } top: "p" } '
         'layers { layer { type: "relu" } bottom: "p" }', "cannot pad"),
        ('layers { layer { type: "padding" } bottom: "x" top: "p" } '
         'layers { layer { type: "padding" } bottom: "p" }', "follows another"),
        ('layers { layer { type: "padding" } bottom: "x" top: "p" } '
         'layers { layer { type: "conv" } bottom: "p" bottom: "x" }', "several inputs"),
        ("x" * (1 << 20) + "y", "longer than 1 MiB"),
        (b'name: "\xff"', "line 1 is not UTF-8"),
        ("name: '\\377' layer { }", "utf-8"),
        ("name: '\ud800' layer { }", "line 1|Unicode"),
        ("layer { lrn_param { local_size: 1" + "0" * 9000 + " } }", "line 1"),
        ("layer { lrn_param { local_size: 0x1" + "f" * 9000 + " } }", "line 1"),
    ],
)  # fmt: skip
def test_senseless_texts(text, reason):
    if isinstance(text, str):
        text = text.replace("blobs { data: 1 }", "blobs { shape { } data: 1 }")
    with pytest.raises(CaffeFileError, match=reason):
        parse_prototxt(text)


def test_senseless_models():
    for data, reason in [
        (field(1, "net"), "no layers|text"),
        (field(100, field(1, b"\xff")), "UTF-8|damaged"),
        (field(2, field(1, field(1, b"\xff"))), "UTF-8|damaged"),
        (b"\x0b" * 100, "fields are not those"),
        (b"\x00" * 100, "damaged"),
    ]:
        with pytest.raises(CaffeFileError, match=reason):
            parse_caffemodel(data)


# Whatever comes in, only CaffeFileError comes out, and memory stays in bounds.

SPARE = 8 << 20


def survives(parse, data, limit=SPARE) -> None:
    tracemalloc.start()
    try:
        network = parse(data, "some file")
    except CaffeFileError as error:
        assert str(error).startswith("some file: not a readable ")
        assert len(str(error)) < 400 and str(error).isprintable()
    else:
        assert network.layers
        held = sum(blob.nbytes for layer in network.layers for blob in layer.blobs)
        assert held <= len(data)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < limit + 5 * len(data)


def nested(depth: int, number: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = field(number, data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        nested(3000, 100),
        nested(3000, 1),
        nested(3000, 7),
        field(100, field(106, b"\x2b" * 50_000)),  # groups that open and never close
        field(100, field(106, nested(2000, 7))),
        field(100, b"\x0b" * 50_000),
    ],
)
def test_deeply_nested_models(data):
    survives(parse_caffemodel, data)


@pytest.mark.parametrize(
    "opening", ["layer {", "a {", "[", "a: [", "layer { include {", "<", "[a.b/"]
)
def test_deeply_nested_texts(opening):
    with pytest.raises(CaffeFileError):
        parse_prototxt(opening * 20_000)
    with pytest.raises(CaffeFileError):
        parse_prototxt("layer { " + opening * 20_000)


def test_many_tiny_parts():
    # Each costs two or three bytes of the file and much more once it is read.
    for tiny in [
        field(100, b""),
        field(2, b""),
        field(3, b""),
        field(8, b""),
        field(4, 1),
        field(99, b""),
    ]:
        survives(parse_caffemodel, field(1, "n") + tiny * 8_000, 32 << 20)
    for tiny in [
        field(7, b""),
        field(7, field(7, b"") + field(5, b"")),
        field(8, b""),
        field(3, b""),
    ]:
        survives(parse_caffemodel, field(100, tiny * 8_000), 32 << 20)
    for tiny in [field(5, b""), field(6, b""), field(5, 1.0), field(1, 1)]:
        survives(parse_caffemodel, model_of(tiny * 8_000), 32 << 20)
    with pytest.raises(CaffeFileError, match="1 MiB of it describe"):
        parse_caffemodel(model_of(field(5, floats(1)), field(33, b"x" * (1 << 20))))
    with pytest.raises(CaffeFileError, match="1 MiB of it describe"):
        parse_caffemodel(field(100, b"") * 21_000)


@pytest.mark.parametrize("name", MODELS)
def test_models_cut_off(name):
    data = MODELS[name]
    for length in range(0, len(data), 1 + len(data) // 300):
        survives(parse_caffemodel, data[:length])


def fuzz(examples: int):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def mutated(draw, originals):
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 12))
        match draw(st.sampled_from(["flip", "set", "insert", "delete", "repeat", "cut"])):
            case "flip" if start < len(data):
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[start : start + length] = draw(st.binary(min_size=1, max_size=length))
            case "insert":
                data[start:start] = draw(st.binary(min_size=1, max_size=length))
            case "delete":
                del data[start : start + length]
            case "repeat":
                data[start:start] = data[start : start + 8 * length]
            case "cut":
                del data[start:]
    return bytes(data)


@fuzz(600)
@given(st.binary(max_size=300))
def test_fuzz_bytes(data):
    survives(parse_caffemodel, data)
    survives(parse_prototxt, data)
    survives(parse_caffemodel, field(100, data))
    survives(parse_caffemodel, field(2, data))


@fuzz(1000)
@given(mutated(list(MODELS.values())))
def test_fuzz_models(data):
    survives(parse_caffemodel, data)


@fuzz(500)
@given(mutated(list(TEXTS.values())))
def test_fuzz_texts(text):
    survives(parse_prototxt, text)


WORDS = sorted({word.decode() for text in TEXTS.values() for word in text.split()})


@fuzz(100)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=30))
def test_fuzz_words(words):
    survives(parse_prototxt, "layer { " + " ".join(words))


DIMS = st.integers(-3, 5) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**31 - 1, 2**31])


@fuzz(300)
@given(st.lists(DIMS, max_size=40), st.integers(0, 12), st.booleans(), st.sampled_from([5, 8]))
def test_fuzz_shapes(dims, count, legacy, number):
    given_dims = dims[:4] if legacy else dims
    shape = legacy_shape(*given_dims) if legacy else shape_field(*given_dims)
    blob = shape + field(number, bytes(count * (4 if number == 5 else 8)))
    if legacy and dims:
        # The old dimensions are 32-bit numbers, of which Caffe too drops what does not fit.
        dims = [(dim + 2**31) % 2**32 - 2**31 for dim in given_dims] + [0] * (4 - len(given_dims))
    survives(parse_caffemodel, model_of(blob))
    if len(dims) > 32 or any(dim < 0 for dim in dims) or math.prod(dims) != count:
        with pytest.raises(CaffeFileError):
            the_blob(blob)
    elif count or max(dims, default=0) < 6:  # an empty array too can be too large for NumPy
        assert the_blob(blob).shape == tuple(dims)
