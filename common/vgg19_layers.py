"""The names, numbers and pixel means of VGG-19: plain Python, nothing imported for it."""

_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))

#: Every convolution (with its ReLU) and pooling, in order; the index is the layer's number.
LAYERS: tuple[str, ...] = tuple(
    name
    for block, (convolutions, _) in enumerate(_BLOCKS, 1)
    for name in (*(f"conv{block}_{i}" for i in range(1, convolutions + 1)), f"pool{block}")
)

#: What is subtracted from the pixels, 0..255, in the order blue, green, red.
MEAN_BGR = (103.939, 116.779, 123.68)


def convolutions(upto: str = LAYERS[-1]) -> tuple[str, ...]:
    """The names of the convolutions up to and including the layer `upto`."""
    return tuple(n for n in LAYERS[: LAYERS.index(upto) + 1] if n.startswith("conv"))


def channels(name: str) -> tuple[int, int]:
    """Channels in and out of the convolution `name`."""
    block, place = int(name[4]), int(name[6])
    width = _BLOCKS[block - 1][1]
    if place > 1:
        return width, width
    return (3 if block == 1 else _BLOCKS[block - 2][1]), width
