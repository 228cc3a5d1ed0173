"""Gram matrices of feature maps."""

from keras import ops

from common.backend import custom_gradient


def gram_matrix(features):
    """The channels' inner products, F^T F / pixels / channels, of every frame.

    Snelgrove's normalisation of Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional
    Neural Networks" (arXiv 1505.07376), Eq. 1.

    Args:
        features: feature maps F, shape (frames, height, width, channels).

    Returns:
        Shape (frames, channels, channels), symmetric, positive semi-definite.
    """
    return custom_gradient(_gram_matrix)(features)


def _gram_matrix(features):
    frames, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (frames, height * width, channels))
    gram = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    pixels = ops.cast(height * width, gram.dtype)

    def gradient(upstream):
        # One product, where the gradients of the two factors would take one each.
        both = (upstream + ops.transpose(upstream, (0, 2, 1))) / pixels / channels
        return ops.reshape(ops.matmul(flat, both), ops.shape(features))

    # Two divisions, as the original: a float32 product of the two counts may round differently.
    return gram / pixels / channels, gradient
