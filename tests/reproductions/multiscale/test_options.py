"""Flags that are of no effect in some mode are refused where they are given."""

import pytest

from reproductions.multiscale.options import parse_novelty, parse_synthesis
from tests.scripts import words


@pytest.mark.parametrize("more", ["", "--seed symmetric --init a.png", "--seed random"])
def test_a_blur_of_nothing(more, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_synthesis(words(f"-s a.png --blur 30 {more}"))
    assert ended.value.code == 2
    assert "argument --blur: only --seed symmetric" in capsys.readouterr().err


def test_a_blur():
    """Of a preset's start, too."""
    assert parse_synthesis(words("-s a.png --blur 7 --seed symmetric")).blur == 7
    assert parse_novelty(words("--blur 7 --preset quick")).blur == 7
