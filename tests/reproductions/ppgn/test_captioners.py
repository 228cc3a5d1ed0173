"""Captioners that are not built like LRCN are refused in one line."""

import json

import keras
import pytest

from tests.leftovers import files_below
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    CAPTIONER,
    assert_only_warnings,
    call,
    only,
    prepare,
)
from tests.scripts import error, words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def refused(folder, monkeypatch, capfd):
    """The line about a captioner."""

    def refused(captioner):
        before = files_below(folder)
        argv = words(f"--sentence a_dog --output_dir out --captioner_definition {captioner}")
        ended = call("sampling_caption", [*CAPTIONED, *argv], monkeypatch, capfd)
        line = error(ended)
        assert ended.status == 1 and line.startswith("error: "), ended
        assert files_below(folder) == before
        return line

    return refused


LSTM1 = 'type: "LSTM" bottom: "embedded" bottom: "cont_sentence" top: "lstm1"'
LSTM2 = 'type: "LSTM" bottom: "lstm1" bottom: "cont_sentence"'

CHANGES = {
    # Its first half needs the image.
    "lstm1 of features": (
        LSTM1,
        LSTM1.replace('"cont_sentence"', '"cont_sentence" bottom: "image_features"'),
    ),
    # Its second half does not begin at the first one's end.
    "predict of words": (LSTM2, LSTM2.replace('"lstm1"', '"embedded"')),
    "predict of the first half": (
        'type: "InnerProduct" bottom: "lstm2"',
        'type: "InnerProduct" bottom: "embedded"',
    ),
}


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_halves_that_are_others(refused, folder, before, after):
    assert CAPTIONER.count(before) == 1
    (folder / "other.prototxt").write_text(CAPTIONER.replace(before, after))
    line = refused("other.prototxt")
    assert "the captioner small_captioner is not built like LRCN" in line


def test_scores_without_words(refused, folder):
    changed = CAPTIONER.replace('Product" bottom: "lstm2"', 'Product" bottom: "image_features"')
    (folder / "other.prototxt").write_text(changed.replace("axis: 2", "axis: 1"))
    assert "the captioner small_captioner is not built like LRCN" in refused("other.prototxt")


def test_a_keras_model_of_features(folder, monkeypatch, capfd):
    """The weights that are asked for are the captioner's."""
    image = keras.Input((12, 12, 3))
    x = keras.layers.Dense(1000, name="fc8")(keras.layers.Flatten()(image))
    keras.Model(image, x, name="own").save("own.keras")
    argv = words("--sentence a_dog --n_iters 1 --output_dir out --net_definition own.keras")
    assert_only_warnings(call("sampling_caption", [*CAPTIONED, *argv], monkeypatch, capfd))
    weights = json.loads(only(folder, "out/*.run/run.json").read_text())["weights"]
    assert "own.keras" in weights and weights[-1].endswith(" for lrcn")


def test_a_keras_model(refused, folder):
    code = keras.Input((3,))
    keras.Model(code, keras.layers.Dense(2)(code), name="own").save("own.keras")
    assert "own.keras" in refused("own.keras")
    assert "missing.keras" in refused("missing.keras")
