"""From flags to chains: seeds, units and the values of a sweep, each with each."""

import argparse
import itertools
from collections.abc import Sequence

from reproductions.ppgn.chain import Schedule
from reproductions.ppgn.options import sweep
from reproductions.ppgn.update import Epsilons

#: The flag -> the weight of Eq. 11.
_WEIGHTS = {"epsilon1": "prior", "epsilon2": "condition", "epsilon3": "noise"}


def schedules(flags: argparse.Namespace, condition_lists: Sequence[Sequence]) -> list[Schedule]:
    """The schedule of every chain.

    Args:
        flags: of a script.
        condition_lists: the conditions of a chain, one list for each that differs in them.

    Returns:
        One for each list of conditions, seed, and combination of swept values; the values of the
        sweep named last change fastest.
    """
    swept = [sweep(text) for text in flags.sweep or ()]
    names = [name for name, _ in swept]
    seeds = range(flags.seed, flags.seed + flags.batch)
    plans = []
    for conditions, seed, values in itertools.product(
        condition_lists, seeds, list(itertools.product(*(numbers for _, numbers in swept)))
    ):
        plans.append(_schedule(flags, conditions, seed, dict(zip(names, values, strict=True))))
    return plans


def _schedule(flags: argparse.Namespace, conditions: Sequence, seed: int, values: dict) -> Schedule:
    epsilons = Epsilons(
        flags.epsilon1, flags.epsilon2, flags.epsilon3, getattr(flags, "epsilon4", 0.0)
    )
    weights = {_WEIGHTS[name]: value for name, value in values.items() if name in _WEIGHTS}
    lr = values.get("lr", flags.lr)
    # A constant step stays constant where it is swept.
    lr_end = lr if flags.lr_end == flags.lr else flags.lr_end
    return Schedule(
        conditions=tuple(conditions),
        n_iters=flags.n_iters,
        lr=lr,
        lr_end=lr_end,
        epsilons=epsilons._replace(**weights),
        seed=seed,
        save_every=flags.save_every,
        threshold=flags.threshold,
        reset_every=flags.reset_every,
    )


def columns(flags: argparse.Namespace) -> int:
    """How many chains stand in a row of the contact sheet: the values of the last sweep."""
    return len(sweep(flags.sweep[-1])[1]) if flags.sweep else 10


def captions(flags: argparse.Namespace, plans: Sequence[Schedule]) -> list[str]:
    """What tells each chain from the others of its run: swept values, unit and seed.

    Args:
        flags: of a script.
        plans: of all chains.
    """
    swept = [sweep(text)[0] for text in flags.sweep or ()]
    several_units = len({plan.conditions for plan in plans}) > 1
    several_seeds = len({plan.seed for plan in plans}) > 1
    texts = []
    for plan in plans:
        e = plan.epsilons
        values = {"epsilon1": e.prior, "epsilon2": e.condition, "epsilon3": e.noise, "lr": plan.lr}
        parts = [f"{name.replace('epsilon', 'eps')} {values[name]:g}" for name in swept]
        if several_units:
            parts.append(f"unit {plan.conditions[0]}")
        if several_seeds or not (parts or several_units):
            parts.append(f"seed {plan.seed}")
        texts.append(", ".join(parts))
    return texts
