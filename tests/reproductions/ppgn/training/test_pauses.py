"""Which player learns next, as a table of ratios."""

import pytest

from reproductions.ppgn.training.pauses import Pauses

BOTH, ONLY_D, ONLY_G = (True, True), (True, False), (False, True)


def after(ratio, flags):
    """Both flags after a step with that ratio of D's loss over G's."""
    pauses = Pauses(*flags)
    # Of D's loss, a quarter on images; G's is a power of two, so that the ratio is exact.
    pauses.after(ratio, 3 * ratio, 4.0)
    return pauses.train_d, pauses.train_g


@pytest.mark.parametrize(
    ("ratio", "of_both", "of_only_d", "of_only_g"),
    [
        (0.0, ONLY_G, ONLY_G, ONLY_G),
        (0.0999, ONLY_G, ONLY_G, ONLY_G),
        # The bounds themselves change nothing.
        (0.1, BOTH, ONLY_D, ONLY_G),
        (0.3, BOTH, ONLY_D, ONLY_G),
        (0.5, BOTH, ONLY_D, ONLY_G),
        # D comes back above 0.5; G, once it pauses, only below 0.1.
        (0.5001, BOTH, ONLY_D, BOTH),
        (1.0, BOTH, ONLY_D, BOTH),
        (9.999, BOTH, ONLY_D, BOTH),
        (10.0, BOTH, ONLY_D, BOTH),
        # G pauses, though D came back in the same moment.
        (10.001, ONLY_D, ONLY_D, ONLY_D),
        (1e9, ONLY_D, ONLY_D, ONLY_D),
    ],
)
def test_rule(ratio, of_both, of_only_d, of_only_g):
    assert after(ratio, BOTH) == of_both
    assert after(ratio, ONLY_D) == of_only_d
    assert after(ratio, ONLY_G) == of_only_g


def test_both_learn_at_first():
    pauses = Pauses()
    assert (pauses.train_d, pauses.train_g) == BOTH


def test_a_course():
    """D wins, comes back late; G is held back, and comes back only where D wins again."""
    pauses, found = Pauses(), []
    ratios = (1, 0.09, 0.2, 0.45, 0.6, 0.2, 11, 3, 0.3, 0.12, 0.05, 12, 0.05)
    for ratio in ratios:
        pauses.after(ratio / 2, ratio / 2, 1.0)
        found.append((pauses.train_d, pauses.train_g))
    wanted = [BOTH, ONLY_G, ONLY_G, ONLY_G, BOTH, BOTH, ONLY_D, ONLY_D, ONLY_D, ONLY_D]
    assert found == [*wanted, ONLY_G, ONLY_D, ONLY_G]


def test_someone_always_learns():
    for flags in (BOTH, ONLY_D, ONLY_G):
        for ratio in (0, 0.05, 0.1, 0.2, 0.5, 0.7, 10, 20):
            assert any(after(ratio, flags))


def test_the_losses_are_added():
    """The ratio is that of both of D's losses together."""
    for real, fake in ((0.6, 0.0), (0.0, 0.6), (0.3, 0.3)):
        pauses = Pauses(False, True)
        pauses.after(real, fake, 1.0)
        assert pauses.train_d
    pauses = Pauses(False, True)
    pauses.after(0.2, 0.2, 1.0)
    assert not pauses.train_d


def test_a_loss_of_zero():
    """Where D takes everything for real, G pauses; nothing is divided by 0."""
    pauses = Pauses()
    pauses.after(0.1, 20.0, 0.0)
    assert (pauses.train_d, pauses.train_g) == ONLY_D


@pytest.mark.parametrize("flags", [BOTH, ONLY_D, ONLY_G])
def test_goes_on_from_flags(flags):
    pauses = Pauses(*flags)
    assert (pauses.train_d, pauses.train_g) == flags
    pauses.after(0.15, 0.15, 1.0)
    assert (pauses.train_d, pauses.train_g) == flags
