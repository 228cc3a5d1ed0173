import numpy as np
import pytest

from common.errors import UserError
from common.lbfgs import minimize


def rosenbrock(x):
    value = np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    gradient[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return float(value), gradient


class Watch:
    """Notes what `minimize` reports; raises at an iteration if asked to."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def __call__(self, iteration, pixels, loss, evaluations):
        if iteration == self.stop_at:
            raise KeyboardInterrupt
        self.calls.append((iteration, pixels, loss, evaluations))

    @property
    def iterations(self):
        return [call[0] for call in self.calls]


START = np.full(6, -1.2)


def test_converges():
    watch = Watch()
    outcome = minimize(rosenbrock, START, 500, 1e-12, watch)
    np.testing.assert_allclose(outcome.pixels, 1, atol=1e-3)
    assert outcome.loss < 1e-6 and not outcome.interrupted
    assert watch.iterations == list(range(outcome.iterations))
    assert outcome.loss == watch.calls[-1][2] == rosenbrock(outcome.pixels)[0]
    losses = [call[2] for call in watch.calls]
    assert losses == sorted(losses, reverse=True)
    evaluations = [call[3] for call in watch.calls]
    assert evaluations == sorted(evaluations) and evaluations[0] >= 2
    assert (START == -1.2).all()


def test_each_iteration_has_its_own_pixels():
    watch = Watch()
    minimize(rosenbrock, START, 5, 0, watch)
    for _, pixels, loss, _ in watch.calls:
        assert rosenbrock(pixels)[0] == loss


def test_ends_after_the_iterations_asked_for():
    outcome = minimize(rosenbrock, START, 4, 0, watch := Watch())
    assert watch.iterations == [0, 1, 2, 3]
    assert outcome.iterations == 4


def test_goes_on_with_the_numbers():
    outcome = minimize(rosenbrock, START, 9, 0, watch := Watch(), first=6)
    assert watch.iterations == [6, 7, 8]
    assert outcome.iterations == 9


@pytest.mark.parametrize("where", ["evaluation", "report"])
def test_interruption_keeps_the_last_pixels(where):
    evaluations = 0

    def evaluate(x):
        nonlocal evaluations
        evaluations += 1
        if where == "evaluation" and evaluations == 9:
            raise KeyboardInterrupt
        return rosenbrock(x)

    watch = Watch(stop_at=5 if where == "report" else None)
    outcome = minimize(evaluate, START, 100, 0, watch)
    assert outcome.interrupted and outcome.message == "interrupted"
    assert outcome.loss == rosenbrock(outcome.pixels)[0]
    if where == "report":
        assert outcome.iterations == 6
    else:
        assert outcome.iterations == len(watch.calls)
        np.testing.assert_array_equal(outcome.pixels, watch.calls[-1][1])


def test_interruption_of_the_first_evaluation():
    def evaluate(x):
        raise KeyboardInterrupt

    outcome = minimize(evaluate, START, 100, 0, watch := Watch(), first=3)
    assert outcome.interrupted and outcome.iterations == 3 and not watch.calls
    np.testing.assert_array_equal(outcome.pixels, START)


@pytest.mark.parametrize(
    "bad", [(np.nan, START), (np.inf, START), (1.0, START * np.nan), (1.0, START * np.inf)]
)
def test_a_start_that_is_not_a_number_is_refused(bad):
    with pytest.raises(UserError, match=r"the loss of the start or its gradient is not a number"):
        minimize(lambda x: bad, START, 10, 0, Watch())


def test_a_loss_that_stops_being_a_number_does_not_end_in_nan():
    evaluations = 0

    def evaluate(x):
        nonlocal evaluations
        evaluations += 1
        value, gradient = rosenbrock(x)
        return (value, gradient) if evaluations < 8 else (np.nan, gradient * np.nan)

    watch = Watch()
    try:
        outcome = minimize(evaluate, START, 50, 0, watch)
    except UserError as error:
        assert "not a number" in str(error)
    else:
        assert np.isfinite(outcome.loss) and np.isfinite(outcome.pixels).all()
    assert np.isfinite([call[2] for call in watch.calls]).all()


def test_a_start_that_cannot_be_bettered():
    outcome = minimize(rosenbrock, np.ones(6), 10, 1e-9, watch := Watch())
    assert outcome.iterations == len(watch.calls) <= 1
    assert outcome.loss == 0
    np.testing.assert_array_equal(outcome.pixels, 1)


def test_a_users_mistake_during_the_report_ends_it():
    def full(*arguments):
        raise UserError("cannot write: disk full")

    with pytest.raises(UserError, match="disk full"):
        minimize(rosenbrock, START, 10, 0, full)


def test_bounds_hold_and_losses_are_told_as_they_are():
    low, high = np.full(6, -1.5), np.full(6, 0.5)
    outcome = minimize(rosenbrock, START, 200, 1e-12, watch := Watch(), bounds=(low, high))
    assert (outcome.pixels >= low).all() and (outcome.pixels <= high).all()
    assert outcome.pixels[0] == pytest.approx(0.5)
    assert outcome.loss == pytest.approx(rosenbrock(outcome.pixels)[0])
    for _, pixels, loss, _ in watch.calls:
        assert loss == pytest.approx(rosenbrock(pixels)[0])


@pytest.mark.parametrize("scale", [1e-9, 1, 1e9])
def test_within_bounds_the_scale_of_a_loss_does_not_matter(scale):
    """SciPy's first step is the gradient: that of a small loss moved nothing, and it ended."""

    def scaled(x):
        value, gradient = rosenbrock(x)
        return value * scale, gradient * scale

    bounds = np.full(6, -5.0), np.full(6, 5.0)
    outcome = minimize(scaled, START, 500, 1e-12, Watch(), bounds=bounds)
    np.testing.assert_allclose(outcome.pixels, 1, atol=1e-3)


def test_a_gradient_of_nothing_within_bounds():
    bounds = np.zeros(6), np.ones(6)
    flat = minimize(lambda x: (2.0, np.zeros_like(x)), np.zeros(6), 5, 0, Watch(), bounds=bounds)
    assert not flat.pixels.any()
