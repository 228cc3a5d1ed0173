"""Ctrl-C that waits."""

import os
import signal
import threading

import pytest

from common.interrupts import interrupts_held


def press() -> None:
    """Presses Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_noted():
    """It is told to who asks, and stops nothing."""
    with interrupts_held() as interrupted:
        assert not interrupted()
        press()
        assert interrupted()


def test_the_second_interrupts():
    """Whoever presses twice does not want to wait."""
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        press()
        press()


def test_it_is_given_back():
    """After the block, and after an error in it, Ctrl-C is as it was."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"), interrupts_held():
        raise ValueError("inside")
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread():
    """There it changes nothing."""
    found = []

    def work():
        with interrupts_held() as interrupted:
            found.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
