"""The state of a round: when it is saved, how it is replayed, and how Ctrl-C ends a run."""

import os
import signal
import types

import numpy as np
import pytest

from common.errors import UserError
from common.runs import load_state, save_state
from reproductions.iccv_introspective import journal as module
from reproductions.iccv_introspective.journal import Journal, Stopped

FOREVER = 1e9


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on only when it is told to."""
    made = types.SimpleNamespace(now=1000.0)
    made.monotonic = lambda: made.now
    monkeypatch.setattr(module, "time", made)
    return made


def arrays(value):
    return lambda: {"weight": np.full(3, value)}


def not_asked():
    raise AssertionError("the state is not to be saved")


def saved(folder):
    """Round, numbers and array of the state."""
    state = load_state(folder)
    return int(state["round"]), state["numbers"].tolist(), state["weight"].tolist()


def interrupt(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def test_a_new_run_begins_with_nothing(tmp_path):
    journal = Journal(tmp_path, FOREVER)
    assert journal.round == 0 and journal.restored == {}
    assert journal.replayed() is None and not journal.replaying
    assert list(tmp_path.iterdir()) == []


def test_the_state_is_saved_once_the_interval_is_over(tmp_path, clock):
    journal = Journal(tmp_path, 60)
    for second in range(0, 60, 20):
        clock.now = 1000 + second
        journal.note((second, 0.5), not_asked)
    assert not (tmp_path / "state.npz").exists()
    clock.now = 1060
    journal.note((60, 0.25), arrays(1.5))
    assert saved(tmp_path) == (0, [[0, 0.5], [20, 0.5], [40, 0.5], [60, 0.25]], [1.5] * 3)
    # The next interval begins with the save.
    clock.now = 1119
    journal.note((119, 1), not_asked)
    clock.now = 1121
    journal.note((121, 1), arrays(2.5))
    assert len(saved(tmp_path)[1]) == 6 and saved(tmp_path)[2] == [2.5] * 3
    clock.now = 1180
    journal.note((180, 1), not_asked)


def test_an_interval_of_zero_saves_after_every_step(tmp_path):
    journal = Journal(tmp_path, 0)
    for step in range(3):
        journal.note((step, np.nan), arrays(step))
        _, numbers, array = saved(tmp_path)
        assert [number[0] for number in numbers] == list(range(step + 1))
        assert np.isnan(np.array(numbers)[:, 1]).all() and array == [step] * 3


def test_numbers_are_replayed_in_order_and_to_the_last_digit(tmp_path):
    journal, numbers = Journal(tmp_path, 0), [(1 / 3, 0.1), (2 / 7, 0.2), (1e-300, 0.3)]
    for each in numbers:
        journal.note(each, arrays(4))
    again = Journal(tmp_path, FOREVER)
    assert again.round == 0
    np.testing.assert_array_equal(again.restored["weight"], [4, 4, 4])
    for each in numbers:
        assert again.replaying
        assert again.replayed() == each
    assert not again.replaying and again.replayed() is None
    # What the state held is kept until a step makes it old.
    assert "weight" in again.restored
    again.note((9, 9), not_asked)
    assert again.restored == {} and again.replayed() is None


def test_steps_after_a_replay_are_added_to_it(tmp_path):
    journal = Journal(tmp_path, 0)
    journal.note((1, 2), arrays(1))
    again = Journal(tmp_path, 0)
    assert again.replayed() == (1, 2)
    again.note((3, 4), arrays(2))
    assert saved(tmp_path) == (0, [[1, 2], [3, 4]], [2] * 3)


def test_the_next_round_clears_the_state(tmp_path):
    journal = Journal(tmp_path, 0)
    journal.note((1, 2), arrays(1))
    journal.next_round()
    assert journal.round == 1 and journal.restored == {} and journal.replayed() is None
    again = Journal(tmp_path, 0)
    assert again.round == 1 and again.restored == {} and again.replayed() is None
    again.note((5, 6), arrays(7))
    assert saved(tmp_path) == (1, [[5, 6]], [7] * 3)
    again.next_round()
    assert Journal(tmp_path, 0).round == 2


def test_the_next_round_is_saved_before_the_interval_is_over(tmp_path):
    journal = Journal(tmp_path, FOREVER)
    journal.note((1, 2), not_asked)
    journal.next_round()
    assert int(load_state(tmp_path)["round"]) == 1
    assert load_state(tmp_path)["numbers"].shape == (0, 2)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip file at all", b"\0" * 500])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"state\.npz is damaged"):
        Journal(tmp_path, 0)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    Journal(tmp_path, 0).note((1, 2), arrays(1))
    whole = (tmp_path / "state.npz").read_bytes()
    (tmp_path / "state.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"state\.npz is damaged"):
        Journal(tmp_path, 0)


@pytest.mark.parametrize(
    "state",
    [
        {"numbers": np.zeros((1, 2))},
        {"round": 1},
        {"round": [1, 2], "numbers": np.zeros((1, 2))},
        {"round": "x", "numbers": np.zeros((1, 2))},
        {"round": 1, "numbers": np.zeros((2, 3))},
        {"round": 1, "numbers": np.zeros(2)},
        {"round": 1, "numbers": 3.0},
    ],
)
def test_a_state_that_is_none_is_refused(tmp_path, state):
    save_state(tmp_path, **state)
    with pytest.raises(UserError, match=r"the state of .* is damaged"):
        Journal(tmp_path, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_request_ends_the_run_after_the_step_with_its_state_saved(tmp_path, capsys, number):
    with pytest.raises(Stopped), Journal(tmp_path, FOREVER) as journal:
        journal.note((1, 2), not_asked)
        interrupt(number)
        # The step goes on.
        assert not (tmp_path / "state.npz").exists()
        journal.note((3, 4), arrays(5))
    assert saved(tmp_path) == (0, [[1, 2], [3, 4]], [5] * 3)
    assert capsys.readouterr().out == "\nending after this step; again: at once\n"
    assert Journal(tmp_path, 0).replayed() == (1, 2)


def test_a_second_request_ends_the_run_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path, FOREVER) as journal:
        interrupt()
        interrupt()
        journal.note((1, 2), not_asked)
    assert not (tmp_path / "state.npz").exists()


def test_a_request_between_rounds_ends_the_run_there(tmp_path):
    with pytest.raises(Stopped), Journal(tmp_path, FOREVER) as journal:
        journal.note((1, 2), not_asked)
        interrupt()
        journal.next_round()
    assert Journal(tmp_path, 0).round == 1


def test_ctrl_c_is_given_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Journal(tmp_path, FOREVER):
        now = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        assert all(a != b for a, b in zip(before, now, strict=True))
    with pytest.raises(RuntimeError), Journal(tmp_path, FOREVER):
        raise RuntimeError
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def test_a_state_that_cannot_be_saved_leaves_the_round_as_it_was(tmp_path, monkeypatch):
    def full(*args, **arrays):
        raise UserError("no space left")

    journal = Journal(tmp_path, FOREVER)
    monkeypatch.setattr(module, "save_state", full)
    with pytest.raises(UserError):
        journal.next_round()
    assert journal.round == 0
