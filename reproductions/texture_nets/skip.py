"""The skip generators: an encoder-decoder with a thin connection past every level."""

from reproductions.texture_nets.blocks import Blocks

#: Channels of each level, on the way down and up.
WIDTHS = (16, 32, 64, 128, 128)

#: Channels of the connection past a level.
SKIP_WIDTH = 4

#: Channels of normal noise in front of it, in `skip_noise`.
SKIP_NOISE = 2


def skip(blocks: Blocks, noise: bool = False):
    """Builds a generator of five levels.

    Args:
        blocks: what to build with.
        noise: whether fresh noise goes in front of every connection.

    Returns:
        The stream at full size, before the convolution to colours.
    """
    return _level(blocks, blocks.noisy(1, "input", pooled=False), 0, SKIP_NOISE if noise else 0)


def _level(blocks: Blocks, x, level: int, noise: int):
    name, width = f"level{level + 1}", WIDTHS[level]
    # Drawn before the rest is computed, and not normalised.
    streams = [blocks.draw(2**level, noise, name, normal=True)] if noise else []
    past = blocks.convolve(x, SKIP_WIDTH, 1, f"{name}_skip")
    streams.append(blocks.normalize(past, f"{name}_skip_merge"))
    x = blocks.convolve(x, width, 3, f"{name}_down1", stride=2)
    x = blocks.convolve(x, width, 3, f"{name}_down2")
    if level + 1 < len(WIDTHS):
        x = _level(blocks, x, level + 1, noise)
    x = blocks.upsample(x)
    streams.append(blocks.normalize(x, f"{name}_deeper_merge"))
    x = blocks.convolve(blocks.join(streams), width, 3, f"{name}_up1")
    return blocks.convolve(x, width, 1, f"{name}_up2")
