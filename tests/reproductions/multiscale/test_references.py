"""The weights and pictures that the references were made with are made here bit for bit."""

import hashlib

from tests.golden_weights import DIGESTS, digest
from tests.reproductions.multiscale.references import PICTURES, picture

PICTURE_DIGESTS = {
    60: "3174a93ab777cc3b",
    61: "b220053dd57c0247",
    62: "be65e6f925a3d503",
    63: "13585970ad22ba0b",
}


def test_weights_are_those_of_the_references(weights):
    assert {name: (digest(k), digest(b)) for name, (k, b) in weights.items()} == DIGESTS


def test_pictures_are_those_of_the_references():
    found = {p[0]: hashlib.sha256(picture(*p).tobytes()).hexdigest()[:16] for p in PICTURES}
    assert found == PICTURE_DIGESTS
