"""Saved pictures against the original's: the mapping to bytes, and its writer's parameters."""

import numpy as np
import pytest
from PIL import Image

from reproductions.ppgn.pixels import deprocess, save_jpeg, to_bytes
from tests.reproductions.ppgn.references import arrays, from_caffe, read_json

#: Beyond -120..120, within it, and the same everywhere.
KINDS = ("wide", "narrow", "constant")


@pytest.fixture(params=KINDS)
def kind(request):
    """A kind, its image as it is here, and what the original made of it."""
    name = request.param
    kept = {key: arrays("util")[f"save_image_{name}_{key}"] for key in ("in", "deprocessed")}
    kept |= {key: arrays("util")[f"save_image_{name}_{key}"] for key in ("png", "jpg")}
    return name, from_caffe(kept.pop("in"))[0], kept


def test_deprocess(kind):
    _, image, wanted = kind
    found = deprocess(image)
    assert found.dtype == wanted["deprocessed"].dtype
    np.testing.assert_allclose(found, wanted["deprocessed"], atol=1e-12, rtol=0)


def test_bytes(kind):
    _, image, wanted = kind
    found = to_bytes(image)
    assert found.dtype == np.uint8
    assert (found == wanted["png"]).all()


def test_jpeg(kind, tmp_path):
    name, image, wanted = kind
    save_jpeg(to_bytes(image), tmp_path / "image.jpg")
    parameters = read_json("util")[f"jpeg_{name}"]
    with Image.open(tmp_path / "image.jpg") as found:
        assert found.format == "JPEG"
        assert found.mode == parameters["mode"]
        assert [list(layer) for layer in found.layer] == parameters["layers"]
        tables = [sum(found.quantization[i]) for i in sorted(found.quantization)]
        assert tables == parameters["quantization_sum"]
        pixels = np.asarray(found).astype(int)
    # Versions of libjpeg differ in how they round, and in how they enlarge the colours.
    assert np.abs(pixels - wanted["jpg"]).max() <= 2
