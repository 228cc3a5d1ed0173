"""From flags to chains: seeds, units and the values of a sweep, each with each."""

import argparse
import itertools
from collections.abc import Iterable, Sequence

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


def differ(plans: Iterable[Schedule]) -> bool:
    """Whether chains differ in their seeds or conditions."""
    return len({(plan.seed, plan.conditions) for plan in plans}) > 1


def caption(flags: argparse.Namespace, plan: Schedule, several: bool) -> str:
    """What tells a chain from the others of its run: its swept values, or unit and seed.

    Args:
        flags: of a script.
        plan: of the chain.
        several: whether seeds or units differ too.
    """
    e, parts = plan.epsilons, []
    values = {"epsilon1": e.prior, "epsilon2": e.condition, "epsilon3": e.noise, "lr": plan.lr}
    for name in (sweep(text)[0] for text in flags.sweep or ()):
        parts.append(f"{name.replace('epsilon', 'eps')} {values[name]:g}")
    if several or not parts:
        own = plan.conditions[0] if isinstance(plan.conditions[0], int) else None
        parts += ([] if own is None else [f"unit {own}"]) + [f"seed {plan.seed}"]
    return ", ".join(parts)
