"""Which sizes leave something to compare at every octave and layer."""

from collections.abc import Sequence

from PIL import Image

from common.descriptors import Network
from common.errors import UserError


def smallest_base(octaves: int, last: int, wrap: bool = False) -> int:
    """The smallest side of which the last level of the pyramid still has `last` pixels."""
    for _ in range(octaves - 1):
        # Circular padding takes 2 pixels from the other side, so there must be 2.
        last = max(2, 2 * last - 1) if wrap else 2 * last + 3
    return last


def smallest_side(network: Network, layers: Sequence[int], octaves: int, padding: str) -> int:
    """The smallest side, in pixels, for a descriptor (see `descriptor`)."""
    last = network.smallest_side(network.layers[max(layers)], padding)
    return smallest_base(octaves, last, wrap=padding == "wrap")


def check_size(
    what: str,
    size: tuple[int, int],
    network: Network,
    layers: Sequence[int],
    octaves: int,
    padding: str,
) -> None:
    """Refuses an image that is too small, or absurdly large.

    Args:
        what: the image, for the message.
        size: its width and height, pixels.
        network: one of `common.descriptors`.
        layers: numbers of the network's layers.
        octaves: levels of the pyramid.
        padding: one of `common.descriptors.PADDINGS`.

    Raises:
        UserError: too small; says the smallest size that works and how many octaves fit.
    """
    if size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise UserError(
            f"{what} is {size[0]}x{size[1]}: more than {Image.MAX_IMAGE_PIXELS} pixels in all"
        )
    smallest = smallest_side(network, layers, octaves, padding)
    if min(size) >= smallest:
        return
    fitting = sum(
        min(size) >= smallest_side(network, layers, count, padding) for count in range(1, octaves)
    )
    fit = f"{fitting} octave{'s fit' if fitting > 1 else ' fits'}" if fitting else "not even 1 fits"
    raise UserError(
        f"{what} is {size[0]}x{size[1]}: --octaves {octaves} with layer {max(layers)} "
        f"({network.layers[max(layers)]}) needs at least {smallest} pixels a side; {fit}"
    )


def check_frame_size(size: tuple[int, int], octaves: int) -> None:
    """Refuses images too small to be compared with each other, see `interframe`.

    Its pyramid has `valid` borders even where the descriptor's wraps around and needs less.

    Args:
        size: width and height, pixels.
        octaves: levels of the pyramid.

    Raises:
        UserError: too small; says the smallest size that works.
    """
    smallest = smallest_base(octaves, 1)
    if min(size) < smallest:
        raise UserError(
            f"the output is {size[0]}x{size[1]}: comparing frames at {octaves} scales needs at "
            f"least {smallest} pixels a side"
        )
