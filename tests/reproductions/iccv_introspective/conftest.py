"""What a file of tests here asks of TensorFlow ends with it."""

import pytest
from tensorflow.python.util import _pywrap_determinism


@pytest.fixture(scope="module", autouse=True)
def _determinism_ends():
    """`Steps` makes the whole process deterministic, which moves last digits of other packages.

    Their tests compare runs in this process with runs in others. TensorFlow has no public way back.
    """
    yield
    _pywrap_determinism.enable(False)
