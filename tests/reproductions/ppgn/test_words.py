"""Names of classes, and sentences as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from reproductions.ppgn.words import (
    MISC,
    PLACES,
    SYNSETS,
    VOCABULARY,
    class_names,
    convert_words_into_numbers,
    label,
)


def test_the_classes_of_imagenet():
    names = class_names(MISC / SYNSETS)
    assert len(names) == 1000
    assert (names[0], names[13], names[980]) == ("tench", "junco", "volcano")


def test_the_places():
    names = class_names(MISC / PLACES)
    assert len(names) == 205
    assert names[0] == "abbey" and all(not name[-1].isdecimal() for name in names)


def test_other_files(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(
        "n01440764 tench, Tinca tinca\nnight heron\nabbey 0\nn0 x\n\ncat\nNo. 5, or six\nZoë\n",
        encoding="utf-8",
    )
    expected = ["tench", "night heron", "abbey", "n0 x", "", "cat", "No.", "Zoë"]
    assert class_names(path) == expected


def test_labels():
    assert label(["a", "b"], "fc8", 1) == "b"
    assert label(["a", "b"], "fc8", 2) == "fc8 2"
    assert label([], "conv5", 0) == "conv5 0"


def test_sentences_of_the_original():
    sentence = ["a", "church", "steeple", "that", "has", "a", "clock", "on", "it"]
    found = convert_words_into_numbers(MISC / VOCABULARY, sentence)
    assert found == [2, 710, 1507, 25, 53, 2, 90, 3, 27, 0]
    assert convert_words_into_numbers(MISC / VOCABULARY, ["<unk>"]) == [1, 0]


@given(st.lists(st.sampled_from(["a", "dog", "barks"])))
def test_numbers_are_lines(tmp_path_factory, words):
    path = tmp_path_factory.getbasetemp() / "vocabulary.txt"
    path.write_text("a\nbarks\ndog\na\n")
    numbers = convert_words_into_numbers(path, words)
    assert numbers == [{"a": 1, "barks": 2, "dog": 3}[word] for word in words] + [0]


def test_words_that_are_not_there(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_text("a\npizza\npizzas\n")
    with pytest.raises(UserError, match=r"the word 'piza'; near ones: pizza, pizzas$"):
        convert_words_into_numbers(path, ["a", "piza"])
    with pytest.raises(UserError, match=r"the word '\?'; .*vocabulary.txt lists them"):
        convert_words_into_numbers(path, ["?"])
    with pytest.raises(UserError, match="the word 'A'"):
        convert_words_into_numbers(path, ["A"])
    with pytest.raises(UserError, match="cannot read"):
        convert_words_into_numbers(tmp_path / "missing", ["a"])
