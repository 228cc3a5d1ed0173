import json
import os
import types

import keras
import numpy as np
import pytest

from common import runs
from common.errors import UserError
from common.runs import (
    SETTINGS,
    STATE,
    TrainingFolder,
    check_facts,
    find_run,
    load_state,
    new_folder,
    read_flags,
    read_settings,
    record,
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
    assert {"python", keras.config.backend(), "keras", "numpy", "scipy"} <= set(found)
    assert json.loads(json.dumps(found)) == found


def begin(folder, monkeypatch, command="a.py --k 2", resumed=False, k=2, **facts):
    """Records a run with one flag."""
    monkeypatch.setattr("sys.argv", command.split())
    record(folder, "a.py", {"k": k}, facts, resumed)
    return read_settings(folder)


def test_a_record(tmp_path, monkeypatch):
    found = begin(tmp_path, monkeypatch, weights="random weights", data="digits")
    facts = {"weights": "random weights", "data": "digits"}
    own = {"script": "a.py", "flags": {"k": 2}, "versions": versions(), "command": "a.py --k 2"}
    assert found == {**own, **facts}


def test_a_record_of_a_run_that_goes_on(tmp_path, monkeypatch, capsys):
    """What is not written anew stays, such as the first command and what another version noted."""
    begin(tmp_path, monkeypatch, weights="w", extra=1)
    begin(tmp_path, monkeypatch, "a.py --resume x", resumed=True, weights="w")
    found = begin(tmp_path, monkeypatch, "a.py --k '3 4'", resumed=True, k=3)
    assert found["command"] == "a.py --k 2" and found["flags"] == {"k": 3}
    assert found["resumed"] == ["a.py --resume x", """a.py --k ''"'"'3' '4'"'"''"""]
    assert (found["weights"], found["extra"]) == ("w", 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("before", "line"),
    [("gatys weights", "gatys weights"), (["a", "b"], "a; b"), (None, "None")],
)
def test_other_weights_than_a_run_began_with(tmp_path, monkeypatch, capsys, before, line):
    begin(tmp_path, monkeypatch, weights=before)
    found = begin(tmp_path, monkeypatch, resumed=True, weights="others")
    assert capsys.readouterr().err == f"warning: the run began with {line}\n"
    assert found["weights"] == "others"


@pytest.mark.parametrize("resumed", [1, None, "a.py", {}])
def test_damaged_commands(tmp_path, monkeypatch, resumed):
    begin(tmp_path, monkeypatch, resumed=False)
    before = read_settings(tmp_path) | {"resumed": resumed}
    write_settings(tmp_path, before)
    with pytest.raises(UserError, match=r"run\.json is damaged: resumed is"):
        begin(tmp_path, monkeypatch, resumed=True)
    assert read_settings(tmp_path) == before


def test_facts(tmp_path):
    write_settings(tmp_path, {"data": "ab", "shape": [8, 8]})
    check_facts(tmp_path, {"data": "ab"}, "is of other data")
    check_facts(tmp_path, {}, "is of other data")
    for facts, line in (
        ({"data": "ab", "shape": [8, 9]}, r"its shape is \[8, 8\], here it is \[8, 9\]"),
        ({"more": 1}, "its more is None, here it is 1"),
    ):
        with pytest.raises(UserError, match=f"{tmp_path} is of other data: {line}"):
            check_facts(tmp_path, facts, "is of other data")


def test_flags_of_a_run(tmp_path):
    write_settings(tmp_path, {"script": "a.py", "flags": {"k": 2}})
    assert read_flags(tmp_path, "a.py") == {"k": 2}
    with pytest.raises(UserError, match=rf"{tmp_path} is no run of b\.py"):
        read_flags(tmp_path, "b.py")
    with pytest.raises(UserError, match=r"is no run of papers/b\.py"):
        read_flags(tmp_path, "b.py", "papers/b.py")
    for damaged in ({"script": "a.py"}, {"script": "a.py", "flags": [1]}, {"flags": {}}):
        write_settings(tmp_path, damaged)
        with pytest.raises(UserError, match=r"is no run of a\.py"):
            read_flags(tmp_path, "a.py")


@pytest.fixture
def three(tmp_path):
    """Runs of two scripts, begun one after the other; the first was saved last."""
    for number, (name, script) in enumerate({"a": "x.py", "b": "x.py", "c": "y.py"}.items(), 1):
        (tmp_path / name).mkdir()
        write_settings(tmp_path / name, {"script": script})
        os.utime(tmp_path / name / SETTINGS, (number, number))
        if name != "c":
            (tmp_path / name / STATE).touch()
            os.utime(tmp_path / name / STATE, (9 - number, 9 - number))
    (tmp_path / "no run").mkdir()
    return tmp_path


def test_the_latest_run(three):
    assert find_run(three, "latest", "none") == three / "c"
    assert find_run(three, "latest", "none", script="x.py") == three / "b"
    assert find_run(str(three), "latest", "none", STATE) == three / "a"
    (three / "c" / SETTINGS).write_text("{")
    assert find_run(three, "latest", "none", script="x.py") == three / "b"
    for folder, script in ((three, "z.py"), (three / "missing", None)):
        with pytest.raises(UserError, match="nothing there"):
            find_run(folder, "latest", "nothing there", script=script)


def test_a_run_by_name_or_path(three, monkeypatch):
    monkeypatch.chdir(three / "no run")
    assert find_run(three, "c", "none") == three / "c"
    assert find_run("nowhere", "../b", "none").resolve() == three / "b"
    for name in ("no run", "d", "", ".."):
        with pytest.raises(UserError, match=f"no run {name} in {three}"):
            find_run(three, name, "none")


def test_a_state_is_due_now_and_then(tmp_path, monkeypatch):
    clock = types.SimpleNamespace(now=7.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(runs, "time", clock)
    folder = TrainingFolder(tmp_path, 60, "")
    assert not folder.due()
    clock.now += 60
    assert folder.due() and folder.due()
    folder.save({"a": np.arange(3.0), "iteration": 5})
    assert not folder.due()
    state = load_state(tmp_path, ("a", "iteration"))
    assert state["a"].tolist() == [0, 1, 2] and state["iteration"] == 5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_state_that_is_no_numbers_is_not_saved(tmp_path, value):
    folder = TrainingFolder(tmp_path, 0, "try a smaller step")
    folder.save({"a": np.zeros(2), "k": 1})
    with pytest.raises(UserError, match="not numbers any more; try a smaller step"):
        folder.save({"a": np.zeros(2), "b": np.array([0, value]), "k": 2})
    assert load_state(tmp_path)["k"] == 1
