"""The losses of the descriptor network, with the backward pass that the original gave them."""

from keras import ops

from common.backend import constant, custom_gradient
from common.gram import gram_matrix


def texture_loss(features, target, strength: float, normalize: bool = False):
    """How far the features' Gram matrices are from the texture's (paper, Eq. 1 and 2).

    Args:
        features: of a layer, shape (images, height, width, channels).
        target: Gram matrix of the texture, (channels, channels), divided by its own channels and
            pixels.
        strength: the loss is multiplied by it.
        normalize: divides the gradient with respect to the features by its L1 norm over the whole
            batch (plus 1e-8), before the strength. The loss stays as it is.

    Returns:
        strength times the mean squared difference of all entries of all images' matrices.
    """

    def loss_and_gradient(features):
        difference = gram_matrix(features) - constant(target)
        loss = strength * ops.mean(ops.square(difference))

        def gradient(upstream):
            images, height, width, channels = ops.shape(features)
            flat = ops.reshape(features, (images, height * width, channels))
            # The matrices are symmetric, hence 2 * 2.
            count = ops.cast(images * channels**2 * height * width * channels, features.dtype)
            slope = ops.matmul(flat, difference) * (4 / count)
            slope = ops.reshape(slope, ops.shape(features))
            return _scaled(slope, strength * upstream, normalize)

        return loss, gradient

    return custom_gradient(loss_and_gradient)(features)


def content_loss(features, target, strength: float, normalize: bool = False):
    """The mean squared difference of features (paper, Eq. 3), times the strength.

    Args:
        features: of a layer, shape (images, height, width, channels).
        target: of the same shape.
        strength: the loss is multiplied by it.
        normalize: as for `texture_loss`; always off in the original's scripts.
    """

    def loss_and_gradient(features):
        difference = features - target
        loss = strength * ops.mean(ops.square(difference))

        def gradient(upstream):
            count = ops.cast(ops.size(features), features.dtype)
            return _scaled(difference * (2 / count), strength * upstream, normalize)

        return loss, gradient

    return custom_gradient(loss_and_gradient)(features)


def _scaled(slope, strength, normalize: bool):
    if normalize:
        strength = strength / (ops.sum(ops.abs(slope)) + 1e-8)
    return slope * strength
