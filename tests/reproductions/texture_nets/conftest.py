"""What the end-to-end tests of texture_nets share: a folder of their own."""

import pytest

from tests.reproductions.texture_nets.commands import call, prepare


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with pictures and the small network."""
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def script(folder, monkeypatch, capfd):
    """From a script's name and arguments to how it ended; it runs in this process."""
    return lambda name, argv: call(name, argv, monkeypatch, capfd)
