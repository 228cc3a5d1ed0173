"""What a network sees of the generator's image."""

from keras import ops


def compute_topleft(input_size: tuple[int, int], output_size: tuple[int, int]) -> tuple[int, int]:
    """Where a centred window begins.

    Args:
        input_size: height and width of the window, a network's input.
        output_size: height and width of the image that it is cut out of.

    Returns:
        Rows above it and columns left of it, rounded down: (14, 14) for 227 in 256. Negative
        where the window is the larger one.
    """
    return tuple((outer - inner) // 2 for inner, outer in zip(input_size, output_size, strict=True))


def view(images, size: tuple[int, int]):
    """What a network for images of height and width `size` sees of the generator's images.

    It is the centre of them. Where the network wants larger ones, all of them is enlarged.

    Args:
        images: shape (n, height, width, channels).
        size: height and width.
    """
    top, left = compute_topleft(size, images.shape[1:3])
    if top < 0 or left < 0:
        return ops.image.resize(images, size, interpolation="bilinear")
    return images[:, top : top + size[0], left : left + size[1]]
