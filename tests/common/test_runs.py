import json

import numpy as np
import pytest

from common.errors import UserError
from common.runs import (
    SETTINGS,
    STATE,
    load_state,
    new_folder,
    read_settings,
    save_state,
    versions,
    write_settings,
)


def test_folders_count_up(tmp_path):
    parent = tmp_path / "deep" / "outputs"
    names = [new_folder(parent, "out.64x64").name for _ in range(4)]
    assert names == ["out.64x64", "out.64x64.0", "out.64x64.1", "out.64x64.2"]


def test_an_existing_file_counts_as_taken(tmp_path):
    (tmp_path / "out").write_text("mine")
    assert new_folder(tmp_path, "out").name == "out.0"
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", ["a/b", "../a", "/a", "a/"])
def test_a_name_is_not_a_path(tmp_path, name):
    with pytest.raises(UserError, match="must not contain folders"):
        new_folder(tmp_path / "outputs", name)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for parent in (tmp_path / "file", tmp_path / "file" / "outputs"):
        with pytest.raises(UserError, match="cannot make a folder in"):
            new_folder(parent, "out")
    with pytest.raises(UserError, match="File name too long"):
        new_folder(tmp_path, "x" * 300)


def test_settings_round_trip(tmp_path):
    settings = {"script": "a.py", "flags": {"layers": [2, 7], "tol": 1e-9, "init": None}, "x": "ä"}
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == read_settings(str(tmp_path)) == settings


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"3", b"\xff\xfe", b'{"a": 1,}', b"\0" * 99])
def test_damaged_settings(tmp_path, text):
    (tmp_path / SETTINGS).write_bytes(text)
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        read_settings(tmp_path)


def test_no_run_folder(tmp_path):
    with pytest.raises(UserError, match="is no run folder"):
        read_settings(tmp_path)
    with pytest.raises(UserError, match="is no run folder"):
        read_settings(tmp_path / "missing")


def test_state_round_trip(tmp_path):
    names = ("pixels", "iterations")
    assert load_state(tmp_path, names) is None
    pixels = np.random.RandomState(0).standard_normal(30)
    save_state(tmp_path, pixels=pixels, iterations=7)
    save_state(tmp_path, pixels=pixels * 2, iterations=8)
    state = load_state(str(tmp_path), names)
    np.testing.assert_array_equal(state["pixels"], pixels * 2)
    assert int(state["iterations"]) == 8
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_damaged_state(tmp_path):
    save_state(tmp_path, pixels=np.arange(500.0), iterations=7)
    whole = (tmp_path / STATE).read_bytes()
    with pytest.raises(UserError, match=r"state\.npz is damaged"):
        load_state(tmp_path, ("pixels", "moments"))
    for text in (b"", b"no zip", whole[:100], whole[:-30], whole[: len(whole) // 2]):
        (tmp_path / STATE).write_bytes(text)
        with pytest.raises(UserError, match=r"state\.npz is damaged"):
            load_state(tmp_path, ("pixels", "iterations"))


def test_state_with_a_changed_byte(tmp_path):
    pixels = np.arange(50.0)
    save_state(tmp_path, pixels=pixels, iterations=7)
    whole = (tmp_path / STATE).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / STATE).write_bytes(damaged)
        try:
            state = load_state(tmp_path, ("pixels", "iterations"))
        except UserError:
            continue
        # What the change did not touch is still right.
        np.testing.assert_array_equal(state["pixels"], pixels)
        assert int(state["iterations"]) == 7


def test_nothing_in_a_state_is_executed(tmp_path):
    np.savez(tmp_path / STATE, pixels=np.array([print, {}], dtype=object), iterations=1)
    with pytest.raises(UserError, match="damaged"):
        load_state(tmp_path, ("pixels", "iterations"))


def test_versions_are_plain():
    found = versions()
    assert {"python", "tensorflow", "keras", "numpy", "scipy"} <= set(found)
    assert json.loads(json.dumps(found)) == found
