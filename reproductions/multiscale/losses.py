"""The paper's style loss, and the loss of the novelty script."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from common.backend import constant


def style_loss(
    describe: Callable, targets: Sequence[np.ndarray], relative: bool = False
) -> Callable:
    """Squared distance of the Gram matrices to the source's (section 2 of the paper).

    Args:
        describe: see `descriptor`.
        targets: the matrix wanted at each output of `describe`, (channels, channels).
        relative: divide each output's term by the squared norm of its target, so that all of
            them count alike, whatever the network's scale.

    Returns:
        A function from images to the sum over outputs and frames, a scalar.
    """
    # A target of nothing but zeros has no size.
    sizes = [float(np.sum(np.square(target, dtype=np.float64))) or 1.0 for target in targets]

    def loss(images):
        grams = describe(images)
        pairs = zip(targets, grams, strict=True)
        terms = [ops.sum(ops.square(constant(target) - gram)) for target, gram in pairs]
        if relative:
            terms = [term / size for term, size in zip(terms, sizes, strict=True)]
        return ops.sum(ops.stack(terms))

    return loss


def novelty_loss(
    describe: Callable, multiplier: float = 1.0, step: int = 1, internal: bool = False
) -> Callable:
    """Makes the Gram matrices orthogonal to each other instead of like a source's.

    With one flattened Gram matrix to a row of f, the loss of an output is the sum of
    (f f^T - multiplier I)^2.

    Args:
        describe: see `descriptor`.
        multiplier: the squared length that each Gram matrix should have.
        step: use every `step`-th output of `describe`.
        internal: compare the outputs within each image too: all frames of all outputs of one
            width are rows of one f.

    Returns:
        A function from images to a scalar.
    """

    def orthogonality(rows):
        count = rows.shape[0]
        products = ops.matmul(rows, ops.transpose(rows))
        return ops.sum(ops.square(products - multiplier * ops.eye(count)))

    def loss(images):
        outputs = [ops.reshape(g, (g.shape[0], -1)) for g in describe(images)[::step]]
        if internal:
            widths = sorted({rows.shape[1] for rows in outputs})
            groups = [[rows for rows in outputs if rows.shape[1] == width] for width in widths]
            outputs = [ops.concatenate(group, axis=0) for group in groups]
        return ops.sum(ops.stack([orthogonality(rows) for rows in outputs]))

    return loss
