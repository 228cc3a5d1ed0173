"""The sampler: many chains, step by step."""

from collections.abc import Callable, Sequence

import numpy as np

from common.errors import UserError
from reproductions.ppgn.chain import Chain
from reproductions.ppgn.inpainting import Context
from reproductions.ppgn.step import Networks, Terms

#: Is told of each step of each chain, before it is made: the chain and its terms.
Listener = Callable[[Chain, Terms], None]


def evaluate(networks: Networks, chains: Sequence[Chain], at_once: int) -> list[Terms]:
    """The terms of each chain's present code.

    Args:
        networks: see `reproductions.ppgn.step`.
        chains: 1 or more.
        at_once: how many may go through the networks together, which memory limits.
    """
    rows = []
    for begin in range(0, len(chains), at_once):
        group = chains[begin : begin + at_once]
        h = np.concatenate([chain.h for chain in group])
        conditions = [chain.condition for chain in group]
        units = [one if isinstance(one, int) else 0 for one in conditions]
        context = None
        if group[0].context is not None:
            context = Context.stacked([chain.context for chain in group])
        terms = networks(h, units, context)
        rows += [terms.row(i) for i in range(len(group))]
    return rows


def sample(
    networks: Networks,
    chains: Sequence[Chain],
    listen: Listener,
    after: Callable[[], None] = lambda: None,
    at_once: int = 16,
) -> None:
    """Runs chains to their ends.

    Args:
        networks: see `reproductions.ppgn.step`.
        chains: each goes on from where it is.
        listen: is told of each step.
        after: is called when all chains have made a step.
        at_once: see `evaluate`.

    Raises:
        UserError: a code is no longer one of numbers.
    """
    while waiting := [chain for chain in chains if not chain.done]:
        for chain, terms in zip(waiting, evaluate(networks, waiting, at_once), strict=True):
            listen(chain, terms)
            with np.errstate(over="ignore", invalid="ignore"):
                d_h = chain.step(terms)
            if not d_h.any():
                print(" d_h is 0")
            if not np.isfinite(chain.h).all():
                raise UserError(
                    f"after step {chain.i} of {chain.name} its code holds values that are not "
                    "numbers: the networks' are too large, or an epsilon is"
                )
        after()
