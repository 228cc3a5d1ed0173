"""One sampling chain: its code, its random numbers, its place in the schedule."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from reproductions.ppgn.inpainting import Context
from reproductions.ppgn.step import Terms
from reproductions.ppgn.update import Epsilons, direction, move, step_size


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What a chain does.

    Attributes:
        conditions: units, or one sentence, one after the other.
        n_iters: steps for each condition; the first has one more.
        lr: mean change of a code's numbers at the first step.
        lr_end: the same after n_iters steps.
        epsilons: the weights of Eq. 11.
        seed: of the chain's random numbers.
        save_every: steps from one sample to the next; 0: none.
        threshold: probability above which a sample is kept.
        reset_every: steps from one new random code to the next; 0: never.
    """

    conditions: Sequence
    n_iters: int
    lr: float
    lr_end: float
    epsilons: Epsilons
    seed: int
    save_every: int
    threshold: float
    reset_every: int


class Chain:
    """A chain of codes h_0, h_1, ...

    Random numbers are drawn as in the original, from one legacy NumPy generator: the mask or the
    first code, then at each step the noise, then at a reset the new code and epsilon1.

    Args:
        schedule: what it does.
        name: of its files.
        random: seeded with `schedule.seed`, after the start was drawn from it.
        h: the first code, (1, code).
        context: when inpainting: its mask and picture.

    Attributes:
        h: the present code.
        i: number of the present step, from 0.
        done: whether it has ended.
    """

    def __init__(
        self,
        schedule: Schedule,
        name: str,
        random: np.random.RandomState,
        h: np.ndarray,
        context: Context | None = None,
    ):
        self.schedule, self.name, self.context = schedule, name, context
        self.h, self.i, self.done = h, 0, False
        self._random, self._epsilon1, self._index = random, schedule.epsilons.prior, 0

    @property
    def condition(self):
        """The present condition."""
        return self.schedule.conditions[self._index]

    @property
    def epsilons(self) -> Epsilons:
        """The present weights: after a reset, epsilon1 is a random one."""
        return self.schedule.epsilons._replace(prior=self._epsilon1)

    @property
    def step_size(self) -> float:
        """Of the present step."""
        plan = self.schedule
        return step_size(plan.lr, plan.lr_end, self.i, plan.n_iters)

    @property
    def steps(self) -> int:
        """Of the whole chain."""
        return self.schedule.n_iters * len(self.schedule.conditions) + 1

    def keeps(self, probability: float) -> bool:
        """Whether the present image is a sample to be kept."""
        plan = self.schedule
        return (
            plan.save_every > 0
            and self.i % plan.save_every == 0
            and float(probability) > plan.threshold
        )

    def step(self, terms: Terms) -> np.ndarray:
        """Makes a step, and goes on to the next: to the next condition, or to the end.

        Args:
            terms: of the present code.

        Returns:
            d_h, the direction taken.
        """
        epsilons, plan = self.epsilons, self.schedule
        d_prior = terms.code - self.h
        noise = np.zeros_like(self.h)
        if epsilons.noise > 0:
            noise = self._random.normal(0, epsilons.noise, self.h.shape)
        d_context = 0.0 if terms.d_context is None else terms.d_context
        d_h = direction(d_prior, terms.d_condition, noise, epsilons, d_context)
        self.h = move(self.h, d_h, self.step_size)
        if plan.reset_every > 0 and self.i % plan.reset_every == 0 and self.i > 0:
            self.h = self._random.normal(0, 1, self.h.shape)
            self._epsilon1 = self._random.uniform(low=1e-6, high=1e-2)
        if not d_h.any():
            self.done = True
        elif self.i > 0 and self.i % plan.n_iters == 0:
            self._index += 1
            self.done = self._index == len(plan.conditions)
        if not self.done:
            self.i += 1
        return d_h

    def state(self) -> dict[str, np.ndarray]:
        """All that the chain needs to go on, as arrays."""
        kind, keys, *rest = self._random.get_state()
        assert kind == "MT19937"
        return {
            "h": self.h,
            "place": np.array([self.i, self._index, self.done]),
            "epsilon1": np.float64(self._epsilon1),
            "random_keys": keys,
            "random_rest": np.array(rest, np.float64),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes up a state that `state` gave.

        Raises:
            ValueError: it is of another chain, or damaged.
        """
        h, (i, index, done) = state["h"], (int(n) for n in state["place"])
        if h.shape != self.h.shape or h.dtype not in (np.float32, np.float64):
            raise ValueError("the code has another shape")
        if not (np.isfinite(h).all() and 0 <= i < self.steps):
            raise ValueError("the code or its step is out of range")
        if not 0 <= index < len(self.schedule.conditions) + done:
            raise ValueError("there is no such condition")
        epsilon1, keys = float(state["epsilon1"]), state["random_keys"]
        if not (np.isfinite(epsilon1) and keys.shape == (624,)):
            raise ValueError("epsilon1 or the random numbers are damaged")
        position, has_gauss, cached = state["random_rest"]
        self._random.set_state(("MT19937", keys, int(position), int(has_gauss), float(cached)))
        self.h, self.i, self._index, self.done = h, i, index, bool(done)
        self._epsilon1 = epsilon1
