"""What a file of tests here asks of the backend ends with it."""

import pytest

from tests.backends import be_irreproducible


@pytest.fixture(scope="module", autouse=True)
def _determinism_ends():
    """`Steps` makes the whole process deterministic, which moves last digits of other packages.

    Their tests compare runs in this process with runs in others.
    """
    yield
    be_irreproducible()
