"""The weights that the references were made with are made here again."""

import pytest

from tests.reproductions.ppgn.golden_weights import Blob
from tests.reproductions.ppgn.references import read_json

NETWORKS = {
    "caffenet": "encoder",
    "generator": "golden_generator",
    "places": "places",
    "lrcn": "captioner",
}


@pytest.mark.parametrize("net", NETWORKS)
def test_blobs(net, sources, request):
    request.getfixturevalue(NETWORKS[net])
    wanted = {
        layer: [Blob(**blob) for blob in blobs]
        for layer, blobs in read_json("weights")[net].items()
    }
    given = sources[net].given
    assert list(given) == list(wanted)
    for layer, blobs in wanted.items():
        for found, blob in zip(given[layer], blobs, strict=True):
            assert found.shape == blob.shape
            # They were printed with ten digits.
            assert found.first == pytest.approx(blob.first, rel=1e-9)
            assert found.last == pytest.approx(blob.last, rel=1e-9)
            assert found.l2 == pytest.approx(blob.l2, rel=1e-9)
            assert found.sum == pytest.approx(blob.sum, rel=1e-9, abs=1e-7)
