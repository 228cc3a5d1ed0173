"""Many chains from Python: codes in, last images out, nothing written."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from reproductions.ppgn.chain import Chain, Schedule
from reproductions.ppgn.inpainting import Context, get_mask
from reproductions.ppgn.sampler import sample
from reproductions.ppgn.start import random_code
from reproductions.ppgn.step import Networks
from reproductions.ppgn.update import Epsilons


def schedule(
    units: Sequence[int], n_iters: int, lr: float, lr_end: float, epsilons: Epsilons, seed: int
) -> Schedule:
    """A chain that keeps no samples but its last image."""
    return Schedule(tuple(units), n_iters, lr, lr_end, epsilons, seed, 0, -1.0, 0)


def random_chain(networks: Networks, plan: Schedule) -> Chain:
    """A chain that starts from a random code."""
    random = np.random.RandomState(plan.seed)
    name = f"{plan.conditions}_{plan.seed}"
    return Chain(plan, name, random, random_code(random, networks.code_size))


def masked_chain(networks: Networks, plan: Schedule, image: np.ndarray, code, patch: int) -> Chain:
    """A chain that fills in a hole.

    Args:
        networks: for inpainting.
        plan: of the chain.
        image: what the networks take, (1, height, width, channels).
        code: from such images to their codes.
        patch: side of the hole; its place is drawn with the plan's seed.
    """
    random = np.random.RandomState(plan.seed)
    mask = get_mask(random, networks.image_size, patch)
    masked = image * (1 - mask)
    return Chain(plan, f"{plan.seed}", random, code(masked), Context(mask, masked))


def last_images(networks: Networks, chains: Sequence[Chain], at_once: int = 100) -> np.ndarray:
    """Runs chains to their ends.

    Args:
        networks: see `reproductions.ppgn.step`.
        chains: any number.
        at_once: how many go through the networks together.

    Returns:
        The last image of each, (chains, height, width, channels).
    """
    last: dict[int, np.ndarray] = {}

    def listen(chain: Chain, terms) -> None:
        last[id(chain)] = ops.convert_to_numpy(terms.images[0])

    sample(networks, chains, listen, at_once=at_once)
    return np.stack([last[id(chain)] for chain in chains])
