"""Gram matrices of feature maps."""

from keras import ops


def gram_matrix(features):
    """The channels' inner products, F^T F / pixels / channels, of every frame.

    Snelgrove's normalisation of Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional
    Neural Networks" (arXiv 1505.07376), Eq. 1.

    Args:
        features: feature maps F, shape (frames, height, width, channels).

    Returns:
        Shape (frames, channels, channels), symmetric, positive semi-definite.
    """
    frames, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (frames, height * width, channels))
    gram = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    # Two divisions, as the original: a float32 product of the two counts may round differently.
    return gram / ops.cast(height * width, gram.dtype) / channels
