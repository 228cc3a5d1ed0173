"""What the players minimise (Goodfellow et al., equation 1 and section 3)."""

from keras import ops


def discriminator_loss(real, fake):
    """- log D(x) - log(1 - D(G(z))), means over the batches: what Algorithm 1 ascends, negated.

    Args:
        real: logits of real pictures, (pictures, 1).
        fake: logits of generated pictures, likewise.
    """
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def non_saturating(fake):
    """- log D(G(z)), the mean: it has a strong gradient as long as D sees through G."""
    return ops.mean(ops.softplus(-fake))


def minimax(fake):
    """log(1 - D(G(z))), the mean: G's part of equation 1."""
    return -ops.mean(ops.softplus(fake))


#: By the name of the flag.
GENERATOR_LOSSES = {"non-saturating": non_saturating, "minimax": minimax}
