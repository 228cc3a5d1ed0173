"""In Keras alone, what TensorFlow has a faster operation for."""

from keras import ops


def crop_and_resize(images, boxes, image, size: int, outside: float):
    """Cuts boxes out of images by bilinear resampling.

    Args:
        images: shape (images, height, width, channels), any type.
        boxes: top, left, bottom and right of each, where 0 is the centre of the first row or
            column and 1 that of the last; float32, (count, 4).
        image: of each box, int32, (count,).
        size: of what is cut out.
        outside: value of what lies beyond the first or last centre.

    Returns:
        float32, (count, size, size, channels).
    """
    count, channels = ops.shape(boxes)[0], images.shape[-1]
    sides = [ops.cast(side, "float32") for side in ops.shape(images)[1:3]]
    lows, parts, insides = [], [], []
    for axis, side in enumerate(sides):
        low, high = boxes[:, axis, None], boxes[:, axis + 2, None]
        if size > 1:
            # In this order, as TensorFlow has it: rounding decides what lies outside. By a number
            # that is known beforehand, XLA would not divide: it multiplies by its inverse.
            scale = (high - low) * (side - 1) / (size - 1 + 0 * low)
            steps = ops.arange(size, dtype="float32")[None]
            place = _rounded(low * (side - 1)) + _rounded(steps * scale)
        else:
            place = 0.5 * (low * (side - 1) + high * (side - 1))
        insides.append(ops.logical_and(place >= 0, place <= side - 1))
        before = ops.floor(ops.clip(place, 0, side - 1))
        lows.append(ops.cast(before, "int32"))
        parts.append(ops.clip(place, 0, side - 1) - before)
    top, left = lows
    height, width = ops.shape(images)[1:3]
    down, right = parts[0][:, :, None, None], parts[1][:, None, :, None]
    flat = ops.reshape(images, (-1, channels))
    begin = ops.cast(image, "int32") * (height * width)

    def pixels(rows, columns):
        where = begin[:, None, None] + rows[:, :, None] * width + columns[:, None, :]
        found = ops.take(flat, ops.reshape(where, (-1,)), axis=0)
        return ops.cast(ops.reshape(found, (count, size, size, channels)), "float32")

    bottom, end = ops.minimum(top + 1, height - 1), ops.minimum(left + 1, width - 1)
    above, over = pixels(top, left), pixels(top, end)
    below, under = pixels(bottom, left), pixels(bottom, end)
    first = above + (over - above) * right
    second = below + (under - below) * right
    inside = ops.logical_and(insides[0][:, :, None, None], insides[1][:, None, :, None])
    return ops.where(inside, first + (second - first) * down, outside)


def _rounded(product):
    """The same number: it keeps XLA from rounding product and sum at once."""
    return ops.maximum(product, -1e9)


def depth_to_space(images, block: int):
    """Puts neighbours, held as channels, in their places.

    Args:
        images: shape (n, height, width, block * block * channels).
        block: rows, and columns, of each square of neighbours.

    Returns:
        Shape (n, block * height, block * width, channels).
    """
    _, height, width, channels = images.shape
    channels //= block * block
    images = ops.reshape(images, (-1, height, width, block, block, channels))
    images = ops.transpose(images, (0, 1, 3, 2, 4, 5))
    return ops.reshape(images, (-1, height * block, width * block, channels))


def leaky_relu_gradient(upstream, output, slope: float):
    """The gradient of leaky ReLU, of the same sign as what it was applied to, by its output."""
    return ops.where(output > 0, upstream, slope * upstream)


def moments(x, axes: tuple[int, ...], keepdims: bool = False):
    """Mean and variance (not the unbiased one), accurate also where the variance is small."""
    return ops.moments(x, axes, keepdims)


def normalize(x, mean, variance, gamma, beta, epsilon: float):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, in one pass where there is one.

    Args:
        x: shape (images, height, width, channels).
        mean: of each channel, as all that follow.
        variance: likewise.
        gamma: likewise.
        beta: likewise.
        epsilon: a number.
    """
    return (x - mean) * (gamma * ops.rsqrt(variance + epsilon)) + beta
